"""Timeline → the tidy table. Each metric is defined once, here, with unit and formula.

All sums are taken in whole milliseconds before anything is divided, so parts add up exactly. Vehicles that arrive
during the lead-in, and companions, are not counted. ``all`` stands for totals: of a port's vehicles, of a scenario's,
or over the stations. Persons (residents with goods) are counted in their own flows and groups, not in ``all``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sim import calendars
from sim.calendars import OpenClock, Times
from sim.distributions import Array
from sim.errors import CheckFailed
from sim.manifest import FlowManifest, Manifest, Mask, port_zone
from sim.network import ABANDONED, EXITED, FlowLayout, Network, NetworkPlan, open_now
from sim.scenario import Scenario
from sim.timeline import Timeline
from sim.units import MS_PER_HOUR, MS_PER_MINUTE

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
        "overnight_stays", "nights", "local midnights between arrival and exit (or the end of the horizon), summed"
    )
    yield Metric("queue_mean", "vehicles", "sum of waits for the resource within the reported period / its length")
    yield Metric("queue_max", "vehicles", "greatest number waiting for the resource at once")
    yield Metric("tail_back_max", "m", "queue_max x mean vehicle length - holding area, at least 0")
    yield Metric(
        "utilisation", "1", "time units are held / time units are open; may pass 1, as begun service is finished"
    )


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
    values : dict
        By (port, flow, station, metric).
    flows : dict of FlowTimes
        By ``port.flow``; companions left out.
    queue_by_hour : dict of float64 arrays, shape (24,)
        By ``port.resource``: mean number waiting in each local hour of the day.
    passage_grid : dict of float64 arrays, shape (200,)
        By port: quantiles of passage time in minutes, at `GRID`.
    """

    values: dict[Key, float]
    flows: dict[str, FlowTimes]
    queue_by_hour: dict[str, Array] = field(default_factory=dict)
    passage_grid: dict[str, Array] = field(default_factory=dict)


@dataclass
class _Sums:
    """Whole-number sums of one flow or group; they add."""

    arrived: int = 0
    held_back: int = 0
    abandoned: int = 0
    beyond: int = 0
    nights: int = 0
    tonnes_arrived: float = 0.0
    value: float = 0.0
    declared: int = 0
    declared_ms: int = 0
    months: Array = field(default_factory=lambda: np.zeros(0, dtype=np.float64))
    times: dict[tuple[str, str], list[Times]] = field(default_factory=dict)
    parts: dict[tuple[str, str], Times] = field(default_factory=dict)
    tonnes: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class MetricsPlan:
    """What measuring needs that no replication changes."""

    scenario: Scenario
    network: NetworkPlan
    counted: tuple[str, ...]
    groups: tuple[tuple[str, str, tuple[str, ...]], ...]
    months: tuple[str, ...]
    month_edges: dict[str, Times]
    midnights: dict[str, Times]


def plan_metrics(scenario: Scenario, network: NetworkPlan) -> MetricsPlan:
    """List which flows are counted, how they are grouped, and where months and days begin."""
    flows = scenario.flows()
    counted = tuple(name for name, flow in flows.items() if flow.companion_of is None)
    days = calendars.local_days(scenario.horizon.zone, scenario.horizon)
    start, end = np.datetime64(scenario.horizon.start.date()), np.datetime64(scenario.horizon.end, "ms")
    reported = days.dates[(days.dates >= start) & (days.dates.astype("datetime64[ms]") < end)]
    months = np.unique(reported.astype("datetime64[M]"))
    edges, midnights = {}, {}
    for port in scenario.ports:
        local = calendars.local_days(port_zone(scenario, port), scenario.horizon)
        first = months.astype("datetime64[D]")
        edges[port] = local.midnight_ms[np.clip((first - local.dates[0]).astype(np.int64), 0, local.dates.size)]
        midnights[port] = local.midnight_ms
    names = tuple(f"tonnes_cleared_{month}" for month in months)
    return MetricsPlan(scenario, network, counted, tuple(groups_of(scenario)), names, edges, midnights)


