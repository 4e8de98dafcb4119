"""Each feature of a port, by hand: what it compiles to, to the millisecond, on both engines."""

from __future__ import annotations

import pytest

from sim.errors import ScenarioInvalid
from sim.experiment import EngineName
from sim.network import ABANDONED, EXITED, UNFINISHED
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
