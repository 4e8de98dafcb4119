"""Timeline → the tidy table. Each metric is defined once, here, with unit and formula.

All sums are taken in whole milliseconds before anything is divided, so parts add up exactly. Vehicles that arrive
during the lead-in, and companions, are not counted. ``all`` stands for totals: of a port's vehicles, of a scenario's,
or over the stations. Persons (residents with goods) are counted in their own flows and groups, not in ``all``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sim import calendars
from sim.calendars import OpenClock, Times, Windows
from sim.distributions import Array
from sim.errors import CheckFailed
from sim.manifest import FlowManifest, Manifest, Mask, port_zone
from sim.network import ABANDONED, UNFINISHED, FlowLayout, FlowPlan, Network, NetworkPlan
from sim.scenario import Costs, Scenario, Spoilage
from sim.tally import (
    BLOCKED,
    NO_CLOCK,
    ON_WALL,
    PASSAGE,
    SERVICE,
    WAITING,
    Clocks,
    QueueCounts,
    Tally,
    TimeSets,
    open_unit_ms,
    tally_flow,
)
from sim.timeline import Timeline
from sim.units import LENGTH_M, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

ALL = "all"
PARTS = ("waiting", "service", "blocked", "closed")
SPANS = ("passage", "total")
CLOCKS = ("service", "open", "wall")
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
# Where the distribution of passage times is kept for figures: its quantiles at these shares.
GRID = np.linspace(0.0025, 0.9975, 200)


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

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class FlowTimes:
    """The times of one flow's counted vehicles, int64 ms, shape (vehicles,): what vehicles are paired on.

    Attributes
    ----------
    index : int64
        Number in the flow, the same in every scenario; ascending.
    done : dict of bool arrays
        By span: whether the vehicle completed it within the horizon.
    times : dict of int64 arrays
        By (span, clock); meaningful where ``done``.
    """

    index: Times
    done: dict[str, Mask]
    times: dict[tuple[str, str], Times]


@dataclass(frozen=True)
class Measures:
    """What is kept of one replication.

    Attributes
    ----------
    keys : tuple of (port, flow, station, metric)
        Of every figure: the plan's own, so that the replications of a scenario share one.
    numbers : float64 array, shape (keys,)
        The figures, NaN where there is none.
    flows : dict of FlowTimes
        By ``port.flow``; companions left out.
    queue_by_hour : dict of float64 arrays, shape (24,)
        By ``port.resource``: mean number waiting in each local hour of the day.
    passage_grid : dict of float64 arrays, shape (200,)
        By port: quantiles of passage time in minutes, at `GRID`.
    """

    keys: tuple[Key, ...]
    numbers: Array
    flows: dict[str, FlowTimes]
    queue_by_hour: dict[str, Array] = field(default_factory=dict)
    passage_grid: dict[str, Array] = field(default_factory=dict)

    def of(self, key: Key) -> float:
        """One figure; ValueError if there is none."""
        return float(self.numbers[self.keys.index(key)])

    @cached_property
    def values(self) -> dict[Key, float]:
        """The figures by their keys; thousands, so not worked out unless asked for."""
        return dict(zip(self.keys, self.numbers.tolist(), strict=True))


@dataclass(frozen=True)
class Group:
    """A flow, a port's vehicles, a named group or the total: its members, and the stations its parts are given for.

    ``manned`` are those at which officers are busy with a vehicle in service.
    """

    port: str
    flow: str
    members: tuple[str, ...]
    stations: dict[str, tuple[str, ...]]
    manned: tuple[str, ...]
    inspects: bool


@dataclass(frozen=True)
class Rates:
    """What one flow's time costs.

    Attributes
    ----------
    officers : tuple of (int, int)
        Columns of service at which officers are busy with one vehicle, and how many.
    idling_l : float64 array, shape (columns,)
        Litres burnt in one ms of waiting or being blocked at a column; higher ports burn more.
    hour_cny : float
        Cost of an hour of one vehicle.
    spoilage : Spoilage or None
        How goods lose value with time.
    given_up : float
        Share of their value that goods lose by being given up.
    """

    officers: tuple[tuple[int, int], ...]
    idling_l: Array
    hour_cny: float
    spoilage: Spoilage | None
    given_up: float


@dataclass(frozen=True)
class MetricsPlan:
    """What measuring needs that no replication changes.

    Attributes
    ----------
    inspected, inspecting : frozenset of str
        Flows with an ``inspection``, and stations that inspect, by their full names.
    rates : dict of Rates
        By counted flow.
    infrastructure : float
        What the policies in force cost in the reported period, in CNY.
    keys : tuple of (port, flow, station, metric)
        Of every figure, in the order in which `measure` works them out.
    shift_ms : int64 array, shape (resources,)
        Local time of day at time 0, in whole hours; the zone's offset at the start stands for all.
    hour_ms : int64 array, shape (resources, 24)
        How long each local hour of the day lasts in the reported period, days added up.
    part_columns, part_starts : int64 arrays
        Which columns, of both spans and all counted flows side by side, each station's parts are summed over, and where
        each station of each group and span begins.
    time_sets : TimeSets
        The groups, whose quantiles are wanted at `QUANTILES`; then those of `gridded` once more, at `GRID`.
    """

    scenario: Scenario
    network: NetworkPlan
    counted: tuple[str, ...]
    groups: tuple[Group, ...]
    months: tuple[str, ...]
    month_edges: dict[str, Times]
    midnights: dict[str, Times]
    declarations: dict[str, Mask]
    inspected: frozenset[str]
    inspecting: frozenset[str]
    rates: dict[str, Rates]
    infrastructure: float
    keys: tuple[Key, ...]
    shift_ms: Times
    hour_ms: Times
    part_columns: Times
    part_starts: Times
    time_sets: TimeSets


def plan_metrics(scenario: Scenario, network: NetworkPlan) -> MetricsPlan:
    """List which flows are counted, how they are grouped, where months and days begin, and every figure's key."""
    counted = tuple(name for name, flow in scenario.flows().items() if flow.companion_of is None)
    columns = {flow.name: flow for flow in network.flows}
    groups = tuple(_group(scenario, of, [columns[name] for name in of[2]]) for of in groups_of(scenario))
    days = calendars.local_days(scenario.horizon.zone, scenario.horizon)
    start, end = np.datetime64(scenario.horizon.start.date()), np.datetime64(scenario.horizon.end, "ms")
    reported = days.dates[(days.dates >= start) & (days.dates.astype("datetime64[ms]") < end)]
    months = np.unique(reported.astype("datetime64[M]"))
    edges, midnights = {}, {}
    for port in scenario.ports:
        local = calendars.local_days(port_zone(scenario, port), scenario.horizon)
        first = (months.astype("datetime64[D]") - local.dates[0]).astype(np.int64)
        edges[port] = local.midnight_ms[np.clip(first, 0, local.dates.size)]
        midnights[port] = local.midnight_ms
    names = tuple(f"tonnes_cleared_{month}" for month in months)
    declarations = {name: _declares(scenario, flow) for name, flow in columns.items()}
    inspected = frozenset(name for name, flow in scenario.flows().items() if flow.inspection is not None)
    inspecting = frozenset(
        f"{p}.{name}"
        for p, port in scenario.ports.items()
        for name, station in port.stations.items()
        if station.inspection
    )
    rates = {name: _rates(scenario, columns[name]) for name in counted}
    infrastructure = sum(scenario.policy_costs.values()) * scenario.horizon.years()
    keys = tuple(_keys(groups, names, network.resources, scenario.costs is not None))
    first = np.asarray([-midnights[full.split(".")[0]][0] for full in network.resources], dtype=np.int64)
    shift_ms = first // MS_PER_HOUR * MS_PER_HOUR
    hour_ms = _hours_reported(scenario, shift_ms)
    return MetricsPlan(
        scenario,
        network,
        counted,
        groups,
        names,
        edges,
        midnights,
        declarations,
        inspected,
        inspecting,
        rates,
        infrastructure,
        keys,
        shift_ms,
        hour_ms,
        *_part_columns(groups, [columns[name] for name in counted]),
        _time_sets(groups, counted),
    )


