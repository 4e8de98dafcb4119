"""Each metric against a number worked out by hand, and the invariants that every run is checked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from borderport.calendars import open_windows, subtract
from borderport.errors import CheckFailed
from borderport.experiment import EngineName
from borderport.metrics import GRID, PARTS, QUANTILES, measure
from borderport.metrics.tally import QueueCounts
from borderport.network import EXITED
from borderport.timeline import visits_of
from borderport.units import MS_PER_MINUTE
from tests.builders import DAY, OpenClock, Run, at_minutes, port, run

DESK = """
resources: {desk: {capacity: 1}}
stations: {desk: {needs: [desk], service: 10 min}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 1 trips per d, value: 2 CNY/kg, payload: 5 t, vehicle_length: 12 m}}
"""
ONE_DAY: dict[str, Any] = {"end": "2024-01-02"}

EVERYTHING = """
calendars:
  day: {open: ["08:00-12:00", "13:00-18:00"], closed_on: [sunday]}
  early: {open: ["06:00-14:00"]}
closures: {snow: {stops: [day], random: {count: 1, length: 1 d}}}
paces: {rain: {factor: 50 %, daily_share: 40 %}, storm: {factor: 0 %, daily_share: 20 %}}
resources:
  lane: {capacity: 1, calendar: day, holding_area: 30 m}
  yard: {capacity: 6}
  bay: {capacity: 2, calendar: early}
  officers: {capacity: 2, calendar: day}
  places: {quota: {amount: 30}}
  drivers: {capacity: 8}
stations:
  gate: {needs: [lane], service: {exponential: {mean: 8 min}}, pace: rain}
  declare: {needs: [officers], service: {lognormal: {mean: 10 min, cv: 1}}, once_per: consignment, declaration: true}
  check: {needs: [bay, officers], service: {lognormal: {mean: 60 min, cv: 0.6}}, pace: storm}
  bridge: {needs: [places], service: 2 min}
  back: {service: 30 min}
routes:
  out:
    steps:
      - gate: {holds_until: yard}
      - enter: yard
      - declare
      - check: {if: selected, share: 80 %}
      - enter: drivers
      - bridge
      - leave: yard
      - signal: over
    passage: {from: gate, to: check, clock: day}
  back: {steps: [{wait: over}, back, {leave: drivers}]}
flows:
  cars:
    route: out
    volume: 30 trips per d
    payload: {lognormal: {mean: 9 t, cv: 0.3}}
    marks: {selected: 30 %}
    patience: {after: 8 h, share: 40 %, at: [gate]}
    consignment: 3
    vehicle_length: 15 m
  priority_cars: {route: out, volume: 5 trips per d, marks: {selected: 60 %}, priority: 2, vehicle_length: 6 m}
  drivers: {route: back, companion_of: cars}
  priority_drivers: {route: back, companion_of: priority_cars}
