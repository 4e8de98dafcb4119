"""Paired comparison: the same vehicles, with the same luck, in a base scenario and in others.

Vehicles are paired by flow and number. A vehicle counts in a paired effect if it completed the span in both worlds;
those that did in one only are counted and named, since leaving them out can flatter a measure (fewer drivers give
up, so more of the patient ones are counted). The hours of everybody who arrived stand beside: they leave out nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.experiment import Chunk, EngineName, Plan, Progress, Sample, collect, prepare, replicate, sample_of
from borderport.metrics import ALL, GRID, PAIRED, FlowTimes, Key, Measures, groups_of
from borderport.scenario import Ref, Scenario
from borderport.statistics import (
    Interval,
    Precision,
    holm,
    p_value,
    share_interval,
    t_interval,
    t_intervals,
    variance_saved,
)
from borderport.units import MS_PER_MINUTE
from borderport.workers import SERIAL, Workers

EffectKey = tuple[str, str, str, str]
# If the shares of vehicles that are not cleared differ by more than this, means are over other vehicles.
MOST_APART = 0.01


def come_otherwise(base: Scenario, other: Scenario) -> list[str]:
    """Flows of both whose arrivals differ: a vehicle has its number and its luck in both, but comes at another time.

    Returns
    -------
    list of str
        ``port.flow``, in the order of ``base``; all that both have if their horizons differ.
    """

    def when(scenario: Scenario, name: Ref) -> tuple[object, ...]:
        flow = scenario.flows()[name]
        months = scenario.profiles.get(flow.months, ()) if isinstance(flow.months, str) else flow.months
        return (scenario.horizon, flow.volume, flow.arrivals, flow.convoy, months) + (
            flow.weekdays,
            flow.hours,
            flow.active_from,
            flow.active_until,
        )

    both = [name for name in base.flows() if name in other.flows()]
    return [name for name in both if when(base, name) != when(other, name)]


def of_flows(keys: Sequence[Key], values: Array, flows: Iterable[Ref], *metrics: str) -> Array:
    """Sum of metrics over flows (``port.flow``), shape (...) of values of shape (..., keys); 0 for flows not there."""
    wanted = {(flow.port, flow.name, ALL, metric) for flow in flows for metric in metrics}
    return np.asarray(values[..., [i for i, key in enumerate(keys) if key in wanted]].sum(axis=-1))


def not_cleared(scenario: Scenario, flows: Iterable[Ref], keys: Sequence[Key], values: Array) -> Array:
    """Share of the vehicles that would have come and are not cleared: unfinished, abandoned, held back or diverted.

    A mean over the cleared says little beside another if this share differs: at a port all but shut, the few that slip
    through are quick. A diverted vehicle counts as cleared if the flow that it joins is one of these and clears it.

    Parameters
    ----------
    scenario : Scenario
        Says who diverts to whom.
    flows : iterable of str
        ``port.flow``.
    keys : sequence of (port, flow, station, metric)
    values : float array, shape (..., keys)

    Returns
    -------
    float array, shape (...)
        0 to 1; NaN where nobody would have come.
    """
    members = set(flows)
    origins = {name: flow.diverted_from for name, flow in scenario.flows().items() if flow.diverted_from is not None}
    joined = {name for name, origin in origins.items() if Ref.seen_from(name.port, origin) in members}
    cleared = of_flows(keys, values, members, "vehicles_cleared")
    due = of_flows(keys, values, members - joined, "vehicles_arrived", "vehicles_held_back", "vehicles_diverted")
    return np.asarray(1 - np.divide(cleared, due, out=np.full(due.shape, np.nan), where=due > 0))


def unlike(base: Array, other: Array) -> bool:
    """True if the mean shares not cleared, over replications, differ by more than `MOST_APART`, either way."""
    shares = [values[~np.isnan(values)] for values in (base, other)]
    if not all(found.size for found in shares):
        return any(found.size for found in shares)
    return bool(abs(shares[1].mean() - shares[0].mean()) > MOST_APART)


@dataclass(frozen=True)
class PairedSums:
    """One replication's paired effect of a group: saving in ms summed over vehicles, and how many gained and lost."""

    saving_ms: int
    pairs: int
    better: int
    worse: int
    only_base: int
    only_other: int