def _group(scenario: Scenario, of: tuple[str, str, tuple[str, ...]], flows: list[FlowPlan]) -> Group:
    stations = _stations(flows)
    manned = tuple(name for name in stations["total"] if _officers(scenario, name))
    scheduled = scenario.flows()
    return Group(*of, stations, manned, any(scheduled[name].inspection for name in of[2]))


def _officers(scenario: Scenario, full: str) -> int:
    """Officers of a station; 0 for a yard that is entered."""
    port, name = full.split(".")
    station = scenario.ports[port].stations.get(name)
    return 0 if station is None else station.officers


def _rates(scenario: Scenario, plan: FlowPlan) -> Rates:
    """Rates of one flow: its own before the scenario's, which do not hold for persons."""
    costs, flow = scenario.costs or Costs(), plan.flow
    vehicles = flow.counts == "vehicles"
    hour = costs.time.rate if vehicles and costs.time is not None else 0.0
    litres = costs.idling.rate if vehicles and costs.idling is not None else 0.0
    litres = (litres if flow.idling is None else flow.idling) * (1.0 if costs.idling is None else costs.idling.share)
    extra = 0.0 if costs.altitude is None else costs.altitude.extra_per_km
    officers = [_officers(scenario, column.station) * (column.kind == "service") for column in plan.columns]
    heights = [scenario.ports[column.station.split(".")[0]].altitude or 0.0 for column in plan.columns]
    return Rates(
        tuple((number, count) for number, count in enumerate(officers) if count),
        np.asarray([litres / MS_PER_HOUR * (1 + extra * metres / LENGTH_M["km"]) for metres in heights]),
        hour if flow.time_cost is None else flow.time_cost,
        flow.spoilage,
        flow.patience.loses if flow.patience is not None else 0.0,
    )