def groups_of(scenario: Scenario) -> list[tuple[str, str, tuple[str, ...]]]:
    """(port, flow or group, members) for every flow, port, the total and named groups; persons are not in totals."""
    flows = {name: flow for name, flow in scenario.flows().items() if flow.companion_of is None}
    vehicles = [name for name, flow in flows.items() if flow.counts == "vehicles"]
    groups: list[tuple[str, str, tuple[str, ...]]] = []
    groups += [(name.split(".")[0], name.split(".")[1], (name,)) for name in flows]
    for port in scenario.ports:
        members = tuple(name for name in vehicles if name.startswith(f"{port}."))
        if members:
            groups.append((port, ALL, members))
    groups.append((ALL, ALL, tuple(vehicles)))
    return groups + [(ALL, name, tuple(m for m in members if m in flows)) for name, members in scenario.groups.items()]


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
        Whether to keep hourly queues and distributions, which only figures need.

    Returns
    -------
    Measures

    Raises
    ------
    CheckFailed
        Flow balance or Little's law does not hold: a bug, so the figures must not be used.
    """
    network = timeline.network
    clocks = _Clocks(plan, manifest, network)
    sums: dict[str, _Sums] = {}
    flows: dict[str, FlowTimes] = {}
    queues = _Queues(plan, network)
    matrices = {layout.name: _Matrix.of(layout, timeline) for layout in network.flows}
    for layout in network.flows:
        matrix = matrices[layout.name]
        queues.add(matrix, timeline.waiting[layout.vehicle])
        if layout.name in plan.counted:
            sums[layout.name], flows[layout.name] = _measure_flow(plan, clocks, matrix, manifest.flows[layout.name])
    values: dict[Key, float] = {}
    grids: dict[str, Array] = {}
    for port, flow, members in plan.groups:
        total = _total([sums[name] for name in members])
        _write_group(plan, values, port, flow, total)
        if detail and flow == ALL:
            grids[port] = _grid_of(total)
    hourly = queues.write(values, timeline, detail)
    return Measures(values, flows, hourly, grids)


# --- one flow ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Matrix:
    """One flow's moments, filled forward: ``end[i, c]`` is when vehicle i was done with column c or stopped before."""

    layout: FlowLayout
    arrival: Times
    reached: Mask
    begin: Times
    end: Times
    exited: Mask
    abandoned: Mask

    @classmethod
    def of(cls, layout: FlowLayout, timeline: Timeline) -> _Matrix:
        moments = timeline.of(layout)
        arrival = timeline.network.arrival_ms[layout.vehicle]
        filled = np.empty((arrival.size, moments.shape[1] + 1), dtype=np.int64)
        filled[:, 0] = arrival
        np.maximum.accumulate(np.maximum(moments, arrival[:, None]), axis=1, out=filled[:, 1:])
        outcome = timeline.outcome[layout.vehicle]
        return cls(
            layout, arrival, moments >= 0, filled[:, :-1], filled[:, 1:], outcome == EXITED, outcome == ABANDONED
        )


class _Clocks:
    """Open clocks of calendars, closed clocks of resources, suspension clocks of paces; made when asked for."""

    def __init__(self, plan: MetricsPlan, manifest: Manifest, network: Network) -> None:
        self.plan, self.manifest, self.network = plan, manifest, network
        self.cache: dict[tuple[str, str | int], OpenClock | None] = {}

    def calendar(self, name: str) -> OpenClock:
        """Runs while ``port.calendar`` is open."""
        key = ("calendar", name)
        if key not in self.cache:
            self.cache[key] = OpenClock.of(open_now(self.plan.network, self.manifest, name))
        clock = self.cache[key]
        assert clock is not None
        return clock

    def shut(self, resource: int) -> OpenClock | None:
        """Runs while a resource has no capacity at all; None if that never happens, or if it is a quota."""
        key = ("shut", resource)
        if key not in self.cache:
            self.cache[key] = None
            if resource not in self.plan.network.unreleased:
                times, values = capacity_of(self.network, resource)
                self.cache[key] = _clock_where(times, values == 0)
        return self.cache[key]

    def suspended(self, pace: int) -> OpenClock | None:
        """Runs while work at a pace calendar is suspended; None if that never happens."""
        key = ("suspended", pace)
        if key not in self.cache:
            here = slice(int(self.network.pace_first[pace]), int(self.network.pace_first[pace + 1]))
            times = np.append(self.network.pace_ms[here], self.network.horizon_ms)
            self.cache[key] = _clock_where(times, self.network.pace_per_mille[here] == 0)
        return self.cache[key]


