"""Vehicles selected and opened, finds and their cost; of groups that are inspected."""

from __future__ import annotations

from borderport.metrics.blocks.block import Block, Metric, Rows, Setting, added, rows_of
from borderport.metrics.gathering import ratios
from borderport.metrics.tally.terms import SERVICE
from borderport.units import MS_PER_HOUR

CARRIED = added(
    "contraband_carried",
    "vehicles",
    "cleared vehicles that carried contraband",
    lambda w: w.counts.carried,
)
FOUND = added(
    "contraband_found",
    "vehicles",
    "cleared vehicles whose contraband was found",
    lambda w: w.counts.found,
)
OFFICER_HOURS = added(
    "inspection_officer_hours",
    "h",
    "time in service at inspection stations x their officers, arrived vehicles",
    lambda w: w.tally.columns.by_flow(w.spent[:, SERVICE] * w.rates.inspecting),
    per=MS_PER_HOUR,
)


def _inspected(setting: Setting) -> Rows:
    """One row for each group with a flow that is inspected."""
    return rows_of(setting, lambda group: group.inspects)


INSPECTION_COUNTS = Block(
    _inspected,
    (
        added(
            "vehicles_selected",
            "vehicles",
            "cleared vehicles that were selected, of flows with `inspection`",
            lambda w: w.counts.selected,
        ),
        added(
            "vehicles_opened",
            "vehicles",
            "cleared vehicles that were opened after the scan",
            lambda w: w.counts.opened,
        ),
        added(
            "false_alarms",
            "vehicles",
            "cleared vehicles that were opened and carried no contraband",
            lambda w: w.counts.false_alarms,
        ),
        CARRIED,
        added(
            "contraband_selected",
            "vehicles",
            "cleared vehicles that carried contraband and were selected",
            lambda w: w.counts.carried_selected,
        ),
        FOUND,
        Metric("contraband_missed", "vehicles", "carried - found", lambda m: CARRIED.of(m) - FOUND.of(m)),
        Metric("detection_rate", "1", "found / carried", lambda m: ratios(FOUND.of(m), CARRIED.of(m))),
        OFFICER_HOURS,
        Metric(
            "officer_hours_per_find",
            "h",
            "inspection_officer_hours / contraband_found",
            lambda m: ratios(OFFICER_HOURS.of(m), FOUND.of(m)),
        ),
    ),
)
