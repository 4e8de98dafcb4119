"""Exact results of queueing theory, each built as a scenario file and run to 2 % precision.

Rule: the exact value lies inside the 99 % interval of at least 20 replications whose half-width is at most 2 % of it.
Where that takes long, the test is marked slow and a shorter one stands beside it, with an interval as wide as it is.
Times are in minutes, and the mean service time is 1 min unless said otherwise; all runs use seed 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from borderport.experiment import Study, prepare, replicate, simulate
from borderport.scenario import Scenario
from borderport.statistics import Interval, t_interval
from borderport.timeline import Timeline
from borderport.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from tests.builders import at_minutes, port, run

SEED = 1
REPLICATIONS = 20
EXPONENTIAL = "{exponential: {mean: 1 min}}"

Array = NDArray[np.float64]


def lasting(days: int, body: str, lead_in: str = "3 d") -> Scenario:
    """A port simulated for so many days after a lead-in that lets it forget its empty start."""
    return port(body, start="2001-01-01", end=str(date(2001, 1, 1) + timedelta(days=days)), lead_in=lead_in)


def station(capacity: int, law: str, per_minute: float, extra: str = "") -> str:
    return f"""
    resources: {{desk: {{capacity: {capacity}}}}}
    stations: {{desk: {{needs: [desk], service: {law}}}}}
    routes: {{out: {{steps: [desk]}}}}
    flows: {{cars: {{route: out, volume: {per_minute * 60:.10g} cars per h{extra}}}}}
    """


def waits(timeline: Timeline, flow: str, column: int = 0) -> Array:
    """Minutes that each counted vehicle of a flow spent in one column of its route, for those that came there."""
    layout = next(layout for layout in timeline.network.flows if layout.name == f"east.{flow}")
    moments, arrival = timeline.of(layout), timeline.network.arrival_ms[layout.vehicle]
    before = np.maximum.accumulate(np.column_stack([arrival, moments]), axis=1)[:, column]
    there = (moments[:, column] >= 0) & (arrival >= timeline.network.lead_in_ms)
    return np.asarray((moments[there, column] - before[there]) / MS_PER_MINUTE)


def intervals(scenario: Scenario, look: Callable[[Timeline], Sequence[float]], n: int = REPLICATIONS) -> list[Interval]:
    """Intervals of what ``look`` finds in each of ``n`` replications, 99 % for all of them together (Bonferroni)."""
    study = prepare(scenario)
    rows = np.asarray([look(simulate(study, SEED, r)[1]) for r in range(n)])
    return [t_interval(column, 1 - 0.01 / rows.shape[1]) for column in rows.T]


def assert_exact(found: Interval, exact: float, precision: float = 0.02) -> None:
    """The exact value lies in the interval, and the interval is narrow."""
    assert found.half_width <= precision * exact, f"too wide: {found.half_width / exact:.2%} of {exact}"
    assert found.low <= exact <= found.high, f"{exact} is not in {found.low:.6f} .. {found.high:.6f}"


# ---------------------------------------------------------------------------------------------- M/M/c and M/D/c

# servers, load, P(wait), mean wait, 95th percentile of the wait; days simulated
ERLANG_C = [
    (1, 0.8, 0.800000, 4.000000, 13.8629, 230),
    (2, 0.8, 0.711111, 1.777778, 6.6370, 100),
    (3, 0.8, 0.647191, 1.078652, 4.2677, 80),
    (5, 0.8, 0.554113, 0.554113, 2.4053, 90),
    (5, 0.7, 0.377838, 0.251892, 1.3483, 45),
]
ERLANG_C_LONG = [
    (1, 0.9, 0.900000, 9.000000, 28.9037, 1200),
    (2, 0.9, 0.852632, 4.263158, 14.1815, 650),
    (3, 0.9, 0.817061, 2.723537, 9.3123, 500),
    (5, 0.9, 0.762493, 1.524986, 5.4491, 280),
    (5, 0.95, 0.877799, 3.511196, 11.4616, 1100),
    (10, 0.8, 0.409180, 0.204590, 1.0511, 50),
    (10, 0.9, 0.668732, 0.668732, 2.5934, 190),
    (10, 0.95, 0.825586, 1.651171, 5.6081, 420),
    (20, 0.9, 0.550769, 0.275385, 1.1997, 120),
]


def check_erlang_c(servers: int, load: float, p_wait: float, wait: float, p95: float, days: int) -> None:
    scenario = lasting(days, station(servers, EXPONENTIAL, load * servers))

    def look(timeline: Timeline) -> list[float]:
        found = waits(timeline, "cars")
        return [(found > 0).mean(), found.mean(), np.quantile(found, 0.95)]

    for interval, exact in zip(intervals(scenario, look), (p_wait, wait, p95), strict=True):
        assert_exact(interval, exact)


@pytest.mark.parametrize(("servers", "load", "p_wait", "wait", "p95", "days"), ERLANG_C)
def test_erlang_c(servers: int, load: float, p_wait: float, wait: float, p95: float, days: int) -> None:
    check_erlang_c(servers, load, p_wait, wait, p95, days)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("servers", "load", "p_wait", "wait", "p95", "days"), ERLANG_C_LONG)
def test_erlang_c_under_heavy_load(
    servers: int, load: float, p_wait: float, wait: float, p95: float, days: int
) -> None:
    check_erlang_c(servers, load, p_wait, wait, p95, days)


# servers, load, P(wait), mean wait; days simulated
CROMMELIN = [(1, 0.8, 0.80000, 2.000000, 100), (2, 0.7, 0.56537, 0.493610, 45), (5, 0.8, 0.53362, 0.289060, 45)]
CROMMELIN_LONG = [
    (2, 0.8, 0.70190, 0.903284, 80),
    (2, 0.9, 0.84711, 2.146923, 300),
    (3, 0.8, 0.63254, 0.553900, 60),
    (5, 0.7, 0.35812, 0.135517, 60),
    (5, 0.9, 0.74783, 0.776695, 120),
    (5, 0.95, 0.86925, 1.770788, 500),
    (10, 0.8, 0.38472, 0.109828, 60),
    (10, 0.9, 0.64686, 0.344582, 80),
    (20, 0.9, 0.52327, 0.144286, 60),
]


def check_crommelin(servers: int, load: float, p_wait: float, wait: float, days: int) -> None:
    scenario = lasting(days, station(servers, "1 min", load * servers))

    def look(timeline: Timeline) -> list[float]:
        found = waits(timeline, "cars")
        return [(found > 0).mean(), found.mean()]

    for interval, exact in zip(intervals(scenario, look), (p_wait, wait), strict=True):
        assert_exact(interval, exact)


@pytest.mark.parametrize(("servers", "load", "p_wait", "wait", "days"), CROMMELIN)
def test_constant_service_by_crommelin(servers: int, load: float, p_wait: float, wait: float, days: int) -> None:
    check_crommelin(servers, load, p_wait, wait, days)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("servers", "load", "p_wait", "wait", "days"), CROMMELIN_LONG)
def test_constant_service_by_crommelin_at_length(
    servers: int, load: float, p_wait: float, wait: float, days: int
) -> None:
    check_crommelin(servers, load, p_wait, wait, days)


@pytest.mark.parametrize(
    ("servers", "law", "queue", "wait", "days"),
    [(2, EXPONENTIAL, 2.844444, 1.777778, 100), (5, "1 min", 1.156240, 0.289060, 45)],
    ids=["Erlang C", "Crommelin"],
)
def test_the_metrics_agree_with_theory(servers: int, law: str, queue: float, wait: float, days: int) -> None:
    """The figures that a user reads: queue, utilisation, times and their parts at a load of 0.8."""
    study = prepare(lasting(days, station(servers, law, 0.8 * servers)))
    rows = [replicate(study, SEED, r, detail=False).values for r in range(REPLICATIONS)]
    wanted = {
        ("desk", "queue_mean"): queue,
        ("desk", "utilisation"): 0.8,
        ("all", "passage_time_mean"): 1 + wait,
        ("all", "passage_waiting_mean"): wait,
    }
    for (place, metric), exact in wanted.items():
        assert_exact(t_interval([row["east", "all", place, metric] for row in rows], 0.99), exact)
    service = [row["east", "all", "all", "passage_service_time_mean"] for row in rows]
    assert np.mean(service) == pytest.approx(1, rel=0.002)


# -------------------------------------------------------------------------------------------------------- M/G/1

# law, coefficient of variation, mean wait (1 + CV²) / 2 x 4 at a load of 0.8; days simulated
POLLACZEK_KHINCHINE = [
    ("1 min", 2.0, 100),
    ("{lognormal: {mean: 1 min, cv: 0.5}}", 2.5, 130),
    ("{gamma: {mean: 1 min, cv: 1}}", 4.0, 200),
]
POLLACZEK_KHINCHINE_LONG = [
    ("{gamma: {mean: 1 min, cv: 0.5}}", 2.5, 130),
    ("{lognormal: {mean: 1 min, cv: 1}}", 4.0, 500),
    ("{gamma: {mean: 1 min, cv: 1.5}}", 6.5, 500),
    ("{gamma: {mean: 1 min, cv: 2}}", 10.0, 900),
    ("{lognormal: {mean: 1 min, cv: 1.5}}", 6.5, 2500),
    ("{lognormal: {mean: 1 min, cv: 2}}", 10.0, 4000),
]
HYPEREXPONENTIAL = (
    "{mixture: [{share: 80 %, law: {exponential: {mean: 0.5 min}}}, {share: 20 %, law: {exponential: {mean: 3 min}}}]}"
)
# Every other law that a file may name, with its CV² worked out beside it.
OTHER_LAWS = [
    ("{uniform: {low: 0 min, high: 2 min}}", 2 * (1 + 1 / 3), 150),  # (2²/12) / 1²
    ("{triangular: {low: 0 min, mode: 0 min, high: 3 min}}", 2 * (1 + 1 / 2), 150),  # (3²/18) / 1²
    ("{normal: {mean: 1 min, sd: 0.2 min}}", 2 * (1 + 1 / 25), 100),
    ("{empirical: [30 s, 30 s, 30 s, 2.5 min]}", 2 * (1 + 3 / 4), 200),  # (3 x 0.25 + 6.25) / 4 - 1² = 0.75
    (HYPEREXPONENTIAL, 2 * (1 + 3), 400),  # E S² = 0.8 x 2 x 0.25 + 0.2 x 2 x 9 = 4
]


@pytest.mark.parametrize(("law", "wait", "days"), [*POLLACZEK_KHINCHINE, *OTHER_LAWS])
def test_pollaczek_khinchine(law: str, wait: float, days: int) -> None:
    scenario = lasting(days, station(1, law, 0.8))
    assert_exact(intervals(scenario, lambda timeline: [waits(timeline, "cars").mean()])[0], wait)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("law", "wait", "days"), POLLACZEK_KHINCHINE_LONG)
def test_pollaczek_khinchine_with_widely_spread_services(law: str, wait: float, days: int) -> None:
    scenario = lasting(days, station(1, law, 0.8))
    assert_exact(intervals(scenario, lambda timeline: [waits(timeline, "cars").mean()])[0], wait)


def test_pollaczek_khinchine_with_cv_2_within_its_error() -> None:
    scenario = lasting(100, station(1, "{lognormal: {mean: 1 min, cv: 2}}", 0.8))
    assert_exact(intervals(scenario, lambda timeline: [waits(timeline, "cars").mean()], 40)[0], 10.0, 0.15)


# ----------------------------------------------------------------------------------------------------- networks

JACKSON = """
resources: {primary: {capacity: 4}, secondary: {capacity: 2}, gate: {capacity: 3}}
stations:
  primary: {needs: [primary], service: {exponential: {mean: 5 min}}}
  secondary: {needs: [secondary], service: {exponential: {mean: 20 min}}}
  gate: {needs: [gate], service: {exponential: {mean: 4 min}}}