def _clock_where(edges: Times, runs: Mask) -> OpenClock | None:
    windows = np.stack([edges[:-1][runs], edges[1:][runs]], axis=1)
    return OpenClock.of(calendars.merge(windows)) if windows.size else None


def capacity_of(network: Network, resource: int) -> tuple[Times, Times]:
    """Edges, shape (changes + 2,), from 0 to the horizon, and the capacity of a pool from each edge to the next."""
    here = network.change_resource == resource
    edges = np.concatenate([[0], network.change_ms[here], [network.horizon_ms]]).astype(np.int64)
    values = np.concatenate([[network.capacity[resource]], network.change_capacity[here]]).astype(np.int64)
    return edges, values


def _measure_flow(plan: MetricsPlan, clocks: _Clocks, matrix: _Matrix, drawn: FlowManifest) -> tuple[_Sums, FlowTimes]:
    layout = matrix.layout
    port = layout.name.split(".")[0]
    lead_in = plan.scenario.horizon.lead_in
    counted = matrix.arrival >= lead_in
    _, stop = layout.passage
    passed = matrix.reached[:, stop:].any(axis=1)
    cleared = counted & (passed | ~matrix.abandoned & (matrix.exited | matrix.reached[:, stop - 1]))
    done = {"passage": cleared, "total": counted & matrix.exited}
    sums = _Sums(
        arrived=int(counted.sum()),
        held_back=int((drawn.held_back >= lead_in).sum()),
        abandoned=int((counted & matrix.abandoned & ~cleared).sum()),
        beyond=int((cleared & ~matrix.exited & ~matrix.abandoned).sum()),
        tonnes_arrived=float(drawn.payload_t[counted].sum()),
        value=float(drawn.value_cny[cleared].sum()),
        tonnes=[drawn.payload_t[cleared]],
    )
    times = _span_times(clocks, matrix, done)
    sums.times = {key: [value[done[key[0]]]] for key, value in times.items()}
    sums.parts = _parts(clocks, matrix, done)
    last = np.where(matrix.exited | matrix.abandoned, matrix.end[:, -1], clocks.network.horizon_ms)
    nights = np.searchsorted(plan.midnights[port], last, "right") - np.searchsorted(
        plan.midnights[port], matrix.arrival, "right"
    )
    sums.nights = int(nights[counted].sum())
    month = np.searchsorted(plan.month_edges[port], matrix.end[cleared, stop - 1], "right") - 1
    by_month = np.bincount(np.maximum(month, 0), drawn.payload_t[cleared], minlength=len(plan.months))
    sums.months = by_month.astype(np.float64)
    sums.declared, sums.declared_ms = _declarations(plan, matrix, counted)
    kept = np.flatnonzero(counted)
    if kept.size < counted.size:
        done = {span: mask[kept] for span, mask in done.items()}
        times = {key: value[kept] for key, value in times.items()}
    return sums, FlowTimes(drawn.index[kept], done, times)


