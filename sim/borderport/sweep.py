"""A design over parameters and policies: every point runs with the same random numbers, paired to the base.

What a replication of a point gave is kept in the store as soon as it is known, under a key of everything that
determines it; an interrupted sweep, or a wider one, computes only what is missing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from borderport.distributions import Array
from borderport.errors import Problem, ScenarioInvalid, UsageError
from borderport.executors import map_unordered, open_executor
from borderport.experiment import EngineName, Progress, prepare, replicate, scenario_hash
from borderport.loading import load_scenario
from borderport.metrics import ALL, Key
from borderport.scenario import Policy, Scenario
from borderport.statistics import t_intervals
from borderport.store import ResultStore, model_hash, record_key

MOST_POINTS = 100_000
POINTS_IN_RANGE = 5
CHUNK = 4
BATCH = 16

_WHOLE = re.compile(r"(-?[0-9]+)\.\.(-?[0-9]+)")
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"
_RANGE = re.compile(rf"{_NUMBER}\s*([^\d:]*?)\s*:\s*{_NUMBER}\s*(\D*)")


@dataclass(frozen=True)
class Variation:
    """One parameter of a design: a path of the scenario, or a policy (``policies.NAME``), and its values as text."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One design point: the values given, and the scenario they make."""

    values: tuple[str, ...]
    scenario: Scenario


@dataclass(frozen=True)
class Sweep:
    """The outcome of a sweep.

    Attributes
    ----------
    variations : tuple of Variation
    points : tuple of Point
        The base first; its ``values`` are empty.
    keys : tuple of (port, flow, station, metric)
    values : float array, shape (points, replications, keys)
    seed : int
    computed : int
        Replications that were not in the store.
    """

    variations: tuple[Variation, ...]
    points: tuple[Point, ...]
    keys: tuple[Key, ...]
    values: Array
    seed: int
    computed: int

    def response(self, key: Key) -> tuple[Array, Array, Array]:
        """Low, mean and high of one metric at each point but the base, shape (points - 1,)."""
        return t_intervals(self.values[1:, :, self.keys.index(key)].T)

    def difference(self, key: Key) -> tuple[Array, Array, Array]:
        """Low, mean and high of the paired difference to the base at each point, shape (points - 1,)."""
        column = self.values[:, :, self.keys.index(key)]
        return t_intervals((column[1:] - column[:1]).T)


def parse_variation(text: str) -> Variation:
    """Read ``PATH=SPEC``.

    Parameters
    ----------
    text : str
        SPEC is ``1..4`` (whole numbers), ``0.5,1,2`` (a list; units as in the scenario, e.g. ``10 min,20 min``), or
        ``0.1:0.9`` with a unit if the value has one, e.g. ``5:30 %`` (five evenly spaced values). For a policy,
        ``policies.NAME=on,off``.

    Returns
    -------
    Variation

    Raises
    ------
    UsageError
        The text is not of this form.
    """
    path, equals, spec = (part.strip() for part in text.partition("="))
    if not equals or not path or not spec:
        raise UsageError(f"--vary {text}: must be PATH=SPEC, such as ports.PORT.resources.NAME.capacity=1..4")
    whole, span = _WHOLE.fullmatch(spec), _RANGE.fullmatch(spec)
    if whole is not None:
        first, last = int(whole.group(1)), int(whole.group(2))
        if last < first:
            raise UsageError(f"--vary {text}: {first}..{last} does not count upwards")
        if last - first >= MOST_POINTS:
            many = f"has {last - first + 1:,} values; at most {MOST_POINTS:,} run in one sweep"
            raise UsageError(f"--vary {text}: {many}")
        return Variation(path, tuple(str(value) for value in range(first, last + 1)))
    if span is not None:
        low, before, high, unit = span.groups()
        if before not in ("", unit):
            raise UsageError(f"--vary {text}: both ends need the same unit, such as 5:30 min")
        if not float(low) < float(high):
            raise UsageError(f"--vary {text}: {low}:{high} does not go upwards")
        grid = np.linspace(float(low), float(high), POINTS_IN_RANGE)
        return Variation(path, tuple(f"{value:.12g} {unit}".strip() for value in grid))
    values = tuple(part.strip() for part in spec.split(","))
    if "" in values:
        raise UsageError(f"--vary {text}: there is an empty value in the list")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise UsageError(f"--vary {text}: {twice} is in the list twice")
    return Variation(path, values)


def _load_point(
    scenario: str,
    sets: Sequence[str],
    added: Sequence[str],
    removed: Sequence[str],
    design: Sequence[tuple[str, str]],
    policies: Path | None,
) -> Scenario:
    """The scenario of one design point; ``on`` and ``off`` put a policy in force or leave it out."""
    sets, added, removed = list(sets), list(added), list(removed)
    in_force: set[str] | None = None
    known: Mapping[str, Policy] = {}
    for path, value in design:
        if path.startswith("policies.") and path.count(".") == 1:
            name = path.partition(".")[2]
            if value not in ("on", "off"):
                raise UsageError(f"--vary {path}: a policy is 'on' or 'off', not '{value}'")
            if value == "on":
                added.append(name)
                continue
            if in_force is None:
                loaded = load_scenario(scenario, sets=sets, with_policies=added, policies=policies)
                in_force, known = set(loaded.plain.policies), loaded.catalogue
            if name in in_force or name not in known:
                removed.append(name)
        else:
            sets.append(f"{path}={value}")
    try:
        loaded = load_scenario(scenario, sets=sets, with_policies=added, without_policies=removed, policies=policies)
        return loaded.scenario
    except ScenarioInvalid as error:
        raise ScenarioInvalid([_as_varied(problem, design) for problem in error.problems]) from None


