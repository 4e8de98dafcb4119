"""What each metric is called, in what unit, and by which formula: defined once, here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

ALL = "all"
PARTS = ("waiting", "service", "blocked", "closed")
SPANS = ("passage", "total")
CLOCKS = ("service", "open", "wall")
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
# Where the distribution of passage times is kept for figures: its quantiles at these shares.
GRID = np.linspace(0.0025, 0.9975, 200)


Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Metric:
    """One definition: what it is called, in what unit, by which formula."""

    name: str
    unit: str
    formula: str


def _definitions() -> Iterable[Metric]:
    yield Metric(
        "vehicles_arrived", "vehicles", "number with arrival in the reported period; set out and not held back"
    )
    yield Metric("vehicles_held_back", "vehicles", "number that did not set out because the port was shut for long")
    yield Metric("vehicles_diverted", "vehicles", "number that went to another port in a long closure; not in arrived")
    yield Metric("vehicles_cleared", "vehicles", "arrived vehicles whose `passage` ended within the horizon")
    yield Metric("vehicles_abandoned", "vehicles", "arrived vehicles whose driver gave up before the end of `passage`")
    yield Metric(
        "unfinished", "vehicles", "arrived - cleared - abandoned: still before the end of `passage` at the end"
    )
    yield Metric("beyond_line", "vehicles", "cleared, but not yet out of the last yard at the end of the horizon")
    yield Metric("tonnes_arrived", "t", "sum of payload over arrived vehicles")
    yield Metric(
        "tonnes_cleared", "t", "sum of payload over cleared vehicles; by month: of the end of `passage`, local"
    )
    yield Metric("value_cleared", "CNY", "sum of the goods' value over cleared vehicles")
    for span, who in (("passage", "cleared"), ("total", "exited")):
        yield Metric(f"{span}_time_mean", "min", f"mean of end - begin of `{span}` over {who} vehicles, wall clock")
        for name, level in QUANTILES.items():
            yield Metric(
                f"{span}_time_{name}", "min", f"{level:.0%} quantile of end - begin of `{span}` over {who} vehicles"
            )
        yield Metric(f"{span}_time_buffer_index", "1", f"(p95 - mean) / mean of the time in `{span}`")
        yield Metric(
            f"{span}_open_time_mean", "min", f"mean over {who} vehicles of time in `{span}` while its calendar is open"
        )
        yield Metric(f"{span}_service_time_mean", "min", f"mean over {who} vehicles of time in service within `{span}`")
        for part in PARTS:
            yield Metric(
                f"{span}_{part}_mean",
                "min",
                f"mean over {who} vehicles of the time {_PART_WORDS[part]}; the parts of `{span}` add up",
            )
    yield Metric(
        "declaration_time_mean", "min", "mean time in service at declaration stations, over vehicles that declare there"
    )
    yield Metric(
        "vehicle_hours", "h", "time from arrival to exit (or the end of the horizon), summed over arrived vehicles"
    )
    yield Metric("vehicles_selected", "vehicles", "cleared vehicles that were selected, of flows with `inspection`")
    yield Metric("vehicles_opened", "vehicles", "cleared vehicles that were opened after the scan")
    yield Metric("false_alarms", "vehicles", "cleared vehicles that were opened and carried no contraband")
    yield Metric("contraband_carried", "vehicles", "cleared vehicles that carried contraband")
    yield Metric("contraband_selected", "vehicles", "cleared vehicles that carried contraband and were selected")
    yield Metric("contraband_found", "vehicles", "cleared vehicles whose contraband was found")
    yield Metric("contraband_missed", "vehicles", "carried - found")
    yield Metric("detection_rate", "1", "found / carried")
    yield Metric(
        "inspection_officer_hours",
        "h",
        "time in service at inspection stations x their officers, arrived vehicles",
    )
    yield Metric("officer_hours_per_find", "h", "inspection_officer_hours / contraband_found")
    yield Metric(
        "overnight_stays", "nights", "local midnights between arrival and exit (or the end of the horizon), summed"
    )
    yield Metric("officer_hours", "h", f"sum of the time in service x `officers` of the station, {_WHOLE_STAY}")
    yield Metric(
        "idling_fuel",
        "l",
        f"sum of (waiting + blocked) x share of idling x litres an hour x (1 + extra per km x altitude), {_WHOLE_STAY}",
    )
    yield Metric("idling_co2", "t", "idling_fuel x CO2 per litre")
    yield Metric("delay_cost", "CNY", f"sum of (waiting + blocked + closed) x cost of an hour, {_WHOLE_STAY}")
    yield Metric("service_cost", "CNY", f"sum of the time in service x cost of an hour, {_WHOLE_STAY}")
    yield Metric("fuel_cost", "CNY", "idling_fuel x price of a litre")
    yield Metric(
        "spoilage_cost",
        "CNY",
        f"sum of value x min(1, rate x days inside beyond the free time), {_WHOLE_STAY}",
    )
    yield Metric(
        "giving_up_cost", "CNY", "sum of (value - spoilage) x share lost by giving up, over abandoned vehicles"
    )
    yield Metric("officer_cost", "CNY", "officer_hours x cost of an hour")
    yield Metric(
        "infrastructure_cost", "CNY", "sum over policies in force of (once / life + per year) x years of the period"
    )
    yield Metric("total_cost", "CNY", "sum of all costs in CNY; infrastructure under port and flow `all` only")
    yield Metric("queue_mean", "vehicles", "sum of waits for the resource within the reported period / its length")
    yield Metric("queue_max", "vehicles", "greatest number waiting for the resource at once")
    yield Metric("tail_back_max", "m", "queue_max x mean vehicle length - holding area, at least 0")
    yield Metric(
        "utilisation", "1", "time units are held / time units are open; may pass 1, as begun service is finished"
    )


_WHOLE_STAY = "over arrived vehicles, to the exit, giving up or the end of the horizon"
_PART_WORDS = {
    "waiting": "in queues while the station is open, or for a signal",
    "service": "in service",
    "blocked": "holding a station because the next is full",
    "closed": "in queues while the station is shut, or with work suspended",
}
METRICS: dict[str, Metric] = {metric.name: metric for metric in _definitions()}

COUNTS = (
    "vehicles_arrived",
    "vehicles_held_back",
    "vehicles_diverted",
    "vehicles_cleared",
    "vehicles_abandoned",
    "unfinished",
    "beyond_line",
    "tonnes_arrived",
    "tonnes_cleared",
    "value_cleared",
    "overnight_stays",
    "vehicle_hours",
    "declaration_time_mean",
)
INSPECTION_COUNTS = (
    "vehicles_selected",
    "vehicles_opened",
    "false_alarms",
    "contraband_carried",
    "contraband_selected",
    "contraband_found",
)
INSPECTION_METRICS = (
    *INSPECTION_COUNTS,
    "contraband_missed",
    "detection_rate",
    "inspection_officer_hours",
    "officer_hours_per_find",
)
SPAN_METRICS = ("time_mean", *(f"time_{name}" for name in QUANTILES), "time_buffer_index", "open_time_mean")
SPAN_METRICS = (*SPAN_METRICS, "service_time_mean", *(f"{part}_mean" for part in PARTS))
# Sums over vehicles; those from the third on are in CNY.
COSTS = (
    "idling_fuel",
    "idling_co2",
    "delay_cost",
    "service_cost",
    "fuel_cost",
    "spoilage_cost",
    "giving_up_cost",
    "officer_cost",
)
RESOURCE_METRICS = ("queue_mean", "queue_max", "tail_back_max", "utilisation")


def unit_of(metric: str) -> str:
    """Unit of a metric, monthly ones included."""
    return "t" if metric.startswith("tonnes_cleared_") else METRICS[metric].unit
