"""Paired comparison: the same vehicles, with the same luck, in a base scenario and in others.

Vehicles are paired by flow and number. A vehicle counts in a paired effect if it completed the span in both worlds;
those that did in one only are counted and named, since leaving them out can flatter a measure (fewer drivers give
up, so more of the patient ones are counted).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.experiment import Chunk, EngineName, Plan, Progress, Sample, collect, prepare, replicate, sample_of
from borderport.metrics import CLOCKS, GRID, SPANS, FlowTimes, Measures, groups_of
from borderport.scenario import Ref, Scenario
from borderport.statistics import Interval, holm, p_value, t_interval, t_intervals, variance_saved
from borderport.units import MS_PER_MINUTE

EffectKey = tuple[str, str, str, str]


def come_otherwise(base: Scenario, other: Scenario) -> list[str]:
    """Flows of both whose arrivals differ: a vehicle has its number and its luck in both, but comes at another time.

    Returns
    -------
    list of str
        ``port.flow``, in the order of ``base``; all that both have if their horizons differ.
    """

    def when(scenario: Scenario, name: Ref) -> tuple[object, ...]:
        flow = scenario.flows()[name]
        months = scenario.profiles.get(flow.months, ()) if isinstance(flow.months, str) else flow.months
        return (scenario.horizon, flow.volume, flow.arrivals, flow.convoy, months) + (
            flow.weekdays,
            flow.hours,
            flow.active_from,
            flow.active_until,
        )

    both = [name for name in base.flows() if name in other.flows()]
    return [name for name in both if when(base, name) != when(other, name)]


@dataclass(frozen=True)
class PairedSums:
    """One replication's paired effect of a group: saving in ms summed over vehicles, and how many gained and lost."""

    saving_ms: int
    pairs: int
    better: int
    worse: int
    only_base: int
    only_other: int


@dataclass(frozen=True)
class VehicleEffect:
    """The paired effect on the same vehicles, over replications.

    Attributes
    ----------
    port, flow : str
        ``all`` for totals; ``flow`` may be a named group.
    span, clock : str
        Of `borderport.metrics.SPANS` and `borderport.metrics.CLOCKS`.
    saving : Interval
        Base less other, minutes per vehicle; positive means that the other scenario is faster.
    better, worse : float
        Share of the paired vehicles with a saving above and below zero.
    pairs, only_base, only_other : float
        Vehicles per replication that completed the span in both, in the base only, in the other only.
    """

    port: str
    flow: str
    span: str
    clock: str
    saving: Interval
    better: float
    worse: float
    pairs: float
    only_base: float
    only_other: float


@dataclass(frozen=True)
class Difference:
    """Other less base of every metric, taken within each replication; shape (keys,)."""

    low: Array
    mean: Array
    high: Array
    p_holm: Array
    variance_saved: Array


@dataclass(frozen=True)
class Comparison:
    """A base scenario and others, run on common random numbers.

    Attributes
    ----------
    samples : list of Sample
        The base first.
    differences : list of Difference
        One for each other scenario; its keys are those of ``samples[0]``.
    effects : list of list of VehicleEffect
        One list for each other scenario.
    saving_grid : list of dict of float arrays, shape (200,)
        For each other scenario, by (port, clock): quantiles of the passage saving in minutes per vehicle at `GRID`,
        mean over replications.
    """

    samples: list[Sample]
    differences: list[Difference]
    effects: list[list[VehicleEffect]]
    saving_grid: list[dict[tuple[str, str], Array]]


def pair_flow(base: FlowTimes, other: FlowTimes, span: str, clock: str) -> tuple[Times, int, int]:
    """Savings (base less other, ms) of the vehicles that completed the span in both, and how many did in one only."""
    _, in_base, in_other = np.intersect1d(base.index, other.index, assume_unique=True, return_indices=True)
    base_done, other_done = base.done[span][in_base], other.done[span][in_other]
    both = base_done & other_done
    saving = base.times[span, clock][in_base[both]] - other.times[span, clock][in_other[both]]
    pairs = int(both.sum())
    return saving, int(base.done[span].sum()) - pairs, int(other.done[span].sum()) - pairs


