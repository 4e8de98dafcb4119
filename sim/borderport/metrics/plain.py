"""Every metric as a small function over visits and vehicles, written to be read: the reference.

Slow on purpose: no arrays, no passes that serve two metrics. What `borderport.metrics.tally` adds up in compiled loops
and `borderport.metrics.blocks` works out for whole tables must equal this, figure by figure; the tests ask for it.
First come the vehicles and what they did, then a function for each metric, last how they are read from a timeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import nan
from zoneinfo import ZoneInfo

from borderport.calendars import NEVER
from borderport.manifest import FlowManifest, Manifest, port_zone
from borderport.metrics.groups import groups_of
from borderport.metrics.names import ALL, PARTS, QUANTILES, SPANS, Key
from borderport.network import ABANDONED, EXITED, UNFINISHED, Column, FlowLayout, Network
from borderport.scenario import Costs, Flow, Ref, Scenario, Station
from borderport.timeline import Timeline, arrivals_of, counted
from borderport.units import LENGTH_M, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

Window = tuple[int, int]


# ------------------------------------------------------------------------------------------- vehicles and what they did


@dataclass(frozen=True)
class Stretch:
    """One thing that a vehicle did, from one moment to another, in ms since time 0.

    Attributes
    ----------
    station : str
        ``port.station``; for a yard or fleet, ``port.resource``.
    kind : str
        ``wait``, ``signal``, ``service`` or ``blocked``, as in `borderport.network.Column`.
    resource : int
        Number in the network of the resource it waited for, or -1.
    begin_ms, end_ms : int
    closed_ms : int
        Of the time between, how long the station was shut or work was suspended.
    in_passage : bool
    done : bool
        True if it had come to its end at the end of the horizon.
    """

    station: Ref
    kind: str
    resource: int
    begin_ms: int
    end_ms: int
    closed_ms: int
    in_passage: bool
    done: bool

    def ms(self, part: str) -> int:
        """Time of the stretch that belongs to one of `PARTS`, ms."""
        if part == "closed":
            return self.closed_ms
        own = "waiting" if self.kind in ("wait", "signal") else self.kind
        return self.end_ms - self.begin_ms - self.closed_ms if part == own else 0


@dataclass(frozen=True)
class Load:
    """Goods that are cleared together, and leave or stay behind together if the driver gives up.

    Attributes
    ----------
    tonnes, value_cny : float
    cleared_ms : int or None
        Moment of clearance, in ms since time 0.
    waits : bool
        True if they stay behind for a later truck when the driver gives up.
    cleared_before : bool
        True if they had been cleared already on the truck before, whose driver left them behind.
    """

    tonnes: float
    value_cny: float
    cleared_ms: int | None
    waits: bool
    cleared_before: bool


@dataclass(frozen=True)
class Vehicle:
    """One vehicle that came; moments in ms since time 0.

    Attributes
    ----------
    flow : Flow
    counted : bool
        True if figures count it: see `borderport.timeline.counted`.
    is_later_truck : bool
        True if it came for goods that another left behind.
    ready_ms : int
        Moment at which its goods were ready.
    arrival_ms, end_ms : int
        ``end_ms`` is the exit, the giving up or the end of the horizon.
    fetched : bool
        True if a later truck comes for the goods that it leaves behind, within the horizon.
    horizon_ms : int
        End of the horizon.
    entered_ms, passed_ms : int
        Begin and end of the passage; meaningful if it ``cleared``.
    exited, gave_up, cleared : bool
        True if it came to the end of its route; left before; came to the end of its passage.
    stretches : tuple of Stretch
        One after the other, from the arrival to ``end_ms``.
    open : tuple of Window or None
        Windows of the calendar of the passage; ``None``: always.
    zone : ZoneInfo
        Of its port.
    loads : tuple of Load
    marks : frozenset of str
    """

    flow: Flow
    counted: bool
    is_later_truck: bool
    ready_ms: int
    arrival_ms: int
    end_ms: int
    fetched: bool
    horizon_ms: int
    entered_ms: int
    passed_ms: int
    exited: bool
    gave_up: bool
    cleared: bool
    stretches: tuple[Stretch, ...]
    open: tuple[Window, ...] | None
    zone: ZoneInfo
    loads: tuple[Load, ...]
    marks: frozenset[str]

    @property
    def cleared_loads(self) -> list[Load]:
        """Goods that have been cleared on this vehicle, and not before."""
        return [load for load in self.loads if load.cleared_ms is not None and not load.cleared_before]

    @property
    def left_behind(self) -> list[Load]:
        """Goods that its driver left behind."""
        return [load for load in self.loads if self.gave_up and load.waits]

    def completed(self, span: str) -> bool:
        """True if the vehicle came to the end of one of `SPANS`."""
        return self.cleared if span == "passage" else self.exited

    def window(self, span: str) -> Window:
        """Begin and end of one of `SPANS`."""
        return (self.entered_ms, self.passed_ms) if span == "passage" else (self.arrival_ms, self.end_ms)

    def ms(self, part: str, span: str = "total", station: str = ALL) -> int:
        """Time in a span, at one station or all, that belongs to one of `PARTS`, ms."""
        here = [s for s in self.stretches if station in (ALL, s.station) and (span == "total" or s.in_passage)]
        return sum(stretch.ms(part) for stretch in here)


@dataclass(frozen=True)
class Traffic:
    """Vehicles of one row of the table: those of a group that figures count.

    Attributes
    ----------
    scenario : Scenario
    vehicles : tuple of Vehicle
    held_back, postponed, diverted : int
        Vehicles of the group that did not come, came after a closure, or went to another port.
    is_total : bool
        True if these are all vehicles of the scenario.
    """

    scenario: Scenario
    vehicles: tuple[Vehicle, ...]
    held_back: int
    postponed: int
    diverted: int
    is_total: bool

    @property
    def cleared(self) -> list[Vehicle]:
        """Vehicles that came to the end of their passage."""
        return [v for v in self.vehicles if v.cleared]

    @property
    def inspected(self) -> list[Vehicle]:
        """Cleared vehicles of flows that have an inspection."""
        return [v for v in self.cleared if v.flow.inspection is not None]

    @property
    def costs(self) -> Costs:
        """The rates of cost."""
        return self.scenario.costs or Costs()

    def station(self, place: Ref) -> Station | None:
        """A station by its full name; None for a yard or fleet."""
        return self.scenario.ports[place.port].stations.get(place.name)

    def local(self, moment_ms: int, zone: ZoneInfo) -> datetime:
        """A moment in local time."""
        origin = self.scenario.horizon.origin().astimezone(ZoneInfo("UTC"))
        return (origin + timedelta(milliseconds=moment_ms)).astimezone(zone)


@dataclass(frozen=True)
class Resource:
    """Queue, use and capacity of one resource.

    Attributes
    ----------
    waits : tuple of (int, int, float)
        Begin and end of each wait, in ms, and the length of the vehicle in m.
    period : Window
        The reported one.
    open_ms, busy_ms : int
        Unit-milliseconds that were open, and held, in the period; held as the engine counted it.
    queue_max : int
        As the engine counted it.
    room_m : float
        Holding area.
    is_quota : bool
    shift_ms : int
        Local time of day at time 0, in whole hours.
    """

    waits: tuple[tuple[int, int, float], ...]
    period: Window
    open_ms: int
    busy_ms: int
    queue_max: int
    room_m: float
    is_quota: bool
    shift_ms: int


def _ratio(top: float, bottom: float) -> float:
    """A quotient; no value if the divisor is 0."""
    return top / bottom if bottom else nan


def _overlap(begin: int, end: int, window: Window) -> int:
    """Time from ``begin`` to ``end`` that lies in a window."""
    return max(0, min(end, window[1]) - max(begin, window[0]))


# --------------------------------------------------------------------------------------------------- vehicles and goods


def vehicles_arrived(traffic: Traffic) -> float:
    """Vehicles that came, of those due in the reported period; later trucks are due with the first."""
    return len(traffic.vehicles)


def vehicles_held_back(traffic: Traffic) -> float:
    """Vehicles that did not set out because the port was shut for long, and did not come within the horizon."""
    return traffic.held_back


def vehicles_postponed(traffic: Traffic) -> float:
    """Arrived vehicles that did not set out when they were due, because the port was shut, and came after that."""
    return traffic.postponed


def vehicles_diverted(traffic: Traffic) -> float:
    """Vehicles that went to another port in a long closure."""
    return traffic.diverted


def vehicles_cleared(traffic: Traffic) -> float:
    """Vehicles whose passage ended within the horizon."""
    return len(traffic.cleared)


def vehicles_abandoned(traffic: Traffic) -> float:
    """Vehicles whose driver gave up before the end of the passage."""
    return sum(v.gave_up and not v.cleared for v in traffic.vehicles)


def unfinished(traffic: Traffic) -> float:
    """Vehicles that are still before the end of their passage at the end of the horizon."""
    return sum(not v.gave_up and not v.cleared for v in traffic.vehicles)


def beyond_line(traffic: Traffic) -> float:
    """Cleared vehicles that are not yet out."""
    return sum(not v.gave_up and not v.exited for v in traffic.cleared)


def tonnes_arrived(traffic: Traffic) -> float:
    """All loads of all vehicles, t; what a later truck fetches came with the first one."""
    return sum(load.tonnes for v in traffic.vehicles if not v.is_later_truck for load in v.loads)


def tonnes_left_behind(traffic: Traffic) -> float:
    """Loads that drivers left behind for a later truck, t; each counts once, however many drivers leave it."""
    return sum(load.tonnes for v in traffic.vehicles if not v.is_later_truck for load in v.left_behind)


def tonnes_cleared(traffic: Traffic) -> float:
    """Loads that were cleared: at the end of the passage, or of a station of their own, t."""
    return sum(load.tonnes for v in traffic.vehicles for load in v.cleared_loads)


def tonnes_cleared_in(traffic: Traffic, month: str, months: Sequence[str]) -> float:
    """Loads that were cleared in a local month, t.

    If the local month is none of the period's, as at a port in another zone, the nearest counts.
    """

    def when(vehicle: Vehicle, load: Load) -> str:
        local = traffic.local(load.cleared_ms or 0, vehicle.zone)
        return min(max(f"{local:%Y-%m}", months[0]), months[-1])

    return sum(load.tonnes for v in traffic.vehicles for load in v.cleared_loads if when(v, load) == month)


def value_cleared(traffic: Traffic) -> float:
    """Value of the loads that were cleared, CNY."""
    return sum(load.value_cny for v in traffic.vehicles for load in v.cleared_loads)


def overnight_stays(traffic: Traffic) -> float:
    """Local midnights between arrival and exit, giving up or the end of the horizon."""

    def nights(v: Vehicle) -> int:
        return (traffic.local(v.end_ms, v.zone).date() - traffic.local(v.arrival_ms, v.zone).date()).days

    return sum(nights(v) for v in traffic.vehicles)


def vehicle_hours(traffic: Traffic) -> float:
    """Time from arrival to exit, giving up or the end of the horizon, h."""
    return sum(v.end_ms - v.arrival_ms for v in traffic.vehicles) / MS_PER_HOUR


def goods_time_mean(traffic: Traffic) -> float:
    """Mean time from when goods were ready to their exit, on whichever vehicle they go, min."""
    times = [v.end_ms - v.ready_ms for v in traffic.vehicles if v.exited]
    return _ratio(sum(times), len(times) * MS_PER_MINUTE)


def declaration_time_mean(traffic: Traffic) -> float:
    """Mean time of a service at declaration stations, min; suspended work counts, what has not ended does not."""

    def declares(stretch: Stretch) -> bool:
        station = traffic.station(stretch.station)
        return stretch.kind == "service" and stretch.done and station is not None and station.declaration

    took = [s.end_ms - s.begin_ms for v in traffic.vehicles for s in v.stretches if declares(s)]
    return _ratio(sum(took), len(took) * MS_PER_MINUTE)


# ----------------------------------------------------------------------------------------------------------- inspection


def vehicles_selected(traffic: Traffic) -> float:
    """Cleared vehicles that were selected for inspection."""
    return sum("selected" in v.marks for v in traffic.inspected)


def vehicles_opened(traffic: Traffic) -> float:
    """Cleared vehicles that were opened after the scan."""
    return sum("opened" in v.marks for v in traffic.inspected)


def false_alarms(traffic: Traffic) -> float:
    """Cleared vehicles that were opened and carried no contraband."""
    return sum("opened" in v.marks and "contraband" not in v.marks for v in traffic.inspected)


def contraband_carried(traffic: Traffic) -> float:
    """Cleared vehicles that carried contraband."""
    return sum("contraband" in v.marks for v in traffic.inspected)


def contraband_selected(traffic: Traffic) -> float:
    """Cleared vehicles that carried contraband and were selected."""
    return sum({"contraband", "selected"} <= v.marks for v in traffic.inspected)


def contraband_found(traffic: Traffic) -> float:
    """Cleared vehicles whose contraband was found."""
    return sum("found" in v.marks for v in traffic.inspected)


def contraband_missed(traffic: Traffic) -> float:
    """Cleared vehicles whose contraband was not found."""
    return contraband_carried(traffic) - contraband_found(traffic)


def detection_rate(traffic: Traffic) -> float:
    """Share of the cleared carriers whose contraband was found."""
    return _ratio(contraband_found(traffic), contraband_carried(traffic))


def inspection_officer_hours(traffic: Traffic) -> float:
    """Time in service at stations that inspect x their officers, h."""
    return sum(_officer_ms(traffic, s, inspecting=True) for v in traffic.vehicles for s in v.stretches) / MS_PER_HOUR


def officer_hours_per_find(traffic: Traffic) -> float:
    """Officers' hours at stations that inspect for each find."""
    return _ratio(inspection_officer_hours(traffic), contraband_found(traffic))


