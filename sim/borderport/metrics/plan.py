"""What measuring needs that no replication changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport import calendars
from borderport.calendars import Times
from borderport.manifest import port_zone
from borderport.metrics.clocks import ClockPlan, plan_clocks
from borderport.metrics.costs import CostPlan, plan_costs
from borderport.metrics.definitions import Key
from borderport.metrics.figures import StationPlan, plan_stations
from borderport.metrics.gathering import Gathering
from borderport.metrics.groups import Group, gridded, plan_groups
from borderport.metrics.keys import places, table_keys, worked_keys
from borderport.metrics.quantiles import QuantilePlan, plan_quantiles
from borderport.metrics.resources import ResourcePlan, plan_resources
from borderport.network import Column, FlowPlan, NetworkPlan
from borderport.scenario import Scenario
from borderport.tally import Columns
from borderport.tally.terms import NO_CLOCK, NOTED, PART_OF_KIND, QUEUES, SERVES


@dataclass(frozen=True)
class FlowWalk:
    """What is noted of one flow.

    Attributes
    ----------
    name : str
        ``port.flow``.
    counted : bool
        Whether its vehicles count; companions do not.
    inspects : bool
        Whether it has an ``inspection``.
    spans : int
        1 if quantiles of the whole stay are those of the passage, 2 if they are worked out apart.
    midnights, month_edges : int64 arrays
        Of its port.
    """

    name: str
    counted: bool
    inspects: bool
    spans: int
    midnights: Times
    month_edges: Times


@dataclass(frozen=True)
class MetricsPlan:
    """What measuring needs that no replication changes.

    Attributes
    ----------
    flows : tuple of FlowWalk
        In the order of the network, as are the members of the groups.
    groups : tuple of Group
        In the order of the table.
    members : Gathering
        From flows to groups.
    months : tuple of str
        Names of the metrics by month.
    columns : Columns
    clocks, stations, costs, resources
        What the figures of each kind need.
    grids : tuple of str
        Ports, or ``all``, whose distribution of passage times is kept for figures.
    passage, detailed, total : QuantilePlan
        Quantiles of the passage; the same with those of `grids`; those of the whole stay, of groups that stay longer.
    longer : int64 array
        Numbers of those groups: some of their vehicles do not have the passage for the whole route.
    keys : tuple of (port, flow, station, metric)
        Of every figure of the table.
    places : int64 array, shape (keys,)
        Where each of them is among the figures as `measure` works them out.
    """

    flows: tuple[FlowWalk, ...]
    groups: tuple[Group, ...]
    members: Gathering
    months: tuple[str, ...]
    columns: Columns
    clocks: ClockPlan
    stations: StationPlan
    costs: CostPlan
    resources: ResourcePlan
    grids: tuple[str, ...]
    passage: QuantilePlan
    detailed: QuantilePlan
    total: QuantilePlan
    longer: Times
    keys: tuple[Key, ...]
    places: Times


def plan_metrics(scenario: Scenario, network: NetworkPlan) -> MetricsPlan:
    """List which flows are counted, how they are grouped, where months and days begin, and every figure's key."""
    groups = plan_groups(scenario, network.flows)
    flows = [flow.name for flow in network.flows]
    first, edges = _months(scenario)
    names = tuple(f"tonnes_cleared_{month}" for month in first)
    midnights = {p: calendars.local_days(port_zone(scenario, p), scenario.horizon).midnight_ms for p in scenario.ports}
    clocks = plan_clocks(scenario, network)
    columns = _columns(scenario, network, clocks)
    keys = tuple(table_keys(groups, names, network.resources, scenario.costs is not None))
    grids = gridded(groups)
    passing = {flow.name for flow in network.flows if flow.passage == (0, len(flow.columns))}
    longer = [number for number, group in enumerate(groups) if not passing.issuperset(group.members)]
    apart = {name for number in longer for name in groups[number].members}
    return MetricsPlan(
        tuple(_walk_of(flow, 1 + (flow.name in apart), midnights, edges) for flow in network.flows),
        groups,
        Gathering.of([flows.index(name) for name in group.members] for group in groups),
        names,
        columns,
        clocks,
        plan_stations(scenario, network, columns, groups),
        plan_costs(scenario, network, columns),
        plan_resources(scenario, network, midnights),
        tuple(group.port for group in grids),
        plan_quantiles(groups, [], flows),
        plan_quantiles(groups, grids, flows),
        plan_quantiles([groups[number] for number in longer], [], flows),
        np.asarray(longer, dtype=np.int64),
        keys,
        places(keys, worked_keys(groups, names, network.resources)),
    )


def _months(scenario: Scenario) -> tuple[list[str], dict[str, Times]]:
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
    return [str(month) for month in months], edges


def _walk_of(plan: FlowPlan, spans: int, midnights: dict[str, Times], edges: dict[str, Times]) -> FlowWalk:
    port, flow = plan.name.split(".")[0], plan.flow
    return FlowWalk(
        plan.name,
        flow.companion_of is None,
        flow.inspection is not None,
        spans,
        midnights[port],
        edges[port],
    )


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
    """What there is to look at in one column; service at a declaration station is noted."""
    port, name = column.station.split(".")
    station = scenario.ports[port].stations.get(name)
    serves = column.kind == "service"
    declares = serves and station is not None and station.declaration
    asked = ((serves, SERVES), (declares, NOTED), (column.resource >= 0, QUEUES))
    return sum(int(bit) for wanted, bit in asked if wanted)