NOBODY = PairedSums(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class VehicleEffect:
    """The paired effect on the same vehicles, over replications.

    Attributes
    ----------
    port, flow : str
        ``all`` for totals; ``flow`` may be a named group.
    span, clock : str
        Of `borderport.metrics.PAIRED`; under the span ``goods`` pairs are of loads, whichever trucks take them.
    saving : Interval
        Base less other, minutes per vehicle; positive means that the other scenario is faster.
    better, worse : Interval
        Share of the paired vehicles with a saving above and below zero.
    pairs, only_base, only_other : float
        Vehicles per replication that completed the span in both, in the base only, in the other only.
    hours_saved : Interval
        Base less other, ``vehicle_hours`` of everybody of the group who arrived, completed or not; the same for all
        spans and clocks.
    base_not_cleared, other_not_cleared : float
        Share of the group that is `not_cleared` in either.
    marked : bool
        True if these shares are `unlike`, so that means over the cleared are over other vehicles.
    """

    port: str
    flow: str
    span: str
    clock: str
    saving: Interval
    better: Interval
    worse: Interval
    pairs: float
    only_base: float
    only_other: float
    hours_saved: Interval
    base_not_cleared: float
    other_not_cleared: float
    marked: bool


@dataclass(frozen=True)
class Difference:
    """Other less base of every metric, taken within each replication; shape (keys,)."""

    low: Array
    mean: Array
    high: Array
    p_holm: Array
    variance_saved: Array


@dataclass(frozen=True)
class Comparison:
    """A base scenario and others, run on common random numbers.

    Attributes
    ----------
    samples : list of Sample
        The base first.
    differences : list of Difference
        One for each other scenario; its keys are those of ``samples[0]``.
    effects : list of list of VehicleEffect
        One list for each other scenario.
    saving_grid : list of dict of float arrays, shape (200,)
        For each other scenario, by (port, clock): quantiles of the passage saving in minutes per vehicle at `GRID`,
        mean over replications.
    watched : float array, shape (replications, others)
        The values for which a precision was asked: see `compare_scenarios`.
    """

    samples: list[Sample]
    differences: list[Difference]
    effects: list[list[VehicleEffect]]
    saving_grid: list[dict[tuple[str, str], Array]]
    watched: Array = field(default_factory=lambda: np.empty((0, 0)))


def pair_flow(base: FlowTimes, other: FlowTimes, span: str, clock: str) -> tuple[Times, int, int]:
    """Savings (base less other, ms) of vehicles or loads that completed the span in both; how many did in one only."""
    _, in_base, in_other = np.intersect1d(
        base.numbers(span), other.numbers(span), assume_unique=True, return_indices=True
    )
    base_done, other_done = base.done[span][in_base], other.done[span][in_other]
    both = base_done & other_done
    saving = base.times[span, clock][in_base[both]] - other.times[span, clock][in_other[both]]
    pairs = int(both.sum())
    return saving, int(base.done[span].sum()) - pairs, int(other.done[span].sum()) - pairs


def pair_measures(
    scenario: Scenario, base: Measures, other: Measures
) -> tuple[dict[EffectKey, PairedSums], dict[tuple[str, str], Array]]:
    """Pair one replication: sums for every group, span and clock, and the distribution of savings by port."""
    sums: dict[EffectKey, PairedSums] = {}
    grids: dict[tuple[str, str], Array] = {}
    common = [name for name in base.flows if name in other.flows]
    for span, clock in PAIRED:
        paired = {name: pair_flow(base.flows[name], other.flows[name], span, clock) for name in common}
        for port, flow, members in groups_of(scenario):
            parts = [paired[name] for name in members if name in paired]
            if not parts:
                continue
            saving = np.concatenate([part[0] for part in parts])
            sums[port, flow, span, clock] = PairedSums(
                int(saving.sum()),
                saving.size,
                int((saving > 0).sum()),
                int((saving < 0).sum()),
                sum(part[1] for part in parts),
                sum(part[2] for part in parts),
            )
            if span == "passage" and flow == "all":
                grids[port, clock] = (
                    np.quantile(saving, GRID) / MS_PER_MINUTE if saving.size else np.full(GRID.size, np.nan)
                )
    return sums, grids


@dataclass(frozen=True)
class _Paired:
    """One replication: measures of all scenarios, and the pairings of each other scenario with the base."""

    measures: list[Measures]
    sums: list[dict[EffectKey, PairedSums]]
    grids: list[dict[tuple[str, str], Array]]


def _compare_chunk(chunk: Chunk) -> list[_Paired]:
    studies = [prepare(scenario) for scenario in chunk.scenarios]
    out = []
    for replication in chunk.replications:
        measures = [replicate(study, chunk.seed, replication, chunk.engine, chunk.detail) for study in studies]
        paired = [pair_measures(chunk.scenarios[0], measures[0], other) for other in measures[1:]]
        bare = [replace(m, flows={}) for m in measures]
        out.append(_Paired(bare, [p[0] for p in paired], [p[1] for p in paired]))
    return out


def compare_scenarios(
    scenarios: Sequence[Scenario],
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
    precision: Precision | None = None,
    watched: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare scenarios with the first of them, vehicle by vehicle.

    Parameters
    ----------
    scenarios : sequence of Scenario
        At least two, policies applied; the first is the base.
    replications, seed, engine, workers, progress
        As in `borderport.experiment.run_scenarios`.
    precision : Precision or None
        Go on until what is watched is known to this for every other scenario, or will not be.
    watched : str or None
        The watched figure of the base's `headline_group`: the paired difference of a metric, or, by default, the saving
        per vehicle in the passage, on the wall clock.

    Returns
    -------
    Comparison
    """
    plan = Plan(tuple(scenarios), replications, seed, engine, True, precision)
    figures = _watching(headline_group(scenarios[0]), watched)
    rows = collect(plan, _compare_chunk, figures, workers, progress)
    samples = [sample_of(s, seed, engine, [row.measures[i] for row in rows]) for i, s in enumerate(scenarios)]
    others = range(len(scenarios) - 1)
    return Comparison(
        samples,
        _differences(samples),
        [_effects([row.sums[i] for row in rows], samples[0], samples[i + 1]) for i in others],
        [_mean_grids([row.grids[i] for row in rows]) for i in others],
        np.asarray([figures(row) for row in rows]),
    )


def headline_group(scenario: Scenario) -> str:
    """The first named group that has vehicles, or ``all``: what a comparison with this base is about."""
    named = [flow for port, flow, _ in groups_of(scenario) if port == ALL and flow != ALL]
    return named[0] if named else ALL


def _watching(group: str, metric: str | None) -> Callable[[_Paired], list[float]]:
    """A function that gives the watched value of one replication, for each other scenario."""

    def saving(row: _Paired) -> list[float]:
        return [_saving_min(sums.get((ALL, group, "passage", "wall"), NOBODY)) for sums in row.sums]

    def difference(row: _Paired) -> list[float]:
        base, *others = (measures.of((ALL, group, ALL, metric or "")) for measures in row.measures)
        return [other - base for other in others]

    return saving if metric is None else difference


def _differences(samples: list[Sample]) -> list[Difference]:
    """Differences to the base; Holm's correction runs over the scenarios compared, metric by metric."""
    base = samples[0]
    columns = {key: i for i, key in enumerate(base.keys)}
    aligned = []
    for sample in samples[1:]:
        values = np.full(base.values.shape, np.nan)
        for i, key in enumerate(sample.keys):
            if key in columns:
                values[:, columns[key]] = sample.values[:, i]
        aligned.append(values)
    p = np.asarray([[p_value(values[:, k] - base.values[:, k]) for k in range(len(base.keys))] for values in aligned])
    adjusted = np.asarray([holm(p[:, k].tolist()) for k in range(len(base.keys))]).T if aligned else p
    out = []
    for i, values in enumerate(aligned):
        low, mean, high = t_intervals(values - base.values)
        saved = np.asarray([variance_saved(base.values[:, k], values[:, k]) for k in range(len(base.keys))])
        out.append(Difference(low, mean, high, adjusted[i], saved))
    return out


def _saving_min(sums: PairedSums) -> float:
    """Minutes saved per paired vehicle of one replication; NaN if there is none."""
    return sums.saving_ms / sums.pairs / MS_PER_MINUTE if sums.pairs else float("nan")


def _effects(rows: list[dict[EffectKey, PairedSums]], base: Sample, other: Sample) -> list[VehicleEffect]:
    """Means over replications, each of which counts alike, whatever its number of vehicles."""
    members = {(port, flow): names for port, flow, names in groups_of(base.scenario)}
    groups = {of: _everybody(names, base, other) for of, names in members.items()}
    effects = []
    for key in rows[0]:
        parts = [row[key] for row in rows]
        pairs, better, worse = np.asarray([(p.pairs, p.better, p.worse) for p in parts], dtype=np.float64).T
        some = np.where(pairs > 0, pairs, np.nan)
        effects.append(
            VehicleEffect(
                *key,
                t_interval([_saving_min(p) for p in parts]),
                share_interval(better / some),
                share_interval(worse / some),
                float(pairs.mean()),
                float(np.mean([p.only_base for p in parts])),
                float(np.mean([p.only_other for p in parts])),
                *groups[key[:2]],
            )
        )
    return effects


def _everybody(flows: Iterable[Ref], base: Sample, other: Sample) -> tuple[Interval, float, float, bool]:
    """Hours saved by all of these flows that arrived; the shares not cleared in either, and if they are unlike."""
    hours = [of_flows(sample.keys, sample.values, flows, "vehicle_hours") for sample in (base, other)]
    shares = [not_cleared(sample.scenario, flows, sample.keys, sample.values) for sample in (base, other)]
    before, after = (t_interval(share).mean for share in shares)
    return t_interval(hours[0] - hours[1]), before, after, unlike(*shares)


def _mean_grids(rows: list[dict[tuple[str, str], Array]]) -> dict[tuple[str, str], Array]:
    out = {}
    for key in rows[0]:
        grid = np.asarray([row[key] for row in rows])
        grid = grid[~np.isnan(grid).any(axis=1)]
        out[key] = grid.mean(axis=0) if grid.size else np.full(GRID.size, np.nan)
    return out
