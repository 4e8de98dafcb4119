"""Numbers of vehicles and goods that came, cleared, gave up or are still there, and their stay in all."""

from __future__ import annotations

from borderport.distributions import Array
from borderport.metrics.blocks.block import Block, FlowFound, Measured, Metric, added, every_group, over_vehicles
from borderport.metrics.gathering import ratios
from borderport.metrics.tally.terms import SERVED_MS, TIMES_SERVED, TOTAL
from borderport.units import MS_PER_HOUR, MS_PER_MINUTE

ARRIVED = added(
    "vehicles_arrived",
    "vehicles",
    "number that came, of those due in the reported period; trucks for goods left behind are due with the first",
    lambda w: w.counts.arrived,
)
CLEARED = added(
    "vehicles_cleared",
    "vehicles",
    "arrived vehicles whose `passage` ended within the horizon",
    lambda w: w.counts.cleared,
)
ABANDONED = added(
    "vehicles_abandoned",
    "vehicles",
    "arrived vehicles whose driver gave up before the end of `passage`",
    lambda w: w.counts.gave_up,
)
TONNES_CLEARED = added(
    "tonnes_cleared",
    "t",
    "sum of the loads cleared, once each: at the end of `passage` or `cleared_after`; by month: of that moment, local",
    lambda w: w.counts.tonnes_cleared,
)


def _tonnes_in(number: int, month: str) -> Metric:
    """`TONNES_CLEARED` in one month of the period."""
    return added(
        f"{TONNES_CLEARED.name}_{month}",
        "t",
        f"{TONNES_CLEARED.name} in {month}",
        lambda w: w.counts.tonnes_by_month[number],
    )


def _mean_declaration(m: Measured) -> Array:
    """Minutes in service at columns of declaration, by vehicle that was served there."""
    served = m.of_flows(m.walked.tally.columns.by_flow(m.walked.tally.served))
    return ratios(served[:, SERVED_MS], served[:, TIMES_SERVED] * MS_PER_MINUTE)


def _mean_goods(m: Measured) -> Array:
    """Minutes from when goods were ready to their exit, by load: each exits on one vehicle."""
    counts = m.walked.counts
    return ratios(m.of_flows(counts.goods_ms), m.of_flows(counts.done[TOTAL] * MS_PER_MINUTE))


def _diverted(flow: FlowFound) -> int:
    """Number of a flow's vehicles that would have come in the reported period and went elsewhere."""
    gone = flow.drawn.diverted
    return 0 if gone is None else int((gone.arrival_ms >= flow.start_ms).sum())


VEHICLE_COUNTS = Block(
    every_group,
    (
        ARRIVED,
        over_vehicles(
            "vehicles_held_back",
            "vehicles",
            "number that did not set out because the port was shut for long, and did not come within the horizon",
            lambda flow: (flow.drawn.held_back >= flow.start_ms).sum(),
        ),
        over_vehicles(
            "vehicles_postponed",
            "vehicles",
            "arrived vehicles that did not set out when they were due, because the port was shut, and came after that",
            lambda flow: (flow.drawn.postponed >= flow.start_ms).sum(),
        ),
        over_vehicles(
            "vehicles_diverted",
            "vehicles",
            "number that went to another port in a long closure; not in arrived",
            _diverted,
        ),
        CLEARED,
        ABANDONED,
        Metric(
            "unfinished",
            "vehicles",
            "arrived - cleared - abandoned: still before the end of `passage` at the end",
            lambda m: ARRIVED.of(m) - CLEARED.of(m) - ABANDONED.of(m),
        ),
        added(
            "beyond_line",
            "vehicles",
            "cleared, but not yet out of the last yard at the end of the horizon",
            lambda w: w.counts.beyond_line,
        ),
        added(
            "tonnes_arrived",
            "t",
            "sum of payload over arrived vehicles; what a later truck fetches came with the first one",
            lambda w: w.counts.tonnes_arrived,
        ),
        added(
            "tonnes_left_behind",
            "t",
            "loads that drivers who gave up left behind, to be fetched by a later truck: fetched or still waiting",
            lambda w: w.counts.tonnes_left_behind,
        ),
        TONNES_CLEARED,
        added(
            "value_cleared",
            "CNY",
            "sum of the value of the goods that are cleared, as in tonnes_cleared",
            lambda w: w.counts.value_cleared,
        ),
        added(
            "overnight_stays",
            "nights",
            "local midnights between arrival and exit (or the end of the horizon), summed",
            lambda w: w.tally.nights,
        ),
        added(
            "vehicle_hours",
            "h",
            "time from arrival to exit, to giving up or to the end of the horizon, summed over arrived vehicles",
            lambda w: w.tally.inside,
            per=MS_PER_HOUR,
        ),
        Metric(
            "goods_time_mean",
            "min",
            "mean of exit - when the goods were ready (first truck due, any detour before), over exited loads",
            _mean_goods,
        ),
        Metric(
            "declaration_time_mean",
            "min",
            "mean time in service at declaration stations, over vehicles that declare there",
            _mean_declaration,
        ),
    ),
    by_month=lambda months: tuple(_tonnes_in(number, month) for number, month in enumerate(months)),
)