def _span_times(clocks: _Clocks, matrix: _Matrix, done: Mapping[str, Mask]) -> dict[tuple[str, str], Times]:
    """Time of each vehicle in each span on each clock."""
    layout = matrix.layout
    service = np.asarray([column.kind == "service" for column in layout.columns])
    times = {}
    for span, (first, stop) in (("passage", layout.passage), ("total", (0, len(layout.columns)))):
        begin, end = matrix.begin[:, first], matrix.end[:, stop - 1]
        times[span, "wall"] = end - begin
        columns = np.flatnonzero(service[first:stop]) + first
        in_service = (matrix.end[:, columns] - matrix.begin[:, columns]).sum(axis=1)
        for column in columns:
            clock = clocks.suspended(layout.columns[column].pace) if layout.columns[column].pace >= 0 else None
            if clock is not None:
                in_service -= clock.reading(matrix.end[:, column]) - clock.reading(matrix.begin[:, column])
        times[span, "service"] = in_service
        times[span, "open"] = times[span, "wall"]
        if layout.clock is not None:
            clock = clocks.calendar(layout.clock)
            times[span, "open"] = clock.reading(end) - clock.reading(begin)
    return times


def _parts(clocks: _Clocks, matrix: _Matrix, done: Mapping[str, Mask]) -> dict[tuple[str, str], Times]:
    """Sums of ms by (span, station), each an array over `PARTS`, over the vehicles that completed the span."""
    layout = matrix.layout
    sums: dict[tuple[str, str], Times] = {}
    first, stop = layout.passage
    for number, column in enumerate(layout.columns):
        begin, end = matrix.begin[:, number], matrix.end[:, number]
        took = end - begin
        shut = np.zeros(0, dtype=np.int64)
        took_time = np.flatnonzero(took)
        clock = None
        if column.kind == "wait":
            clock = clocks.shut(column.resource)
        elif column.kind == "service" and column.pace >= 0:
            clock = clocks.suspended(column.pace)
        if clock is not None and took_time.size:
            shut = np.zeros(took.size, dtype=np.int64)
            shut[took_time] = clock.reading(end[took_time]) - clock.reading(begin[took_time])
        part = {"wait": 0, "signal": 0, "service": 1, "blocked": 2}[column.kind]
        for span in SPANS if first <= number < stop else ("total",):
            row = sums.setdefault((span, column.station), np.zeros(len(PARTS), dtype=np.int64))
            of_span = done[span]
            closed = int(shut[of_span].sum()) if shut.size else 0
            row[part] += int(took[of_span].sum()) - closed
            row[3] += closed
    return sums


def _declarations(plan: MetricsPlan, matrix: _Matrix, counted: Mask) -> tuple[int, int]:
    """How many vehicles were served at declaration stations, and for how long together."""
    number = total = 0
    for position, column in enumerate(matrix.layout.columns):
        port, station = column.station.split(".")
        stations = plan.scenario.ports[port].stations
        if column.kind == "service" and station in stations and stations[station].declaration:
            declared = matrix.reached[:, position] & counted
            number += int(declared.sum())
            total += int((matrix.end[declared, position] - matrix.begin[declared, position]).sum())
    return number, total


# --- groups ------------------------------------------------------------------------------------------------


def _total(parts: list[_Sums]) -> _Sums:
    total = _Sums()
    for part in parts:
        for name in (
            "arrived",
            "held_back",
            "abandoned",
            "beyond",
            "nights",
            "tonnes_arrived",
            "value",
            "declared",
            "declared_ms",
        ):
            setattr(total, name, getattr(total, name) + getattr(part, name))
        total.months = part.months.copy() if not total.months.size else total.months + part.months
        total.tonnes += part.tonnes
        for key, arrays in part.times.items():
            total.times.setdefault(key, []).extend(arrays)
        for key, row in part.parts.items():
            total.parts[key] = total.parts[key] + row if key in total.parts else row.copy()
    return total


