"""Timeline → the tidy table. Each metric is defined once, in `blocks`, with unit, formula and computation.

All sums are taken in whole milliseconds before anything is divided, so parts add up exactly. Vehicles that arrive
during the lead-in, and companions, are not counted. ``all`` stands for totals: of a port's vehicles, of a scenario's,
or over the stations. Persons (residents with goods) are counted in their own flows and groups, not in ``all``.

Everything that does not depend on the replication is worked out once, in a `MetricsPlan`. `measure` walks over the
moments of each flow (`borderport.metrics.tally`), then every block works out its metrics in all of its rows. `plain`
has each metric a second time, as a small function over visits and vehicles: the reference of the tests.
"""

from borderport.metrics.blocks import COST_WORDS, METRICS, OF_RESOURCES, unit_of
from borderport.metrics.groups import groups_of
from borderport.metrics.measuring import FlowTimes, Measures, measure
from borderport.metrics.names import ALL, CLOCKS, GOODS, GRID, PAIRED, PARTS, QUANTILES, SPANS, Key
from borderport.metrics.preparing import MetricsPlan, plan_metrics

__all__ = [
    "ALL",
    "CLOCKS",
    "COST_WORDS",
    "GOODS",
    "GRID",
    "METRICS",
    "OF_RESOURCES",
    "PAIRED",
    "PARTS",
    "QUANTILES",
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
