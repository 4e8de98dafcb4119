"""A design over parameters and policies: every point runs with the same random numbers, paired to the base.

The figures of a replication of a point are kept in the store as soon as they are known, under a key of everything that
determines them; an interrupted sweep, or a wider one, computes only what is missing. Points are loaded one after the
other as they are needed, and their figures are read back from the store: a design of any size takes little memory.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from borderport.comparing import not_cleared, of_flows, unlike
from borderport.distributions import Array
from borderport.errors import Problem, ScenarioInvalid, StoreError, UsageError
from borderport.experiment import EngineName, Progress, prepare, replicate, scenario_hash
from borderport.loading import load_scenario
from borderport.manifest import Mask
from borderport.metrics import ALL, Key, groups_of
from borderport.scenario import Policy, Ref, Scenario
from borderport.statistics import t_intervals
from borderport.store import ResultStore, model_hash, record_key
from borderport.workers import SERIAL, Workers, map_unordered

MOST_POINTS = 100_000
MOST_CHECKED = 100
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
class Design:
    """The variations of a scenario; its points are loaded when they are asked for.

    Attributes
    ----------
    reference : str or mapping
        Name or file of the scenario, or what it would hold.
    base : Scenario
        As it is, with the options that hold at every point.
    variations : tuple of Variation
    sets, with_policies, without_policies : tuple of str
        Those options.
    policies : Path or None
        A folder of further policies.
    """

    reference: str | Mapping[str, object]
    base: Scenario
    variations: tuple[Variation, ...]
    sets: tuple[str, ...] = ()
    with_policies: tuple[str, ...] = ()
    without_policies: tuple[str, ...] = ()
    policies: Path | None = None

    def __len__(self) -> int:
        """Number of points, the base included."""
        return 1 + math.prod(len(v.values) for v in self.variations)

    def points(self) -> Iterator[tuple[str, ...]]:
        """The values of every point; the base comes first and has none."""
        yield ()
        yield from itertools.product(*(v.values for v in self.variations))

    def load(self, values: Sequence[str]) -> Scenario:
        """The scenario of one point.

        Raises
        ------
        ScenarioInvalid
            A value is wrong for its path; the message names the ``--vary`` it comes from.
        """
        if not values:
            return self.base
        given = [(v.path, value) for v, value in zip(self.variations, values, strict=True)]
        return _load_point(self.reference, self.sets, self.with_policies, self.without_policies, given, self.policies)


@dataclass(frozen=True)
class Response:
    """One metric at every point, and what it must be read beside; arrays have the base first.

    Attributes
    ----------
    values, cleared, unfinished, not_cleared : float arrays, shape (points, replications)
        The metric; vehicles cleared and unfinished of its port, flow or group, and the share of these that is
        `borderport.comparing.not_cleared`.
    marked : bool array, shape (points,)
        True where that share is unlike the base's: the metric is then one of other vehicles, not to be called better.
    """

    values: Array
    cleared: Array
    unfinished: Array
    not_cleared: Array
    marked: Mask

    def intervals(self) -> tuple[Array, Array, Array]:
        """Low, mean and high, shape (points,)."""
        return t_intervals(self.values.T)

    def differences(self) -> tuple[Array, Array, Array]:
        """Low, mean and high of the paired difference to the base, shape (points,)."""
        return t_intervals((self.values - self.values[0]).T)


@dataclass(frozen=True)
class Sweep:
    """The outcome of a sweep: where its figures are in the store.

    Attributes
    ----------
    design : Design
    digests : tuple of str, shape (points,)
        Hash of each point's scenario, the base first.
    keys : tuple of (port, flow, station, metric)
    replications, seed : int
    computed : int
        Replications that were not in the store.
    store : ResultStore
        Open.
    model : str
        Hash of the sources that gave the figures.
    """

    design: Design
    digests: tuple[str, ...]
    keys: tuple[Key, ...]
    replications: int
    seed: int
    computed: int
    store: ResultStore
    model: str

    def values(self, number: int) -> Array:
        """Figures of one point, shape (replications, keys); NaN where it has none."""
        return self._read(number, self.keys)

    def response(self, key: Key) -> Response:
        """One metric at every point."""
        members = members_of(self.design.base, key)
        flows = {(name.port, name.name) for name in members}
        kept = (key, *(k for k in self.keys if k[:2] in flows and k[2] == ALL and k[3] in COUNTED))
        table = np.asarray([self._read(number, kept) for number in range(len(self.digests))])
        shares = not_cleared(self.design.base, members, kept, table)
        return Response(
            table[:, :, 0],
            of_flows(kept, table, members, "vehicles_cleared"),
            of_flows(kept, table, members, "unfinished"),
            shares,
            np.asarray([unlike(shares[0], share) for share in shares]),
        )

    def _read(self, number: int, keys: Sequence[Key]) -> Array:
        rows = []
        for replication in range(self.replications):
            record = self.store.get(record_key(self.digests[number], replication, self.seed, self.model))
            if record is None:
                raise StoreError(f"{self.store.path}: a record was lost while it was read; run the same again")
            rows.append([record.get(key, np.nan) for key in keys])
        return np.asarray(rows)


COUNTED = ("vehicles_arrived", "vehicles_held_back", "vehicles_diverted", "vehicles_cleared", "unfinished")


def members_of(scenario: Scenario, key: Key) -> tuple[Ref, ...]:
    """The flows whose vehicles a metric is about; of a resource or station, those of its port."""
    return next((members for port, flow, members in groups_of(scenario) if (port, flow) == key[:2]), ())


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
    scenario: str | Mapping[str, object],
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
    scenario: str | Mapping[str, object],
    variations: Sequence[Variation],
    *,
    sets: Sequence[str] = (),
    with_policies: Sequence[str] = (),
    without_policies: Sequence[str] = (),
    policies: Path | None = None,
    progress: Progress | None = None,
) -> Design:
    """Load the base and check the values before anything runs: points that have each of them, at most `MOST_CHECKED`.

    Parameters
    ----------
    scenario : str or mapping
        As `borderport.loading.load_scenario` takes it.
    variations : sequence of Variation
    sets, with_policies, without_policies : sequence of str
        Hold at every point.
    policies : Path, optional
        A folder of further policies.
    progress : callable, optional
        Called with (done, total) points that were checked.

    Returns
    -------
    Design

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
    count = math.prod(len(v.values) for v in variations)
    if count > MOST_POINTS:
        raise UsageError(f"this design has {count:,} points; at most {MOST_POINTS:,} run in one sweep")
    base = _load_point(scenario, sets, with_policies, without_policies, (), policies)
    design = Design(
        scenario, base, tuple(variations), tuple(sets), tuple(with_policies), tuple(without_policies), policies
    )
    longest = max(len(v.values) for v in variations)
    numbers = np.unique(np.linspace(0, longest - 1, min(longest, MOST_CHECKED)).round().astype(int)).tolist()
    for done, number in enumerate(numbers, start=1):
        # Points of the design, so that a value which is right only together with another's is not refused.
        design.load([v.values[number % len(v.values)] for v in variations])
        if progress is not None:
            progress(done, len(numbers))
    return design


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
    design: Design,
    store: ResultStore,
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
    progress: Progress | None = None,
) -> Sweep:
    """Run what the store lacks of a design.

    Parameters
    ----------
    design : Design
        Of `plan_sweep`. A point is loaded when its turn comes.
    store : ResultStore
        Written by this process only, in batches.
    replications, seed, engine, workers
        As in `borderport.experiment.run_scenarios`.
    progress : callable, optional
        Called with (done, total) replications, those found in the store included.

    Returns
    -------
    Sweep

    Raises
    ------
    ScenarioInvalid
        A value that `plan_sweep` did not look at is wrong, or two are wrong together; what was computed is kept.
    """
    run = _Run(design, store, model_hash(), replications, seed, engine, progress or (lambda done, total: None))
    fresh: list[tuple[str, dict[Key, float]]] = []
    try:
        for _, records in map_unordered(workers, _run_task, run.tasks()):
            fresh += records
            run.computed += len(records)
            run.advance(len(records))
            if len(fresh) >= BATCH:
                store.put(fresh)
                fresh = []
    finally:
        store.put(fresh)
    keys = tuple(store.get(record_key(run.digests[0], 0, seed, run.model)) or ())
    return Sweep(design, tuple(run.digests), keys, replications, seed, run.computed, store, run.model)


@dataclass
class _Run:
    """A sweep under way: how far it has come."""

    design: Design
    store: ResultStore
    model: str
    replications: int
    seed: int
    engine: EngineName
    progress: Progress
    digests: list[str] = field(default_factory=list)
    done: int = 0
    computed: int = 0

    def advance(self, replications: int) -> None:
        """Note that so many more replications are done."""
        self.done += replications
        self.progress(self.done, len(self.design) * self.replications)

    def tasks(self) -> Iterator[_Task]:
        """Replications that are missing, a few of one point at a time; equal points are run once."""
        seen: set[str] = set()
        for values in self.design.points():
            scenario = self.design.load(values)
            digest = scenario_hash(scenario)
            self.digests.append(digest)
            keys = [record_key(digest, r, self.seed, self.model) for r in range(self.replications)]
            missing = [] if digest in seen else [r for r, key in enumerate(keys) if not self.store.has(key)]
            seen.add(digest)
            self.advance(self.replications - len(missing))
            for start in range(0, len(missing), CHUNK):
                part = tuple(missing[start : start + CHUNK])
                yield _Task(scenario, self.seed, self.engine, part, tuple(keys[r] for r in part))