"""


@pytest.fixture(scope="module", params=range(4))
def busy(request: pytest.FixtureRequest) -> Run:
    """A port with everything in it, over a fortnight of which two days are lead-in; four replications."""
    scenario = port(EVERYTHING, start="2024-01-03", end="2024-01-15", lead_in="2 d")
    return run(scenario, "compiled", seed=7, replication=request.param)


# ------------------------------------------------------------------------------------------------- invariants


def test_the_parts_of_each_span_add_up_to_it_exactly(busy: Run) -> None:
    values = busy.measures.values
    for flow in ("cars", "priority_cars", "all"):
        for span, who in (("passage", "vehicles_cleared"), ("total", "exited")):
            times = [t for n, t in busy.measures.flows.items() if flow in ("all", n.split(".")[1])]
            number = sum(int(t.done[span].sum()) for t in times)
            wall_ms = sum(int(t.times[span, "wall"][t.done[span]].sum()) for t in times)
            assert number > 25, who
            parts = [values["east", flow, "all", f"{span}_{part}_mean"] * number * MS_PER_MINUTE for part in PARTS]
            assert sum(round(part) for part in parts) == wall_ms
            assert round(values["east", flow, "all", f"{span}_time_mean"] * number * MS_PER_MINUTE) == wall_ms


def test_the_stations_parts_add_up_to_the_whole(busy: Run) -> None:
    for part in PARTS:
        stations = [
            value
            for (_, flow, station, metric), value in busy.measures.values.items()
            if (flow, metric) == ("cars", f"total_{part}_mean") and station != "all"
        ]
        assert len(stations) >= 5
        assert sum(stations) == pytest.approx(busy.value(f"total_{part}_mean", "cars"), rel=1e-12)


def test_visiting_is_the_share_of_the_cleared_vehicles_that_come_by_a_station(busy: Run) -> None:
    visits = visits_of(busy.timeline, {name: flow.index for name, flow in busy.manifest.flows.items()})
    cleared = {
        (name, number)
        for name, times in busy.measures.flows.items()
        for number in times.index[times.done["passage"]].tolist()
    }
    came: dict[str, set[tuple[str, int]]] = {}
    for visitor in zip(visits.flow.tolist(), visits.vehicle.tolist(), visits.station.tolist(), strict=True):
        if visitor[:2] in cleared:
            came.setdefault(visitor[2], set()).add(visitor[:2])
    found = {station: share for (of, station), share in busy.measures.visiting.items() if of == "east"}
    assert found == {station: pytest.approx(len(came[station]) / len(cleared)) for station in found}
    assert found["east.gate"] == 1
    assert 0.1 < found["east.check"] < 0.6


def test_quantiles_are_those_of_the_vehicles_own_times(busy: Run) -> None:
    """Of each flow and of all, in both spans: all times are ranked together, and some ranks serve two figures."""
    flows = busy.measures.flows
    for flow in ("cars", "priority_cars", "all"):
        for span in ("passage", "total"):
            times = [t.times[span, "wall"][t.done[span]] for n, t in flows.items() if flow in ("all", n.split(".")[1])]
            found = [busy.value(f"{span}_time_{name}", flow) for name in QUANTILES]
            expected = np.quantile(np.concatenate(times), list(QUANTILES.values())) / MS_PER_MINUTE
            assert found == pytest.approx(expected.tolist(), rel=1e-12)
    every = np.concatenate([t.times["passage", "wall"][t.done["passage"]] for t in flows.values()])
    assert busy.measures.passage_grid["east"] == pytest.approx(np.quantile(every, GRID) / MS_PER_MINUTE, rel=1e-12)


def test_every_vehicle_that_arrives_is_accounted_for(busy: Run) -> None:
    lead_in = busy.study.scenario.horizon.lead_in
    arrived = sum(
        int((flow.arrival_ms >= lead_in).sum())
        for name, flow in busy.manifest.flows.items()
        if not name.endswith("drivers")
    )
    kinds = ("vehicles_cleared", "vehicles_abandoned", "unfinished")
    assert busy.value("vehicles_arrived") == arrived
    assert sum(busy.value(kind) for kind in kinds) == arrived
    assert min(busy.value(kind) for kind in kinds) > 0
    for metric in ("vehicles_arrived", *kinds, "tonnes_cleared", "overnight_stays"):
        flows = [busy.value(metric, flow) for flow in ("cars", "priority_cars")]
        assert busy.value(metric) == pytest.approx(sum(flows), rel=1e-12)
        assert busy.value(metric, port="all") == busy.value(metric)


def test_the_mean_queue_is_what_counting_heads_gives(busy: Run) -> None:
    # independent of the records of waits: at the first station, vehicles join when they arrive
    lead_in, horizon = busy.study.scenario.horizon.lead_in, busy.timeline.network.horizon_ms
    joined = np.concatenate([busy.manifest.flows[f"east.{f}"].arrival_ms for f in ("cars", "priority_cars")])
    left = np.concatenate([_moments(busy, f, "lane") for f in ("cars", "priority_cars")])
    times = np.arange(lead_in, horizon, 30_000)
    waiting = (joined[:, None] <= times).sum(axis=0) - (left[:, None] <= times).sum(axis=0)
    assert waiting.min() >= 0
    assert busy.value("queue_mean", station="lane") == pytest.approx(waiting.mean(), rel=0.01)
    assert busy.value("queue_max", station="lane") >= waiting.max()
    assert busy.value("queue_max", station="lane") <= waiting.max() + 2


def _moments(found: Run, flow: str, resource: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Moments at which vehicles got their unit, or stopped queueing for it; the end of time if they still queue."""
    layout = found.layout(flow)
    number = found.timeline.network.resources.index(f"east.{resource}")
    column = next(i for i, c in enumerate(layout.columns) if c.resource == number)
    moments = found.timeline.of(layout)[:, column].copy()
    moments[moments < 0] = 2**62
    return np.asarray(moments)