def _officer_ms(traffic: Traffic, stretch: Stretch, inspecting: bool = False) -> int:
    """Milliseconds of officers who were busy with a vehicle, at stations that inspect or at all."""
    station = traffic.station(stretch.station)
    if station is None or (inspecting and not station.inspection):
        return 0
    return stretch.ms("service") * station.officers


# ----------------------------------------------------------------------------------------------------------------- time


def time_mean(traffic: Traffic, span: str) -> float:
    """Mean of a span over those who completed it, wall clock, min."""
    times = _times(traffic, span)
    return _ratio(sum(times), len(times) * MS_PER_MINUTE)


def time_quantile(traffic: Traffic, span: str, share: float) -> float:
    """Time within which a share of those who completed a span did, between neighbours by their distance, min."""
    times = sorted(_times(traffic, span))
    if not times:
        return nan
    place = share * (len(times) - 1)
    low = int(place)
    above = times[min(low + 1, len(times) - 1)]
    return (times[low] + (place - low) * (above - times[low])) / MS_PER_MINUTE


def time_buffer_index(traffic: Traffic, span: str) -> float:
    """(p95 - mean) / mean of the time in a span: how much more one must allow for than the mean."""
    mean = time_mean(traffic, span)
    return _ratio(time_quantile(traffic, span, QUANTILES["p95"]) - mean, mean)