routes: {out: {steps: [primary, {secondary: {if: selected}}, gate]}}
flows: {trucks: {route: out, volume: 40 trucks per h, marks: {selected: 10 %}}}
"""


def look_at_jackson(timeline: Timeline) -> list[float]:
    gate = waits(timeline, "trucks", 4)
    layout = timeline.network.flows[0]
    arrival, gone = timeline.network.arrival_ms[layout.vehicle], timeline.exit_ms[layout.vehicle]
    done = (gone >= 0) & (arrival >= timeline.network.lead_in_ms)
    total = (gone - arrival)[done].mean() / MS_PER_MINUTE
    # Skipped visits have no moment, so `waits` leaves them out.
    at_gate = gate.mean() + waits(timeline, "trucks", 5).mean()
    secondary = waits(timeline, "trucks", 2)
    return [waits(timeline, "trucks", 0).mean(), secondary.mean(), gate.mean(), total - at_gate, total]


JACKSON_EXACT = (4.932912, 16.000, 9.570093, 13.532912, 27.103006)
JACKSON_INSIDE = 9.021942  # without the gate
PER_POOL = ("queue_mean", "utilisation")


def inside_before_the_gate(study: Study, replication: int) -> float:
    """Mean number waiting or in service at the primary and the secondary inspection, as the metrics say."""
    values = replicate(study, SEED, replication, detail=False).values
    queue, busy = ({name: values["east", "all", name, what] for name in ("primary", "secondary")} for what in PER_POOL)
    return queue["primary"] + 4 * busy["primary"] + queue["secondary"] + 2 * busy["secondary"]


def test_jackson_border_within_its_error() -> None:
    found = intervals(lasting(150, JACKSON), look_at_jackson)
    for interval, exact in zip(found, JACKSON_EXACT, strict=True):
        assert_exact(interval, exact, 0.08)


def test_number_inside_the_jackson_border() -> None:
    study = prepare(lasting(150, JACKSON))
    inside = [inside_before_the_gate(study, r) for r in range(REPLICATIONS)]
    assert_exact(t_interval(inside, 0.99), JACKSON_INSIDE)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_jackson_border() -> None:
    found = intervals(lasting(1300, JACKSON), look_at_jackson)
    for interval, exact in zip(found, JACKSON_EXACT, strict=True):
        assert_exact(interval, exact)


# --------------------------------------------------------------------------------------------------- priorities


def classes(first: tuple[float, str], second: tuple[float, str]) -> str:
    """One server, two classes: (arrivals per minute, law of service); the first goes before the second."""
    return f"""
    resources: {{desk: {{capacity: 1}}}}
    stations:
      desk_a: {{needs: [desk], service: {first[1]}}}
      desk_b: {{needs: [desk], service: {second[1]}}}
    routes: {{a: {{steps: [desk_a]}}, b: {{steps: [desk_b]}}}}
    flows:
      a: {{route: a, volume: {first[0] * 60:.10g} trips per h, priority: 3}}
      b: {{route: b, volume: {second[0] * 60:.10g} trips per h}}
    """


def look_at_classes(timeline: Timeline) -> list[float]:
    return [waits(timeline, "a").mean(), waits(timeline, "b").mean()]


@pytest.mark.parametrize(
    ("first", "second", "exact", "days"),
    [
        ((0.3, EXPONENTIAL), (0.5, EXPONENTIAL), (1.142857, 5.714286), 220),
        ((0.2, "30 s"), (0.3, "{exponential: {mean: 2 min}}"), (1.361111, 4.537037), 250),
    ],
    ids=["Cobham", "certified and other trucks"],
)
def test_priority_without_preemption(
    first: tuple[float, str], second: tuple[float, str], exact: tuple[float, float], days: int
) -> None:
    found = intervals(lasting(days, classes(first, second)), look_at_classes)
    for interval, wait in zip(found, exact, strict=True):
        assert_exact(interval, wait)


# ----------------------------------------------------------------------------------------------------- patience


@pytest.mark.parametrize("minutes", [1, 10])
def test_drivers_who_wait_no_longer_than_so_many_minutes(minutes: int) -> None:
    """As many come as can be served, 1 a minute: 1 in 2 + t gives up after t minutes.

    The wait that an arrival finds has density P(0) up to t and P(0) exp(t - w) beyond, so P(0) (1 + t + 1) = 1, and who
    finds more than t gives up (Barrer, Queuing with impatient customers and ordered service, 1957).
    """
    patience = f", patience: {{after: {minutes} min, share: 100 %, at: [desk]}}"
    study = prepare(lasting(130, station(1, EXPONENTIAL, 1.0, patience)))
    shares = []
    for replication in range(REPLICATIONS):
        values = replicate(study, SEED, replication, detail=False).values
        gone, came = (values["east", "all", "all", f"vehicles_{what}"] for what in ("abandoned", "arrived"))
        shares.append(gone / came)
    assert_exact(t_interval(shares, 0.99), 1 / (2 + minutes))


# ----------------------------------------------------------------------------------------- blocking and batches


@pytest.mark.parametrize("places", [0, 1, 2, 4])
def test_blocking_after_service_by_hunt(places: int) -> None:
    """Two stations under endless supply pass (b + 2) / (b + 3) a minute with b places between them."""
    between = "machine" if places == 0 else "buffer"
    steps = [f"{{first: {{holds_until: {between}}}}}"]
    steps += [] if places == 0 else ["{enter: buffer}"]
    steps += ["{enter: machine}"] + ([] if places == 0 else ["{leave: buffer}"]) + ["second", "{leave: machine}"]
    body = f"""
    resources: {{one: {{capacity: 1}}, buffer: {{capacity: {max(places, 1)}}}, machine: {{capacity: 1}}}}
    stations: {{first: {{needs: [one], service: {EXPONENTIAL}}}, second: {{service: {EXPONENTIAL}}}}}
    routes: {{out: {{steps: [{", ".join(steps)}]}}}}
    flows: {{cars: {{route: out, volume: 90 cars per h}}}}
    """

    def look(timeline: Timeline) -> list[float]:
        network = timeline.network
        passed = (timeline.exit_ms >= network.lead_in_ms).sum()
        return [passed / ((network.horizon_ms - network.lead_in_ms) / MS_PER_MINUTE)]

    exact = (places + 2) / (places + 3)
    assert_exact(intervals(lasting(30, body, "1 d"), look)[0], exact, 0.005)


def test_convoys_of_four() -> None:
    """Batches at 0.1 a minute of 4 cars, one server: mean wait 3.166667, mean number in the system 1.666667."""
    study = prepare(lasting(200, station(1, EXPONENTIAL, 0.4, ", convoy: {size: 4 cars, gap: 0 min}")))
    rows = [replicate(study, SEED, r, detail=False).values for r in range(REPLICATIONS)]
    assert_exact(t_interval([row["east", "all", "all", "passage_waiting_mean"] for row in rows], 0.99), 3.166667)
    inside = [row["east", "all", "desk", "queue_mean"] + row["east", "all", "desk", "utilisation"] for row in rows]
    assert_exact(t_interval(inside, 0.99), 1.666667)


# ------------------------------------------------------------------------------------------------ a border day

RATES = (20, 30, 45, 50, 40, 30, 20, 10)
BORDER_DAY = f"""
resources: {{booths: {{capacity: 3}}}}
stations: {{booth: {{needs: [booths], service: {{exponential: {{mean: 5 min}}}}}}}}
routes: {{out: {{steps: [booth]}}}}
flows: {{cars: {{route: out, volume: {sum(RATES)} cars per d, hours: {[*RATES, *[0] * 16]}}}}}
"""
IN_SYSTEM = (2.0252, 4.6631, 15.446, 29.6413, 33.741, 28.1597, 15.1109, 3.4042)
IN_QUEUE = (0.3631, 2.2453, 12.4945, 26.646, 30.7507, 25.2217, 12.5593, 2.1223)
ALL_BUSY = (0.2976, 0.6540, 0.9677, 0.9968, 0.9937, 0.9626, 0.7598, 0.2411)


def present(timeline: Timeline, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of vehicles inside at each moment."""
    gone = np.sort(timeline.exit_ms[timeline.exit_ms >= 0])
    arrived = np.searchsorted(timeline.network.arrival_ms, moments, "right")
    return np.asarray(arrived - np.searchsorted(gone, moments, "right"))