def _stations(flows: list[FlowPlan]) -> dict[str, tuple[str, ...]]:
    """Stations by span, in the order of the routes."""
    passage = [column.station for flow in flows for column in flow.columns[flow.passage[0] : flow.passage[1]]]
    total = [column.station for flow in flows for column in flow.columns]
    return {"passage": tuple(dict.fromkeys(passage)), "total": tuple(dict.fromkeys(total))}


def _part_columns(groups: tuple[Group, ...], flows: list[FlowPlan]) -> tuple[Times, Times]:
    """See `MetricsPlan.part_columns`; stations in the order of `_keys`."""
    places: dict[tuple[str, str], list[int]] = {}
    width = sum(len(flow.columns) for flow in flows)
    place = 0
    for flow in flows:
        for column in flow.columns:
            places.setdefault((flow.name, column.station), []).append(place)
            place += 1
    found: list[int] = []
    starts: list[int] = []
    for group in groups:
        for i, span in enumerate(SPANS):
            for station in group.stations[span]:
                starts.append(len(found))
                found += [i * width + at for name in group.members for at in places.get((name, station), ())]
    return np.asarray(found, dtype=np.int64), np.asarray(starts, dtype=np.int64)


def _time_sets(groups: tuple[Group, ...], counted: tuple[str, ...]) -> TimeSets:
    sets = [*groups, *gridded(groups)]
    wanted = [len(QUANTILES)] * len(groups) + [GRID.size] * (len(sets) - len(groups))
    members = [[name in group.members for name in counted] for group in sets]
    return TimeSets(np.asarray(members, dtype=bool), np.cumsum([0, *wanted]))


def gridded(groups: tuple[Group, ...]) -> list[Group]:
    """The groups whose distribution of passage times is kept: all vehicles of a port, or of all ports."""
    return [group for group in groups if group.flow == ALL]