def open_time_mean(traffic: Traffic, span: str) -> float:
    """Mean time in a span while the calendar of the passage is open, min."""
    times = [
        end - begin if v.open is None else sum(_overlap(begin, end, window) for window in v.open)
        for v in traffic.vehicles
        if v.completed(span)
        for begin, end in [v.window(span)]
    ]
    return _ratio(sum(times), len(times) * MS_PER_MINUTE)


def part_mean(traffic: Traffic, station: str, span: str, part: str) -> float:
    """Mean time that belongs to a part, within a span, at one station or all, over those who completed it, min."""
    done = [v for v in traffic.vehicles if v.completed(span)]
    return _ratio(sum(v.ms(part, span, station) for v in done), len(done) * MS_PER_MINUTE)


def _times(traffic: Traffic, span: str) -> list[int]:
    """Times of those who completed a span, ms."""
    return [v.window(span)[1] - v.window(span)[0] for v in traffic.vehicles if v.completed(span)]


# ---------------------------------------------------------------------------------------------------------------- costs


def officer_hours(traffic: Traffic, station: str) -> float:
    """Time in service x officers of the station, at one station or all, h."""
    here = [s for v in traffic.vehicles for s in v.stretches if station in (ALL, s.station)]
    return sum(_officer_ms(traffic, stretch) for stretch in here) / MS_PER_HOUR


