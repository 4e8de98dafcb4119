"""Times of the two spans, on three clocks, and the parts of which they are made, at each station."""

from __future__ import annotations

from borderport.distributions import Array
from borderport.errors import CheckFailed
from borderport.metrics.blocks.block import Block, Measured, Metric, Walked, every_group, rows_by_station
from borderport.metrics.gathering import Numbers, ratios
from borderport.metrics.names import PARTS, QUANTILES, SPANS
from borderport.metrics.tally.terms import ON_OPEN, ON_SERVICE, ON_WALL
from borderport.units import MS_PER_MINUTE

# The vehicles over which a span is averaged.
WHO = {"passage": "cleared", "total": "exited"}
PART_WORDS = {
    "waiting": "in queues while the station is open, or for a signal",
    "service": "in service",
    "blocked": "holding a station because the next is full",
    "closed": "in queues while the station is shut, or with work suspended",
}


def _mean(m: Measured, span: int, clock: int) -> Array:
    """Minutes of a span on one clock, by vehicle that completed it."""
    return ratios(m.of_flows(m.walked.tally.totals[:, span, clock]), _vehicle_minutes(m, span))


def _vehicle_minutes(m: Measured, span: int) -> Numbers:
    """Milliseconds of a minute for each vehicle that completed a span: the divisor of sums of ms."""
    return m.of_flows(m.walked.counts.done[span] * MS_PER_MINUTE)


def _quantile(m: Measured, span: int, level: str) -> Array:
    """Minutes within which that share of the vehicles completed a span."""
    return m.walked.quantiles[span, :, list(QUANTILES).index(level)][m.rows.groups]


def _buffer_index(m: Measured, span: int) -> Array:
    mean = _mean(m, span, ON_WALL)
    return ratios(_quantile(m, span, "p95") - mean, mean)


def _part_mean(m: Measured, span: int, part: int) -> Array:
    """Minutes of one part of a span at a row's stations, by vehicle that completed the span."""
    return ratios(m.of_columns(m.walked.parts[span, :, part]), _vehicle_minutes(m, span))


def _times(span: int) -> Block:
    """The metrics of one span as a whole."""
    name, who = SPANS[span], WHO[SPANS[span]]

    def quantile(level: str, share: float) -> Metric:
        formula = f"{share:.0%} quantile of end - begin of `{name}` over {who} vehicles"
        return Metric(f"{name}_time_{level}", "min", formula, lambda m: _quantile(m, span, level))

    return Block(
        every_group,
        (
            Metric(
                f"{name}_time_mean",
                "min",
                f"mean of end - begin of `{name}` over {who} vehicles, wall clock",
                lambda m: _mean(m, span, ON_WALL),
            ),
            *(quantile(level, share) for level, share in QUANTILES.items()),
            Metric(
                f"{name}_time_buffer_index",
                "1",
                f"(p95 - mean) / mean of the time in `{name}`",
                lambda m: _buffer_index(m, span),
            ),
            Metric(
                f"{name}_open_time_mean",
                "min",
                f"mean over {who} vehicles of time in `{name}` while its calendar is open",
                lambda m: _mean(m, span, ON_OPEN),
            ),
            Metric(
                f"{name}_service_time_mean",
                "min",
                f"mean over {who} vehicles of time in service within `{name}`",
                lambda m: _mean(m, span, ON_SERVICE),
            ),
        ),
    )


def _parts(span: int) -> Block:
    """The parts of one span, of all stations together and of each."""
    name, who = SPANS[span], WHO[SPANS[span]]

    def part_mean(part: int) -> Metric:
        return Metric(
            f"{name}_{PARTS[part]}_mean",
            "min",
            f"mean over {who} vehicles of the time {PART_WORDS[PARTS[part]]}; the parts of `{name}` add up",
            lambda m: _part_mean(m, span, part),
        )

    return Block(
        lambda setting: rows_by_station(setting, lambda group: True, lambda group: group.stations[name]),
        tuple(part_mean(part) for part in range(len(PARTS))),
    )


SPAN_TIMES = tuple(block for span in range(len(SPANS)) for block in (_times(span), _parts(span)))


def check_parts(walked: Walked) -> None:
    """Raise CheckFailed unless the parts of each span add up to it, in every flow, to the millisecond."""
    tally = walked.tally
    for span, name in enumerate(SPANS):
        if (tally.columns.by_flow(walked.parts[span].sum(axis=1)) != tally.totals[:, span, ON_WALL]).any():
            raise CheckFailed(f"the parts of '{name}' do not add up to its time; please report this")