def _hours_reported(scenario: Scenario, shift_ms: Times) -> Times:
    """How long each local hour of the day lasts in the reported period, whole hours only; shape (resources, 24)."""
    lead_in, stop = scenario.horizon.lead_in, scenario.horizon.length_ms()
    hours = np.arange(-(-lead_in // MS_PER_HOUR), -(-stop // MS_PER_HOUR))
    by_shift = {
        shift: np.bincount((hours + shift // MS_PER_HOUR) % 24, minlength=24) for shift in set(shift_ms.tolist())
    }
    lengths = [by_shift[shift] * MS_PER_HOUR for shift in shift_ms.tolist()]
    return np.asarray(lengths, dtype=np.int64).reshape(shift_ms.size, 24)


def _declares(scenario: Scenario, flow: FlowPlan) -> Mask:
    """Which columns of a flow are service at a declaration station, shape (columns,)."""
    found = []
    for column in flow.columns:
        port, name = column.station.split(".")
        station = scenario.ports[port].stations.get(name)
        found.append(column.kind == "service" and station is not None and station.declaration)
    return np.asarray(found, dtype=bool)


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
# Sums over vehicles, in the order of `_costs_of`; those from the third on are in CNY.
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


def _keys(
    groups: tuple[Group, ...], months: tuple[str, ...], resources: tuple[str, ...], costed: bool
) -> Iterator[Key]:
    """Keys of all figures, in the order of `_group_values`, `_cost_values` and of the resources."""
    for group in groups:
        for metric in (*COUNTS, *months):
            yield group.port, group.flow, ALL, metric
        for metric in INSPECTION_METRICS if group.inspects else ():
            yield group.port, group.flow, ALL, metric
        for span in SPANS:
            for metric in SPAN_METRICS:
                yield group.port, group.flow, ALL, f"{span}_{metric}"
            for station in group.stations[span]:
                for part in PARTS:
                    yield group.port, group.flow, station, f"{span}_{part}_mean"
        for station in (ALL, *group.manned) if group.manned else ():
            yield group.port, group.flow, station, "officer_hours"
        for metric in COSTS if costed else ():
            yield group.port, group.flow, ALL, metric
        if costed and (group.port, group.flow) == (ALL, ALL):
            yield ALL, ALL, ALL, "infrastructure_cost"
        if costed:
            yield group.port, group.flow, ALL, "total_cost"
    for full in resources:
        port, name = full.split(".")
        for metric in RESOURCE_METRICS:
            yield port, ALL, name, metric


def groups_of(scenario: Scenario) -> list[tuple[str, str, tuple[str, ...]]]:
    """(port, flow or group, members) for every flow, port, the total and named groups.

    Persons are in totals only where a scenario has nothing else.
    """
    flows = {name: flow for name, flow in scenario.flows().items() if flow.companion_of is None}
    vehicles = [name for name, flow in flows.items() if flow.counts == "vehicles"] or list(flows)
    groups: list[tuple[str, str, tuple[str, ...]]] = []
    groups += [(name.split(".")[0], name.split(".")[1], (name,)) for name in flows]
    for port in scenario.ports:
        members = tuple(name for name in vehicles if name.startswith(f"{port}."))
        if members:
            groups.append((port, ALL, members))
    groups.append((ALL, ALL, tuple(vehicles)))
    named = {name: tuple(m for m in members if m in flows) for name, members in scenario.groups.items()}
    return groups + [(ALL, name, members) for name, members in named.items() if members]


def unit_of(metric: str) -> str:
    """Unit of a metric, monthly ones included."""
    return "t" if metric.startswith("tonnes_cleared_") else METRICS[metric].unit


def measure(plan: MetricsPlan, manifest: Manifest, timeline: Timeline, detail: bool = True) -> Measures:
    """Measure one replication.

    Parameters
    ----------
    plan : MetricsPlan
    manifest, timeline
        Of one replication.
    detail : bool
        Whether to keep each vehicle's times, hourly queues and distributions: what pairing and figures need.

    Returns
    -------
    Measures

    Raises
    ------
    CheckFailed
        Moments run backwards, parts do not add up, flow balance or Little's law does not hold: a bug, so the figures
        must not be used.
    """
    network = timeline.network
    clocks = _Clocks(plan, network)
    queues = QueueCounts.empty(plan.shift_ms)
    lengths = np.zeros(len(network.resources))
    sums: dict[str, _Sums] = {}
    column_parts: list[Times] = []
    flows: dict[str, FlowTimes] = {}
    for layout, flow_plan in zip(network.flows, plan.network.flows, strict=True):
        port = layout.name.split(".")[0]
        before = queues.waits[:, 1].copy()
        column_clock, passage_clock = clocks.of(layout)
        noted = plan.declarations[layout.name]
        midnights = plan.midnights[port]
        tally = tally_flow(layout, timeline, clocks.all, column_clock, passage_clock, noted, midnights, queues)
        if tally.faults:
            raise CheckFailed(f"{layout.name}: moments run backwards or do not add up; please report this")
        lengths += (queues.waits[:, 1] - before) * (flow_plan.flow.vehicle_length or 0.0)
        if layout.name in plan.counted:
            drawn = manifest.flows[layout.name]
            sums[layout.name] = _sums_of(plan, layout, tally, drawn, timeline)
            column_parts.append(tally.parts)
            if detail:
                flows[layout.name] = _times_of(tally, drawn, network)
    numbers: list[float] = []
    grids: dict[str, Array] = {}
    station_parts = _station_parts(plan, column_parts)
    quantiles = {span: _quantiles(plan, [sums[name].walls[span] for name in plan.counted]) for span in SPANS}
    for number, group in enumerate(plan.groups):
        total = _total([sums[name] for name in group.members])
        figures = {span: quantiles[span][number] for span in SPANS}
        numbers += _group_values(plan, group, total, figures, station_parts) + _cost_values(plan, group, total)
    if detail:
        grids = {
            g.port: row for g, row in zip(gridded(plan.groups), quantiles["passage"][len(plan.groups) :], strict=True)
        }
    _check_queues(timeline, queues)
    numbers += _resource_values(plan, timeline, queues, lengths)
    folded = _fold_hours(plan, network, queues) if detail else {}
    return Measures(plan.keys, np.asarray(numbers), flows, folded, grids)


# --- one flow ----------------------------------------------------------------------------------------------


class _Clocks:
    """The clocks of one replication: while a resource is open, while work is not suspended, while a passage is open."""

    def __init__(self, plan: MetricsPlan, network: Network) -> None:
        self.clocks: list[OpenClock] = []
        self.calendar = {name: self._add(windows) for name, windows in network.windows.items()}
        self.resource = np.full(len(network.resources), NO_CLOCK, dtype=np.int64)
        for number, full in enumerate(network.resources):
            port, name = full.split(".")
            resource = plan.scenario.ports[port].resources[name]
            if resource.periods or resource.capacity == 0 or resource.breakdowns is not None:
                self.resource[number] = self._add(_open_windows(network, number))
            elif resource.calendar is not None:
                self.resource[number] = self.calendar[f"{port}.{resource.calendar}"]
        self.pace = np.full(network.pace_first.size - 1, NO_CLOCK, dtype=np.int64)
        for pace in range(self.pace.size):
            here = slice(int(network.pace_first[pace]), int(network.pace_first[pace + 1]))
            times = np.append(network.pace_ms[here], network.horizon_ms)
            if not network.pace_per_mille[here].all():
                self.pace[pace] = self._add(_windows_where(times, network.pace_per_mille[here] > 0))
        self.all = Clocks.of(self.clocks)

    def _add(self, windows: Windows) -> int:
        self.clocks.append(OpenClock.of(windows))
        return len(self.clocks) - 1

    def of(self, layout: FlowLayout) -> tuple[Times, int]:
        """Clock of each column, and of the passage's open time, or `NO_CLOCK`."""
        column_clock = np.full(len(layout.columns), NO_CLOCK, dtype=np.int64)
        for number, column in enumerate(layout.columns):
            if column.kind == "wait":
                column_clock[number] = self.resource[column.resource]
            elif column.kind == "service" and column.pace >= 0:
                column_clock[number] = self.pace[column.pace]
        return column_clock, NO_CLOCK if layout.clock is None else self.calendar[layout.clock]


def _open_windows(network: Network, resource: int) -> Windows:
    """When a pool has any capacity."""
    here = network.change_resource == resource
    edges = np.concatenate([[0], network.change_ms[here], [network.horizon_ms]]).astype(np.int64)
    values = np.concatenate([[network.capacity[resource]], network.change_capacity[here]])
    return _windows_where(edges, values > 0)


def _windows_where(edges: Times, runs: Mask) -> Windows:
    return calendars.merge(np.stack([edges[:-1][runs], edges[1:][runs]], axis=1))


@dataclass
class _Sums:
    """Sums of one flow or group; they add. ``walls`` are the times in each span of a flow, for quantiles.

    ``officer_ms`` is by manned station, ``costs`` by `COSTS`, ``inspected`` by `INSPECTION_COUNTS`.
    """

    counts: Array
    inspected: Array
    declared: Times
    months: Array
    totals: dict[str, Times]
    done: dict[str, int]
    walls: dict[str, Times]
    officer_ms: dict[str, int]
    costs: Array


def _sums_of(plan: MetricsPlan, layout: FlowLayout, tally: Tally, drawn: FlowManifest, timeline: Timeline) -> _Sums:
    lead_in = timeline.network.lead_in_ms
    counted = drawn.arrival_ms >= lead_in
    outcome = timeline.outcome[layout.vehicle]
    cleared = tally.done[PASSAGE]
    walls = {span: tally.times[i, ON_WALL][tally.done[i]] for i, span in enumerate(SPANS)}
    arrived, abandoned = int(counted.sum()), int((counted & (outcome == ABANDONED) & ~cleared).sum())
    number = int(cleared.sum())
    if arrived < number + abandoned:
        raise CheckFailed(f"{layout.name}: more vehicles cleared and gave up than arrived; please report this")
    counts = [
        arrived,
        int((drawn.held_back >= lead_in).sum()),
        0 if drawn.diverted is None else int((drawn.diverted.arrival_ms >= lead_in).sum()),
        number,
        abandoned,
        arrived - number - abandoned,
        int((cleared & (outcome == UNFINISHED)).sum()),
        drawn.payload_t[counted].sum(),
        drawn.payload_t[cleared].sum(),
        drawn.value_cny[cleared].sum(),
        tally.nights,
        tally.spent.sum() / MS_PER_HOUR,
    ]
    declares = plan.declarations[layout.name]
    officer_ms, costed = _officer_ms(plan, layout, tally), plan.scenario.costs is not None
    month = np.searchsorted(plan.month_edges[layout.name.split(".")[0]], tally.passed[cleared], "right") - 1
    months = np.bincount(np.maximum(month, 0), drawn.payload_t[cleared], minlength=len(plan.months))
    return _Sums(
        counts=np.asarray(counts, dtype=np.float64),
        inspected=_inspected(plan, layout, tally, drawn),
        declared=np.asarray([tally.served[declares].sum(), tally.served_ms[declares].sum()]),
        months=months.astype(np.float64),
        totals=dict(zip(SPANS, tally.totals, strict=True)),
        done={span: walls[span].size for span in SPANS},
        walls=walls,
        officer_ms=officer_ms,
        costs=_costs_of(plan, layout, tally, drawn, timeline, officer_ms) if costed else np.zeros(0),
    )


def _inspected(plan: MetricsPlan, layout: FlowLayout, tally: Tally, drawn: FlowManifest) -> Array:
    """`INSPECTION_COUNTS` over cleared vehicles; zeros without `inspection`."""
    if layout.name not in plan.inspected:
        return np.zeros(len(INSPECTION_COUNTS))
    cleared = tally.done[PASSAGE]
    selected, opened, carries, found = (
        drawn.marks[mark][cleared] for mark in ("selected", "opened", "contraband", "found")
    )
    groups = (selected, opened, opened & ~carries, carries, carries & selected, found)
    return np.asarray([int(group.sum()) for group in groups], dtype=np.float64)


def _officer_ms(plan: MetricsPlan, layout: FlowLayout, tally: Tally) -> dict[str, int]:
    """Milliseconds of officers by manned station; while work is suspended they are free."""
    found: dict[str, int] = {}
    for number, officers in plan.rates[layout.name].officers:
        station = layout.columns[number].station
        found[station] = found.get(station, 0) + officers * int(tally.spent[number, SERVICE])
    return found


def _costs_of(
    plan: MetricsPlan,
    layout: FlowLayout,
    tally: Tally,
    drawn: FlowManifest,
    timeline: Timeline,
    officer_ms: dict[str, int],
) -> Array:
    """`COSTS` of one flow."""
    costs, rates = plan.scenario.costs or Costs(), plan.rates[layout.name]
    waiting, service, blocked, closed = tally.spent.sum(axis=0).tolist()
    litres = float((tally.spent[:, WAITING] + tally.spent[:, BLOCKED]) @ rates.idling_l)
    found = (
        litres,
        litres * (0.0 if costs.co2 is None else costs.co2.per_litre),
        (waiting + blocked + closed) / MS_PER_HOUR * rates.hour_cny,
        service / MS_PER_HOUR * rates.hour_cny,
        litres * (0.0 if costs.fuel is None else costs.fuel.price),
        *_lost_value(layout, tally, drawn, timeline, rates),
        sum(officer_ms.values()) / MS_PER_HOUR * (0.0 if costs.officers is None else costs.officers.rate),
    )
    return np.asarray(found, dtype=np.float64)


def _lost_value(
    layout: FlowLayout, tally: Tally, drawn: FlowManifest, timeline: Timeline, rates: Rates
) -> tuple[float, float]:
    """What goods of one flow lost by being inside for long, and by being given up, in CNY."""
    if rates.spoilage is None and not rates.given_up:
        return 0.0, 0.0
    network, outcome = timeline.network, timeline.outcome[layout.vehicle]
    spoiled = np.zeros(outcome.size)
    if rates.spoilage is not None:
        ends = np.where(outcome == UNFINISHED, network.horizon_ms, timeline.exit_ms[layout.vehicle])
        days = np.maximum(ends - drawn.arrival_ms - rates.spoilage.after, 0) / MS_PER_DAY
        spoiled = np.minimum(rates.spoilage.rate * days, 1.0) * drawn.value_cny
    counted = drawn.arrival_ms >= network.lead_in_ms
    gone = counted & (outcome == ABANDONED) & ~tally.done[PASSAGE]
    return float(spoiled[counted].sum()), float((drawn.value_cny - spoiled)[gone].sum()) * rates.given_up


def _times_of(tally: Tally, drawn: FlowManifest, network: Network) -> FlowTimes:
    """The times of counted vehicles, ordered by their numbers."""
    rows = np.flatnonzero(drawn.arrival_ms >= network.lead_in_ms)
    kept: Times | slice = rows
    if (np.diff(drawn.index[rows]) < 0).any():
        kept = rows[np.argsort(drawn.index[rows], kind="stable")]
    elif rows.size and rows[-1] - rows[0] == rows.size - 1:  # side by side: no copy is needed
        kept = slice(int(rows[0]), int(rows[-1]) + 1)
    done = {span: tally.done[i, kept] for i, span in enumerate(SPANS)}
    times = {(span, clock): tally.times[i, j, kept] for i, span in enumerate(SPANS) for j, clock in enumerate(CLOCKS)}
    return FlowTimes(drawn.index[kept], done, times)


# --- groups ------------------------------------------------------------------------------------------------


def _total(parts: list[_Sums]) -> _Sums:
    """Sums of a group from those of its members, of which there is at least one."""
    if len(parts) == 1:
        return parts[0]
    officer_ms: dict[str, int] = {}
    for part in parts:
        for station, busy in part.officer_ms.items():
            officer_ms[station] = officer_ms.get(station, 0) + busy
    return _Sums(
        counts=np.sum([part.counts for part in parts], axis=0),
        inspected=np.sum([part.inspected for part in parts], axis=0),
        declared=np.sum([part.declared for part in parts], axis=0),
        months=np.sum([part.months for part in parts], axis=0),
        totals={span: np.sum([part.totals[span] for part in parts], axis=0) for span in SPANS},
        done={span: sum(part.done[span] for part in parts) for span in SPANS},
        walls={},
        officer_ms=officer_ms,
        costs=np.sum([part.costs for part in parts], axis=0),
    )


def _station_parts(plan: MetricsPlan, column_parts: list[Times]) -> Iterator[Times]:
    """For each group and span, sums of ms over `PARTS`, shape (stations, parts)."""
    side_by_side = np.concatenate(column_parts, axis=1).reshape(-1, len(PARTS))
    sums = np.add.reduceat(side_by_side[plan.part_columns], plan.part_starts, axis=0)
    first = 0
    for group in plan.groups:
        for span in SPANS:
            yield sums[first : first + len(group.stations[span])]
            first += len(group.stations[span])


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")


def _group_values(
    plan: MetricsPlan, group: Group, sums: _Sums, quantiles: dict[str, Array], station_parts: Iterator[Times]
) -> list[float]:
    """Figures of one group, in the order of `_keys`."""
    declared, declared_ms = sums.declared.tolist()
    values = [*sums.counts.tolist(), _ratio(declared_ms, declared * MS_PER_MINUTE), *sums.months.tolist()]
    if group.inspects:
        counts = sums.inspected.tolist()
        carried, found = counts[3], counts[5]
        hours = sum(busy for station, busy in sums.officer_ms.items() if station in plan.inspecting) / MS_PER_HOUR
        values += [*counts, carried - found, _ratio(found, carried), hours, _ratio(hours, found)]
    for span in SPANS:
        values += _span_values(span, sums, quantiles[span].tolist(), next(station_parts))
    return values


def _cost_values(plan: MetricsPlan, group: Group, sums: _Sums) -> list[float]:
    """Officers' hours and costs of one group, in the order of `_keys`."""
    values: list[float] = []
    if group.manned:
        busy = [sums.officer_ms.get(station, 0) for station in group.manned]
        values += [ms / MS_PER_HOUR for ms in (sum(busy), *busy)]
    if plan.scenario.costs is None:
        return values
    costs = sums.costs.tolist()
    if (group.port, group.flow) == (ALL, ALL):
        costs.append(plan.infrastructure)
    return [*values, *costs, sum(costs[COSTS.index("delay_cost") :])]


def _span_values(span: str, sums: _Sums, quantiles: list[float], parts: Times) -> list[float]:
    minutes = sums.done[span] * MS_PER_MINUTE
    service_ms, open_ms, wall_ms = sums.totals[span].tolist()
    mean = _ratio(wall_ms, minutes)
    overall = parts.sum(axis=0)
    if overall.sum() != wall_ms:
        raise CheckFailed(f"the parts of '{span}' do not add up to its time; please report this")
    values = [
        mean,
        *quantiles,
        _ratio(quantiles[2] - mean, mean),
        _ratio(open_ms, minutes),
        _ratio(service_ms, minutes),
    ]
    times = np.concatenate([overall, parts.ravel()])
    return values + (times / minutes if minutes else np.full(times.size, np.nan)).tolist()


def _quantiles(plan: MetricsPlan, times: list[Times]) -> list[Array]:
    """Quantiles in minutes of the times in ms of each of the plan's sets; NaN if it has none.

    Between neighbours by their distance: of n times in order, the quantile at ``level`` stands at ``level (n - 1)``.
    """
    sets = plan.time_sets
    grids = len(sets.begins) - 1 - len(plan.groups)
    levels = np.concatenate([np.tile(list(QUANTILES.values()), len(plan.groups)), np.tile(GRID, grids)])
    sizes = sets.sizes(times)
    place = levels * np.maximum(sizes - 1, 0)
    low = place.astype(np.int64)
    below, above = sets.ranked(times, low).T
    minutes = np.where(sizes > 0, (below + (place - low) * (above - below)) / MS_PER_MINUTE, np.nan)
    return np.split(minutes, sets.begins[1:-1])


# --- queues and resources ----------------------------------------------------------------------------------


def _check_queues(timeline: Timeline, queues: QueueCounts) -> None:
    """Little's law must hold for every queue.

    The area under its length, which the engine kept, is the sum of the waits in the records, to the millisecond.
    """
    wrong = np.flatnonzero(timeline.queue_ms != queues.waits[:, 0])
    if wrong.size:
        name = timeline.network.resources[wrong[0]]
        raise CheckFailed(f"{name}: Little's law does not hold for its queue; please report this")


def _fold_hours(plan: MetricsPlan, network: Network, queues: QueueCounts) -> dict[str, Array]:
    """Mean queue by local hour of the day, by ``port.resource``."""
    area, days = queues.by_hour(), plan.hour_ms
    mean = np.divide(area, days, out=np.zeros(area.shape), where=days > 0)
    return dict(zip(network.resources, mean, strict=True))


def _resource_values(plan: MetricsPlan, timeline: Timeline, queues: QueueCounts, lengths: Array) -> list[float]:
    """Queue, tail-back and utilisation of each resource, in the order of `_keys`."""
    network = timeline.network
    span = network.horizon_ms - network.lead_in_ms
    open_ms = open_unit_ms(network)
    values: list[float] = []
    for number, full in enumerate(network.resources):
        port, name = full.split(".")
        room = plan.scenario.ports[port].resources[name].holding_area or 0.0
        longest = float(timeline.queue_max[number])
        mean_length = _ratio(lengths[number], queues.waits[number, 1])
        tail_back = max(longest * mean_length - room, 0.0) if queues.waits[number, 1] else 0.0
        used = float("nan")
        if number not in plan.network.unreleased:
            used = _ratio(int(timeline.busy_ms[number]), int(open_ms[number]))
        values += [int(queues.waits[number, 0]) / span, longest, tail_back, used]
    return values