def idling_fuel(traffic: Traffic) -> float:
    """Litres burnt while waiting and blocked: for a share of the time, more the higher the port."""
    costs, burnt = traffic.costs, 0.0
    for vehicle in traffic.vehicles:
        litres = costs.idling.rate if costs.idling is not None and vehicle.flow.counts == "vehicles" else 0.0
        litres = litres if vehicle.flow.idling is None else vehicle.flow.idling
        share = 1.0 if costs.idling is None else costs.idling.share
        for stretch in vehicle.stretches:
            height = (traffic.scenario.ports[stretch.station.port].altitude or 0.0) / LENGTH_M["km"]
            thinner = 1 + (0.0 if costs.altitude is None else costs.altitude.extra_per_km) * height
            burnt += (stretch.ms("waiting") + stretch.ms("blocked")) / MS_PER_HOUR * share * litres * thinner
    return burnt


def idling_co2(traffic: Traffic) -> float:
    """CO2 of the fuel of idling, t."""
    return idling_fuel(traffic) * (0.0 if traffic.costs.co2 is None else traffic.costs.co2.per_litre)


def delay_cost(traffic: Traffic) -> float:
    """Hours waiting, blocked and closed x cost of an hour, CNY."""
    hours = [(v, sum(v.ms(part) for part in ("waiting", "blocked", "closed")) / MS_PER_HOUR) for v in traffic.vehicles]
    return sum(own * _hour_cny(traffic, v) for v, own in hours)