def _write_group(plan: MetricsPlan, values: dict[Key, float], port: str, flow: str, sums: _Sums) -> None:
    def put(metric: str, value: float, station: str = ALL) -> None:
        values[port, flow, station, metric] = value

    cleared = sum(part.size for part in sums.times["passage", "wall"]) if sums.times else 0
    put("vehicles_arrived", sums.arrived)
    put("vehicles_held_back", sums.held_back)
    put("vehicles_cleared", cleared)
    put("vehicles_abandoned", sums.abandoned)
    put("unfinished", sums.arrived - cleared - sums.abandoned)
    if sums.arrived < cleared + sums.abandoned:
        raise CheckFailed(f"{port}.{flow}: more vehicles cleared and gave up than arrived; please report this")
    put("beyond_line", sums.beyond)
    put("tonnes_arrived", sums.tonnes_arrived)
    put("tonnes_cleared", float(sum(part.sum() for part in sums.tonnes)))
    put("value_cleared", sums.value)
    put("overnight_stays", sums.nights)
    put("declaration_time_mean", _ratio(sums.declared_ms, sums.declared * MS_PER_MINUTE))
    for month, tonnes in zip(plan.months, sums.months.tolist(), strict=False):
        put(month, tonnes)
    for span in SPANS:
        _write_span(put, span, sums)


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")


def _write_span(put: Callable[..., None], span: str, sums: _Sums) -> None:
    wall = _joined(sums.times.get((span, "wall"), []))
    mean = _ratio(int(wall.sum()), wall.size * MS_PER_MINUTE)
    put(f"{span}_time_mean", mean)
    levels = list(QUANTILES.values())
    found = np.quantile(wall, levels) / MS_PER_MINUTE if wall.size else np.full(len(levels), np.nan)
    for name, value in zip(QUANTILES, found.tolist(), strict=True):
        put(f"{span}_time_{name}", value)
    put(f"{span}_time_buffer_index", _ratio(float(found[2]) - mean, mean) if wall.size else float("nan"))
    for clock in ("open", "service"):
        times = _joined(sums.times.get((span, clock), []))
        put(f"{span}_{clock}_time_mean", _ratio(int(times.sum()), times.size * MS_PER_MINUTE))
    overall = np.zeros(len(PARTS), dtype=np.int64)
    for (of, station), row in sums.parts.items():
        if of == span:
            overall += row
            for part, value in zip(PARTS, row.tolist(), strict=True):
                put(f"{span}_{part}_mean", _ratio(value, wall.size * MS_PER_MINUTE), station)
    if int(overall.sum()) != int(wall.sum()):
        raise CheckFailed(f"the parts of '{span}' do not add up to its time; please report this")
    for part, value in zip(PARTS, overall.tolist(), strict=True):
        put(f"{span}_{part}_mean", _ratio(value, wall.size * MS_PER_MINUTE))


def _joined(arrays: list[Times]) -> Times:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)


def _grid_of(sums: _Sums) -> Array:
    wall = _joined(sums.times.get(("passage", "wall"), []))
    return np.quantile(wall, GRID) / MS_PER_MINUTE if wall.size else np.full(GRID.size, np.nan)


# --- queues and resources ----------------------------------------------------------------------------------


