"""Each feature of a port, by hand: what it compiles to, to the millisecond, on both engines."""

from __future__ import annotations

import numpy as np
import pytest

from borderport.errors import ScenarioInvalid
from borderport.experiment import EngineName
from borderport.network import ABANDONED, EXITED, UNFINISHED
from tests.builders import DAY, at_minutes, port, run

MS = 1 / 60_000  # minutes

DESK = """
resources: {desk: {capacity: 1}}
stations: {desk: {needs: [desk], service: 10 min}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 1 trips per d}}
"""


# ---------------------------------------------------------------------------------------- services and travel


def test_a_desk_serves_one_after_the_other(engine: EngineName) -> None:
    found = run(at_minutes(port(DESK), "cars", [0, 5, 30]), engine)
    assert found.granted("cars", "desk") == [0, 10, 30]
    assert found.exits("cars") == [10, 20, 40]


def test_as_many_are_served_at_once_as_there_are_servers(engine: EngineName) -> None:
    found = run(at_minutes(port(DESK.replace("capacity: 1", "capacity: 2")), "cars", [0, 0, 0, 0]), engine)
    assert found.exits("cars") == [10, 10, 20, 20]


def test_who_comes_at_the_moment_a_server_comes_free_stands_behind_those_who_wait(engine: EngineName) -> None:
    # 0-10 the first; the second has waited since 9 and is granted at 10, before the third of that instant.
    found = run(at_minutes(port(DESK), "cars", [0, 9, 10]), engine)
    assert found.granted("cars", "desk") == [0, 10, 20]


def test_travel_needs_nobody(engine: EngineName) -> None:
    body = DESK.replace("needs: [desk], ", "")
    assert run(at_minutes(port(body), "cars", [0, 1, 2]), engine).exits("cars") == [10, 11, 12]


def test_tasks_of_one_station_are_done_one_after_the_other_by_those_with_the_mark(engine: EngineName) -> None:
    body = DESK.replace("service: 10 min", "tasks: {look: {service: 2 min}, open: {service: 7 min, if: heavy}}")
    body = body.replace("volume: 1 trips per d", "volume: 1 trips per d, marks: {heavy: 50 %}")
    found = run(at_minutes(port(body), "cars", [0, 20], heavy=[0, 1]), engine)
    assert found.exits("cars") == [2, 29]


def test_a_vehicle_still_inside_at_the_end_is_unfinished_not_dropped(engine: EngineName) -> None:
    scenario = at_minutes(port(DESK, end="2024-01-02"), "cars", [DAY - 15, DAY - 11, DAY - 2])
    found = run(scenario, engine)
    assert found.exits("cars") == [DAY - 5, None, None]
    assert found.outcomes("cars") == [EXITED, UNFINISHED, UNFINISHED]
    assert found.value("vehicles_arrived") == 3
    assert found.value("vehicles_cleared") == 1
    assert found.value("unfinished") == 2


def test_an_event_at_the_end_of_the_horizon_no_longer_happens(engine: EngineName) -> None:
    found = run(at_minutes(port(DESK, end="2024-01-02"), "cars", [DAY - 10 - MS, DAY - 10]), engine)
    assert found.exits("cars") == [DAY - MS, None]


# ------------------------------------------------------------------------------------------ several resources

BAY = """
resources: {bay: {capacity: 2}, officer: {capacity: 1}}
stations:
  inspection: {needs: [officer, bay], service: 10 min}
  paper: {needs: [officer], service: 3 min}
routes: {out: {steps: [inspection]}, desk: {steps: [paper]}}
flows:
  cars: {route: out, volume: 1 trips per d}
  papers: {route: desk, volume: 1 trips per d}
"""


def test_a_bay_is_taken_first_and_held_while_the_officer_is_waited_for(engine: EngineName) -> None:
    # The port lists bay before officer. At 10 the first gives both back: the second has its officer,
    # the third gets the bay and waits for the officer until 20.
    scenario = at_minutes(at_minutes(port(BAY), "cars", [0, 0, 0]), "papers", [5 * DAY])
    found = run(scenario, engine)
    assert found.granted("cars", "bay") == [0, 0, 10]
    assert found.granted("cars", "officer") == [0, 10, 20]
    assert found.exits("cars") == [10, 20, 30]


def test_officers_are_shared_by_stations(engine: EngineName) -> None:
    # officer: car 0-10, paper (waits since 4) 10-13, second car (waits since 5) 13-23
    found = run(at_minutes(at_minutes(port(BAY), "cars", [0, 5]), "papers", [4]), engine)
    assert found.exits("papers") == [13]
    assert found.exits("cars") == [10, 23]


def test_two_stations_that_need_the_same_resources_in_opposite_order_never_lock_up(engine: EngineName) -> None:
    body = """
    resources: {a: {capacity: 1}, b: {capacity: 1}}
    stations: {one: {needs: [a, b], service: 10 min}, two: {needs: [b, a], service: 10 min}}
    routes: {first: {steps: [one]}, second: {steps: [two]}}
    flows: {x: {route: first, volume: 1 trips per d}, y: {route: second, volume: 1 trips per d}}
    """
    found = run(at_minutes(at_minutes(port(body), "x", [0, 0]), "y", [0, 0]), engine)
    assert found.exits("x") == [10, 20]
    assert found.exits("y") == [30, 40]


def test_a_route_may_visit_another_ports_station_and_yard(engine: EngineName) -> None:
    body = """
    stations: {gate: {service: 1 min}}
    routes: {out: {steps: [gate, west.gate, {enter: west.yard}, gate_two, {leave: west.yard}]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """.replace("stations: {", "stations: {gate_two: {service: 20 min}, ")
    west = """
    west:
      label: {en: West}
      resources: {lane: {capacity: 1}, yard: {capacity: 1}}
      stations: {gate: {needs: [lane], service: 5 min}}
    """
    # lane of west: 1-6, 6-11; its yard: 6-26, then 26-46
    found = run(at_minutes(port(body, others=west), "cars", [0, 0]), engine)
    assert found.done("cars", "west.gate") == [6, 11]
    assert found.granted("cars", "west.yard") == [6, 26]
    assert found.exits("cars") == [26, 46]