def service_cost(traffic: Traffic) -> float:
    """Hours in service x cost of an hour, CNY."""
    return sum(v.ms("service") / MS_PER_HOUR * _hour_cny(traffic, v) for v in traffic.vehicles)


def fuel_cost(traffic: Traffic) -> float:
    """Price of the fuel of idling, CNY."""
    return idling_fuel(traffic) * (0.0 if traffic.costs.fuel is None else traffic.costs.fuel.price)


def spoilage_cost(traffic: Traffic) -> float:
    """Value that the goods have lost with time, CNY: on this vehicle or, left behind, until another comes.

    What another vehicle fetches is that one's, with all its time since it was ready.
    """
    lost = 0.0
    for v in traffic.vehicles:
        for load in v.loads:
            stays = v.gave_up and load.waits
            if not (stays and v.fetched):
                lost += load.value_cny * _spoiled_share(v, v.horizon_ms if stays else v.end_ms)
    return lost


def giving_up_cost(traffic: Traffic) -> float:
    """Loss of goods that leave with a driver who gives up before they are cleared, of value not yet spoiled, CNY."""
    return sum(
        load.value_cny * (1 - _spoiled_share(v, v.end_ms)) * v.flow.patience.loses
        for v in traffic.vehicles
        if v.flow.patience is not None and v.gave_up and not v.cleared
        for load in v.loads
        if load.cleared_ms is None and not load.waits
    )


def officer_cost(traffic: Traffic) -> float:
    """Officers' hours x cost of an hour, CNY."""
    rate = 0.0 if traffic.costs.officers is None else traffic.costs.officers.rate
    return officer_hours(traffic, ALL) * rate


def infrastructure_cost(traffic: Traffic) -> float:
    """Cost of the policies in force in the period, CNY; under port and flow ``all`` only."""
    scenario = traffic.scenario
    return sum(scenario.policy_costs.values()) * scenario.horizon.years() if traffic.is_total else 0.0


def total_cost(traffic: Traffic) -> float:
    """All costs together, CNY."""
    parts = (delay_cost, service_cost, fuel_cost, spoilage_cost, giving_up_cost, officer_cost, infrastructure_cost)
    return sum(part(traffic) for part in parts)


def _hour_cny(traffic: Traffic, vehicle: Vehicle) -> float:
    """Cost of an hour of a vehicle: its flow's own rate, or the scenario's, which does not hold for persons."""
    if vehicle.flow.time_cost is not None:
        return vehicle.flow.time_cost
    time = traffic.costs.time
    return time.rate if time is not None and vehicle.flow.counts == "vehicles" else 0.0


def _spoiled_share(vehicle: Vehicle, end_ms: int) -> float:
    """Share of their value that a vehicle's goods have lost by some moment since they were ready, at most all of it."""
    rule = vehicle.flow.spoilage
    if rule is None:
        return 0.0
    days = max(end_ms - vehicle.ready_ms - rule.after, 0) / MS_PER_DAY
    return min(rule.rate * days, 1.0)


# ------------------------------------------------------------------------------------------------------------ resources


def queue_mean(resource: Resource) -> float:
    """Time-averaged number waiting: the waits within the period, added up, by its length (Little's law)."""
    waited = sum(_overlap(begin, end, resource.period) for begin, end, _ in resource.waits)
    return waited / (resource.period[1] - resource.period[0])


def queue_max(resource: Resource) -> float:
    """Greatest number waiting at once, in the period."""
    return resource.queue_max


def tail_back_max(resource: Resource) -> float:
    """Length of the longest queue at the mean length of those who waited, less the holding area, at least 0, m."""
    if not resource.waits:
        return 0.0
    mean_length = sum(length for *_, length in resource.waits) / len(resource.waits)
    return max(resource.queue_max * mean_length - resource.room_m, 0.0)


def utilisation(resource: Resource) -> float:
    """Unit-time held by unit-time open; no value for a quota, which is used up."""
    return nan if resource.is_quota else _ratio(resource.busy_ms, resource.open_ms)