class _Queues:
    """Collects, over all flows, who waited for each resource from when to when; checks Little's law on it."""

    def __init__(self, plan: MetricsPlan, network: Network) -> None:
        self.plan, self.network = plan, network
        self.start, self.stop = plan.scenario.horizon.lead_in, network.horizon_ms
        count = len(network.resources)
        self.joined: list[list[Times]] = [[] for _ in range(count)]
        self.granted: list[list[Times]] = [[] for _ in range(count)]
        self.length: list[list[tuple[float, int]]] = [[] for _ in range(count)]

    def add(self, matrix: _Matrix, waiting: Times) -> None:
        """Add one flow's waits; those who still queue at the end wait until the end."""
        port, name = matrix.layout.name.split(".")
        length = self.plan.scenario.ports[port].flows[name].vehicle_length
        for number, column in enumerate(matrix.layout.columns):
            if column.resource < 0:
                continue
            waited = np.flatnonzero(matrix.end[:, number] > matrix.begin[:, number])
            self._note(column.resource, matrix.begin[waited, number], matrix.end[waited, number], length)
        stuck = np.flatnonzero(waiting >= 0)
        for resource in np.unique(waiting[stuck]).tolist():
            begin = matrix.end[stuck[waiting[stuck] == resource], -1]
            self._note(resource, begin, np.full(begin.shape, self.stop), length)

    def _note(self, resource: int, joined: Times, granted: Times, length: float | None) -> None:
        self.joined[resource].append(joined)
        self.granted[resource].append(granted)
        if length is not None:
            self.length[resource].append((length, joined.size))

    def write(self, values: dict[Key, float], timeline: Timeline, detail: bool) -> dict[str, Array]:
        """Write the resources' metrics; returns mean queues by local hour of the day."""
        hourly: dict[str, Array] = {}
        span = self.stop - self.start
        for number, full in enumerate(self.network.resources):
            port, name = full.split(".")
            joined, granted = (
                np.clip(_joined(part[number]), self.start, self.stop) for part in (self.joined, self.granted)
            )
            waits = int(granted.sum() - joined.sum())
            longest = _longest(joined, granted)
            values[port, ALL, name, "queue_mean"] = waits / span
            values[port, ALL, name, "queue_max"] = longest
            values[port, ALL, name, "tail_back_max"] = self._tail_back(number, longest)
            values[port, ALL, name, "utilisation"] = self._utilisation(number, timeline)
            by_hour = self._by_hour(joined, granted)
            if int(by_hour.sum()) != waits:
                raise CheckFailed(f"{full}: Little's law does not hold for its queue; please report this")
            if detail:
                hourly[full] = self._fold(by_hour, port)
        return hourly

    def _by_hour(self, joined: Times, granted: Times) -> Times:
        """Vehicle-milliseconds of queue in each hour since time 0, counted from joins and grants, not from waits."""
        hours = -(-self.stop // MS_PER_HOUR)
        level = np.zeros(hours, dtype=np.int64)
        area = np.zeros(hours, dtype=np.int64)
        for times, sign in ((joined, 1), (granted, -1)):
            hour = np.minimum(times // MS_PER_HOUR, hours - 1)
            level += sign * np.bincount(hour, minlength=hours)
            rest = np.minimum((hour + 1) * MS_PER_HOUR, self.stop) - times
            area += sign * np.bincount(hour, rest, minlength=hours).astype(np.int64)
        length = np.full(hours, MS_PER_HOUR, dtype=np.int64)
        length[-1] = self.stop - (hours - 1) * MS_PER_HOUR
        before = np.concatenate([[0], np.cumsum(level)[:-1]])
        if before.size and int(before.min()) < 0:
            raise CheckFailed("a queue would be shorter than empty; please report this")
        return np.asarray(area + before * length)

    def _fold(self, by_hour: Times, port: str) -> Array:
        """Mean queue by local hour of the day; the zone's offset at the start stands for the year."""
        first = int(self.plan.midnights[port][0])
        hour = (np.arange(by_hour.size) + (-first) // MS_PER_HOUR) % 24
        counted = np.arange(by_hour.size) * MS_PER_HOUR >= self.start
        days = np.bincount(hour[counted], minlength=24) * MS_PER_HOUR
        total = np.bincount(hour[counted], by_hour[counted], minlength=24)
        return np.divide(total, days, out=np.zeros(24), where=days > 0)

    def _tail_back(self, number: int, longest: float) -> float:
        vehicles = sum(count for _, count in self.length[number])
        if not vehicles:
            return 0.0
        port, name = self.network.resources[number].split(".")
        mean = sum(length * count for length, count in self.length[number]) / vehicles
        room = self.plan.scenario.ports[port].resources[name].holding_area or 0.0
        return max(longest * mean - room, 0.0)

    def _utilisation(self, number: int, timeline: Timeline) -> float:
        """Held time against open time; of a quota there is none."""
        if number in self.plan.network.unreleased:
            return float("nan")
        edges, capacity = capacity_of(self.network, number)
        open_ms = int((np.diff(np.maximum(edges, self.start)) * capacity).sum())
        return _ratio(int(timeline.busy_ms[number]), open_ms)


def _longest(joined: Times, granted: Times) -> float:
    """Greatest number waiting at once; who is granted at a moment no longer waits at it."""
    if not joined.size:
        return 0.0
    joined, granted = np.sort(joined), np.sort(granted)
    return float((np.arange(1, joined.size + 1) - np.searchsorted(granted, joined, "right")).max())
