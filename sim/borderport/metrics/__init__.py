"""Timeline → the tidy table. Each metric is defined once, in `definitions`, with unit and formula.

All sums are taken in whole milliseconds before anything is divided, so parts add up exactly. Vehicles that arrive
during the lead-in, and companions, are not counted. ``all`` stands for totals: of a port's vehicles, of a scenario's,
or over the stations. Persons (residents with goods) are counted in their own flows and groups, not in ``all``.

What does not depend on the replication is worked out once, in a `MetricsPlan`. `measure` walks over the moments of
each flow (`borderport.tally`), adds flows up to groups and works out all figures of a kind at once; the plan knows
where each of them belongs in the table.
"""

from borderport.metrics.definitions import (
    ALL,
    CLOCKS,
    COSTS,
    GRID,
    METRICS,
    PARTS,
    SPANS,
    Key,
    unit_of,
)
from borderport.metrics.groups import groups_of
from borderport.metrics.measuring import FlowTimes, Measures, measure
from borderport.metrics.plan import MetricsPlan, plan_metrics

__all__ = [
    "ALL",
    "CLOCKS",
    "COSTS",
    "GRID",
    "METRICS",
    "PARTS",
    "SPANS",
    "FlowTimes",
    "Key",
    "Measures",
    "MetricsPlan",
    "groups_of",
    "measure",
    "plan_metrics",
    "unit_of",
]
