"""Promises of the manifest: draws that never move, rates and volumes that hit what the scenario says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from borderport.calendars import NEVER, inside, intersect, open_windows
from borderport.deviates import KINDS
from borderport.errors import ScenarioInvalid
from borderport.manifest import FlowManifest, Manifest, draw_manifest, plan_manifest
from borderport.scenario import Scenario
from borderport.units import MS_PER_DAY, MS_PER_MINUTE
from tests.builders import at_minutes, port

SEED = 20240101
Array = NDArray[np.generic]

BASE = """
calendars: {day: {open: ["08:00-12:00", "13:00-17:00"]}}
closures: {snow: {stops: [day], random: {count: 2, length: 3 d}}}
paces: {rain: {factor: 50 %, daily_share: 30 %}}
resources: {desk: {capacity: 2, calendar: day}}
stations:
  desk: {needs: [desk], service: {lognormal: {mean: 20 min, cv: 1}}, pace: rain}
  check: {service: {exponential: {mean: 60 min}}}
routes: {out: {steps: [desk, {check: {if: selected, share: 60 %}}]}}
flows:
  cars:
    route: out
    volume: 3000 cars per year
    payload: {lognormal: {mean: 9 t, cv: 0.3}}
    value: 20 CNY/kg
    marks: {selected: 20 %}
    patience: {after: 2 d, share: 30 %, at: [desk]}
    holding_back: {closures_over: 1 d, sets_out: 40 %, rest: never}
    consignment: 3