# ------------------------------------------------------------------------------------------ yards and blocking


def test_a_full_yard_keeps_vehicles_outside_until_one_leaves(engine: EngineName) -> None:
    body = """
    resources: {yard: {capacity: 2}}
    stations: {load: {service: 10 min}}
    routes: {out: {steps: [{enter: yard}, load, {leave: yard}]}}
    flows: {cars: {route: out, volume: 1 trips per d, vehicle_length: 12 m}}
    """
    found = run(at_minutes(port(body), "cars", [0, 4, 5, 6]), engine)
    assert found.granted("cars", "yard") == [0, 4, 10, 14]
    assert found.exits("cars") == [10, 14, 20, 24]
    assert found.value("queue_max", station="yard") == 2
    assert found.value("tail_back_max", station="yard") == 24  # two vehicles of 12 m


BLOCKING = """
resources: {lane: {capacity: 1}, dock: {capacity: 1}}
stations: {gate: {needs: [lane], service: 2 min}, dock: {needs: [dock], service: 10 min}}
routes: {out: {steps: [{gate: {holds_until: dock}}, dock]}}
flows: {cars: {route: out, volume: 1 trips per d}}
"""


def test_a_lane_is_held_after_service_until_the_next_station_has_room(engine: EngineName) -> None:
    # first: gate 0-2, dock 2-12. second: gate 2-4, blocked to 12, dock 12-22.
    # third: lane free at 12 only, gate 12-14, blocked to 22, dock 22-32.
    found = run(at_minutes(port(BLOCKING), "cars", [0, 0, 0]), engine)
    assert found.granted("cars", "lane") == [0, 2, 12]
    assert found.done("cars", "gate") == [2, 4, 14]
    assert found.granted("cars", "dock") == [2, 12, 22]
    assert found.exits("cars") == [12, 22, 32]
    assert found.value("passage_blocked_mean") == (0 + 8 + 8) / 3
    assert found.value("passage_blocked_mean", station="east.gate") == (0 + 8 + 8) / 3
    assert found.value("passage_waiting_mean") == (0 + 2 + 12) / 3
    assert found.value("passage_service_mean") == 12


