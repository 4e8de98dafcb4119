"""Detection against delay: how much contraband is found, and how much time that costs all vehicles.

The same vehicles with the same luck meet every rate of selection and every quality of targeting. One point dominates
another if it finds no less and takes no more time, and one of the two surely so: by the paired differences of the
replications, corrected by Holm for the number of comparisons. Hours that are saved because vehicles give up or do not
come through are no gain, so none dominates another that clears a larger share of the vehicles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from borderport.comparing import MOST_APART, not_cleared, unlike
from borderport.distributions import Array
from borderport.errors import UsageError
from borderport.experiment import EngineName, Progress, Sample, run_scenarios
from borderport.metrics import ALL, groups_of
from borderport.scenario import Scenario
from borderport.statistics import Interval, holm, p_value, ratio_interval, t_interval
from borderport.workers import SERIAL, Workers

SURE = 0.05
FEWEST_FINDS = 10


@dataclass(frozen=True)
class Point:
    """One way to inspect, and what came of it.

    Attributes
    ----------
    rate, targeting : float or None
        Share of every inspected flow that is selected, and quality of targeting; ``None`` for the scenario as given.
    found, carried : float arrays, shape (replications,)
        Vehicles whose contraband was found, and that carried some.
    vehicles, vehicle_hours, officer_hours : float arrays, shape (replications,)
        Vehicles that arrived; their time from arrival to exit; time of officers at inspection stations.
    not_cleared : float array, shape (replications,)
        Share of the vehicles that is `borderport.comparing.not_cleared`.
    """

    rate: float | None
    targeting: float | None
    found: Array
    carried: Array
    vehicles: Array
    vehicle_hours: Array
    officer_hours: Array
    not_cleared: Array

    @property
    def label(self) -> str:
        """Name of the point in tables."""
        return "as given" if self.rate is None else f"{self.rate * 100:.4g} %"

    def detection(self) -> Interval:
        """Share of the carriers that cleared and were found out, 0 to 1."""
        return t_interval(
            np.divide(self.found, self.carried, out=np.full(self.found.shape, np.nan), where=self.carried > 0)
        )


@dataclass(frozen=True)
class Frontier:
    """All points, which of them no other dominates, and what one more find costs.

    Attributes
    ----------
    points : tuple of Point
        The scenario as given, nobody selected, then by targeting and rate.
    dominated_by : tuple of int or None
        For each point, the number of one that dominates it.
    delay, delay_each : tuple of Interval
        Vehicle-hours more than with nobody selected, paired; and hours for each vehicle that arrived.
    cost : tuple of Interval
        Vehicle-hours for one more find than at the next lower rate of the same targeting; NaN where the number of finds
        does not surely rise.
    """

    scenario: Scenario
    seed: int
    replications: int
    points: tuple[Point, ...]
    dominated_by: tuple[int | None, ...]
    delay: tuple[Interval, ...]
    delay_each: tuple[Interval, ...]
    cost: tuple[Interval, ...]

    @property
    def marked(self) -> tuple[bool, ...]:
        """True for each point whose share not cleared is unlike that with nobody selected."""
        return tuple(unlike(self.points[1].not_cleared, point.not_cleared) for point in self.points)

    @property
    def rare(self) -> bool:
        """True if so few finds were seen that intervals are worth little."""
        return bool(max(float(point.found.sum()) for point in self.points) < FEWEST_FINDS)


def inspected_flows(scenario: Scenario) -> list[str]:
    """Flows (``port.flow``) that have an ``inspection``."""
    return [name for name, flow in scenario.flows().items() if flow.inspection is not None]


def with_inspection(scenario: Scenario, rate: float, targeting: float) -> Scenario:
    """The scenario with one rate of selection in all inspected flows, and one quality of targeting.

    Policies in force still apply: one that halves the rate halves this one.

    Parameters
    ----------
    rate : float
        0 to 1.
    targeting : float
        0.5 (blind) to 1 (knows every carrier).
    """
    ports = {}
    for name, port in scenario.ports.items():
        flows = {
            key: flow.model_copy(update={"marks": {**flow.marks, "selected": rate}}) if flow.inspection else flow
            for key, flow in port.flows.items()
        }
        ports[name] = port.model_copy(update={"flows": flows})
    rules = {name: rule.model_copy(update={"targeting": targeting}) for name, rule in scenario.inspections.items()}
    return scenario.model_copy(update={"ports": ports, "inspections": rules})


def settings_of(rates: Sequence[float], targetings: Sequence[float]) -> list[tuple[float, float]]:
    """The rates and targetings that are run: nobody selected, and all selected, once, since quality changes neither."""
    settings = [(0.0, targetings[0])]
    for targeting in targetings:
        settings += [(rate, targeting) for rate in sorted(set(rates)) if 0 < rate < 1]
    return settings + [(1.0, targetings[0])] * (max(rates) >= 1)


def trace_frontier(
    scenario: Scenario,
    rates: Sequence[float],
    targetings: Sequence[float],
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
    progress: Progress | None = None,
) -> Frontier:
    """Run the scenario at every rate and quality, on common random numbers.

    Parameters
    ----------
    scenario : Scenario
        Policies applied; at least one flow with an ``inspection``.
    rates, targetings : sequence of float
        Each 0 to 1; targetings at least 0.5.
    replications : int
        >= 2, so that there are intervals.
    seed, engine, workers, progress
        As in `borderport.experiment.run_scenarios`.

    Returns
    -------
    Frontier

    Raises
    ------
    UsageError
        No flow is inspected.
    """
    if not inspected_flows(scenario):
        raise UsageError(f"'{scenario.name}' has no flow with an inspection; see `inspections` in docs/scenarios.md")
    settings = settings_of(rates, targetings)
    scenarios = [scenario, *(with_inspection(scenario, rate, targeting) for rate, targeting in settings)]
    samples = run_scenarios(
        scenarios, replications=replications, seed=seed, engine=engine, workers=workers, detail=False, progress=progress
    )
    points = [_point(samples[0], None, None)]
    points += [_point(sample, *setting) for sample, setting in zip(samples[1:], settings, strict=True)]
    longer = [point.vehicle_hours - points[1].vehicle_hours for point in points]
    delay = tuple(t_interval(hours) for hours in longer)
    each = tuple(t_interval(hours / points[1].vehicles) for hours in longer)
    return Frontier(scenario, seed, replications, tuple(points), _dominated(points), delay, each, _costs(points))


def _point(sample: Sample, rate: float | None, targeting: float | None) -> Point:
    def total(metric: str) -> Array:
        return sample.of(ALL, ALL, metric)

    members = next(members for port, flow, members in groups_of(sample.scenario) if port == flow == ALL)
    return Point(
        rate,
        targeting,
        total("contraband_found"),
        total("contraband_carried"),
        total("vehicles_arrived"),
        total("vehicle_hours"),
        total("inspection_officer_hours"),
        not_cleared(sample.scenario, members, sample.keys, sample.values),
    )


def _dominated(points: list[Point]) -> tuple[int | None, ...]:
    """Number of a point that dominates each point, or None."""
    pairs = [(a, b) for a in range(len(points)) for b in range(a)]
    finds = [points[a].found - points[b].found for a, b in pairs]
    hours = [points[a].vehicle_hours - points[b].vehicle_hours for a, b in pairs]
    sure = np.asarray(holm([p_value(difference) for difference in finds + hours])) < SURE
    shares = [t_interval(point.not_cleared).mean for point in points]
    dominated: list[int | None] = [None] * len(points)
    for number, (a, b) in enumerate(pairs):
        more, longer = float(finds[number].mean()), float(hours[number].mean())
        clear = bool(sure[number] and more) or bool(sure[number + len(pairs)] and longer)
        if clear and more >= 0 and longer <= 0 and not shares[a] - shares[b] > MOST_APART:
            dominated[b] = a if dominated[b] is None else dominated[b]
        elif clear and more <= 0 and longer >= 0 and not shares[b] - shares[a] > MOST_APART:
            dominated[a] = b if dominated[a] is None else dominated[a]
    return tuple(dominated)


def _costs(points: list[Point]) -> tuple[Interval, ...]:
    """Vehicle-hours for one more find than at the next lower rate of the same targeting."""
    nothing = Interval(float("nan"), float("nan"), float("nan"))
    costs = [nothing] * len(points)
    for number, point in enumerate(points):
        if not point.rate:
            continue
        lower = [p for p in points if p.rate is not None and p.rate < point.rate and _one_curve(p, point)]
        before = max(lower, key=lambda p: p.rate or 0.0)
        costs[number] = ratio_interval(point.vehicle_hours - before.vehicle_hours, point.found - before.found)
    return tuple(costs)


def _one_curve(one: Point, other: Point) -> bool:
    """True if two points have the same targeting, or one of them is where targeting does not matter."""
    return one.targeting == other.targeting or one.rate == 0