def check_border_day(days: int, precision: float, n: int = REPLICATIONS) -> None:
    """The number inside at the end of each hour; a day begins empty, since 16 h without arrivals precede it."""

    def look(timeline: Timeline) -> list[float]:
        moments = np.arange(days)[:, None] * MS_PER_DAY + np.arange(1, 9)[None, :] * MS_PER_HOUR
        inside = present(timeline, moments.ravel()).reshape(moments.shape)
        queue = np.maximum(inside - 3, 0)
        return [*inside.mean(axis=0), *queue.mean(axis=0), *(inside >= 3).mean(axis=0)]

    found = intervals(lasting(days, BORDER_DAY, "0 d"), look, n)
    for interval, exact in zip(found, IN_SYSTEM + IN_QUEUE + ALL_BUSY, strict=True):
        assert_exact(interval, exact, precision)


def test_a_border_day_with_arrivals_that_change_by_the_hour() -> None:
    check_border_day(1000, 0.12)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_border_day_to_two_per_cent() -> None:
    check_border_day(12_000, 0.02, n=35)


def test_without_chance_a_border_day_is_the_fluid_queue() -> None:
    """Evenly spaced arrivals, services of exactly 5 min: 3 booths pass 36 an hour, and the rest is left over."""
    body = BORDER_DAY.replace("{exponential: {mean: 5 min}}", "5 min")
    minutes = [60 * hour + 60 * (i + 0.5) / rate for hour, rate in enumerate(RATES) for i in range(rate)]
    found = run(at_minutes(port(body), "cars", minutes))
    moments = np.arange(1, 9) * MS_PER_HOUR
    queue = np.maximum(present(found.timeline, moments) - 3, 0)
    assert np.abs(queue - [0, 0, 9, 23, 27, 21, 5, 0]).max() <= 1