def test_the_time_units_are_held_is_what_the_moments_say(busy: Run) -> None:
    """The utilisation law: for a lane given back when the yard is entered, held time is entry less grant."""
    lead_in, horizon = busy.study.scenario.horizon.lead_in, busy.timeline.network.horizon_ms
    held = 0
    for flow in ("cars", "priority_cars"):
        granted, entered = _moments(busy, flow, "lane"), _moments(busy, flow, "yard")
        gone = busy.timeline.exit_ms[busy.layout(flow).vehicle]
        entered = np.where((gone >= 0) & (gone == granted), granted, entered)  # gave up: never held it
        held += int((np.clip(entered, lead_in, horizon) - np.clip(granted, lead_in, horizon)).sum())
    assert int(busy.timeline.busy_ms[busy.timeline.network.resources.index("east.lane")]) == held


def test_a_tampered_timeline_is_refused(busy: Run) -> None:
    """Moments that run backwards, a wrong exit and an exit after the end are all found."""
    timeline = busy.timeline
    timeline.check()
    inside = np.flatnonzero(timeline.moments > 0)
    backwards = timeline.moments.copy()
    backwards[inside[5]] = 0
    late = np.where(timeline.outcome == EXITED, timeline.exit_ms + 1, timeline.exit_ms)
    with pytest.raises(CheckFailed, match="before an earlier one"):
        replace(timeline, moments=backwards).check()
    with pytest.raises(CheckFailed, match="add up"):
        replace(timeline, exit_ms=late).check()