"""
YEAR: dict[str, Any] = {"end": "2025-01-01"}


def draw(scenario: Scenario, replication: int = 0, seed: int = SEED) -> Manifest:
    return draw_manifest(plan_manifest(scenario), seed, replication)


def cars(scenario: Scenario, replication: int = 0) -> FlowManifest:
    return draw(scenario, replication).flows["east.cars"]


def arrays(flow: FlowManifest) -> dict[str, Array]:
    """Every array of a flow by name, but for who adopts what."""
    found: dict[str, Array] = {
        name: getattr(flow, name)
        for name in ("index", "arrival_ms", "payload_t", "value_cny", "deadline_ms", "consignment", "held_back")
    }
    return found | {f"marks.{k}": v for k, v in flow.marks.items()} | {f"work.{k}": v for k, v in flow.work_ms.items()}


def differing(before: FlowManifest, after: FlowManifest) -> set[str]:
    """Names of the arrays of ``before`` that are not bit-equal in ``after``."""
    new = arrays(after)
    return {name for name, values in arrays(before).items() if not np.array_equal(values, new[name])}


def within(values: Sequence[float] | NDArray[np.float64], expected: float, width: float = 3.5) -> bool:
    """True if the mean of independent values lies within ``width`` standard errors of what is expected."""
    found = np.asarray(values, dtype=np.float64)
    return bool(abs(found.mean() - expected) <= width * found.std(ddof=1) / np.sqrt(found.size))


# ------------------------------------------------------------------------------------------- draws that stay put


def test_a_replication_is_the_same_whenever_it_is_drawn() -> None:
    scenario = port(BASE, **YEAR)
    assert draw(scenario).digest() == draw(scenario).digest()


def test_another_replication_or_seed_is_another_world() -> None:
    scenario = port(BASE, **YEAR)
    digests = {draw(scenario, r, seed).digest() for r in (0, 1) for seed in (1, 2)}
    assert len(digests) == 4


def test_the_digest_changes_with_any_array() -> None:
    manifest = draw(port(BASE, **YEAR))
    before = manifest.digest()
    for values in (*arrays(manifest.flows["east.cars"]).values(), *manifest.closed.values()):
        kept = values.ravel()[-1].copy()
        values.ravel()[-1] = ~kept if values.dtype == bool else kept + 1
        assert manifest.digest() != before
        values.ravel()[-1] = kept
    assert manifest.digest() == before


def test_another_process_draws_the_same_bits_whatever_its_hash_seed() -> None:
    script = (
        "from tests.test_manifest import BASE, YEAR, draw\nfrom tests.builders import port\n"
        "print(draw(port(BASE, **YEAR)).digest())"
    )
    root = Path(__file__).resolve().parent.parent
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {draw(port(BASE, **YEAR)).digest()}


def test_another_flow_leaves_every_draw_as_it_was() -> None:
    more = BASE.replace("flows:\n", "flows:\n  lorries: {route: out, volume: 99 trips per d, marks: {selected: 1 %}}\n")
    before, after = draw(port(BASE, **YEAR)), draw(port(more, **YEAR))
    assert differing(before.flows["east.cars"], after.flows["east.cars"]) == set()
    assert np.array_equal(before.closed["east.day"], after.closed["east.day"])
    assert np.array_equal(before.slow_days["east.rain"], after.slow_days["east.rain"])


def test_another_station_leaves_every_draw_as_it_was() -> None:
    more = BASE.replace("stations:\n", "stations:\n  gate: {service: {exponential: {mean: 2 min}}}\n")
    more = more.replace("steps: [desk,", "steps: [gate, desk,")
    assert differing(cars(port(BASE, **YEAR)), cars(port(more, **YEAR))) == set()


def test_another_port_closure_mark_and_load_leave_every_draw_as_it_was() -> None:
    more = BASE.replace("closures: {", "closures: {flood: {stops: [], random: {count: 9, length: 1 d}}, ")
    more = more.replace("marks: {", "marks: {wet: 50 %, ")
    west = "west: {label: {en: W}, stations: {s: {}}, routes: {r: {steps: [s]}}, "
    west += "flows: {cars: {route: r, volume: 9 cars per d}}}"
    assert differing(cars(port(BASE, **YEAR)), cars(port(more, others=west, **YEAR))) == set()


def test_a_policy_moves_no_draw_but_those_it_is_about() -> None:
    policy = "adoption: 50 %\neffects: [{on: {station: desk}, scale: 50 %}]"
    before, after = cars(port(BASE, **YEAR)), cars(port(BASE, policies={"quick": policy}, **YEAR))
    assert differing(before, after) == {"work.east.desk.service"}


def test_with_more_volume_each_vehicle_keeps_its_other_draws() -> None:
    body = BASE.replace("    holding_back: {closures_over: 1 d, sets_out: 40 %, rest: never}\n", "")
    before, after = cars(port(body, **YEAR)), cars(port(body.replace("3000", "6000"), **YEAR))
    n = before.index.size
    assert after.index.size > 1.8 * n
    for name in ("payload_t", "consignment"):
        assert np.array_equal(getattr(before, name), getattr(after, name)[:n])
    for key, work in before.work_ms.items():
        assert np.array_equal(work, after.work_ms[key][:n])
    for key, mark in before.marks.items():
        assert np.array_equal(mark, after.marks[key][:n])
    impatient = before.deadline_ms != NEVER
    assert np.array_equal(impatient, after.deadline_ms[:n] != NEVER)


def test_a_longer_horizon_keeps_the_vehicles_of_the_shorter() -> None:
    body = BASE.replace("3000 cars per year", "10 cars per d").replace("random: {count: 2,", "random: {every: 60 d,")
    short, long = cars(port(body, end="2024-04-01")), cars(port(body, end="2024-07-01"))
    n = short.index.size
    assert n > 500
    assert np.array_equal(short.arrival_ms, long.arrival_ms[:n])
    assert np.array_equal(short.payload_t, long.payload_t[:n])


@pytest.mark.parametrize(
    "policy",
    ["effects: [{on: {mark: selected}, share: 60 %}]", "effects: [{on: {mark: selected}, scale_share: 300 %}]"],
)
def test_a_higher_rate_keeps_those_already_selected(policy: str) -> None:
    before = cars(port(BASE, **YEAR)).marks["selected"]
    after = cars(port(BASE, policies={"more": policy}, **YEAR)).marks["selected"]
    assert (after >= before).all()
    assert abs(before.mean() - 0.2) < 4 * np.sqrt(0.16 / before.size)
    assert abs(after.mean() - 0.6) < 4 * np.sqrt(0.24 / before.size)


# ------------------------------------------------------------------------------------------------------ policies


def test_a_policy_that_shortens_a_law_shortens_it_for_every_single_vehicle() -> None:
    policy = "effects: [{on: {station: desk}, service: {lognormal: {mean: 10 min, cv: 1}}}]"
    before = cars(port(BASE, **YEAR)).work_ms["east.desk.service"]
    after = cars(port(BASE, policies={"quick": policy}, **YEAR)).work_ms["east.desk.service"]
    # half the mean with the same spread is half of each vehicle's own time, but for rounding to 1 ms
    assert np.abs(after - before / 2).max() <= 1


def test_a_policy_of_another_shape_keeps_the_order_of_the_vehicles() -> None:
    policy = "effects: [{on: {station: desk}, service: {triangular: {low: 1 min, mode: 2 min, high: 6 min}}}]"
    before = cars(port(BASE, **YEAR)).work_ms["east.desk.service"]
    after = cars(port(BASE, policies={"quick": policy}, **YEAR)).work_ms["east.desk.service"]
    assert (np.diff(after[np.lexsort((after, before))]) >= 0).all()  # equal to the ms before: any order
    assert after.min() >= MS_PER_MINUTE
    assert after.max() <= 6 * MS_PER_MINUTE


def test_strength_goes_so_far_from_before_to_after() -> None:
    policy = "effects: [{on: {station: desk}, service: 0 min}]"
    plain = cars(port(BASE, **YEAR)).work_ms["east.desk.service"]
    for strength, left in ((0, 1.0), (25, 0.75), (100, 0.0)):
        scenario = port(
            BASE, policies={"none": policy}, top=f"policies: {{none: {{strength: {strength} %}}}}\n", **YEAR
        )
        assert np.abs(cars(scenario).work_ms["east.desk.service"] - left * plain).max() <= 1


def test_adoption_is_each_vehicles_own_draw_and_grows_without_changing_minds() -> None:
    policy = "adoption: {} %\neffects: [{{on: {{station: desk}}, scale: 50 %}}]"
    few, many = (cars(port(BASE, policies={"p": policy.format(n)}, **YEAR)).adopted["p"] for n in (30, 70))
    assert (many >= few).all()
    assert abs(few.mean() - 0.3) < 4 * np.sqrt(0.21 / few.size)


def test_a_policy_on_declarations_is_adopted_by_whole_consignments() -> None:
    policy = "adoption: 50 %\neffects: [{on: {station: desk}, once_per: consignment}]"
    flow = cars(port(BASE, policies={"one": policy}, **YEAR))
    adopters = [set(flow.adopted["one"][flow.consignment == c].tolist()) for c in np.unique(flow.consignment)]
    assert all(len(answers) == 1 for answers in adopters)
    assert {True} in adopters and {False} in adopters


def test_policies_apply_in_their_order_on_top_of_one_another() -> None:
    half = "effects: [{on: {station: desk}, scale: 50 %}]"
    then = "after: [half]\neffects: [{on: {station: desk}, scale: 10 %}]"
    plain = cars(port(BASE, **YEAR)).work_ms["east.desk.service"]
    both = cars(port(BASE, policies={"half": half, "then": then}, **YEAR)).work_ms["east.desk.service"]
    assert np.abs(both - plain / 20).max() <= 1


def test_a_payload_cap_may_hold_for_the_arrivals_of_some_days() -> None:
    # the 2nd and 3rd of January in Kathmandu, 5 h 45 min ahead: from 18:15 on the 1st to 18:15 on the 3rd in UTC
    policy = "effects: [{on: {}, cap_payload: 15 t, first_day: 2024-01-02, last_day: 2024-01-03}]"
    keys, zone = "payload: 9 t, value: 2 CNY/kg", "zone: Asia/Kathmandu\n"
    moments = [18 * 60 + 14, 18 * 60 + 15, 66 * 60 + 14, 66 * 60 + 15]
    scenario = flow_with(keys, calendars=zone, policies={"cap": policy})
    flow = cars(at_minutes(scenario, "cars", moments, payload_t=[20, 20, 12, 20]))
    assert flow.payload_t.tolist() == [20, 15, 12, 20]
    assert flow.value_cny.tolist() == [40_000, 30_000, 24_000, 40_000]


def test_a_payload_cap_cuts_loads_and_nothing_else() -> None:
    policy = "effects: [{on: {flow: cars}, cap_payload: 8 t}]"
    before, after = cars(port(BASE, **YEAR)), cars(port(BASE, policies={"cap": policy}, **YEAR))
    assert np.array_equal(after.payload_t, np.minimum(before.payload_t, 8))
    assert differing(before, after) == {"payload_t", "value_cny"}


# ---------------------------------------------------------------------------------------------- loads and values

ONE = """
stations: {desk: {service: {exponential: {mean: 1 min}}}}
routes: {out: {steps: [desk]}}
flows: {cars: {route: out, volume: 3000 cars per year}}
"""


def flow_with(keys: str, *, calendars: str = "", volume: str = "3000 cars per year", **options: Any) -> Scenario:
    body = ONE.replace("volume: 3000 cars per year", f"volume: {volume}, {keys}" if keys else f"volume: {volume}")
    return port(calendars + body, **{**YEAR, **options})


def test_loads_add_up_and_a_load_with_a_mark_is_carried_by_those_with_it() -> None:
    flow = cars(flow_with("payload: {a: {law: 3 t}, b: {law: 4 t, if: full}}, marks: {full: 50 %}, value: 2 CNY/kg"))
    assert np.array_equal(flow.payload_t, np.where(flow.marks["full"], 7.0, 3.0))
    assert np.array_equal(flow.value_cny, flow.payload_t * 2000)


def test_a_value_per_vehicle_does_not_depend_on_the_load() -> None:
    flow = cars(flow_with("payload: {lognormal: {mean: 9 t, cv: 0.5}}, value: 130 CNY/vehicle"))
    assert set(flow.value_cny.tolist()) == {130.0}


def test_a_constant_law_is_constant_to_the_millisecond() -> None:
    scenario = port(ONE.replace("{exponential: {mean: 1 min}}", "90 s"), **YEAR)
    assert set(cars(scenario).work_ms["east.desk.service"].tolist()) == {90_000}


def test_patience_ends_after_arrival_for_its_share_of_the_drivers() -> None:
    flow = cars(flow_with("patience: {after: 2 d, share: 30 %, at: [desk]}"))
    gives_up = flow.deadline_ms != NEVER
    assert np.array_equal(flow.deadline_ms[gives_up], flow.arrival_ms[gives_up] + 2 * MS_PER_DAY)
    assert abs(gives_up.mean() - 0.3) < 4 * np.sqrt(0.21 / gives_up.size)


# ----------------------------------------------------------------------------------------------- arrivals in time


def counts(scenario: Scenario, replications: int = 40) -> list[int]:
    return [cars(scenario, r).index.size for r in range(replications)]


def shares(scenario: Scenario, edges_ms: Sequence[float], replications: int = 20) -> NDArray[np.float64]:
    """Share of each replication's arrivals between each edge and the next, shape (replications, edges - 1)."""
    rows = [np.histogram(cars(scenario, r).arrival_ms, edges_ms)[0] for r in range(replications)]
    return np.asarray([row / row.sum() for row in rows])


