"""Replications on common random numbers, serial or parallel.

A *study* is a scenario made ready to run. Replication r of every scenario draws from the same addresses, so the r-th
replications of two scenarios meet the same vehicles with the same luck. Results do not depend on the number of
workers, on their order or on how replications are cut into chunks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Literal, TypeVar

import numpy as np
from pydantic import BaseModel

from borderport.bounds import MOST_FIGURES
from borderport.distributions import Array, Law
from borderport.errors import TooLarge, UsageError
from borderport.loading.tree import suggest
from borderport.manifest import Manifest, ManifestPlan, draw_manifest, plan_manifest
from borderport.metrics import ALL, METRICS, Key, Measures, MetricsPlan, measure, plan_metrics
from borderport.network import NetworkPlan, build_network, check_size, plan_network
from borderport.scenario import Scenario, for_readers
from borderport.statistics import MOST_REPLICATIONS, Precision, outlook, t_interval, t_intervals
from borderport.timeline import Timeline
from borderport.trace import Trace
from borderport.workers import SERIAL, Workers, map_unordered

EngineName = Literal["compiled", "simpy"]
Progress = Callable[[int, int], None]
Row = TypeVar("Row")
PASSAGE_MEAN = "passage_time_mean"
LARGE_BLOCK = 31 << 20  # glibc does not learn from blocks of 32 MiB and more


@dataclass(frozen=True)
class Study:
    """A scenario (policies applied) made ready to run; what is the same in every replication is worked out."""

    scenario: Scenario
    manifest: ManifestPlan
    network: NetworkPlan
    metrics: MetricsPlan


def prepare(scenario: Scenario) -> Study:
    """Make a scenario ready to run; `TooLarge` if it does not fit one run."""
    _keep_freed_memory()
    network, manifest = plan_network(scenario), plan_manifest(scenario)
    check_size(network, manifest)
    return Study(scenario, manifest, network, plan_metrics(scenario, network))


def _keep_freed_memory() -> None:
    """Ask for a large block and free it, untouched.

    From then on glibc keeps twice as much freed memory for the next replication, instead of giving it back and having
    every page cleared again, which took a tenth of the time. Other C libraries do not mind.
    """
    np.empty(LARGE_BLOCK, dtype=np.uint8)


def simulate(study: Study, seed: int, replication: int, engine: EngineName = "compiled") -> tuple[Manifest, Timeline]:
    """Run one replication; `borderport.metrics.measure` checks it.

    Parameters
    ----------
    study : Study
    seed, replication : int
        The address of all random numbers.
    engine : str
        ``compiled``, or ``simpy`` for the reference. Both return the same timeline.

    Returns
    -------
    Manifest, Timeline
    """
    manifest = draw_manifest(study.manifest, seed, replication)
    network = build_network(study.network, manifest)
    if engine == "simpy":
        from borderport.engines import reference

        timeline = reference.run(network)
    else:
        from borderport.engines import compiled

        timeline = compiled.run(network)
    return manifest, timeline


def replicate(
    study: Study, seed: int, replication: int, engine: EngineName = "compiled", detail: bool = True
) -> Measures:
    """Run one replication and measure it."""
    manifest, timeline = simulate(study, seed, replication, engine)
    return measure(study.metrics, manifest, timeline, detail)


def check_watched(scenario: Scenario, flow: str, metric: str) -> None:
    """Refuse a metric that a scenario does not have for a flow or group over all ports.

    Raises
    ------
    UsageError
        It does not exist, or is of one port or resource only.
    """
    names = [key[3] for key in prepare(scenario).metrics.keys if key[:3] == (ALL, flow, ALL)]
    if metric in names:
        return
    known = metric in METRICS or not names
    why = (
        f"'{scenario.name}' has none for '{flow}' over all ports"
        if known
        else f"unknown metric{suggest(metric, names)}"
    )
    raise UsageError(f"--of {metric}: {why}; see `borderport list metrics`")


def scenario_hash(scenario: Scenario) -> str:
    """SHA-256 of all that decides a scenario's results, policies in force and observed vehicles included.

    Fields that are for readers (`borderport.scenario.ForReaders`) do not count. Names do, and so does their order:
    flows are numbered, and resources seized, as they are listed.
    """
    text = json.dumps(_counted(scenario), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _counted(value: object) -> object:
    """The part of a model that counts, as plain data; numbers to the last bit."""
    if isinstance(value, BaseModel):
        model = type(value)
        return {name: _counted(getattr(value, name)) for name in model.model_fields if not for_readers(model, name)}
    if isinstance(value, Trace):
        return value.digest()
    if isinstance(value, Mapping):
        return {key: _counted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_counted(item) for item in value]
    if isinstance(value, Law):
        return [type(value).__name__, *(_counted(getattr(value, field.name)) for field in fields(value))]
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True)
class Sample:
    """The metrics of one scenario over replications.

    Attributes
    ----------
    scenario : Scenario
    seed : int
    engine : str
    keys : tuple of (port, flow, station, metric)
    values : float array, shape (replications, keys)
        NaN where a replication has no value.
    queue_by_hour : dict of float arrays, shape (24,)
        By ``port.resource``, mean over replications.
    passage_grid : dict of float arrays, shape (200,)
        By port, mean over replications of the quantiles at `borderport.metrics.GRID`.
    visiting : dict of float
        By port and ``port.station``, mean over replications: share of the port's cleared vehicles that come by.
    """

    scenario: Scenario
    seed: int
    engine: EngineName
    keys: tuple[Key, ...]
    values: Array
    queue_by_hour: dict[str, Array] = field(default_factory=dict)
    passage_grid: dict[str, Array] = field(default_factory=dict)
    visiting: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return int(self.values.shape[0])

    def of(self, port: str, flow: str, metric: str, station: str = "all") -> Array:
        """Values of one metric, shape (replications,); KeyError if there is none."""
        return self.values[:, self.keys.index((port, flow, station, metric))]

    def intervals(self) -> tuple[Array, Array, Array]:
        """Low, mean and high of every metric, shape (keys,)."""
        return t_intervals(self.values)


def sample_of(scenario: Scenario, seed: int, engine: EngineName, measures: Sequence[Measures]) -> Sample:
    """Put the measures of replications 0, 1, ... together."""
    keys, values = measures[0].keys, np.stack([m.numbers for m in measures])
    hourly = {name: np.mean([m.queue_by_hour[name] for m in measures], axis=0) for name in measures[0].queue_by_hour}
    grids = {}
    for port in measures[0].passage_grid:
        rows = np.asarray([m.passage_grid[port] for m in measures])
        rows = rows[~np.isnan(rows).any(axis=1)]
        grids[port] = rows.mean(axis=0) if rows.size else np.full(measures[0].passage_grid[port].shape, np.nan)
    visiting = {place: t_interval([m.visiting[place] for m in measures]).mean for place in measures[0].visiting}
    return Sample(scenario, seed, engine, keys, values, hourly, grids, visiting)


@dataclass(frozen=True)
class Chunk:
    """A few replications of some scenarios: what one task of a worker is."""

    scenarios: tuple[Scenario, ...]
    seed: int
    replications: tuple[int, ...]
    engine: EngineName
    detail: bool


def run_chunk(chunk: Chunk) -> list[list[Measures]]:
    """Measures by replication, then by scenario; the per-vehicle times stay with the worker."""
    studies = [prepare(scenario) for scenario in chunk.scenarios]
    return [
        [replace(replicate(study, chunk.seed, r, chunk.engine, chunk.detail), flows={}) for study in studies]
        for r in chunk.replications
    ]


def cut(replications: int, jobs: int, first: int = 0) -> Iterator[tuple[int, ...]]:
    """Cut replications into chunks, a few for each worker."""
    size = max(1, -(-(replications - first) // (4 * jobs)))
    for start in range(first, replications, size):
        yield tuple(range(start, min(start + size, replications)))


def run_scenarios(
    scenarios: Sequence[Scenario],
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
    detail: bool = True,
    precision: Precision | None = None,
    watched: str = PASSAGE_MEAN,
    progress: Progress | None = None,
) -> list[Sample]:
    """Run every scenario with the same random numbers.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Policies applied.
    replications : int
        >= 1; each scenario has so many, or more if ``precision`` asks for it.
    seed : int
    engine : str
    workers : Workers
        The workers that compute; this process unless others were opened.
    detail : bool
        True to keep what only figures need.
    precision : Precision or None
        Go on until every scenario's figure of the metric ``watched`` is known to this, or will not be
        (`borderport.statistics.outlook` of its values then says so).
    watched : str
        A metric of the total, by default the mean passage time.
    progress : callable, optional
        Called with (done, total) replications.

    Returns
    -------
    list of Sample
        In the order of ``scenarios``.
    """
    plan = Plan(tuple(scenarios), replications, seed, engine, detail, precision)
    key = (ALL, ALL, ALL, watched)
    rows = collect(plan, run_chunk, lambda row: [measures.of(key) for measures in row], workers, progress)
    return [sample_of(s, seed, engine, [row[i] for row in rows]) for i, s in enumerate(scenarios)]


def watched_values(samples: Sequence[Sample], metric: str) -> tuple[list[str], Array]:
    """Names of the scenarios, and their totals of a metric, shape (replications, scenarios)."""
    return [s.scenario.name for s in samples], np.column_stack([s.of(ALL, ALL, metric) for s in samples])


@dataclass(frozen=True)
class Plan:
    """The order given to `collect`: scenarios, how often and how precisely they are run."""

    scenarios: tuple[Scenario, ...]
    replications: int
    seed: int
    engine: EngineName
    detail: bool
    precision: Precision | None


def _check_figures(plan: Plan) -> None:
    """Refuse more replications than memory holds the figures of; few enough are not worth making scenarios ready."""
    if plan.replications <= MOST_REPLICATIONS:
        return
    figures = sum(len(prepare(scenario).metrics.keys) for scenario in plan.scenarios)
    if plan.replications * figures > MOST_FIGURES:
        raise TooLarge(
            f"{plan.replications:,} replications have {figures:,} figures each; at most {MOST_FIGURES // figures:,} fit"
        )


def collect(
    plan: Plan,
    task: Callable[[Chunk], list[Row]],
    watched: Callable[[Row], Sequence[float]],
    workers: Workers,
    progress: Progress | None = None,
) -> list[Row]:
    """Run replications 0, 1, ... in chunks, until there are enough.

    Parameters
    ----------
    plan : Plan
    task : callable
        The work on a chunk, done by a worker; returns one row for each of its replications.
    watched : callable
        The figures of a row that ``plan.precision`` is about; NaN for one that it does not have.
    workers : Workers
        The workers that compute.
    progress : callable, optional
        Called with (done, total) replications.

    Returns
    -------
    list
        Rows by replication.
    """
    _check_figures(plan)
    found: list[Row] = []
    wanted = plan.replications
    while len(found) < wanted:
        parts = cut(wanted, workers.jobs, first=len(found))
        chunks = [Chunk(plan.scenarios, plan.seed, part, plan.engine, plan.detail) for part in parts]
        rows: dict[int, Row] = {}
        for chunk, results in map_unordered(workers, task, chunks):
            rows.update(zip(chunk.replications, results, strict=True))
            if progress is not None:
                progress(len(found) + len(rows), wanted)
        found += [rows[r] for r in sorted(rows)]
        if plan.precision is not None:
            figures = np.asarray([watched(row) for row in found], dtype=np.float64)
            wanted = max(outlook(column, plan.precision).total for column in figures.T)
    return found