def test_a_wait_is_cut_into_the_hours_of_the_day() -> None:
    # From 22:45 to 01:30 two days later: hour 22 for a quarter and once in full, hours 23 and 0 twice, hour 1 once and
    # a half, every other hour once.
    hour = 3_600_000
    counts = QueueCounts.empty(np.zeros(1, dtype=np.int64), flows=1)
    counts.ends[0, 22] = (-1, -3 * hour // 4)
    counts.ends[0, 1] = (1, hour // 2)
    counts.ends[0, 24, 0] = 2
    expected = np.full(24, 1.0)
    expected[[22, 23, 0, 1]] = (1.25, 2, 2, 1.5)
    assert (counts.by_hour() == expected * hour).all()


def test_both_engines_give_the_same_metrics_of_a_port_with_everything() -> None:
    scenario = port(EVERYTHING, start="2024-01-03", end="2024-01-15", lead_in="2 d")
    fast, slow = (run(scenario, engine, seed=7).measures.values for engine in ("compiled", "simpy"))
    assert fast.keys() == slow.keys()
    assert np.array_equal(list(fast.values()), list(slow.values()), equal_nan=True)


# ---------------------------------------------------------------------------------------------- by hand


def test_queues_and_utilisation_of_one_desk(engine: EngineName) -> None:
    # Services 0-10, 10-20, 20-30. Waits: 10 - 2 = 8 and 20 - 4 = 16 min, together 24 of 1,440.
    # Between 4 and 10 two wait. Held 30 min of 1,440.
    found = run(at_minutes(port(DESK, **ONE_DAY), "cars", [0, 2, 4]), engine)
    assert found.value("queue_mean", station="desk") == 24 / DAY
    assert found.value("queue_max", station="desk") == 2
    assert found.value("tail_back_max", station="desk") == 24
    assert found.value("utilisation", station="desk") == 30 / DAY
    assert found.value("passage_time_mean") == (10 + 18 + 26) / 3
    assert found.value("passage_time_p50") == 18
    assert found.value("total_time_p90") == pytest.approx(18 + 0.8 * 8)
    # p95 = 18 + 0.9 x 8 = 25.2; mean 18: (25.2 - 18) / 18 = 0.4
    assert found.value("passage_time_buffer_index") == pytest.approx(0.4)
    assert found.value("tonnes_arrived") == found.value("tonnes_cleared") == 15
    assert found.value("value_cleared") == 30_000


def test_a_queue_that_is_served_at_once_has_no_length(engine: EngineName) -> None:
    found = run(at_minutes(port(DESK, **ONE_DAY), "cars", [0, 10, 20]), engine)
    assert found.value("queue_mean", station="desk") == 0
    assert found.value("queue_max", station="desk") == 0
    assert found.value("tail_back_max", station="desk") == 0


def test_those_who_still_wait_at_the_end_count_in_the_queue_but_not_in_the_means(engine: EngineName) -> None:
    # the last is alone in service 1,435-1,440 (unfinished), two behind it wait 5 and 4 min to the end
    found = run(at_minutes(port(DESK, **ONE_DAY), "cars", [0, DAY - 5, DAY - 5, DAY - 4]), engine)
    assert found.value("queue_mean", station="desk") == (5 + 4) / DAY
    assert found.value("utilisation", station="desk") == (10 + 5) / DAY
    assert found.value("passage_time_mean") == 10
    assert found.value("unfinished") == 3


def test_the_holding_area_is_taken_off_the_tail_back(engine: EngineName) -> None:
    scenario = port(DESK.replace("{capacity: 1}", "{capacity: 1, holding_area: 20 m}"), **ONE_DAY)
    assert run(at_minutes(scenario, "cars", [0, 2, 4]), engine).value("tail_back_max", station="desk") == 4
    assert run(at_minutes(scenario, "cars", [0, 2]), engine).value("tail_back_max", station="desk") == 0


def test_work_finished_after_closing_makes_utilisation_pass_one(engine: EngineName) -> None:
    body = "calendars: {day: {open: ['08:00-08:08']}}\n" + DESK.replace("{capacity: 1}", "{capacity: 1, calendar: day}")
    found = run(at_minutes(port(body, **ONE_DAY), "cars", [480]), engine)
    assert found.value("utilisation", station="desk") == 10 / 8


def test_a_quota_has_no_utilisation(engine: EngineName) -> None:
    found = run(at_minutes(port(DESK.replace("{capacity: 1}", "{quota: {amount: 2}}"), **ONE_DAY), "cars", [0]), engine)
    assert np.isnan(found.value("utilisation", station="desk"))


def test_the_open_clock_runs_while_the_spans_calendar_is_open(engine: EngineName) -> None:
    # Open 08:00-12:00 and 13:00-17:00; a road of 6 h never closes. 07:00-13:00 has 4 open hours, 16:00-22:00 one.
    body = """
    calendars: {day: {open: ["08:00-12:00", "13:00-17:00"]}}
    stations: {road: {service: 6 h}, before: {service: 1 h}}
    routes: {out: {steps: [before, road], passage: {from: road, to: road, clock: day}}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body, **ONE_DAY), "cars", [360, 900]), engine)
    assert found.value("passage_open_time_mean") == (240 + 60) / 2
    assert found.value("passage_time_mean") == 360
    assert found.value("passage_service_time_mean") == 360
    assert found.value("total_time_mean") == 420


def test_the_lead_in_is_simulated_but_not_counted(engine: EngineName) -> None:
    # Time 0 is one day before the report. The first arrives 5 min before the report begins and is served until 5 min
    # after; the second comes at its beginning, waits 5 min, and is the only one counted.
    scenario = port(DESK, start="2024-01-02", end="2024-01-03", lead_in="1 d")
    study_ms = 24 * 60
    base = at_minutes(scenario, "cars", [0])  # traces count from the start of the report; shift by hand below
    trace = base.traces["east.cars"]
    moved = replace(trace, arrival_ms=np.asarray([-5 * MS_PER_MINUTE, 0], dtype=np.int64))
    found = run(scenario.model_copy(update={"traces": {"east.cars": moved}}), engine)
    assert found.exits("cars") == [study_ms + 5, study_ms + 15]
    assert found.value("vehicles_arrived") == 1
    assert found.value("passage_time_mean") == 15
    assert found.value("queue_mean", station="desk") == 5 / DAY
    assert found.value("utilisation", station="desk") == 15 / DAY
    assert found.value("tonnes_cleared_2024-01") == 5


def test_cars_of_convoys_that_overlap_are_counted_by_their_own_arrival(engine: EngineName) -> None:
    """Convoys of five hours, several under way at once: numbers ascend, arrivals do not."""
    body = DESK.replace("1 trips per d", "100 cars per d, convoy: {size: 30 cars, gap: 10 min}")
    found = run(port(body, start="2024-01-03", end="2024-01-04", lead_in="2 d"), engine)
    drawn = found.manifest.flows["east.cars"]
    assert (np.diff(drawn.arrival_ms) < 0).any()
    counted = drawn.index[drawn.arrival_ms >= 2 * DAY * MS_PER_MINUTE]
    times = found.measures.flows["east.cars"]
    assert times.index.tolist() == sorted(counted.tolist())
    assert times.done["total"].sum() <= found.value("vehicles_arrived") == counted.size


def test_vehicle_hours_are_those_of_everybody_who_arrived(engine: EngineName) -> None:
    """Out after 1 h; gone after 30 min of waiting; still in service at midnight, 1 h after the arrival.

    In the lead-in nobody counts. The group has the hours of its flow alone, the total also those of the buses: 2 h.
    """
    body = """
    calendars: {desk: {open: ["06:00-07:00", "23:00-24:00"]}}
    resources: {desk: {capacity: 1, calendar: desk}}
    stations: {desk: {needs: [desk], service: 60 min}, road: {service: 2 h}}
    routes: {out: {steps: [desk]}, by: {steps: [road]}}
    flows:
      cars: {route: out, volume: 1 trips per d, patience: {after: 30 min, share: 100 %, at: [desk]}}
      buses: {route: by, volume: 1 trips per d}
    """
    scenario = port(body, start="2024-01-02", end="2024-01-03", lead_in="1 d", top="groups: {some: [east.cars]}\n")
    found = run(at_minutes(at_minutes(scenario, "cars", [-60, 360, 400, 1380]), "buses", [600]), engine)
    assert found.value("vehicles_abandoned") == 1 and found.value("unfinished") == 1
    assert found.value("vehicle_hours", "cars") == 1 + 0.5 + 1
    assert found.value("vehicle_hours", "some", port="all") == 2.5
    assert found.value("vehicle_hours") == found.value("vehicle_hours", port="all") == 4.5


ROUND_TRIP = """
calendars: {never: {open: []}}
resources: {dock: {capacity: 1, calendar: never}}
stations:
  gate: {service: 10 min}
  review: {service: 30 min}
  load: {service: 60 min}
  dock: {needs: [dock], service: 1 min}
routes:
  out:
    steps: [gate, {review: {if: laden_in, unless: trusted}}, load, {dock: {if: to_dock}}]
    passage: {from: gate, to: load}
flows:
  trucks:
    route: out
    volume: 1 trips per d
    payload: {export: {law: 9 t}, import: {law: 6 t, if: laden_in, cleared_after: review}}
    value: 2 CNY/kg
    marks: {laden_in: 50 %, trusted: 0 %, to_dock: 0 %}
    patience: {after: 1 h, share: 100 %, at: [dock], loses: 50 %}
"""


def test_what_a_truck_brings_counts_when_it_is_cleared_and_not_when_the_truck_leaves(engine: EngineName) -> None:
    """Two days over the end of January; at each truck, when its import and its export are cleared.

    - 22:00, trusted: import when the review would be, after the gate, at 22:10; export after loading, at 23:10
    - 23:00: gate until 23:10, review until 23:40: import; loading until 0:40, so the export is one of February
    - 10:00 the next day, empty: gate until 10:10, loading until 11:10
    - 23:00 the next day: import at 23:40; its loading is not done at midnight, so the truck is not cleared
    - 23:40 the next day: its review is not done at midnight either
    """
    scenario = port(ROUND_TRIP, start="2024-01-31", end="2024-02-02")
    came = [22 * 60, 23 * 60, DAY + 600, DAY + 23 * 60, DAY + 23 * 60 + 40]
    none = [0] * 5
    found = run(
        at_minutes(scenario, "trucks", came, laden_in=[1, 1, 0, 1, 1], trusted=[1, 0, 0, 0, 0], to_dock=none), engine
    )
    assert (found.value("vehicles_cleared"), found.value("unfinished")) == (3, 2)
    assert found.value("tonnes_arrived") == 4 * 15 + 9
    assert found.value("tonnes_cleared_2024-01") == 6 + 9 + 6
    assert found.value("tonnes_cleared_2024-02") == 9 + 9 + 6
    assert found.value("tonnes_cleared") == 45
    assert found.value("value_cleared") == 90_000


def test_who_gives_up_loses_only_what_is_not_cleared(engine: EngineName) -> None:
    """One truck waits for a dock that never opens and leaves after 1 h: half of 9 t is lost, none of 6 t cleared."""
    body = ROUND_TRIP.replace("passage: {from: gate, to: load}", "passage: {from: gate, to: dock}")
    scenario = port(body, top="costs: {time: {rate: 1 CNY/h}}\n")
    found = run(at_minutes(scenario, "trucks", [0], laden_in=[1], trusted=[0], to_dock=[1]), engine)
    assert found.value("vehicles_abandoned") == 1 and found.value("vehicles_cleared") == 0
    assert found.value("tonnes_cleared") == found.value("tonnes_cleared_2024-01") == 6
    assert found.value("value_cleared") == 12_000
    assert found.value("giving_up_cost") == 0.5 * 18_000


def test_imports_of_the_lead_in_do_not_count(engine: EngineName) -> None:
    """A truck that came 1 min before the report is not counted, though its import is cleared after it began."""
    scenario = port(ROUND_TRIP, start="2024-01-02", end="2024-01-03", lead_in="1 d")
    came = at_minutes(scenario, "trucks", [-1, 0], laden_in=[1, 1], trusted=[0, 0], to_dock=[0, 0])
    found = run(came, engine)
    assert found.value("tonnes_cleared") == found.value("tonnes_arrived") == 15


def test_nights_are_local_midnights_between_arrival_and_exit(engine: EngineName) -> None:
    # Kathmandu is 5 h 45 min ahead of UTC: its midnights are at 18:15 UTC. A vehicle of 18:10 served for 10 min stays
    # one night, one of 18:15 none; one that waits for ever stays every night to the end.
    body = """
    zone: Asia/Kathmandu
    calendars: {never: {open: []}}
    resources: {desk: {capacity: 1, calendar: never}}
    stations: {walk: {service: 10 min}, desk: {needs: [desk], service: 1 min}}
    routes: {out: {steps: [walk]}, stuck: {steps: [desk]}}
    flows: {cars: {route: out, volume: 1 trips per d}, lost: {route: stuck, volume: 1 trips per d}}
    """
    scenario = at_minutes(at_minutes(port(body), "cars", [1090, 1095, 1106]), "lost", [0])
    found = run(scenario, engine)
    assert found.value("overnight_stays", "cars") == 1
    assert found.value("overnight_stays", "lost") == 10
    assert found.value("overnight_stays") == 11


def test_tonnes_belong_to_the_local_month_in_which_the_passage_ends(engine: EngineName) -> None:
    # February begins in Kathmandu at 18:15 UTC. One is done at 18:14, the other at 18:26.
    body = DESK.replace("resources:", "zone: Asia/Kathmandu\nresources:", 1).lstrip()
    scenario = port(body, start="2024-01-31", end="2024-02-03")
    found = run(at_minutes(scenario, "cars", [18 * 60 + 4, 18 * 60 + 16], payload_t=[3, 4]), engine)
    assert found.value("tonnes_cleared_2024-01") == 3
    assert found.value("tonnes_cleared_2024-02") == 4
    assert found.value("tonnes_cleared") == 7


def test_declaration_time_is_service_at_declaration_stations_only(engine: EngineName) -> None:
    body = DESK.replace("service: 10 min}", "service: 10 min, declaration: true}, road: {service: 1 h}")
    found = run(at_minutes(port(body.replace("[desk]}}", "[desk, road]}}"), **ONE_DAY), "cars", [0, 0]), engine)
    assert found.value("declaration_time_mean") == 10


def test_without_vehicles_counts_are_nought_and_means_are_not_a_number(engine: EngineName) -> None:
    found = run(port(DESK.replace("1 trips per d", "0 trips per d"), **ONE_DAY), engine)
    for metric in ("vehicles_arrived", "vehicles_cleared", "unfinished", "tonnes_cleared", "overnight_stays"):
        assert found.value(metric) == 0
    for metric in ("passage_time_mean", "passage_time_p95", "total_waiting_mean", "declaration_time_mean"):
        assert np.isnan(found.value(metric))
    assert found.value("queue_mean", station="desk") == 0
    assert found.value("utilisation", station="desk") == 0


def test_who_has_cleared_the_passage_counts_though_still_beyond_the_line(engine: EngineName) -> None:
    body = """
    stations: {gate: {service: 10 min}, road: {service: 9 d}}
    routes: {out: {steps: [gate, road], passage: {from: gate, to: gate}}}
    flows: {cars: {route: out, volume: 1 trips per d, payload: 2 t}}
    """
    found = run(at_minutes(port(body), "cars", [0, 8 * DAY, 10 * DAY - 5]), engine)
    assert found.value("vehicles_cleared") == 2
    assert found.value("beyond_line") == 1
    assert found.value("unfinished") == 1
    assert found.value("tonnes_cleared") == 4
    assert found.value("total_time_mean") == 9 * DAY + 10  # the first only


def test_who_skips_the_last_station_of_the_passage_has_cleared_it_when_it_is_passed(engine: EngineName) -> None:
    body = """
    calendars: {never: {open: []}}
    resources: {dock: {capacity: 1, calendar: never}}
    stations: {gate: {service: 10 min}, check: {service: 10 min}, dock: {needs: [dock], service: 1 min}}
    routes: {out: {steps: [gate, {check: {if: selected}}, dock], passage: {from: gate, to: check}}}
    flows: {cars: {route: out, volume: 1 trips per d, marks: {selected: 50 %}}}
    """
    found = run(at_minutes(port(body), "cars", [0, 0], selected=[0, 1]), engine)
    assert found.value("vehicles_cleared") == 2  # both stand before the dock that never opens
    assert found.value("passage_time_mean") == (10 + 20) / 2


def test_who_gives_up_after_the_passage_has_cleared_it(engine: EngineName) -> None:
    body = """
    calendars: {never: {open: []}}
    resources: {dock: {capacity: 1, calendar: never}}
    stations: {gate: {service: 10 min}, dock: {needs: [dock], service: 1 min}}
    routes: {out: {steps: [gate, dock], passage: {from: gate, to: gate}}}
    flows: {cars: {route: out, volume: 1 trips per d, patience: {after: 1 h, share: 100 %, at: [dock]}}}
    """
    found = run(at_minutes(port(body), "cars", [0]), engine)
    assert found.value("vehicles_abandoned") == 0  # "gave up before the end of `passage`"
    assert found.value("vehicles_cleared") == 1


def test_persons_are_counted_in_their_flow_and_not_in_totals(engine: EngineName) -> None:
    body = DESK.replace("flows: {", "flows: {residents: {route: out, volume: 1 persons per d, counts: persons}, ")
    found = run(at_minutes(at_minutes(port(body), "cars", [0]), "residents", [0, 0]), engine)
    assert found.value("vehicles_arrived", "residents") == 2
    assert found.value("vehicles_arrived") == 1


def test_hourly_queues_fold_the_days_of_the_port() -> None:
    # ten days; every day two come at 05:00 UTC, 10:45 in Kathmandu: the second waits from 05:00 to 05:10
    body = DESK.replace("resources:", "zone: Asia/Kathmandu\nresources:", 1).lstrip()
    minutes = [d * DAY + 300.0 for d in range(10) for _ in range(2)]
    found = run(at_minutes(port(body), "cars", minutes))
    hourly = found.measures.queue_by_hour["east.desk"]
    assert hourly.sum() == pytest.approx(10 / 60)
    assert hourly[10] == pytest.approx(10 / 60)


def test_a_compiled_walk_agrees_with_one_by_hand(busy: Run) -> None:
    """Times and parts of every single vehicle, worked out in plain Python from moments, hours and the pace."""

    network, timeline = busy.timeline.network, busy.timeline
    lead_in = network.lead_in_ms
    suspended = []
    for a, b in zip(network.pace_first[:-1].tolist(), network.pace_first[1:].tolist(), strict=True):
        edges = np.append(network.pace_ms[a:b], network.horizon_ms)
        windows = np.column_stack([edges[:-1], edges[1:]])
        suspended.append(OpenClock(windows[network.pace_per_mille[a:b] == 0]))
    scenario = busy.study.scenario
    hours = open_windows(scenario.ports["east"].calendars["day"], "UTC", scenario.horizon)
    border = OpenClock(subtract(hours, busy.manifest.closed["east.day"]))

    def passed(clock: OpenClock, begin: int, end: int) -> int:
        return clock.reading(end) - clock.reading(begin)

    for flow in ("cars", "priority_cars"):
        layout, times = busy.layout(flow), busy.measures.flows[f"east.{flow}"]
        counted = 0
        parts = dict.fromkeys(PARTS, 0)
        for row, vehicle in zip(timeline.of(layout).tolist(), layout.vehicle.tolist(), strict=True):
            clock_ms = int(network.arrival_ms[vehicle])
            if clock_ms < lead_in:
                continue
            first, stop = layout.passage
            wall, service, opened = [0, 0], [0, 0], [0, 0]
            own = dict.fromkeys(PARTS, 0)
            for number, (column, moment) in enumerate(zip(layout.columns, row, strict=True)):
                begin, end = clock_ms, max(clock_ms, moment)
                clock_ms = end
                shut = 0
                if column.kind == "wait" and column.resource not in busy.study.network.unreleased:
                    here = network.change_resource == column.resource
                    edges = np.concatenate([[0], network.change_ms[here], [network.horizon_ms]])
                    capacity = np.concatenate([[network.capacity[column.resource]], network.change_capacity[here]])
                    shut = sum(
                        max(0, min(end, b) - max(begin, a))
                        for a, b, c in zip(edges[:-1].tolist(), edges[1:].tolist(), capacity.tolist(), strict=True)
                        if c == 0
                    )
                elif column.kind == "service" and column.pace >= 0:
                    shut = passed(suspended[column.pace], begin, end)
                part = {"wait": "waiting", "signal": "waiting", "service": "service", "blocked": "blocked"}[column.kind]
                own[part] += end - begin - shut
                own["closed"] += shut
                for i in (0, 1) if first <= number < stop else (1,):
                    wall[i] += end - begin
                    service[i] += end - begin - shut if column.kind == "service" else 0
                    opened[i] += passed(border, begin, end)
            for i, span in enumerate(("passage", "total")):
                if times.done[span][counted]:
                    assert times.times[span, "wall"][counted] == wall[i]
                    assert times.times[span, "service"][counted] == service[i]
                    assert times.times[span, "open"][counted] == opened[i]
            if times.done["total"][counted]:
                parts = {name: parts[name] + own[name] for name in PARTS}
            counted += 1
        assert counted == times.index.size
        exited = int(times.done["total"].sum())
        for name in PARTS:
            assert busy.value(f"total_{name}_mean", flow) == parts[name] / (exited * MS_PER_MINUTE)


def test_a_queue_that_stands_when_the_report_begins_counts_in_its_longest(engine: EngineName) -> None:
    # four come 60, 50, 40 and 30 min before the report; one is served for 10 h, three wait, nobody joins any more
    scenario = port(DESK.replace("10 min", "10 h"), start="2024-01-02", end="2024-01-03", lead_in="1 d")
    trace = at_minutes(scenario, "cars", [0]).traces["east.cars"]
    moved = replace(trace, arrival_ms=np.asarray([-60, -50, -40, -30], dtype=np.int64) * MS_PER_MINUTE, payload_t=None)
    found = run(scenario.model_copy(update={"traces": {"east.cars": moved}}), engine)
    assert found.value("queue_mean", station="desk") > 1
    assert found.value("queue_max", station="desk") == 3


@pytest.mark.xfail(reason="a column is called blocked for all vehicles of a flow, also for those that hold nothing")
def test_who_has_skipped_the_station_that_is_held_waits_and_is_not_blocked(engine: EngineName) -> None:
    body = """
    resources: {lane: {capacity: 1}, dock: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 2 min}, dock: {needs: [dock], service: 10 min}}
    routes: {out: {steps: [{gate: {if: heavy, holds_until: dock}}, dock]}}
    flows: {cars: {route: out, volume: 1 trips per d, marks: {heavy: 50 %}}}
    """
    found = run(at_minutes(port(body), "cars", [0, 0], heavy=[0, 0]), engine)
    assert (found.value("passage_waiting_mean"), found.value("passage_blocked_mean")) == (5, 0)


def test_a_timeline_whose_waits_are_not_those_of_the_engine_is_refused(busy: Run) -> None:
    """All grants of the lane a minute later: each vehicle's moments still run forwards, but nobody waited so long."""
    layout = busy.layout("cars")
    moments = busy.timeline.moments.copy()
    size = layout.vehicle.size * len(layout.columns)
    matrix = moments[layout.first_record : layout.first_record + size].reshape(-1, len(layout.columns))
    later = (matrix[:, 0] >= 0) & (matrix[:, 1] > matrix[:, 0] + MS_PER_MINUTE)
    matrix[later, 0] += MS_PER_MINUTE
    assert later.any()
    with pytest.raises(CheckFailed):
        measure(busy.study.metrics, busy.manifest, replace(busy.timeline, moments=moments))


def test_a_counter_for_persons_only_has_totals(engine: EngineName) -> None:
    """Two persons at one desk of 10 min, and a group of nothing but companions, which has no figures."""
    scenario = port(
        """
        resources: {desk: {capacity: 1}}
        stations: {desk: {needs: [desk], service: 10 min}}
        routes: {walk: {steps: [desk, {signal: done}]}, home: {steps: [{wait: done}]}}
        flows:
          people: {route: walk, counts: persons, volume: 1 persons per d}
          guides: {route: home, counts: persons, companion_of: people}
        """,
        top="groups: {escorts: [east.guides]}\n",
    )
    found = run(at_minutes(scenario, "people", [0, 0]), engine)
    assert found.value("vehicles_cleared") == 2
    assert found.value("total_time_mean") == 15
    assert not [key for key in found.measures.values if key[1] == "escorts"]