def test_a_yearly_volume_is_hit_and_its_number_is_poisson() -> None:
    found = counts(flow_with(""), 100)
    assert within(found, 3000)
    # variance of a Poisson number is its mean; its own standard error over 100 is about sqrt(2 / 99) of it
    assert abs(np.var(found, ddof=1) / 3000 - 1) < 4 * np.sqrt(2 / 99)


def test_a_fixed_yearly_count_is_exact() -> None:
    assert set(counts(flow_with("arrivals: fixed"), 5)) == {3000}


def test_a_volume_per_day_and_per_hour_is_hit() -> None:
    assert within(counts(flow_with("", volume="10 cars per d"), 30), 3660)  # 2024 has 366 days
    assert within(counts(flow_with("", volume="1 cars per h", end="2024-03-01"), 30), 60 * 24)


def test_a_yearly_volume_in_tonnes_is_divided_by_the_mean_load() -> None:
    scenario = flow_with(
        "payload: {a: {law: 8 t}, b: {law: 4 t, if: full}}, marks: {full: 50 %}", volume="30 kt per year"
    )
    assert within(counts(scenario), 3000)  # 8 + 4 x 50 % = 10 t
    assert within([cars(scenario, r).payload_t.sum() for r in range(40)], 30_000)


def test_half_a_year_has_its_share_of_the_volume() -> None:
    assert within(counts(flow_with("", end="2024-07-01")), 3000 * 182 / 366)


def test_months_have_their_shares() -> None:
    weights = [2, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 3]
    scenario = flow_with(f"months: {weights}")
    edges = [(np.datetime64(f"2024-{m:02d}-01") - np.datetime64("2024-01-01")).astype(int) for m in range(1, 13)]
    found = shares(scenario, [float(e) * MS_PER_DAY for e in [*edges, 366]])
    assert (found[:, 6] == 0).all()
    for month in (0, 1, 5, 11):
        assert within(found[:, month], weights[month] / 14), month


def test_weekdays_have_their_weights() -> None:
    flow = cars(flow_with("weekdays: [1, 1, 1, 1, 1, 5, 0]"))
    weekday = (flow.arrival_ms // MS_PER_DAY) % 7  # 1 January 2024 was a Monday
    assert set(weekday.tolist()) == {0, 1, 2, 3, 4, 5}
    share = (weekday == 5).mean()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / weekday.size)