def test_deterministic_arrivals_and_services_below_capacity_never_wait() -> None:
    """D/D/c: three booths of 5 min, a vehicle every 100 s: each finds a booth that came free this instant."""
    body = BORDER_DAY.replace("{exponential: {mean: 5 min}}", "5 min")
    found = run(at_minutes(port(body), "cars", [i * 5 / 3 for i in range(500)]))
    assert found.value("passage_waiting_mean") == 0
    assert found.value("passage_time_mean") == 5


def test_six_officers_lie_between_constant_and_exponential_service() -> None:
    """M/D/6 waits less and M/M/6 more than Normal(5, 1) at a load of 60 x 5 / 60 / 6 = 0.833; so it must simulate."""
    wait = []
    for law in ("5 min", "{normal: {mean: 5 min, sd: 1 min}}", "{exponential: {mean: 5 min}}"):
        study = prepare(lasting(120, station(6, law, 1.0)))
        wait.append(np.asarray([waits(simulate(study, SEED, r)[1], "cars").mean() for r in range(REPLICATIONS)]))
    # The same arrivals meet each law, so the differences are taken within each replication.
    assert all(t_interval(more - less, 0.99).low > 0 for less, more in pairwise(wait))


# ------------------------------------------------------------------------------------------------- general laws


def inside_and_through(study: Study, replication: int) -> tuple[float, float, float]:
    """Mean number inside by counting heads every minute; arrivals per minute; mean time inside."""
    timeline = simulate(study, SEED, replication)[1]
    lead_in, horizon = timeline.network.lead_in_ms, timeline.network.horizon_ms
    moments = np.arange(lead_in, horizon, MS_PER_MINUTE)
    counted = (timeline.network.arrival_ms >= lead_in) & (timeline.exit_ms >= 0)
    rate = (timeline.network.arrival_ms >= lead_in).sum() / ((horizon - lead_in) / MS_PER_MINUTE)
    through = (timeline.exit_ms - timeline.network.arrival_ms)[counted].mean() / MS_PER_MINUTE
    return float(present(timeline, moments).mean()), float(rate), float(through)