def pair_measures(
    scenario: Scenario, base: Measures, other: Measures
) -> tuple[dict[EffectKey, PairedSums], dict[tuple[str, str], Array]]:
    """Pair one replication: sums for every group, span and clock, and the distribution of savings by port."""
    sums: dict[EffectKey, PairedSums] = {}
    grids: dict[tuple[str, str], Array] = {}
    common = [name for name in base.flows if name in other.flows]
    for span in SPANS:
        for clock in CLOCKS:
            paired = {name: pair_flow(base.flows[name], other.flows[name], span, clock) for name in common}
            for port, flow, members in groups_of(scenario):
                parts = [paired[name] for name in members if name in paired]
                if not parts:
                    continue
                saving = np.concatenate([part[0] for part in parts])
                sums[port, flow, span, clock] = PairedSums(
                    int(saving.sum()),
                    saving.size,
                    int((saving > 0).sum()),
                    int((saving < 0).sum()),
                    sum(part[1] for part in parts),
                    sum(part[2] for part in parts),
                )
                if span == "passage" and flow == "all":
                    grids[port, clock] = (
                        np.quantile(saving, GRID) / MS_PER_MINUTE if saving.size else np.full(GRID.size, np.nan)
                    )
    return sums, grids


@dataclass(frozen=True)
class _Paired:
    """One replication: measures of all scenarios, and the pairings of each other scenario with the base."""

    measures: list[Measures]
    sums: list[dict[EffectKey, PairedSums]]
    grids: list[dict[tuple[str, str], Array]]


def _compare_chunk(chunk: Chunk) -> list[_Paired]:
    studies = [prepare(scenario) for scenario in chunk.scenarios]
    out = []
    for replication in chunk.replications:
        measures = [replicate(study, chunk.seed, replication, chunk.engine, chunk.detail) for study in studies]
        paired = [pair_measures(chunk.scenarios[0], measures[0], other) for other in measures[1:]]
        bare = [replace(m, flows={}) for m in measures]
        out.append(_Paired(bare, [p[0] for p in paired], [p[1] for p in paired]))
    return out


def compare_scenarios(
    scenarios: Sequence[Scenario],
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    precision: float | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Compare scenarios with the first of them, vehicle by vehicle.

    Parameters
    ----------
    scenarios : sequence of Scenario
        At least two, policies applied; the first is the base.
    replications, seed, engine, jobs, precision, progress, executor
        As in `borderport.experiment.run_scenarios` and `borderport.experiment.collect`.

    Returns
    -------
    Comparison
    """
    plan = Plan(tuple(scenarios), replications, seed, engine, jobs, True, precision)
    rows = collect(plan, _compare_chunk, lambda row: row.measures, progress, executor)
    samples = [sample_of(s, seed, engine, [row.measures[i] for row in rows]) for i, s in enumerate(scenarios)]
    others = range(len(scenarios) - 1)
    return Comparison(
        samples,
        _differences(samples),
        [_effects([row.sums[i] for row in rows]) for i in others],
        [_mean_grids([row.grids[i] for row in rows]) for i in others],
    )


def _differences(samples: list[Sample]) -> list[Difference]:
    """Differences to the base; Holm's correction runs over the scenarios compared, metric by metric."""
    base = samples[0]
    columns = {key: i for i, key in enumerate(base.keys)}
    aligned = []
    for sample in samples[1:]:
        values = np.full(base.values.shape, np.nan)
        for i, key in enumerate(sample.keys):
            if key in columns:
                values[:, columns[key]] = sample.values[:, i]
        aligned.append(values)
    p = np.asarray([[p_value(values[:, k] - base.values[:, k]) for k in range(len(base.keys))] for values in aligned])
    adjusted = np.asarray([holm(p[:, k].tolist()) for k in range(len(base.keys))]).T if aligned else p
    out = []
    for i, values in enumerate(aligned):
        low, mean, high = t_intervals(values - base.values)
        saved = np.asarray([variance_saved(base.values[:, k], values[:, k]) for k in range(len(base.keys))])
        out.append(Difference(low, mean, high, adjusted[i], saved))
    return out


def _effects(rows: list[dict[EffectKey, PairedSums]]) -> list[VehicleEffect]:
    effects = []
    for key in rows[0]:
        parts = [row[key] for row in rows]
        savings = [p.saving_ms / p.pairs / MS_PER_MINUTE if p.pairs else float("nan") for p in parts]
        pairs = sum(p.pairs for p in parts)
        n = len(parts)
        effects.append(
            VehicleEffect(
                *key,
                saving=t_interval(savings),
                better=sum(p.better for p in parts) / pairs if pairs else float("nan"),
                worse=sum(p.worse for p in parts) / pairs if pairs else float("nan"),
                pairs=pairs / n,
                only_base=sum(p.only_base for p in parts) / n,
                only_other=sum(p.only_other for p in parts) / n,
            )
        )
    return effects


def _mean_grids(rows: list[dict[tuple[str, str], Array]]) -> dict[tuple[str, str], Array]:
    out = {}
    for key in rows[0]:
        grid = np.asarray([row[key] for row in rows])
        grid = grid[~np.isnan(grid).any(axis=1)]
        out[key] = grid.mean(axis=0) if grid.size else np.full(GRID.size, np.nan)
    return out
