"""The JSON documents of ``--json``, as the design fixes them."""

from __future__ import annotations

from typing import Any

from borderport.comparing import Comparison, VehicleEffect
from borderport.experiment import Sample, scenario_hash
from borderport.frontiers import Frontier
from borderport.metrics import unit_of
from borderport.statistics import t_interval
from borderport.store import version


def sample_document(sample: Sample) -> dict[str, Any]:
    """One scenario: who ran what, and every metric with its interval."""
    low, mean, high = (part.tolist() for part in sample.intervals())
    return {
        "scenario": sample.scenario.name,
        "replications": sample.replications,
        "seed": sample.seed,
        "engine": sample.engine,
        "version": version(),
        "hash": scenario_hash(sample.scenario),
        "metrics": [
            {
                "port": key[0],
                "flow": key[1],
                "station": key[2],
                "metric": key[3],
                "unit": unit_of(key[3]),
                "mean": mean[i],
                "low": low[i],
                "high": high[i],
            }
            for i, key in enumerate(sample.keys)
        ],
    }


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Every scenario's document, the base's name, differences to it, and the paired effects on vehicles."""
    documents = [sample_document(sample) for sample in comparison.samples]
    columns = {key: i for i, key in enumerate(comparison.samples[0].keys)}
    for document, sample, difference, effects in zip(
        documents[1:], comparison.samples[1:], comparison.differences, comparison.effects, strict=True
    ):
        low, mean, high = difference.low.tolist(), difference.mean.tolist(), difference.high.tolist()
        p, saved = difference.p_holm.tolist(), difference.variance_saved.tolist()
        for metric, key in zip(document["metrics"], sample.keys, strict=True):
            at = columns.get(key)
            if at is not None:
                metric["difference"] = {
                    "mean": mean[at],
                    "low": low[at],
                    "high": high[at],
                    "p_holm": p[at],
                    "variance_saved": saved[at],
                }
        document["vehicles"] = [effect_document(effect) for effect in effects]
    return {"base": comparison.samples[0].scenario.name, "scenarios": documents}


def effect_document(effect: VehicleEffect) -> dict[str, Any]:
    """The paired effect on one group's vehicles, in one span on one clock; savings in minutes.

    ``vehicle_hours_saved``, ``not_cleared`` and ``marked`` are of the group: the same for all its spans and clocks.
    """
    saving, hours = effect.saving, effect.hours_saved
    return {
        "port": effect.port,
        "flow": effect.flow,
        "span": effect.span,
        "clock": effect.clock,
        "saving": {"mean": saving.mean, "low": saving.low, "high": saving.high},
        "better": effect.better.mean,
        "better_low": effect.better.low,
        "better_high": effect.better.high,
        "worse": effect.worse.mean,
        "worse_low": effect.worse.low,
        "worse_high": effect.worse.high,
        "pairs": effect.pairs,
        "only_base": effect.only_base,
        "only_other": effect.only_other,
        "vehicle_hours_saved": {"mean": hours.mean, "low": hours.low, "high": hours.high},
        "not_cleared": {"base": effect.base_not_cleared, "other": effect.other_not_cleared},
        "marked": effect.marked,
    }


def frontier_document(result: Frontier) -> list[dict[str, Any]]:
    """Figures of each point, by name."""
    return [
        {
            "rate": point.rate,
            "targeting": point.targeting,
            "found": vars(t_interval(point.found)),
            "detection": vars(point.detection()),
            "delay_vehicle_hours": vars(delay),
            "officer_hours": vars(t_interval(point.officer_hours)),
            "vehicle_hours_per_find": vars(cost),
            "dominated_by": other,
            "not_cleared": t_interval(point.not_cleared).mean,
            "marked": marked,
        }
        for point, delay, cost, other, marked in zip(
            result.points, result.delay, result.cost, result.dominated_by, result.marked, strict=True
        )
    ]
