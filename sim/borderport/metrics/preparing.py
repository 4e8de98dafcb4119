"""Everything that measuring needs and no replication changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport import calendars
from borderport.calendars import Times
from borderport.manifest import port_zone
from borderport.metrics.blocks import BLOCKS, Metric, Rows, Setting
from borderport.metrics.clocks import ClockPlan, plan_clocks
from borderport.metrics.gathering import Gathering
from borderport.metrics.groups import Group, gridded, plan_groups
from borderport.metrics.names import Key
from borderport.metrics.quantiles import QuantilePlan, plan_quantiles
from borderport.metrics.rates import CostRates, plan_rates
from borderport.metrics.resource_facts import ResourceFacts, plan_resources
from borderport.metrics.tally import Columns, FlowRules
from borderport.metrics.tally.terms import NO_CLOCK, NOTED, PART_OF_KIND, QUEUES, SERVES
from borderport.network import Column, FlowPlan, NetworkPlan
from borderport.scenario import Ref, Scenario


@dataclass(frozen=True)
class FlowWalk:
    """The setting for one flow's walk.

    Attributes
    ----------
    name : str
        ``port.flow``.
    counted : bool
        True if its vehicles count; companions do not.
    midnights : int64 array
        Of its port.
    rules : FlowRules
    """

    name: Ref
    counted: bool
    midnights: Times
    rules: FlowRules


@dataclass(frozen=True)
class Table:
    """The figures of a scenario: which metrics stand in which rows, and the order of all.

    Attributes
    ----------
    blocks : tuple of (tuple of Metric, Rows)
        As they are worked out; blocks without rows are left out.
    keys : tuple of (port, flow, station, metric)
        Of every figure, in the order of the table.
    order : int64 array, shape (keys,)
        Place of each of them among the figures as they are worked out.
    """

    blocks: tuple[tuple[tuple[Metric, ...], Rows], ...]
    keys: tuple[Key, ...]
    order: Times


@dataclass(frozen=True)
class MetricsPlan:
    """Everything that measuring needs and no replication changes.

    Attributes
    ----------
    flows : tuple of FlowWalk
        In the order of the network, as are the members of the groups.
    groups : tuple of Group
        In the order of the table.
    members : Gathering
        From flows to groups.
    months : tuple of str
        Those of the reported period, such as ``2024-01``.
    columns : Columns
    clocks, rates, resources
        Input of the figures of each kind.
    grids : tuple of str
        Ports, or ``all``, whose distribution of passage times is kept for figures.
    passage, detailed, total : QuantilePlan
        Quantiles of the passage; the same with those of `grids`; those of the whole stay, of groups that stay longer.
    longer : int64 array
        Numbers of those groups: some of their vehicles do not have the passage for the whole route.
    table : Table
    """

    flows: tuple[FlowWalk, ...]
    groups: tuple[Group, ...]
    members: Gathering
    months: tuple[str, ...]
    columns: Columns
    clocks: ClockPlan
    rates: CostRates
    resources: ResourceFacts
    grids: tuple[str, ...]
    passage: QuantilePlan
    detailed: QuantilePlan
    total: QuantilePlan
    longer: Times
    table: Table

    @property
    def keys(self) -> tuple[Key, ...]:
        """(port, flow, station, metric) of every figure, in the order of the table."""
        return self.table.keys


def plan_metrics(scenario: Scenario, network: NetworkPlan) -> MetricsPlan:
    """List which flows are counted, how they are grouped, where months and days begin, and every figure's key."""
    groups = plan_groups(scenario, network.flows)
    flows = [flow.name for flow in network.flows]
    months, edges = _months(scenario)
    midnights = {p: calendars.local_days(port_zone(scenario, p), scenario.horizon).midnight_ms for p in scenario.ports}
    clocks = plan_clocks(scenario, network)
    columns = _columns(scenario, network, clocks)
    grids = gridded(groups)
    passing = {flow.name for flow in network.flows if flow.passage == (0, len(flow.columns))}
    longer = [number for number, group in enumerate(groups) if not passing.issuperset(group.members)]
    apart = {name for number in longer for name in groups[number].members}
    return MetricsPlan(
        flows=tuple(_walk_of(flow, 1 + (flow.name in apart), midnights, edges) for flow in network.flows),
        groups=groups,
        members=Gathering.of([flows.index(name) for name in group.members] for group in groups),
        months=months,
        columns=columns,
        clocks=clocks,
        rates=plan_rates(scenario, network, columns),
        resources=plan_resources(scenario, network, midnights),
        grids=tuple(group.port for group in grids),
        passage=plan_quantiles(groups, [], flows),
        detailed=plan_quantiles(groups, grids, flows),
        total=plan_quantiles([groups[number] for number in longer], [], flows),
        longer=np.asarray(longer, dtype=np.int64),
        table=_table(Setting(scenario, network, columns, groups, months)),
    )