def test_sixty_per_cent_come_in_the_first_180_open_minutes() -> None:
    # open 10:00-12:30 and 13:30-18:00: the first 180 open minutes end at 14:00, after lunch
    calendars = 'calendars: {day: {open: ["10:00-12:30", "13:30-18:00"]}}\n'
    scenario = flow_with("hours: {calendar: day, first: 180 min, share: 60 %}", calendars=calendars)
    minute = (cars(scenario).arrival_ms % MS_PER_DAY) / MS_PER_MINUTE
    assert ((minute >= 600) & (minute < 750) | (minute >= 810) & (minute < 1080)).all()
    early = (minute < 840).mean()
    assert abs(early - 0.6) < 4 * np.sqrt(0.24 / minute.size)
    first = (minute < 750).mean()  # 150 of the 180 minutes lie before lunch
    assert abs(first - 0.5) < 4 * np.sqrt(0.25 / minute.size)


def test_nobody_comes_on_days_on_which_the_calendar_does_not_open() -> None:
    calendars = "calendars: {day: {open: ['10:00-12:00'], closed_on: [sunday], season: {first: 04-01, last: 10-31}}}\n"
    flow = cars(flow_with("hours: {calendar: day, first: 10 min, share: 50 %}", calendars=calendars))
    day = flow.arrival_ms // MS_PER_DAY
    assert not np.isin(6, day % 7)
    assert day.min() == 91  # Monday, 1 April
    assert day.max() == 304  # Thursday, 31 October
    assert abs(flow.index.size - 3000) < 4 * np.sqrt(3000)


def test_hours_by_24_weights() -> None:
    weights = [0] * 24
    weights[6], weights[22] = 1, 3
    hour = (cars(flow_with(f"hours: {weights}")).arrival_ms % MS_PER_DAY) // (60 * MS_PER_MINUTE)
    assert set(hour.tolist()) == {6, 22}
    assert abs((hour == 22).mean() - 0.75) < 4 * np.sqrt(0.1875 / hour.size)


def test_hours_are_the_ports_local_time() -> None:
    weights = [0] * 24
    weights[6] = 1
    scenario = flow_with(f"hours: {weights}", calendars="zone: Asia/Kathmandu\n")
    minute = (cars(scenario).arrival_ms % MS_PER_DAY) / MS_PER_MINUTE
    assert minute.min() >= 15 and minute.max() < 75  # 06:00 in Kathmandu is 00:15 UTC


def test_a_convoy_comes_car_by_car_and_the_volume_counts_cars() -> None:
    scenario = flow_with("convoy: {size: 4 cars, gap: 1 min}")
    assert within(counts(scenario), 3000)
    arrival = cars(scenario).arrival_ms[: 4 * 500].reshape(-1, 4)
    assert (np.diff(arrival, axis=1) == MS_PER_MINUTE).all()


def test_a_convoy_of_random_size_keeps_the_volume() -> None:
    assert within(counts(flow_with("convoy: {size: {lognormal: {mean: 25 cars, cv: 0.8}}, gap: 1 min}"), 100), 3000)


def test_an_active_period_bounds_arrivals_and_holds_the_years_volume() -> None:
    scenario = flow_with("active_from: 2024-03-01, active_until: 2024-05-01")
    assert within(counts(scenario), 3000)
    arrival = cars(scenario).arrival_ms
    assert arrival.min() >= 60 * MS_PER_DAY
    assert arrival.max() < 121 * MS_PER_DAY


# ------------------------------------------------------------------------------- what a volume means, in expectation

WORKING_DAYS = "weekdays: [1, 1, 1, 1, 1, 0.5, 0]"
SEASONAL = "months: [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]"
NIGHTS = 'calendars: {day: {open: ["08:00-12:00", "22:00-02:30"], closed_on: [sunday]}}\n'
FIRST_HOUR = "hours: {calendar: day, first: 1 h, share: 50 %}"


def expected(scenario: Scenario) -> tuple[float, float]:
    """Arrivals expected in the lead-in and in the reported period: the cumulative rate itself."""
    rate = plan_manifest(scenario).flows[0].rate
    assert rate is not None
    edges = [0, scenario.horizon.lead_in, scenario.horizon.length_ms()]
    lead_in, period = np.diff(np.interp(edges, rate.time_ms, rate.expected)).tolist()
    return lead_in, period