def _as_varied(problem: Problem, design: Sequence[tuple[str, str]]) -> Problem:
    """A problem of a value of the design, in the words of the command that asked for it."""
    for path, value in design:
        options = (f"--set {path}={value}", *(f"{o} {path.partition('.')[2]}" for o in ("--with", "--without")))
        if problem.where in options:
            return replace(problem, where=f"--vary {path}={value}")
    return problem


def plan_sweep(
    scenario: str,
    variations: Sequence[Variation],
    *,
    sets: Sequence[str] = (),
    with_policies: Sequence[str] = (),
    without_policies: Sequence[str] = (),
    policies: Path | None = None,
) -> tuple[Point, ...]:
    """The base and every combination of the values, each loaded and checked before anything runs.

    Raises
    ------
    ScenarioInvalid
        A value is wrong for its path; the message names the ``--vary`` it comes from.
    UsageError
        There are too many points, or one parameter is varied twice.
    """
    paths = [v.path for v in variations]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"--vary {twice} is given twice; put all its values into one")
    count = int(np.prod([len(v.values) for v in variations], dtype=np.float64))
    if count > MOST_POINTS:
        raise UsageError(f"this design has {count:,} points; at most {MOST_POINTS:,} run in one sweep")
    changes = (sets, with_policies, without_policies)
    points = [Point((), _load_point(scenario, *changes, (), policies))]
    for values in itertools.product(*(v.values for v in variations)):
        design = [(v.path, value) for v, value in zip(variations, values, strict=True)]
        points.append(Point(values, _load_point(scenario, *changes, design, policies)))
    return tuple(points)


@dataclass(frozen=True)
class _Task:
    scenario: Scenario
    seed: int
    engine: EngineName
    replications: tuple[int, ...]
    keys: tuple[str, ...]


def _run_task(task: _Task) -> list[tuple[str, dict[Key, float]]]:
    """Compute a few replications of one point; kept are totals, flows and groups, and the resources' figures."""
    study = prepare(task.scenario)
    out = []
    for replication, key in zip(task.replications, task.keys, strict=True):
        found = replicate(study, task.seed, replication, task.engine, detail=False)
        figures = zip(found.keys, found.numbers.tolist(), strict=True)
        out.append((key, {k: v for k, v in figures if k[2] == ALL or k[1] == ALL}))
    return out


def run_sweep(
    variations: Sequence[Variation],
    points: Sequence[Point],
    store: ResultStore,
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Sweep:
    """Run what the store lacks of a design, with one pool of workers, and put it together.

    Parameters
    ----------
    variations, points
        Of `parse_variation` and `plan_sweep`.
    store : ResultStore
        Written by this process only, in batches.
    replications, seed, engine, jobs, progress
        As in `borderport.experiment.run_scenarios`.

    Returns
    -------
    Sweep
    """
    model = model_hash()
    digests = [scenario_hash(point.scenario) for point in points]
    wanted = [[record_key(digest, r, seed, model) for r in range(replications)] for digest in digests]
    found: dict[str, dict[Key, float]] = {}
    for key in dict.fromkeys(itertools.chain.from_iterable(wanted)):
        record = store.get(key)
        if record is not None:
            found[key] = record
    total = len(set(itertools.chain.from_iterable(wanted)))
    computed = total - len(found)
    fresh: list[tuple[str, dict[Key, float]]] = []
    with open_executor(jobs) as executor:
        try:
            for _, records in map_unordered(executor, _run_task, _tasks(points, wanted, found, seed, engine), jobs):
                fresh += records
                found.update(records)
                if len(fresh) >= BATCH:
                    store.put(fresh)
                    fresh = []
                if progress is not None:
                    progress(len(found), total)
        finally:
            store.put(fresh)
    first = found[wanted[0][0]]
    keys = tuple(first)
    values = np.asarray([[[found[key].get(k, np.nan) for k in keys] for key in row] for row in wanted])
    return Sweep(tuple(variations), tuple(points), keys, values, seed, computed)


def _tasks(
    points: Sequence[Point],
    wanted: Sequence[Sequence[str]],
    found: dict[str, dict[Key, float]],
    seed: int,
    engine: EngineName,
) -> Iterator[_Task]:
    """What is missing, a few replications of one point at a time; equal points are run once."""
    planned = set(found)
    for point, keys in zip(points, wanted, strict=True):
        missing = [(r, key) for r, key in enumerate(keys) if key not in planned]
        planned.update(key for _, key in missing)
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            yield _Task(point.scenario, seed, engine, tuple(r for r, _ in part), tuple(key for _, key in part))