def _table(setting: Setting) -> Table:
    """Lay out all blocks: by group, within a group by block, within a block by row."""
    planned = [(block.all_metrics(setting), block.rows(setting)) for block in BLOCKS]
    blocks = tuple((metrics, rows) for metrics, rows in planned if rows.keys)
    keys = [(*row, metric.name) for metrics, rows in blocks for row in rows.keys for metric in metrics]
    groups = np.concatenate([np.repeat(rows.groups, len(metrics)) for metrics, rows in blocks])
    order = np.argsort(groups, kind="stable")
    return Table(blocks, tuple(keys[place] for place in order.tolist()), order)


def _months(scenario: Scenario) -> tuple[tuple[str, ...], dict[str, Times]]:
    """The months of the reported period, and when each begins by port, local."""
    days = calendars.local_days(scenario.horizon.zone, scenario.horizon)
    start, end = np.datetime64(scenario.horizon.start.date()), np.datetime64(scenario.horizon.end, "ms")
    reported = days.dates[(days.dates >= start) & (days.dates.astype("datetime64[ms]") < end)]
    months = np.unique(reported.astype("datetime64[M]"))
    edges = {}
    for port in scenario.ports:
        local = calendars.local_days(port_zone(scenario, port), scenario.horizon)
        first = (months.astype("datetime64[D]") - local.dates[0]).astype(np.int64)
        edges[port] = local.midnight_ms[np.clip(first, 0, local.dates.size)]
    return tuple(str(month) for month in months), edges


def _walk_of(plan: FlowPlan, spans: int, midnights: dict[str, Times], edges: dict[str, Times]) -> FlowWalk:
    port, flow = plan.name.port, plan.flow
    rate, after = (0.0, 0) if flow.spoilage is None else (flow.spoilage.rate, flow.spoilage.after)
    rules = FlowRules(flow.inspection is not None, spans, edges[port], rate, after)
    return FlowWalk(plan.name, flow.companion_of is None, midnights[port], rules)


def _columns(scenario: Scenario, network: NetworkPlan, clocks: ClockPlan) -> Columns:
    """The columns of all flows, each flow's followed by a place for its passage."""
    first = np.cumsum([0, *(len(flow.columns) + 1 for flow in network.flows)])
    bounds, shape = np.zeros((len(network.flows), 4), dtype=np.uint64), (int(first[-1]),)
    clock = np.full(shape, NO_CLOCK, dtype=np.int64)
    code, part, resource = (np.zeros(shape, dtype=np.uint64) for _ in range(3))
    within = np.zeros(shape, dtype=bool)
    for number, (flow, begin) in enumerate(zip(network.flows, first.tolist(), strict=False)):
        here, passage = slice(begin, begin + len(flow.columns)), begin + len(flow.columns)
        bounds[number] = (0, *flow.passage, len(flow.columns))
        part[here] = [PART_OF_KIND[column.kind] for column in flow.columns]
        resource[here] = [max(column.resource, 0) for column in flow.columns]
        code[here] = [_code(scenario, column) for column in flow.columns]
        clock[here] = [clocks.of_column(column) for column in flow.columns]
        clock[passage] = NO_CLOCK if flow.clock is None else clocks.of_calendar[flow.clock]
        within[begin + flow.passage[0] : begin + flow.passage[1]] = True
    return Columns.of_parts(first, bounds, code, part, resource, clock, within)


def _code(scenario: Scenario, column: Column) -> int:
    """The kind of one column, as the walk over moments sees it; service at a declaration station is noted."""
    station = scenario.ports[column.station.port].stations.get(column.station.name)
    serves = column.kind == "service"
    declares = serves and station is not None and station.declaration
    asked = ((serves, SERVES), (declares, NOTED), (column.resource >= 0, QUEUES))
    return sum(int(bit) for wanted, bit in asked if wanted)