def queue_by_hour(resource: Resource) -> list[float]:
    """Mean number waiting in each local hour of the day, over the whole hours of the period."""
    area, lasted = [0] * 24, [0] * 24
    start, stop = resource.period
    for begin in range(-(-start // MS_PER_HOUR) * MS_PER_HOUR, stop, MS_PER_HOUR):
        hour = (begin + resource.shift_ms) // MS_PER_HOUR % 24
        lasted[hour] += MS_PER_HOUR
        inside = (begin, min(begin + MS_PER_HOUR, stop))
        area[hour] += sum(_overlap(joined, granted, inside) for joined, granted, _ in resource.waits)
    return [own / whole if whole else 0.0 for own, whole in zip(area, lasted, strict=True)]


# -------------------------------------------------------------------------------------------------------- by their name

GroupMetric = Callable[[Traffic], float]
StationMetric = Callable[[Traffic, str], float]
ResourceMetric = Callable[[Resource], float]


def _named(*functions: GroupMetric) -> dict[str, GroupMetric]:
    return {function.__name__: function for function in functions}


OF_GROUPS: dict[str, GroupMetric] = {
    **_named(vehicles_arrived, vehicles_held_back, vehicles_postponed, vehicles_diverted, vehicles_cleared),
    **_named(vehicles_abandoned, unfinished, beyond_line, tonnes_arrived, tonnes_left_behind, tonnes_cleared),
    **_named(value_cleared, overnight_stays, vehicle_hours, goods_time_mean, declaration_time_mean),
    **_named(vehicles_selected, vehicles_opened, false_alarms, contraband_carried),
    **_named(contraband_selected, contraband_found, contraband_missed, detection_rate, inspection_officer_hours),
    **_named(officer_hours_per_find, idling_fuel, idling_co2, delay_cost, service_cost, fuel_cost, spoilage_cost),
    **_named(giving_up_cost, officer_cost, infrastructure_cost, total_cost),
    **{f"{span}_time_mean": partial(time_mean, span=span) for span in SPANS},
    **{
        f"{span}_time_{name}": partial(time_quantile, span=span, share=share)
        for span in SPANS
        for name, share in QUANTILES.items()
    },
    **{f"{span}_time_buffer_index": partial(time_buffer_index, span=span) for span in SPANS},
    **{f"{span}_open_time_mean": partial(open_time_mean, span=span) for span in SPANS},
    **{f"{span}_service_time_mean": partial(part_mean, station=ALL, span=span, part="service") for span in SPANS},
}
OF_STATIONS: dict[str, StationMetric] = {
    "officer_hours": officer_hours,
    **{f"{span}_{part}_mean": partial(part_mean, span=span, part=part) for span in SPANS for part in PARTS},
}
OF_RESOURCES: dict[str, ResourceMetric] = {
    function.__name__: function for function in (queue_mean, queue_max, tail_back_max, utilisation)
}


def values(scenario: Scenario, manifest: Manifest, timeline: Timeline, keys: Iterable[Key]) -> dict[Key, float]:
    """Work out figures one by one.

    Parameters
    ----------
    scenario : Scenario
        Policies applied.
    manifest, timeline
        Of one replication.
    keys : iterable of (port, flow, station, metric)
        The figures to compute.

    Returns
    -------
    dict of float
        NaN where there is no value.
    """
    wanted = list(keys)
    groups = {(port, flow): members for port, flow, members in groups_of(scenario)}
    traffic = {group: _traffic(scenario, manifest, timeline, group, members) for group, members in groups.items()}
    resources = resources_of(scenario, timeline)
    months = [name.removeprefix("tonnes_cleared_") for *_, name in wanted if name.startswith("tonnes_cleared_")]
    months = sorted(set(months))

    def value(port: str, flow: str, station: str, metric: str) -> float:
        if metric in OF_RESOURCES:
            return OF_RESOURCES[metric](resources[Ref(port, station)])
        if metric in OF_STATIONS:
            return OF_STATIONS[metric](traffic[port, flow], station)
        if metric in OF_GROUPS:
            return OF_GROUPS[metric](traffic[port, flow])
        return tonnes_cleared_in(traffic[port, flow], metric.removeprefix("tonnes_cleared_"), months)

    return {key: value(*key) for key in wanted}


# ------------------------------------------------------------------------------------------------- read from a timeline


def _traffic(
    scenario: Scenario, manifest: Manifest, timeline: Timeline, group: tuple[str, str], members: tuple[Ref, ...]
) -> Traffic:
    """The vehicles of a group that figures count, and how many of those due did not come, or later."""
    layouts = {layout.name: layout for layout in timeline.network.flows}
    vehicles, held_back, postponed, diverted = [], 0, 0, 0

    def reported(due: Iterable[int]) -> int:
        return sum(moment >= timeline.network.lead_in_ms for moment in due)

    for name in members:
        drawn = manifest.flows[name]
        vehicles += [v for v in vehicles_of(scenario, drawn, timeline, layouts[name]) if v.counted]
        held_back += reported(drawn.held_back.tolist())
        postponed += reported(drawn.postponed.tolist())
        diverted += reported([] if drawn.diverted is None else drawn.diverted.arrival_ms.tolist())
    return Traffic(scenario, tuple(vehicles), held_back, postponed, diverted, group == (ALL, ALL))


def vehicles_of(scenario: Scenario, drawn: FlowManifest, timeline: Timeline, layout: FlowLayout) -> list[Vehicle]:
    """All vehicles of one flow that set out, in the order of the manifest: each later truck after the one before it."""
    network, port = timeline.network, layout.name.port
    clock = None if layout.clock is None else tuple((a, b) for a, b in network.windows[layout.clock].tolist())
    running = [_running(scenario, network, column) for column in layout.columns]
    counts, arrivals = counted(timeline, layout, drawn), arrivals_of(timeline, layout, drawn)
    found: dict[int, Vehicle] = {}
    fetched = set(drawn.fetches.tolist())
    for row, number in enumerate(layout.vehicle.tolist()):
        arrival, outcome = int(arrivals[row]), int(timeline.outcome[number])
        if arrival == NEVER:
            continue
        stretches = stretches_of(timeline, layout, row, running)
        first, stop = layout.passage
        exited = outcome == EXITED
        done_before = partial(_done_before, arrival=arrival, stretches=stretches, exited=exited)
        passed = done_before(stop)
        before = found.get(int(drawn.fetches[row]))
        found[row] = Vehicle(
            flow=scenario.flows()[layout.name],
            counted=bool(counts[row]),
            is_later_truck=before is not None,
            ready_ms=int(drawn.ready_ms[row]),
            arrival_ms=arrival,
            end_ms=network.horizon_ms if outcome == UNFINISHED else int(timeline.exit_ms[number]),
            fetched=row in fetched,
            horizon_ms=network.horizon_ms,
            entered_ms=max([arrival, *(s.end_ms for column, s in stretches if column < first)]),
            passed_ms=passed if passed is not None else network.horizon_ms,
            exited=exited,
            gave_up=outcome == ABANDONED,
            cleared=passed is not None,
            stretches=tuple(stretch for _, stretch in stretches),
            open=clock,
            zone=ZoneInfo(port_zone(scenario, port)),
            loads=_loads(drawn, layout, row, done_before, before),
            marks=frozenset(mark for mark, carried in drawn.marks.items() if carried[row]),
        )
    return list(found.values())


def _done_before(stop: int, arrival: int, stretches: Sequence[tuple[int, Stretch]], exited: bool) -> int | None:
    """The moment a vehicle was done with all columns before ``stop``: it is out, or did or does something beyond."""
    if exited or any(column >= stop for column, _ in stretches):
        return max([arrival, *(stretch.end_ms for column, stretch in stretches if column < stop)])
    return None


def _loads(
    drawn: FlowManifest, layout: FlowLayout, row: int, done_before: Callable[[int], int | None], before: Vehicle | None
) -> tuple[Load, ...]:
    """Loads of a vehicle: goods cleared with its passage, and those cleared by each station, staying or leaving.

    ``before`` is the vehicle whose driver left them behind, which carried them as its loads of the same places.
    """
    stops = {station: 1 + _last(layout, station) for station in drawn.apart_t}
    shares = [(stop, drawn.apart_t[at][row], drawn.waiting_apart_t[at][row]) for at, stop in stops.items()]
    payload, value = float(drawn.payload_t[row]), float(drawn.value_cny[row])
    rest_t, rest_cny = float(drawn.waiting_t[row]), float(drawn.waiting_cny[row])
    rests = [(payload - rest_t, value - rest_cny), (rest_t, rest_cny)]  # what leaves, and what stays
    found = []
    for stop, apart, waiting in shares:
        for waits, tonnes in enumerate((float(apart - waiting), float(waiting))):
            worth = value * tonnes / payload if payload else 0.0
            found.append((tonnes, worth, done_before(stop)))
            rests[waits] = rests[waits][0] - tonnes, rests[waits][1] - worth
    passed = done_before(layout.passage[1])
    goods = [*((tonnes, worth, passed) for tonnes, worth in rests), *found]
    # What stays behind of one truck is what there is on the next.
    earlier = [False] * len(goods) if before is None else [_cleared(load) for load in before.loads]
    return tuple(Load(*load, bool(place % 2), earlier[place | 1]) for place, load in enumerate(goods))


def _cleared(load: Load) -> bool:
    """True if goods have been cleared, on this vehicle or before."""
    return load.cleared_ms is not None or load.cleared_before


def _last(layout: FlowLayout, station: Ref) -> int:
    """The last column of a station."""
    return max(place for place, column in enumerate(layout.columns) if column.station == station)


def stretches_of(
    timeline: Timeline, layout: FlowLayout, row: int, running: Sequence[Sequence[Window]]
) -> list[tuple[int, Stretch]]:
    """Everything that one vehicle did, in order of time, each with its column; columns it skipped are left out.

    ``running`` says of each column when its time does not count as closed.
    """
    network, number = timeline.network, int(layout.vehicle[row])
    now, found = int(network.arrival_ms[number]), []
    for place, (column, moment) in enumerate(zip(layout.columns, timeline.of(layout)[row].tolist(), strict=True)):
        stands = int(timeline.standing[number]) == place
        if moment < 0 and not stands:
            continue
        end = network.horizon_ms if stands else moment
        if column.kind == "goods":  # it sets out when that ends
            now = end
            continue
        closed = end - now - sum(_overlap(now, end, window) for window in running[place])
        within = layout.passage[0] <= place < layout.passage[1]
        stretch = Stretch(column.station, column.kind, column.resource, now, end, closed, within, not stands)
        found.append((place, stretch))
        now = end
    return found


def _running(scenario: Scenario, network: Network, column: Column) -> list[Window]:
    """Windows in which a column's time is not closed: queues while there is any server, work while it passes."""
    if column.kind == "wait" and scenario.resources()[network.resources[column.resource]].quota is None:
        return [window[:2] for window in capacity_of(network, column.resource) if window[2] > 0]
    if column.kind == "service" and column.pace >= 0:
        here = slice(int(network.pace_first[column.pace]), int(network.pace_first[column.pace + 1]))
        begins, paces = network.pace_ms[here].tolist(), network.pace_per_mille[here].tolist()
        ends = [*begins[1:], network.horizon_ms]
        return [(begin, end) for begin, end, pace in zip(begins, ends, paces, strict=True) if pace > 0]
    return [(0, network.horizon_ms)]


def capacity_of(network: Network, resource: int) -> list[tuple[int, int, int]]:
    """Stretches of constant capacity of a resource, ``(begin, end, units)``, from time 0 to the end of the horizon."""
    found, begin, units = [], 0, int(network.capacity[resource])
    changes = zip(network.change_ms.tolist(), network.change_resource.tolist(), network.change_capacity, strict=True)
    for moment, changed, after in changes:
        if changed == resource:
            found.append((begin, moment, units))
            begin, units = moment, int(after)
    return [*found, (begin, network.horizon_ms, units)]


def resources_of(scenario: Scenario, timeline: Timeline) -> dict[Ref, Resource]:
    """Each resource's queue, use and capacity, by ``port.resource``; everybody queues, in the lead-in too."""
    network = timeline.network
    period = (network.lead_in_ms, network.horizon_ms)
    waits: dict[int, list[tuple[int, int, float]]] = {number: [] for number in range(len(network.resources))}
    for layout in network.flows:
        length = scenario.flows()[layout.name].vehicle_length or 0.0
        running = [_running(scenario, network, column) for column in layout.columns]
        for row in range(layout.vehicle.size):
            for _, stretch in stretches_of(timeline, layout, row, running):
                if stretch.resource >= 0 and stretch.end_ms > stretch.begin_ms:
                    waits[stretch.resource].append((stretch.begin_ms, stretch.end_ms, length))
    found = {}
    for number, full in enumerate(network.resources):
        capacity = capacity_of(network, number)
        found[full] = Resource(
            waits=tuple(waits[number]),
            period=period,
            open_ms=sum(_overlap(begin, end, period) * units for begin, end, units in capacity),
            busy_ms=int(timeline.busy_ms[number]),
            queue_max=int(timeline.queue_max[number]),
            room_m=scenario.resources()[full].holding_area or 0.0,
            is_quota=scenario.resources()[full].quota is not None,
            shift_ms=_local_hours(scenario, full.port),
        )
    return found


def _local_hours(scenario: Scenario, port: str) -> int:
    """Local time of day at time 0, in whole hours, ms."""
    local = scenario.horizon.origin().astimezone(ZoneInfo(port_zone(scenario, port)))
    return local.hour * MS_PER_HOUR