def test_a_lane_is_held_until_there_is_a_place_in_the_yard(engine: EngineName) -> None:
    body = """
    resources: {lane: {capacity: 1}, yard: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 2 min}, load: {service: 10 min}}
    routes: {out: {steps: [{gate: {holds_until: yard}}, {enter: yard}, load, {leave: yard}]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body), "cars", [0, 0, 0]), engine)
    assert found.granted("cars", "yard") == [2, 12, 22]
    assert found.done("cars", "gate") == [2, 4, 14]
    assert found.exits("cars") == [12, 22, 32]


def test_two_stations_held_for_one_step_are_both_given_back(engine: EngineName) -> None:
    body = """
    resources: {one: {capacity: 1}, two: {capacity: 1}, dock: {capacity: 1}}
    stations:
      first: {needs: [one], service: 1 min}
      second: {needs: [two], service: 1 min}
      dock: {needs: [dock], service: 10 min}
    routes: {out: {steps: [{first: {holds_until: dock}}, {second: {holds_until: dock}}, dock]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    # both are given back at 2, so the second vehicle does first 2-3, second 3-4, waits for the dock to 12
    found = run(at_minutes(port(body), "cars", [0, 0]), engine)
    assert found.done("cars", "second") == [2, 4]
    assert found.exits("cars") == [12, 22]


def test_a_station_held_for_a_step_that_is_not_taken_is_given_back_on_the_way_out(engine: EngineName) -> None:
    body = """
    resources: {lane: {capacity: 1}, dock: {capacity: 1}, bay: {capacity: 1}}
    stations:
      gate: {needs: [lane], service: 1 min}
      dock: {needs: [dock], service: 10 min}
      bay: {needs: [bay], service: 1 min}
      out: {service: 1 min}
    routes: {out: {steps: [{gate: {holds_until: dock}}, {dock: {if: heavy}}, {bay: {holds_until: out}}, out]}}
    flows: {cars: {route: out, volume: 1 trips per d, marks: {heavy: 50 %}}}
    """
    # neither is heavy: gate 0-1, bay 1-2, out 2-3; the lane is free again at 3 at the latest
    found = run(at_minutes(port(body), "cars", [0, 0], heavy=[0, 0]), engine)
    assert found.exits("cars")[0] == 3
    assert found.exits("cars")[1] is not None


# ----------------------------------------------------------------------------------------- quotas and calendars

QUOTA = """
resources: {places: {quota: {amount: 2}}, lane: {capacity: 1}}
stations: {gate: {needs: [places, lane], service: 1 min}}
routes: {out: {steps: [gate]}}
flows: {cars: {route: out, volume: 1 trips per d}}
"""


def test_a_quota_lets_so_many_through_and_is_filled_up_at_midnight(engine: EngineName) -> None:
    found = run(at_minutes(port(QUOTA), "cars", [0, 0, 0, 0, 0]), engine)
    assert found.exits("cars") == [1, 2, DAY + 1, DAY + 2, 2 * DAY + 1]


def test_what_a_quota_leaves_unused_is_not_saved_up(engine: EngineName) -> None:
    # nobody on the first day; still only two on the second
    found = run(at_minutes(port(QUOTA), "cars", [DAY + 60] * 3), engine)
    assert found.exits("cars") == [DAY + 61, DAY + 62, 2 * DAY + 1]


def test_a_quota_binds_on_its_days_only(engine: EngineName) -> None:
    body = QUOTA.replace("{amount: 2}", "{amount: 1, first_day: 2024-01-02, last_day: 2024-01-02}")
    found = run(at_minutes(port(body), "cars", [0, 0, DAY, DAY, DAY]), engine)
    assert found.exits("cars") == [1, 2, DAY + 1, 2 * DAY + 1, 2 * DAY + 2]


def test_a_quota_holds_on_a_first_day_that_begins_at_noon(engine: EngineName) -> None:
    found = run(at_minutes(port(QUOTA, start='"2024-01-01 12:00"'), "cars", [0, 0, 0]), engine)
    assert found.exits("cars") == [1, 2, DAY / 2 + 1]


HOURS = """
calendars: {day: {open: ["08:00-12:00", "13:00-17:00"]}}
resources: {desk: {capacity: 1, calendar: day}}
stations: {desk: {needs: [desk], service: 30 min}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 1 trips per d}}
"""


def test_a_desk_works_in_its_hours_and_finishes_what_it_has_begun(engine: EngineName) -> None:
    # 07:00 begins at 08:00. 11:50 is served over lunch to 12:20; the other of 11:50 begins at 13:00, after lunch:
    # of its 70 min it waits 10 while the desk is open and 60 while it is shut.
    found = run(at_minutes(port(HOURS, end="2024-01-02"), "cars", [420, 710, 710]), engine)
    assert found.granted("cars", "desk") == [480, 710, 780]
    assert found.exits("cars") == [510, 740, 810]
    assert found.value("passage_closed_mean") == (60 + 0 + 60) / 3
    assert found.value("passage_waiting_mean") == 10 / 3
    assert found.value("passage_service_mean") == 30
    assert found.value("utilisation", station="desk") == 90 / 480


def test_a_desk_does_not_open_on_days_off_and_in_closures(engine: EngineName) -> None:
    # 1 January 2024 is a Monday: off. The 2nd and 3rd are closed. The 4th at 08:00 is the first open moment.
    body = HOURS.replace('"13:00-17:00"]', '"13:00-17:00"], closed_on: [monday]')
    body += "closures: {snow: {stops: [day], first_day: 2024-01-02, last_day: 2024-01-03}}\n"
    found = run(at_minutes(port(body), "cars", [0]), engine)
    assert found.granted("cars", "desk") == [3 * DAY + 480]


def test_capacity_that_shrinks_takes_units_back_as_they_come_free(engine: EngineName) -> None:
    # Three begin at 18:00, 18:10, 18:20 for 12 h; on the 2nd there is one bay only. Those who wait since 19:00 get one
    # when the third of the three is gone, at 06:20 (1,820 min), and then 12 h later.
    body = """
    resources: {bay: {capacity: 3, periods: [{first_day: 2024-01-02, last_day: 2024-01-09, capacity: 1}]}}
    stations: {bay: {needs: [bay], service: 12 h}}
    routes: {out: {steps: [bay]}}
    flows: {cars: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body), "cars", [1080, 1090, 1100, 1140, 1140]), engine)
    assert found.granted("cars", "bay") == [1080, 1090, 1100, 1820, 2540]


# ----------------------------------------------------------------------------------------------- breakdowns

FAILING = HOURS.replace(
    "calendar: day}", "calendar: day, breakdowns: {every: 30 d, length: 2 h, assumed: for a test}}"
).replace("service: 30 min", "service: 20 min")


def test_a_desk_that_breaks_down_finishes_what_it_has_begun_and_waits_for_its_repair(engine: EngineName) -> None:
    # Open 480-720. The desk is out 490-600. The car of 480 is served to 500 all the same; that of 485 waits 485-490
    # while the desk works, 490-600 while it is out, and is served 600-620; the third waits 600-620 more.
    # The desk is open 240 + 240 - 110 = 370 min and busy 60.
    scenario = at_minutes(port(FAILING, end="2024-01-02"), "cars", [480, 485, 595])
    found = run(scenario, engine, broken={"east.desk": [(490, 600)]})
    assert found.granted("cars", "desk") == [480, 600, 620]
    assert found.exits("cars") == [500, 620, 640]
    assert found.value("passage_closed_mean") == (0 + 110 + 5) / 3
    assert found.value("passage_waiting_mean") == (0 + 5 + 20) / 3
    assert found.value("utilisation", station="desk") == 60 / 370


def test_one_of_two_servers_may_break_down(engine: EngineName) -> None:
    # One of two is out 10-40; cars of 30 min. The first two, begun before, are served 0-30. Of the two servers that
    # come free at 30 one is out: the third is served 30-60, the fourth begins when the repair is done, 40-70.
    body = FAILING.replace("capacity: 1", "capacity: 2").replace(", calendar: day", "").replace("20 min", "30 min")
    body = body.replace("length: 2 h", "length: 2 h, servers: 1")
    scenario = at_minutes(port(body, end="2024-01-02"), "cars", [0, 0, 5, 5])
    found = run(scenario, engine, broken={"east.desk": [(10, 40)]})
    assert found.granted("cars", "desk") == [0, 0, 30, 40]
    assert found.value("passage_closed_mean") == 0  # one bay works all the time
    assert found.value("utilisation", station="desk") == 120 / (2 * DAY - 30)


def test_more_servers_than_there_are_cannot_break_down(engine: EngineName) -> None:
    # on the 2nd there is one bay only; three that fail leave none, not less than none
    body = FAILING.replace(", calendar: day", "").replace("length: 2 h", "length: 2 h, servers: 3")
    body = body.replace(
        "capacity: 1", "capacity: 2, periods: [{first_day: 2024-01-02, last_day: 2024-01-02, capacity: 1}]"
    )
    scenario = at_minutes(port(body, end="2024-01-03"), "cars", [DAY + 5, DAY + 6])
    found = run(scenario, engine, broken={"east.desk": [(DAY - 10, DAY + 60)]})
    assert found.granted("cars", "desk") == [DAY + 60, DAY + 80]
    assert found.value("utilisation", station="desk") == 40 / (2 * (DAY - 10) + DAY - 60)


def test_what_is_out_while_the_desk_is_shut_is_no_loss(engine: EngineName) -> None:
    # out 700-800, shut 720-780: the car of 710 waits for 800
    scenario = at_minutes(port(FAILING, end="2024-01-02"), "cars", [710])
    found = run(scenario, engine, broken={"east.desk": [(700, 800)]})
    assert found.granted("cars", "desk") == [800]
    assert found.value("passage_closed_mean") == 90
    assert found.value("utilisation", station="desk") == 20 / (220 + 220)


# ----------------------------------------------------------------------------------------------------- pace


def paced(factor: str, days: str, work: str = "30 min") -> str:
    return f"""
    paces: {{rain: {{factor: {factor}, {days}}}}}
    stations: {{bay: {{service: {work}, pace: rain}}}}
    routes: {{out: {{steps: [bay]}}}}
    flows: {{cars: {{route: out, volume: 1 trips per d}}}}
    """


SECOND_DAY = "first_day: 2024-01-02, last_day: 2024-01-02"


def test_half_the_pace_takes_twice_the_time(engine: EngineName) -> None:
    found = run(at_minutes(port(paced("50 %", "daily_share: 100 %")), "cars", [0]), engine)
    assert found.exits("cars") == [60]


def test_pace_changes_while_work_is_under_way(engine: EngineName) -> None:
    # 23:50: 10 min at full pace, then 20 min of work at half the pace: done at 00:40
    found = run(at_minutes(port(paced("50 %", SECOND_DAY)), "cars", [DAY - 10]), engine)
    assert found.exits("cars") == [DAY + 40]


def test_pace_nought_suspends_begun_work(engine: EngineName) -> None:
    # 23:50: 10 min done, the whole 2nd suspended, the other 20 min on the 3rd
    found = run(at_minutes(port(paced("0 %", SECOND_DAY)), "cars", [DAY - 10]), engine)
    assert found.exits("cars") == [2 * DAY + 20]
    assert found.value("passage_closed_mean") == DAY
    assert found.value("passage_service_mean") == 30
    assert found.value("passage_service_time_mean") == 30


def test_work_at_a_slow_pace_is_rounded_up_to_whole_milliseconds(engine: EngineName) -> None:
    # 1 ms at 30 %: 3.33 ms
    found = run(at_minutes(port(paced("30 %", "daily_share: 100 %", "1 ms")), "cars", [0]), engine)
    assert found.timeline.exit_ms.tolist() == [4]


def test_a_pace_without_a_first_day_holds_from_the_start_even_at_noon(engine: EngineName) -> None:
    scenario = port(paced("50 %", "last_day: 2024-01-09"), start='"2024-01-01 12:00"')
    assert run(at_minutes(scenario, "cars", [0]), engine).exits("cars") == [60]


def test_a_rainy_night_slows_the_work_until_midnight_and_a_dry_one_until_it_rains(engine: EngineName) -> None:
    # 60 min of work at 50 %. Begun at noon of a wet day: 120 min. At 23:00 of a wet day before a dry one: half of it is
    # done by midnight, the other half takes 30 min: 90 min. At 23:30 of a dry day before a wet one: 30 and 60 min.
    scenario = port(paced("50 %", "daily_share: 50 %", "60 min"), end="2024-03-01")
    wet = run(scenario, engine).manifest.slow_days["east.rain"]
    to_dry = int(np.flatnonzero(wet[1:50] & ~wet[2:51])[0]) + 1
    to_wet = int(np.flatnonzero(~wet[to_dry:50] & wet[to_dry + 1 : 51])[0]) + to_dry
    begins = [to_dry * DAY + 720, to_dry * DAY + 1380, to_wet * DAY + 1410]
    found = run(at_minutes(scenario, "cars", begins), engine)
    assert found.exits("cars") == [begins[0] + 120, begins[1] + 90, begins[2] + 90]


# --------------------------------------------------------------------------------- a bridge with one lane

BRIDGE = """
calendars: {north: {open: ["00:00-00:50", "02:00-02:50"]}, south: {open: ["01:00-01:50", "03:00-03:50"]}}
resources: {north_lane: {capacity: 2, calendar: north}, south_lane: {capacity: 2, calendar: south}}
stations: {cross: {needs: [north_lane], service: 10 min}, cross_back: {needs: [south_lane], service: 10 min}}
routes: {there: {steps: [cross]}, back: {steps: [cross_back]}}
flows: {out: {route: there, volume: 30 cars per d}, home: {route: back, volume: 30 cars per d}}
"""


def test_a_bridge_with_one_lane_is_used_in_turns_and_who_has_begun_finishes(engine: EngineName) -> None:
    # Each direction stops one crossing before the other begins. Northbound: at 49 one begins and is over at 59, the
    # one of 51 waits for 120. Southbound: one of 20 and one of 59 begin at 60; the third has a place at 70.
    scenario = at_minutes(at_minutes(port(BRIDGE), "out", [49, 51]), "home", [20, 59, 59])
    found = run(scenario, engine)
    assert found.exits("out") == [59, 130]
    assert found.exits("home") == [70, 70, 80]


def test_nobody_moves_on_the_bridge_against_the_others(engine: EngineName) -> None:
    found = run(port(BRIDGE), engine)
    crossings = {}
    for flow, lane in (("out", "north_lane"), ("home", "south_lane")):
        begun = [begin for begin in found.granted(flow, lane) if begin is not None]
        crossings[flow] = [(begin % DAY, begin % DAY + 10) for begin in begun]
    assert min(len(times) for times in crossings.values()) > 100
    in_turn = {"out": [(0, 60), (120, 180)], "home": [(60, 120), (180, 240)]}
    for flow, times in crossings.items():
        assert all(any(start <= a and b <= stop for start, stop in in_turn[flow]) for a, b in times)


# ----------------------------------------------------------------------------------- priorities and patience


def test_priority_goes_before_who_waits_but_not_before_who_is_served(engine: EngineName) -> None:
    body = DESK.replace("cars: {", "fast: {route: out, volume: 1 trips per d, priority: 3}, cars: {")
    found = run(at_minutes(at_minutes(port(body), "cars", [0, 1]), "fast", [2]), engine)
    assert found.exits("cars") == [10, 30]
    assert found.exits("fast") == [20]


PATIENCE = """
resources: {a: {capacity: 1}, b: {capacity: 1}}
stations: {a: {needs: [a], service: 10 min}, b: {needs: [b], service: 60 min}}
routes: {out: {steps: [a, b]}}
flows: {cars: {route: out, volume: 1 trips per d, patience: {after: 30 min, share: 100 %, at: [a, b]}}}
"""


def test_patience_is_one_deadline_from_arrival_over_several_queues(engine: EngineName) -> None:
    # 1st: a 0-10, b 10-70. 2nd: a 10-20, waits for b until 30, gives up. 3rd: a 20-30, comes to b at its deadline:
    # leaves at once. 4th: granted a at 30, exactly in time, b not. 5th: still in the first queue at 30.
    found = run(at_minutes(port(PATIENCE), "cars", [0, 0, 0, 0, 0]), engine)
    assert found.exits("cars") == [70, 30, 30, 40, 30]
    assert found.outcomes("cars") == [EXITED] + [ABANDONED] * 4
    assert found.value("vehicles_abandoned") == 4
    assert found.value("vehicles_cleared") == 1


def test_patience_does_not_hold_at_stations_that_are_not_named(engine: EngineName) -> None:
    found = run(at_minutes(port(PATIENCE.replace("at: [a, b]", "at: [a]")), "cars", [0, 0]), engine)
    assert found.exits("cars") == [70, 130]


def test_nobody_gives_up_while_served(engine: EngineName) -> None:
    found = run(at_minutes(port(PATIENCE.replace("service: 10 min", "service: 3 h")), "cars", [0]), engine)
    assert found.exits("cars") == [240]


def test_what_a_driver_holds_who_gives_up_is_released(engine: EngineName) -> None:
    # The only place in the yard is held by a car whose desk never opens; it gives up at 30, the lorry enters.
    body = """
    calendars: {never: {open: []}}
    resources: {yard: {capacity: 1}, desk: {capacity: 1, calendar: never}}
    stations: {desk: {needs: [desk], service: 10 min}, load: {service: 5 min}}
    routes:
      desk: {steps: [{enter: yard}, desk, {leave: yard}]}
      load: {steps: [{enter: yard}, load, {leave: yard}]}
    flows:
      cars: {route: desk, volume: 1 trips per d, patience: {after: 30 min, share: 100 %, at: [desk]}}
      lorries: {route: load, volume: 1 trips per d}
    """
    found = run(at_minutes(at_minutes(port(body), "cars", [0]), "lorries", [1]), engine)
    assert found.exits("cars") == [30]
    assert found.granted("lorries", "yard") == [30]
    assert found.exits("lorries") == [35]


def test_a_lane_held_for_the_next_station_is_released_by_who_gives_up(engine: EngineName) -> None:
    body = BLOCKING.replace("1 trips per d", "1 trips per d, patience: {after: 10 min, share: 100 %, at: [dock]}")
    # 1st: dock 2-12. 2nd: gate 2-4, blocked until 10, gives up; lane free: 3rd: gate 10-12, deadline past: it is
    # granted the dock at 12, the moment at which the first leaves it.
    found = run(at_minutes(port(body), "cars", [0, 0, 0]), engine)
    assert found.exits("cars") == [12, 10, 22]


# -------------------------------------------------------------------------------------------- fleets and tokens


def test_tokens_let_so_many_on_the_way_at_once(engine: EngineName) -> None:
    # Two tokens. 1st: gate 0-2, road 2-12, desk 12-17. 2nd: gate 2-4, road to 14, desk 17-22.
    # 3rd: token at 17, gate to 19, road to 29, desk 29-34. 4th: token at 22, gate to 24, road to 34, desk 34-39.
    # 5th: token at 34, gate to 36, road to 46, desk 46-51.
    body = """
    resources: {tokens: {capacity: 2}, lane: {capacity: 1}, desk: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 2 min}, road: {service: 10 min}, desk: {needs: [desk], service: 5 min}}
    routes: {out: {steps: [{enter: tokens}, gate, road, desk, {leave: tokens}]}}
    flows: {trucks: {route: out, volume: 1 trips per d}}
    """
    found = run(at_minutes(port(body), "trucks", [0, 0, 0, 0, 1]), engine)
    assert found.granted("trucks", "tokens") == [0, 0, 17, 22, 34]
    assert found.exits("trucks") == [17, 22, 34, 39, 51]
    assert found.value("queue_max", station="tokens") == 3


TOKENS = """
resources: {fleet: {capacity: 4}, tokens: {capacity: 2}}
stations: {trip: {service: 30 min}}
routes: {out: {steps: [{enter: fleet}, {enter: tokens}, trip, {leave: tokens}, {leave: fleet}]}}
flows: {trucks: {route: out, volume: 1 trips per d, patience: {after: 20 min, share: 100 %, at: [tokens]}}}
"""


def test_a_driver_who_gives_up_waiting_for_a_token_gives_back_the_truck(engine: EngineName) -> None:
    # Five at 0: two have tokens and are back at 30, two have trucks and give up at 20; the fifth has a truck at 20, its
    # deadline, and leaves without a token. Two at 21 have trucks at once and tokens at 30. Five at 100 as those at 0:
    # there are four trucks still, neither more nor fewer.
    found = run(at_minutes(port(TOKENS), "trucks", [0] * 5 + [21] * 2 + [100] * 5), engine)
    assert found.granted("trucks", "fleet") == [0, 0, 0, 0, 20, 21, 21, 100, 100, 100, 100, 120]
    assert found.exits("trucks") == [30, 30, 20, 20, 20, 60, 60, 130, 130, 120, 120, 120]
    assert found.value("vehicles_abandoned") == 6
    assert found.value("utilisation", station="tokens") == 6 * 30 / (2 * 10 * DAY)


def test_a_driver_may_give_up_waiting_for_a_truck(engine: EngineName) -> None:
    # one truck, 0-30; the second gives up at 20, the third (of 25) has it at 30
    body = TOKENS.replace("capacity: 4", "capacity: 1").replace("at: [tokens]", "at: [fleet]")
    found = run(at_minutes(port(body), "trucks", [0, 0, 25]), engine)
    assert found.exits("trucks") == [30, 20, 60]
    assert found.outcomes("trucks") == [EXITED, ABANDONED, EXITED]


def test_a_lane_held_for_a_yard_is_released_by_who_gives_up(engine: EngineName) -> None:
    # 1st: gate 0-2, yard 2-62. 2nd: gate 2-4, holds the lane until 10 and gives up. 3rd: gate 10-12, past its deadline.
    body = """
    resources: {lane: {capacity: 1}, yard: {capacity: 1}}
    stations: {gate: {needs: [lane], service: 2 min}, load: {service: 60 min}}
    routes: {out: {steps: [{gate: {holds_until: yard}}, {enter: yard}, load, {leave: yard}]}}
    flows: {cars: {route: out, volume: 1 trips per d, patience: {after: 10 min, share: 100 %, at: [yard]}}}
    """
    found = run(at_minutes(port(body), "cars", [0, 0, 0]), engine)
    assert found.granted("cars", "lane") == [0, 2, 10]
    assert found.exits("cars") == [62, 10, 12]


# ------------------------------------------------------------------------------------ companions, consignments


def test_a_tractor_leaves_when_its_trailer_is_dropped(engine: EngineName) -> None:
    body = """
    resources: {dock: {capacity: 1}}
    stations: {drive: {service: 10 min}, dock: {needs: [dock], service: 60 min}, back: {service: 5 min}}
    routes:
      trailer: {steps: [drive, {signal: dropped}, dock]}
      tractor: {steps: [{wait: dropped}, back]}
    flows:
      trailers: {route: trailer, volume: 1 trips per d}
      tractors: {route: tractor, companion_of: trailers}
    """
    found = run(at_minutes(port(body), "trailers", [0, 7]), engine)
    assert found.exits("trailers") == [70, 130]
    assert found.exits("tractors") == [15, 22]
    assert found.value("vehicles_arrived") == 2  # companions are not counted


def test_a_fleet_is_given_back_by_the_companion(engine: EngineName) -> None:
    # one driver: takes the first car over 0-10, is back at 30, takes the second over 30-40
    body = """
    resources: {drivers: {capacity: 1}}
    stations: {drive: {service: 10 min}, back: {service: 20 min}}
    routes:
      car: {steps: [{enter: drivers}, drive, {signal: over}]}
      driver: {steps: [{wait: over}, back, {leave: drivers}]}
    flows:
      cars: {route: car, volume: 1 trips per d}
      drivers: {route: driver, companion_of: cars}
    """
    found = run(at_minutes(port(body), "cars", [0, 0]), engine)
    assert found.exits("cars") == [10, 40]
    assert found.exits("drivers") == [30, 60]


DECLARE = """
resources: {desk: {capacity: 1}}
stations:
  load: {tasks: {load: {service: 30 min, if: heavy}}}
  declare: {needs: [desk], service: 10 min, once_per: consignment, declaration: true}
  gate: {service: 1 min}
routes: {out: {steps: [load, declare, gate]}}
flows: {cars: {route: out, volume: 1 trips per d, consignment: 2, marks: {heavy: 50 %, cleared: 50 %}}}
"""


def test_one_vehicle_declares_and_the_others_of_its_consignment_wait_for_it(engine: EngineName) -> None:
    # two consignments of two: desk 0-10 and 10-20
    found = run(at_minutes(port(DECLARE), "cars", [0, 0, 0, 0], heavy=[0] * 4), engine)
    assert found.exits("cars") == [11, 11, 21, 21]
    assert found.value("declaration_time_mean") == 10


def test_the_first_of_a_consignment_that_is_ready_declares(engine: EngineName) -> None:
    # the first to come loads until 30; the second declares 1-11; the first need not wait
    found = run(at_minutes(port(DECLARE), "cars", [0, 1], heavy=[1, 0]), engine)
    assert found.done("cars", "declare", "service") == [None, 11]
    assert found.exits("cars") == [31, 12]


def test_work_at_a_station_that_is_not_visited_delays_nobodys_declaration(engine: EngineName) -> None:
    # as before, but the station itself is skipped by who is not heavy
    body = (
        DECLARE.replace("if: heavy}}", "}}").replace("[load,", "[{load: {if: heavy}},").replace("30 min, }", "30 min}")
    )
    found = run(at_minutes(port(body), "cars", [0, 5], heavy=[1, 0]), engine)
    assert found.exits("cars") == [31, 16]


def test_a_consignment_whose_first_vehicle_needs_no_declaration_is_declared_by_the_next(engine: EngineName) -> None:
    body = DECLARE.replace(" declare, gate]", " {declare: {unless: cleared}}, gate]").replace(
        "consignment: 2", "consignment: 3"
    )
    found = run(at_minutes(port(body), "cars", [0, 2, 3], heavy=[0] * 3, cleared=[1, 0, 0]), engine)
    assert found.exits("cars") == [1, 13, 13]


def test_a_consignment_goes_on_when_its_declarant_gives_up(engine: EngineName) -> None:
    body = DECLARE.replace("marks:", "patience: {after: 5 min, share: 100 %, at: [declare]}, marks:")
    body = body.replace("flows: {", "flows: {others: {route: out, volume: 1 trips per d, marks: {heavy: 0 %}}, ")
    # the desk is taken 0-10 by another; the declarant leaves at 6, its companion goes on
    scenario = at_minutes(at_minutes(port(body), "others", [0]), "cars", [1, 2], heavy=[0, 0])
    found = run(scenario, engine)
    assert found.exits("cars") == [6, 7]
    assert found.outcomes("cars") == [ABANDONED, EXITED]


# ------------------------------------------------------------------------------------------------- diversion

# East is shut from the 2nd to the 6th, west from the 3rd to the 8th: both of them from the 3rd to the 6th.
SHUT = """
calendars: {day: {open: ["00:00-24:00"]}}
closures: {flood: {stops: [day], first_day: 2024-01-02, last_day: 2024-01-06}}
resources: {lane: {capacity: 1, calendar: day}}
stations: {gate: {needs: [lane], service: 10 min}, ride: {service: 1 min}}
routes:
  out: {steps: [gate, {signal: over}], passage: {from: gate, to: gate, clock: day}}
  back: {steps: [{wait: over}, ride]}
flows:
  trucks:
    route: out
    volume: 1 trips per d
    value: 2 CNY/kg
    consignment: 2
    diversion: {to: north.trucks, after: 1 d, while: [day, west.day], share: 100 %, detour: 36 h}
  drivers: {route: back, companion_of: trucks}
"""
ELSEWHERE = """
west:
  label: {en: West}
  calendars: {day: {open: ["00:00-24:00"]}}
  closures: {flood: {stops: all, first_day: 2024-01-03, last_day: 2024-01-08}}
north:
  label: {en: North}
  resources: {desk: {capacity: 1}}
  stations: {desk: {needs: [desk], service: 30 min, once_per: consignment}, gate: {service: 5 min}}
  routes: {out: {steps: [desk, gate]}, along: {steps: [gate]}}
  flows:
    guards: {route: along, companion_of: trucks}
    trucks: {route: out, diverted_from: east.trucks}
"""


def test_vehicles_go_elsewhere_when_all_ports_have_been_shut_for_long(engine: EngineName) -> None:
    # Day 0 is the 1st. Both are shut in [2 d, 6 d), so who comes in [3 d, 6 d) goes north and is there 1.5 d later:
    # 3 d -> 4.5 d and 6 d less 1 min -> 7.5 d less 1 min. The others come here: 1 d, 2.9 d and 6 d wait until the
    # gate opens at 6 d (the 7th). The two that go are one consignment: the first declares, the other need not.
    moments = [DAY, 2.9 * DAY, 3 * DAY, 6 * DAY - 1, 6 * DAY]
    scenario = at_minutes(port(SHUT, others=ELSEWHERE), "trucks", moments, payload_t=[1, 2, 3, 4, 5])
    found = run(scenario, engine)
    assert found.exits("trucks") == [6 * DAY + 10, 6 * DAY + 20, 6 * DAY + 30]
    assert found.exits("north.trucks") == [4.5 * DAY + 30 + 5, 7.5 * DAY - 1 + 5]
    here, there = found.manifest.flows["east.trucks"], found.manifest.flows["north.trucks"]
    assert (here.index.tolist(), there.index.tolist()) == ([0, 1, 4], [2, 3])
    assert (there.payload_t.tolist(), there.value_cny.tolist()) == ([3, 4], [6000, 8000])
    assert there.consignment.tolist() == [1, 1]
    assert found.value("vehicles_diverted") == 2
    assert found.value("vehicles_arrived") == 3
    assert found.value("tonnes_cleared") == 1 + 2 + 5
    assert found.value("vehicles_arrived", port="north") == 2
    assert found.value("tonnes_cleared", port="north") == 3 + 4
    assert found.value("value_cleared", port="all") == 15 * 2000


def test_the_companions_of_those_who_go_elsewhere_do_not_come(engine: EngineName) -> None:
    moments = [DAY, 2.9 * DAY, 3 * DAY, 6 * DAY - 1, 6 * DAY]
    found = run(at_minutes(port(SHUT, others=ELSEWHERE), "trucks", moments), engine)
    assert found.exits("drivers") == [6 * DAY + 11, 6 * DAY + 21, 6 * DAY + 31]
    # where they go, others may accompany them
    assert found.exits("north.guards") == [4.5 * DAY + 5, 7.5 * DAY - 1 + 5]


def test_who_would_come_after_the_end_is_diverted_all_the_same(engine: EngineName) -> None:
    # 36 h after 4 d is 5.5 d, the end is at 5 d
    scenario = at_minutes(port(SHUT, end="2024-01-06", others=ELSEWHERE), "trucks", [3 * DAY, 4 * DAY])
    found = run(scenario, engine)
    assert found.value("vehicles_diverted") == 2
    assert found.value("vehicles_arrived") == 0
    assert found.exits("north.trucks") == [4.5 * DAY + 35]


def test_without_calendars_a_diversion_is_for_closures_of_the_passages_clock(engine: EngineName) -> None:
    # shut in [1 d, 6 d): those from 2 d on go
    body = SHUT.replace("while: [day, west.day], ", "")
    found = run(at_minutes(port(body, others=ELSEWHERE), "trucks", [2 * DAY - 1, 2 * DAY]), engine)
    assert found.manifest.flows["east.trucks"].index.tolist() == [0]
    assert found.exits("north.trucks") == [3.5 * DAY + 35]


# --------------------------------------------------------------------------------- conditional and inland steps

CHOICES = """
stations: {a: {service: 1 min}, b: {service: 10 min}, c: {service: 100 min}}
routes: {out: {steps: [a, {b: {if: heavy}}, {c: {unless: heavy}}]}}
flows: {cars: {route: out, volume: 1 trips per d, marks: {heavy: 50 %}}}
"""


def test_steps_are_taken_by_those_with_the_mark_or_without_it(engine: EngineName) -> None:
    found = run(at_minutes(port(CHOICES), "cars", [0, 0], heavy=[1, 0]), engine)
    assert found.exits("cars") == [11, 101]
    assert found.done("cars", "b") == [11, None]
    assert found.done("cars", "c") == [None, 101]


def test_a_step_with_a_share_is_taken_by_its_own_draw_and_only_by_those_with_its_mark(engine: EngineName) -> None:
    body = CHOICES.replace("{b: {if: heavy}}", "{b: {if: heavy, share: 50 %}}").replace(", {c: {unless: heavy}}", "")
    found = run(at_minutes(port(body), "cars", [0] * 4, heavy=[1, 1, 0, 0], b__visited=[1, 0, 1, 0]), engine)
    assert found.exits("cars") == [11, 1, 1, 1]


@pytest.mark.parametrize("condition", ["if: heavy", "unless: light", "share: 50 %"])
def test_a_yard_may_be_entered_by_some_only(engine: EngineName, condition: str) -> None:
    body = f"""
    resources: {{yard: {{capacity: 1}}}}
    stations: {{load: {{service: 10 min}}}}
    routes:
      out:
        steps: [{{kind: enter, name: yard, {condition}}}, load, {{kind: leave, name: yard, {condition}}}]
    flows: {{cars: {{route: out, volume: 1 trips per d, marks: {{heavy: 50 %, light: 50 %}}}}}}
    """
    marks = {"heavy": [1, 0, 0], "light": [0, 1, 1], "yard__visited": [1, 0, 0]}
    found = run(at_minutes(port(body), "cars", [0, 0, 0], **marks), engine)
    assert found.exits("cars") == [10, 10, 10]


INLAND = """
resources: {bay: {capacity: 1}}
stations: {gate: {service: 5 min}, check: {needs: [bay], service: 60 min}}
routes: {out: {steps: [gate, {check: {if: selected}}], passage: {from: gate, to: check}}}
flows: {cars: {route: out, volume: 1 trips per d, marks: {selected: 50 %}}}
"""
UPCOUNTRY = """
inland:
  label: {en: Inland}
  resources: {bay: {capacity: 1}}
  stations: {check: {needs: [bay], service: 40 min}}
"""


def test_a_step_moved_inland_is_done_upstream_and_not_again_at_the_port(engine: EngineName) -> None:
    policy = "effects: [{on: {station: check}, inland: inland.check}]"
    scenario = port(INLAND, others=UPCOUNTRY, policies={"inland": policy})
    found = run(at_minutes(scenario, "cars", [0, 0, 0], selected=[1, 1, 0]), engine)
    # inland bay 0-40, 40-80; then the gate
    assert found.done("cars", "inland.check") == [40, 80, None]
    assert found.done("cars", "check") == [None, None, None]
    assert found.exits("cars") == [45, 85, 5]
    assert found.value("passage_time_mean") == 5  # what is done inland is off the port's clock ...
    assert found.value("total_time_mean") == (45 + 85 + 5) / 3  # ... but not off the vehicle's


def test_a_station_skipped_by_a_policy_takes_no_time(engine: EngineName) -> None:
    policy = "effects: [{on: {station: check}, skip: true}]"
    found = run(at_minutes(port(INLAND, policies={"skip": policy}), "cars", [0], selected=[1]), engine)
    assert found.exits("cars") == [5]


def test_the_declaration_of_a_consignment_goes_on_when_some_of_it_was_done_inland(engine: EngineName) -> None:
    # half of the vehicles, each by its own draw, declare inland: whoever is left declares at the port for the rest
    body = DECLARE.replace("[load, declare, gate]", "[declare, gate]")
    inland = UPCOUNTRY.replace("check", "declare")
    policy = "adoption: 50 %\neffects: [{on: {station: declare}, inland: inland.declare}]"
    scenario = port(body, others=inland, policies={"inland": policy})
    found = run(at_minutes(scenario, "cars", [60.0 * i for i in range(40)]), engine)
    assert 0 < sum(found.manifest.flows["east.cars"].adopted["inland"]) < 40
    assert found.outcomes("cars") == [EXITED] * 40


# ------------------------------------------------------------------------------------------------- known faults


def test_a_place_that_a_companion_gives_back_is_given_back_once(engine: EngineName) -> None:
    # The lead takes the only place at 0, signals and gives up at 30; its companion gives the place back at 1.
    # Of two who come at 100 the second must wait for the first.
    body = """
    calendars: {never: {open: []}}
    resources: {fleet: {capacity: 1}, desk: {capacity: 1, calendar: never}}
    stations: {desk: {needs: [desk], service: 1 min}, go: {service: 1 min}}
    routes:
      lead: {steps: [{enter: fleet}, {signal: over}, desk]}
      companion: {steps: [{wait: over}, go, {leave: fleet}]}
      user: {steps: [{enter: fleet}, go, {leave: fleet}]}
    flows:
      leads: {route: lead, volume: 1 trips per d, patience: {after: 30 min, share: 100 %, at: [desk]}}
      companions: {route: companion, companion_of: leads}
      users: {route: user, volume: 1 trips per d}
    """
    found = run(at_minutes(at_minutes(port(body), "leads", [0]), "users", [100, 100]), engine)
    assert found.granted("users", "fleet") == [100, 101]


def test_a_consignment_declares_at_one_station_of_a_route() -> None:
    body = """
    stations:
      a: {service: 10 min, once_per: consignment}
      b: {service: 20 min, once_per: consignment}
    routes: {out: {steps: [a, b]}}
    flows: {cars: {route: out, volume: 9 trips per d, consignment: 2}}
    """
    with pytest.raises(ScenarioInvalid, match="'b' is once_per consignment, as 'a' is already"):
        port(body)


def test_a_route_needs_a_step_that_takes_time() -> None:
    body = """
    routes: {ride: {steps: [{signal: gone}]}}
    flows: {buses: {route: ride, volume: 1 cars per d}}
    """
    with pytest.raises(ScenarioInvalid, match="needs a step that takes time"):
        port(body)