def test_littles_law_holds_for_the_border_day_and_the_jackson_border() -> None:
    """L, counted by heads, is the arrival rate times the time inside, within the error of the ends of the run."""
    for body, days in ((BORDER_DAY, 300), (JACKSON, 60)):
        inside, rate, through = inside_and_through(prepare(lasting(days, body)), 0)
        assert inside == pytest.approx(rate * through, rel=0.01)


def test_poisson_arrivals_see_time_averages() -> None:
    """PASTA: the share of arrivals that wait is the share of time in which all servers are busy, 0.711111 for M/M/2."""
    study = prepare(lasting(100, station(2, EXPONENTIAL, 1.6)))
    shares = []
    for replication in range(REPLICATIONS):
        timeline = simulate(study, SEED, replication)[1]
        moments = np.arange(timeline.network.lead_in_ms, timeline.network.horizon_ms, MS_PER_MINUTE)
        busy = (present(timeline, moments) >= 2).mean()
        shares.append((busy, (waits(timeline, "cars") > 0).mean()))
    by_time, by_arrival = np.asarray(shares).T
    assert_exact(t_interval(by_time, 0.99), 0.711111)
    difference = t_interval(by_time - by_arrival, 0.99)
    assert difference.low <= 0 <= difference.high
    assert difference.half_width < 0.002