@pytest.mark.parametrize("lead_in", ["0 s", "30 d", "100 h"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("keys", "calendars"),
    [("", ""), (WORKING_DAYS, ""), ("weekdays: [0, 0, 0, 0, 0, 1, 3]", ""), (FIRST_HOUR, NIGHTS)],
)
def test_a_volume_per_day_fills_any_seven_days_with_seven_times_as_much(
    keys: str, calendars: str, zone: str, lead_in: str
) -> None:
    # from a Wednesday; the second week is one in which the clocks change in Berlin, the last horizon 52 weeks
    for start, end, weeks in (("2024-01-03", "2024-01-10", 1), ("2024-03-27", "2024-04-03", 1)):
        scenario = flow_with(
            keys, volume="1000 cars per d", start=start, end=end, zone=zone, lead_in=lead_in, calendars=calendars
        )
        assert expected(scenario)[1] == pytest.approx(7000 * weeks, rel=1e-9)
    long = {"start": "2024-05-15", "end": "2025-05-14", "zone": zone, "lead_in": lead_in, "calendars": calendars}
    assert expected(flow_with(keys, volume="1000 cars per d", **long))[1] == pytest.approx(364_000, rel=1e-9)


def test_a_lead_in_has_the_traffic_of_its_own_dates() -> None:
    keys = {"volume": "1000 cars per d", "start": "2024-01-03", "end": "2024-01-13"}  # Wednesday to Friday of the next
    alone, led = (expected(flow_with(WORKING_DAYS, **keys, lead_in=lead)) for lead in ("0 s", "3 d"))
    day = 7000 / 5.5
    assert alone == pytest.approx((0, 8.5 * day))
    assert led == pytest.approx((2 * day, 8.5 * day))  # Sunday, Monday, Tuesday


@pytest.mark.parametrize("keys", [SEASONAL, f"{SEASONAL}, {WORKING_DAYS}", f"{SEASONAL}, {FIRST_HOUR}"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize(("year", "days"), [(2023, 365), (2024, 366)])
def test_with_months_a_volume_per_day_is_the_mean_of_the_calendar_year(
    keys: str, zone: str, year: int, days: int
) -> None:
    calendars = NIGHTS.replace("22:00-02:30", "16:00-18:30")  # whose nights would reach over the new year
    options: dict[str, Any] = {"start": f"{year}-01-01", "zone": zone, "lead_in": "40 d", "calendars": calendars}
    for volume, total in (
        ("100 cars per d", 100 * days),
        ("100 cars per h", 2400 * days),
        ("9000 cars per year", 9000),
    ):
        whole = flow_with(keys, volume=volume, end=f"{year + 1}-01-01", **options)
        assert expected(whole)[1] == pytest.approx(total, rel=1e-9)
    thirteen = expected(flow_with(keys, volume="100 cars per d", end=f"{year + 1}-02-01", **options))[1]
    assert thirteen == pytest.approx(100 * days)  # January has no weight
    if keys == SEASONAL:
        june = expected(flow_with(keys, volume="100 cars per d", end=f"{year}-07-01", **options))[1]
        assert june == pytest.approx(100 * days * 15 / 36)


def test_a_volume_per_hour_is_a_rate_in_time_however_long_the_day() -> None:
    spring = {"start": "2024-03-27", "end": "2024-04-03", "zone": "Europe/Berlin"}
    assert expected(flow_with("", volume="60 cars per h", **spring))[1] == pytest.approx(60 * 167)
    assert expected(flow_with("", volume="60 cars per h", start="2024-01-01 09:30", end="2024-01-01 11:00")) == (0, 90)


def test_a_volume_per_day_holds_in_the_season_and_is_not_made_up_for_out_of_it() -> None:
    calendars = "calendars: {day: {open: ['10:00-12:00'], season: {first: 04-01, last: 10-31}}}\n"
    for months in ("", "months: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "):
        keys = months + FIRST_HOUR
        assert expected(flow_with(keys, volume="10 cars per d", calendars=calendars))[1] == pytest.approx(10 * 214)
        assert expected(flow_with(keys, volume="900 cars per year", calendars=calendars))[1] == pytest.approx(900)


def test_a_years_volume_falls_into_the_hours_in_which_the_flow_exists() -> None:
    keys = "active_from: '2024-05-01 08:00', active_until: '2024-05-02 01:00'"
    assert expected(flow_with(keys, volume="100 cars per year"))[1] == pytest.approx(100)
    nights = flow_with(f"{keys}, {FIRST_HOUR}", volume="100 cars per year", calendars=NIGHTS, zone="Europe/Berlin")
    assert expected(nights)[1] == pytest.approx(100)
    assert expected(flow_with(keys, volume="24 cars per d"))[1] == pytest.approx(17)


@pytest.mark.parametrize("start", ["2024-03-29", "2024-10-25"])
def test_arrivals_follow_the_clock_on_the_wall_when_it_changes(start: str) -> None:
    scenario = flow_with(
        FIRST_HOUR,
        volume="3000 cars per d",
        calendars=NIGHTS,
        zone="Europe/Berlin",
        start=start,
        end=str(np.datetime64(start) + 5),
    )
    flow, day = cars(scenario), scenario.ports["east"].calendars["day"]
    assert inside(open_windows(day, "Europe/Berlin", scenario.horizon), flow.arrival_ms).all()


def test_where_the_clocks_skip_an_hour_the_others_have_its_share() -> None:
    weights = [0] * 24
    weights[2], weights[9] = 3, 1
    keys = {"volume": "1000 cars per d", "zone": "Europe/Berlin", "start": "2024-03-31", "end": "2024-04-01"}
    scenario = flow_with(f"hours: {weights}", **keys)
    assert expected(scenario)[1] == pytest.approx(1000)
    hour = cars(scenario).arrival_ms // (60 * MS_PER_MINUTE)
    assert set(hour.tolist()) == {8}  # 09:00 is 8 h after midnight


def test_simulated_numbers_are_what_is_expected_with_weights_and_a_lead_in() -> None:
    keys = f"{WORKING_DAYS}, convoy: {{size: 3 cars, gap: 1 min}}"
    scenario = flow_with(keys, volume="300 cars per d", start="2024-01-03", end="2024-01-17", lead_in="5 d")
    counted = [(cars(scenario, r).arrival_ms >= scenario.horizon.lead_in).sum() for r in range(40)]
    assert within(counted, 14 * 300)


def test_a_fixed_count_is_that_of_the_reported_period_whatever_the_lead_in() -> None:
    keys = f"arrivals: fixed, {WORKING_DAYS}"
    options = {"volume": "10.25 cars per d", "start": "2024-01-03", "end": "2024-01-17"}
    for lead_in in ("0 s", "3 d", "90 d"):
        scenario = flow_with(keys, **options, lead_in=lead_in)
        for replication in range(5):
            arrival = cars(scenario, replication).arrival_ms
            assert (np.diff(arrival) >= 0).all()
            assert (arrival >= scenario.horizon.lead_in).sum() == 144  # 143.5, rounded
            assert (arrival < scenario.horizon.lead_in).sum() == round(expected(scenario)[0])


def test_a_fixed_count_is_that_of_each_calendar_year() -> None:
    scenario = flow_with("arrivals: fixed, months: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9]", end="2026-01-01")
    edges = np.asarray([0, 366, 731]) * MS_PER_DAY
    for replication in range(5):
        assert np.histogram(cars(scenario, replication).arrival_ms, edges)[0].tolist() == [3000, 3000]


def test_companions_come_with_their_leaders() -> None:
    body = """
    stations: {drive: {service: 1 min}}
    routes: {a: {steps: [drive, {signal: s}]}, b: {steps: [{wait: s}]}}
    flows: {tractors: {route: b, companion_of: trailers}, trailers: {route: a, volume: 99 trips per d}}
    """
    flows = draw(port(body)).flows
    assert np.array_equal(flows["east.tractors"].arrival_ms, flows["east.trailers"].arrival_ms)
    assert list(flows) == ["east.tractors", "east.trailers"]  # in the order of the file


def test_a_trace_keeps_its_moments_and_draws_what_it_lacks() -> None:
    scenario = at_minutes(port(BASE), "cars", [1, 2, 3], selected=[0, 1, 0])
    flow = cars(scenario)
    assert flow.arrival_ms.tolist() == [60_000, 120_000, 180_000]
    assert flow.marks["selected"].tolist() == [False, True, False]
    drawn = cars(port(BASE))
    alike = flow.marks["selected"] == drawn.marks["selected"][:3]  # a load may depend on the mark
    assert alike.any()
    assert np.array_equal(flow.payload_t[alike], drawn.payload_t[:3][alike])


# ------------------------------------------------------------------------------------------- closures, holding back


def closed_days(rule: str, replications: int = 200, **options: Any) -> tuple[list[int], list[NDArray[np.int64]]]:
    body = f"calendars: {{day: {{open: ['00:00-24:00']}}}}\nclosures: {{snow: {{stops: [day], random: {rule}}}}}\n{ONE}"
    plan = plan_manifest(port(body, **{**YEAR, **options}))
    windows = [draw_manifest(plan, SEED, r).closed["east.day"] for r in range(replications)]
    return [int((w[:, 1] - w[:, 0]).sum()) // MS_PER_DAY for w in windows], windows


def test_closures_by_count_are_that_many_days_without_overlap_within_their_dates() -> None:
    days, windows = closed_days("{count: 6, length: 2 d, first_day: 2024-06-01, last_day: 2024-07-30}")
    assert set(days) == {12}
    starts = np.concatenate([w[:, 0] for w in windows]) / MS_PER_DAY
    stops = np.concatenate([w[:, 1] for w in windows]) / MS_PER_DAY
    assert starts.min() == 152 and stops.max() == 212  # from 1 June to the end of 30 July, both reached
    assert (starts % 1 == 0).all()


def test_closures_by_count_fall_early_as_often_as_late() -> None:
    _, windows = closed_days("{count: 1, length: 1 d, first_day: 2024-06-01, last_day: 2024-06-10}", 1000)
    day = np.asarray([w[0, 0] for w in windows]) // MS_PER_DAY - 152
    found = np.bincount(day, minlength=10)
    # 100 on each of ten days: chi-square with 9 degrees of freedom, 0.1 % point 27.9
    assert ((found - 100) ** 2 / 100).sum() < 27.9


def test_a_daily_share_closes_that_share_of_the_days() -> None:
    days, windows = closed_days("{daily_share: 30 %}")
    assert within(days, 0.3 * 366)
    inside, _ = closed_days("{daily_share: 30 %, first_day: 2024-06-01, last_day: 2024-06-10}")
    assert within(inside, 3)
    everything = np.concatenate(windows)
    assert everything.min() == 0 and everything.max() >= 366 * MS_PER_DAY


def test_closures_every_so_often_come_as_a_poisson_process() -> None:
    _, windows = closed_days("{every: 10 d, length: 1 ms}")
    number = [w.shape[0] for w in windows]
    assert within(number, 36.6)
    assert abs(np.var(number, ddof=1) / 36.6 - 1) < 4 * np.sqrt(2 / 199)


def test_breakdowns_come_as_a_poisson_process_and_last_as_long_as_they_should() -> None:
    # 366 d / 30 d = 12.2 a year. A share exp(-r) of them, r = 4 h / 30 d, finds none under way and counts: 12.13. They
    # last (exp(r) - 1) x 30 d = 4.01 h; a lognormal law with cv 1 has kurtosis 41, so the spread's own error is
    # sqrt(40 / 4 n) of it, n = 4,850: 4 x 4.5 %.
    body = ONE.replace(
        "stations:", "resources: {desk: {capacity: 2, breakdowns: {every: 30 d, length: LAW}}}\nstations:"
    )
    law = "{lognormal: {mean: 4 h, cv: 1}}"
    plan = plan_manifest(port(body.replace("LAW", law), **YEAR))
    windows = [draw_manifest(plan, SEED, r).broken["east.desk"] for r in range(400)]
    number = [w.shape[0] for w in windows]
    r = 4 / (30 * 24)
    assert within(number, 12.2 * np.exp(-r), 4)
    assert abs(np.var(number, ddof=1) / np.mean(number) - 1) < 4 * np.sqrt(2 / 399)
    hours = np.concatenate([w[:, 1] - w[:, 0] for w in windows]) / (60 * MS_PER_MINUTE)
    assert within(hours, (np.exp(r) - 1) * 30 * 24, 4)
    assert abs(hours.std() / 4 - 1) < 0.18
    starts = np.concatenate([w[:, 0] for w in windows])
    assert within(starts / (366 * MS_PER_DAY), 0.5, 4)  # as often early in the year as late, by night as by day
    assert within((starts % MS_PER_DAY) / MS_PER_DAY, 0.5, 4)


def test_breakdowns_that_overlap_are_one() -> None:
    body = ONE.replace(
        "stations:", "resources: {desk: {capacity: 1, breakdowns: {every: 1 h, length: 1 d}}}\nstations:"
    )
    windows = draw(port(body, **YEAR)).broken["east.desk"]
    assert (windows[1:, 0] > windows[:-1, 1]).all()


def test_breakdowns_leave_every_draw_as_it_was_and_count_in_the_digest() -> None:
    more = BASE.replace("calendar: day}", "calendar: day, breakdowns: {every: 9 d, length: 2 h}}")
    before, after = draw(port(BASE, **YEAR)), draw(port(more, **YEAR))
    assert differing(before.flows["east.cars"], after.flows["east.cars"]) == set()
    assert before.digest() == replace(after, broken={}).digest() != after.digest()


def test_closures_from_a_rate_have_its_number_and_their_law_of_lengths() -> None:
    # As above with 6 h (cv 0.5, kurtosis 8): r = 6 h / 30 d, 12.2 exp(-r) = 12.1 a year of (exp(r) - 1) x 30 d = 6.03 h
    # with a spread of 3 h, its error sqrt(7 / 4 n), n = 4,840: 4 x 1.9 %.
    _, windows = closed_days("{every: 30 d, length: {lognormal: {mean: 6 h, cv: 0.5}}}", 400)
    number, r = [w.shape[0] for w in windows], 6 / (30 * 24)
    assert within(number, 12.2 * np.exp(-r), 4)
    assert abs(np.var(number, ddof=1) / np.mean(number) - 1) < 4 * np.sqrt(2 / 399)
    hours = np.concatenate([w[:, 1] - w[:, 0] for w in windows]) / (60 * MS_PER_MINUTE)
    assert within(hours, (np.exp(r) - 1) * 30 * 24, 4)
    assert abs(hours.std() / 3 - 1) < 4 * 0.019


def test_a_closure_that_may_happen_happens_with_its_chance_and_is_the_same_one_if_it_does() -> None:
    rule = "{count: 1, length: {lognormal: {mean: 60 d, cv: 0.5}}CHANCE, first_day: 2024-06-01, last_day: 2024-06-30}"
    _, always = closed_days(rule.replace("CHANCE", ""), 400)
    _, some = closed_days(rule.replace("CHANCE", ", chance: 35 %"), 400)
    happened = [w.shape[0] for w in some]
    assert within(happened, 0.35, 4)
    assert all(np.array_equal(w, all_) for w, all_ in zip(some, always, strict=True) if w.shape[0])


def test_calendars_stopped_by_one_closure_stop_together() -> None:
    body = """
    calendars: {day: {open: ["08:00-12:00"]}, bridge: {open: ["00:00-24:00"]}, office: {open: ["08:00-12:00"]}}
    closures:
      slide: {stops: [day, bridge], random: {every: 20 d, length: {exponential: {mean: 3 d}}}}
      flood: {stops: [day, bridge], random: {count: 1, chance: 50 %, length: 30 d}}
    """
    for replication in range(20):
        closed = draw(port(body.replace("\n    ", "\n") + ONE, **YEAR), replication).closed
        assert np.array_equal(closed["east.day"], closed["east.bridge"])
        assert closed["east.day"].size and not closed["east.office"].size


def flood(last_day: str) -> str:
    """A calendar that is always open but for a closure from 1 March."""
    closure = f"{{stops: [day], first_day: 2024-03-01, last_day: {last_day}}}"
    return f"calendars: {{day: {{open: ['00:00-24:00']}}}}\nclosures: {{flood: {closure}}}\n"


def test_in_long_closures_only_a_share_sets_out() -> None:
    closure = flood("2024-05-31")
    rule = "holding_back: {closures_over: 7 d, sets_out: 20 %, rest: never}"
    before, after = cars(flow_with("")), cars(flow_with(rule, calendars=closure))
    shut = (before.arrival_ms >= 60 * MS_PER_DAY) & (before.arrival_ms < 152 * MS_PER_DAY)
    kept = np.isin(before.index, after.index)
    assert kept[~shut].all()
    assert abs(kept[shut].mean() - 0.2) < 4 * np.sqrt(0.16 / shut.sum())
    assert np.array_equal(np.sort(after.held_back), before.arrival_ms[~kept])
    # those who set out keep their number and their draws
    assert np.array_equal(after.work_ms["east.desk.service"], before.work_ms["east.desk.service"][kept])


FLOOD = flood("2024-05-31")  # 92 days, from day 60
DETOUR = "diversion: {to: west.cars, after: 20 d, while: [day], share: SHARE, detour: 36 h}"
DETOUR += ", payload: {lognormal: {mean: 9 t, cv: 0.3}}, value: 2 CNY/kg, consignment: 3"
WEST = "west: {label: {en: W}, stations: {s: {service: {exponential: {mean: 9 min}}}}, routes: {r: {steps: [s]}}, "
WEST += "flows: {cars: {route: r, diverted_from: east.cars, marks: {red: 50 %}}}}"


def diverting(share: str, more: str = "") -> Manifest:
    return draw(flow_with(DETOUR.replace("SHARE", share) + more, calendars=FLOOD, others=WEST))


def test_a_diversion_takes_its_share_of_those_in_a_closure_that_has_lasted_and_nobody_else() -> None:
    none, some = diverting("0 %"), diverting("15 %")
    before, here, there = none.flows["east.cars"], some.flows["east.cars"], some.flows["west.cars"]
    assert none.flows["west.cars"].index.size == 0
    long = (before.arrival_ms >= 80 * MS_PER_DAY) & (before.arrival_ms < 152 * MS_PER_DAY)
    gone = np.isin(before.index, there.index)
    assert not gone[~long].any()
    assert abs(gone[long].mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / long.sum())
    assert np.array_equal(here.index, before.index[~gone])
    # the same vehicles with what they carry, 36 h later; those who stay keep every draw
    assert np.array_equal(there.arrival_ms, before.arrival_ms[gone] + 36 * 60 * MS_PER_MINUTE)
    for name in ("index", "payload_t", "value_cny", "consignment"):
        assert np.array_equal(getattr(there, name), getattr(before, name)[gone])
        assert np.array_equal(getattr(here, name), getattr(before, name)[~gone])
    assert np.array_equal(here.work_ms["east.desk.service"], before.work_ms["east.desk.service"][~gone])
    assert some.digest() != none.digest()


def test_where_nobody_comes_nobody_diverts() -> None:
    keys = DETOUR.replace("SHARE", "100 %")
    flows = draw(flow_with(keys, calendars=FLOOD, others=WEST, volume="0 cars per year")).flows
    assert [flow.index.size for flow in flows.values()] == [0, 0]


@pytest.mark.parametrize("share", ["0 %", "15 %", "100 %"])
def test_every_vehicle_stays_is_held_back_or_diverts(share: str) -> None:
    flows = diverting(share, ", holding_back: {closures_over: 7 d, sets_out: 50 %, rest: never}").flows
    here, there = flows["east.cars"], flows["west.cars"]
    assert here.diverted is not None
    # the closure ends long before the year does, so all who divert come within the horizon
    assert here.diverted.index.size == there.index.size
    assert here.index.size + here.held_back.size + there.index.size == cars(flow_with("")).index.size


def test_closed_ports_are_shut_together_where_both_are() -> None:
    first, other = np.asarray([[0, 10], [20, 30], [40, 50]]), np.asarray([[5, 25], [45, 60]])
    assert intersect(first, other).tolist() == [[5, 10], [20, 25], [45, 50]]
    assert intersect(first, other[:0]).size == intersect(other[:0], first).size == 0


def test_a_higher_share_keeps_those_already_diverted() -> None:
    few, many = (set(diverting(share).flows["west.cars"].index.tolist()) for share in ("15 %", "40 %"))
    assert few < many


def test_who_diverts_is_settled_before_who_is_held_back() -> None:
    plain, both = (
        diverting("40 %"),
        diverting("40 %", ", holding_back: {closures_over: 7 d, sets_out: 0 %, rest: never}"),
    )
    assert np.array_equal(plain.flows["west.cars"].index, both.flows["west.cars"].index)
    stayed = plain.flows["east.cars"].arrival_ms
    shut = (stayed >= 60 * MS_PER_DAY) & (stayed < 152 * MS_PER_DAY)
    assert np.array_equal(both.flows["east.cars"].held_back, stayed[shut])
    assert np.array_equal(both.flows["east.cars"].arrival_ms, stayed[~shut])


def test_diverted_vehicles_come_in_order_and_draw_the_rest_where_they_go() -> None:
    flow = diverting("40 %").flows["west.cars"]
    assert (np.diff(flow.arrival_ms) >= 0).all()
    assert abs(flow.marks["red"].mean() - 0.5) < 4 * np.sqrt(0.25 / flow.index.size)
    work = flow.work_ms["west.s.service"]
    assert abs(work.mean() / (9 * MS_PER_MINUTE) - 1) < 4 / np.sqrt(work.size)


def test_a_measure_on_declarations_is_adopted_by_whole_consignments_where_they_are_diverted_to() -> None:
    policy = "adoption: 50 %\neffects: [{on: {station: s}, once_per: consignment}]"
    keys = DETOUR.replace("SHARE", "60 %")
    flow = draw(flow_with(keys, calendars=FLOOD, others=WEST, policies={"one": policy})).flows["west.cars"]
    adopters = [set(flow.adopted["one"][flow.consignment == c].tolist()) for c in np.unique(flow.consignment)]
    assert {len(answers) for answers in adopters} == {1}
    assert {True} in adopters and {False} in adopters


def test_short_closures_hold_nobody_back() -> None:
    closure = flood("2024-03-07")
    flow = cars(flow_with("holding_back: {closures_over: 7 d, sets_out: 0 %, rest: never}", calendars=closure))
    assert flow.held_back.size == 0


def test_slow_days_have_their_share() -> None:
    plan = plan_manifest(port(BASE, **YEAR))
    slow = [float(draw_manifest(plan, SEED, r).slow_days["east.rain"][:366].mean()) for r in range(50)]
    assert within(slow, 0.3)


def test_laws_of_the_scenario_are_those_of_the_plan() -> None:
    plan = plan_manifest(port(ONE.replace("{exponential: {mean: 1 min}}", "1 min")))
    assert plan.flows[0].work.steps.tolist() == [[-1, KINDS["constant"], 60_000, 0, 0, 0, 1]]


# ------------------------------------------------------------------------------------------------- known faults


def test_hours_by_a_calendar_with_a_zone_of_its_own_are_hours_of_that_zone() -> None:
    calendars = "zone: Asia/Shanghai\ncalendars: {day: {open: ['10:00-17:00'], zone: Asia/Kathmandu}}\n"
    scenario = flow_with("hours: {calendar: day, first: 1 h, share: 50 %}", calendars=calendars, zone="Asia/Shanghai")
    hour = (cars(scenario).arrival_ms % MS_PER_DAY) / (60 * MS_PER_MINUTE)
    assert hour.min() >= 12.25 and hour.max() < 19.25


def test_hours_over_midnight_end_with_the_horizon() -> None:
    # 20 a night, half of them from 22:00 to 23:00; of the third night two of eight hours lie within: 10 + 10 / 7
    calendars = "calendars: {night: {open: ['22:00-06:00']}}\n"
    keys = "hours: {calendar: night, first: 1 h, share: 50 %}"
    scenario = flow_with(keys, calendars=calendars, volume="20 cars per d", end="2024-01-04")
    late = [int((cars(scenario, r).arrival_ms >= 2 * MS_PER_DAY + 22 * 60 * MS_PER_MINUTE).sum()) for r in range(200)]
    assert within(late, 10 + 10 / 7)


def test_stations_of_one_name_at_two_ports_have_draws_of_their_own() -> None:
    west = "west: {label: {en: W}, stations: {desk: {service: {exponential: {mean: 1 min}}}}}"
    flow = cars(port(ONE.replace("steps: [desk]", "steps: [desk, west.desk]"), others=west, **YEAR))
    both = np.corrcoef(flow.work_ms["east.desk.service"], flow.work_ms["west.desk.service"])[0, 1]
    assert abs(both) < 4 / np.sqrt(flow.index.size)


def test_no_station_may_take_the_draws_of_loads() -> None:
    with pytest.raises(ScenarioInvalid, match="'payload' means the random numbers of loads"):
        port(ONE.replace("desk", "payload"))


def test_a_cap_holds_for_each_load_of_a_trip() -> None:
    """6 t in and 9 t out under a cap of 8 t: 6 + 8 = 14 t on the road, one load after the other."""
    keys = "payload: {out: {law: 9 t}, in: {law: 6 t, if: laden}}, marks: {laden: 100 %}"
    flow = cars(flow_with(keys, policies={"light": "effects: [{on: {flow: cars}, cap_payload: 8 t}]"}))
    assert set(flow.payload_t.tolist()) == {14.0}
