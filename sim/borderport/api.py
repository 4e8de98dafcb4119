"""The library: what ``import borderport`` gives. One function for each question, values in and values out.

Scenarios are given by name, by file or as a mapping, and checked alike. Every function runs where it is called and
draws from ``seed`` alone: the same call gives the same figures, on any machine and by any number of processes.

Where processes compute (``jobs``, or enough replications to be worth it), they import the calling script: keep what
it does under ``if __name__ == "__main__":``, as `multiprocessing` asks.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from borderport import calibrating
from borderport.comparing import compare_scenarios
from borderport.errors import UsageError
from borderport.experiment import PASSAGE_MEAN, EngineName, Progress, Study, prepare, run_scenarios
from borderport.experiment import simulate as simulate_study
from borderport.frontiers import settings_of, trace_frontier
from borderport.histories import Table, vehicle_table, visit_table
from borderport.loading import load_scenario, named_after_changes, told_apart
from borderport.manifest import Manifest
from borderport.metrics import measure
from borderport.results import (
    CalibrationResult,
    ComparisonResult,
    FrontierResult,
    Rows,
    RunResult,
    SweepResult,
)
from borderport.scenario import Scenario
from borderport.statistics import Precision
from borderport.store import ResultStore
from borderport.sweeping import Variation, plan_sweep, run_sweep
from borderport.timeline import Timeline
from borderport.workers import open_workers

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CalibrationResult",
    "ComparisonResult",
    "FrontierResult",
    "RunResult",
    "Scenario",
    "Simulation",
    "SweepResult",
    "calibrate",
    "compare",
    "from_dict",
    "frontier",
    "load",
    "run",
    "simulate",
    "sweep",
]
RATES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
TARGETINGS = (0.5, 0.65, 0.8)


def load(
    name_or_path: str | Path,
    *,
    sets: Sequence[str] = (),
    with_policies: Sequence[str] = (),
    without_policies: Sequence[str] = (),
    policies: str | Path | None = None,
) -> Scenario:
    """Read a scenario, check it and apply its policies.

    Parameters
    ----------
    name_or_path : str or Path
        A built-in scenario, such as ``"2024"``, or a file, whose name ends in ``.yaml``.
    sets : sequence of str
        ``"PATH=VALUE"``, such as ``"ports.zhangmu.resources.inspection_bay.capacity=3"``.
    with_policies, without_policies : sequence of str
        Policies to put in force and to leave out.
    policies : str or Path, optional
        A folder with policies of your own.

    Returns
    -------
    Scenario
        Immutable. What was changed shows in its ``name`` and ``title``.

    Raises
    ------
    borderport.UsageError
        There is no such scenario.
    borderport.ScenarioInvalid
        Every problem at once, each with file, line, column and path.

    Examples
    --------
    >>> load("2024").name
    '2024'
    >>> load("2024", without_policies=["smart-channel"]).name
    '2024-smart-channel'
    """
    path = name_or_path.as_posix() if isinstance(name_or_path, Path) else name_or_path
    folder = Path(policies) if policies is not None else None
    loaded = load_scenario(
        path, sets=sets, with_policies=with_policies, without_policies=without_policies, policies=folder
    )
    return named_after_changes(loaded.scenario, sets, with_policies, without_policies)


def from_dict(mapping: Mapping[str, object]) -> Scenario:
    """A scenario from plain data, with every check that a file gets: names, references, policies.

    Parameters
    ----------
    mapping : mapping
        Content of a scenario file. It may extend a built-in scenario, or a file; files that it names, and policies
        in ``policies/``, are looked for in the current folder.

    Returns
    -------
    Scenario
        Its name is its title.

    Raises
    ------
    borderport.ScenarioInvalid
        Every problem at once, each with its path.

    Examples
    --------
    >>> from_dict({"extends": "2024", "title": "Two years on", "horizon": {"end": "2024-02-01"}}).name
    'Two years on'
    >>> from_dict({"extends": "2024", "horizon": {"end": "soon"}})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    borderport.errors.ScenarioInvalid: mapping: horizon.end: must be a date, such as 2025-01-01; got 'soon'
    """
    return load_scenario(mapping).scenario


def run(
    scenario: Scenario,
    *others: Scenario,
    replications: int = 20,
    seed: int = 1,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    executor: str | None = None,
    precision: Precision | None = None,
    watched: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run replications of one or more scenarios on common random numbers.

    Parameters
    ----------
    scenario, others : Scenario
    replications : int
        >= 1; intervals take at least 2.
    seed : int
        Root of all random numbers.
    engine : str
        ``"compiled"``, or ``"simpy"`` for the reference, which gives the same figures, slowly.
    jobs : int, optional
        Processes; by default as many as pay. No figure depends on it.
    executor : str, optional
        ``"serial"`` or ``"processes"``; by default processes if there is to be more than one.
    precision : borderport.statistics.Precision, optional
        Go on until the mean of ``watched`` is known to this.
    watched : str, optional
        A metric of the total; by default the mean time of passage.
    progress : callable, optional
        Called with (done, total) replications.

    Returns
    -------
    RunResult
        With ``.frame()``, ``.summary()``, ``.figures()`` and ``.save(folder)``.

    Examples
    --------
    >>> january = from_dict({"extends": "2024", "horizon": {"end": "2024-02-01"}})
    >>> frame = run(january, replications=2).frame()
    >>> list(frame.columns)
    ['scenario', 'replication', 'port', 'flow', 'station', 'metric', 'value', 'unit']
    >>> bool((frame.query("port == flow == 'all' and metric == 'vehicles_arrived'")["value"] > 0).all())
    True
    """
    scenarios = told_apart([scenario, *others])
    with open_workers(executor, jobs, replications * len(scenarios)) as workers:
        samples = run_scenarios(
            scenarios,
            replications=_count(replications),
            seed=seed,
            engine=engine,
            workers=workers,
            precision=precision,
            watched=watched or PASSAGE_MEAN,
            progress=progress,
        )
    return RunResult(samples)


def compare(
    base: Scenario,
    *others: Scenario,
    replications: int = 20,
    seed: int = 1,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    executor: str | None = None,
    precision: Precision | None = None,
    watched: str | None = None,
    progress: Progress | None = None,
) -> ComparisonResult:
    """Compare scenarios with a base on the same vehicles with the same luck.

    Parameters
    ----------
    base, others : Scenario
        At least one other.
    replications, seed, engine, jobs, executor, precision, progress
        As in `run`.
    watched : str, optional
        Figure that ``precision`` is about: a metric's paired difference, by default the time saved per vehicle in
        passage.

    Returns
    -------
    ComparisonResult
        With ``.frame()`` (paired differences), ``.vehicles()`` (who gains and who loses), ``.figures()`` and
        ``.save(folder)``.

    Examples
    --------
    >>> may = ["horizon.start=2024-05-01", "horizon.end=2024-06-01"]
    >>> found = compare(load("2024-before", sets=may), load("2024", sets=may), replications=2)
    >>> saved = found.vehicles().query("port == 'all' and flow == 'export_trucks' and span == 'passage'")
    >>> bool((saved["saving_min"] > 0).all())
    True
    """
    if not others:
        raise UsageError("compare: takes a base and at least one scenario to compare it with")
    scenarios = told_apart([base, *others])
    with open_workers(executor, jobs, replications * len(scenarios)) as workers:
        comparison = compare_scenarios(
            scenarios,
            replications=_count(replications),
            seed=seed,
            engine=engine,
            workers=workers,
            precision=precision,
            watched=watched,
            progress=progress,
        )
    return ComparisonResult(comparison)


def sweep(
    scenario: str | Path | Mapping[str, object],
    vary: Mapping[str, Sequence[object]],
    *,
    sets: Sequence[str] = (),
    replications: int = 10,
    seed: int = 1,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    executor: str | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run a scenario over a grid of values, paired to the scenario as it is.

    Parameters
    ----------
    scenario : str, Path or mapping
        A name, a file, or what it would hold. Not a `Scenario`: its policies are applied already, and a value is set
        before they are.
    vary : mapping
        Path of the scenario → its values; ``policies.NAME`` → ``["on", "off"]``.
    sets : sequence of str
        ``"PATH=VALUE"`` at every point.
    replications, seed, engine, jobs, executor, progress
        As in `run`.
    store : str or Path, optional
        A file that keeps what was computed, and is never computed again; by default it goes with the result.

    Returns
    -------
    SweepResult
        With ``.frame()``, ``.figures()`` (the response to one parameter or two) and ``.save(folder)``.

    Examples
    --------
    >>> bays = "ports.zhangmu.resources.inspection_bay.capacity"
    >>> found = sweep("2024", {bays: [1, 2]}, sets=["horizon.end=2024-02-01"], replications=2)
    >>> sorted(set(found.frame()[bays]))
    ['1', '2', 'base']
    """
    if isinstance(scenario, Scenario):
        raise UsageError("sweep: takes a scenario's name, its file or a mapping, since values are set before policies")
    reference = scenario.as_posix() if isinstance(scenario, Path) else scenario
    design = plan_sweep(
        reference, [Variation(path, tuple(map(str, values))) for path, values in vary.items()], sets=sets
    )
    folder = None if store is not None else tempfile.mkdtemp()
    kept = ResultStore(Path(store) if store is not None else Path(folder or "") / "store.sqlite")
    with open_workers(executor, jobs, replications * len(design)) as workers:
        found = run_sweep(
            design,
            kept,
            replications=_count(replications),
            seed=seed,
            engine=engine,
            workers=workers,
            progress=progress,
        )
    result = SweepResult(found)
    weakref.finalize(result, _leave, kept, folder)
    return result


def _leave(store: ResultStore, folder: str | None) -> None:
    """Close a store; remove the folder that was made for it."""
    store.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def frontier(
    scenario: Scenario,
    *,
    rates: Sequence[float] = RATES,
    targetings: Sequence[float] = TARGETINGS,
    replications: int = 20,
    seed: int = 1,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    executor: str | None = None,
    progress: Progress | None = None,
) -> FrontierResult:
    """Trace contraband found against time spent, over the rate of selection and the quality of targeting.

    Parameters
    ----------
    scenario : Scenario
        With a flow that has an ``inspection``.
    rates : sequence of float
        Shares of every inspected flow that are selected, 0 to 1.
    targetings : sequence of float
        Quality of telling carriers from others: 0.5 is blind, 1 knows them all.
    replications : int
        >= 2.
    seed, engine, jobs, executor, progress
        As in `run`.

    Returns
    -------
    FrontierResult
        With ``.frame()``, ``.figures()`` and ``.save(folder)``.

    Examples
    --------
    >>> winter = load("inspect-everything", sets=["horizon.end=2024-01-08"])
    >>> frontier(winter, rates=[0.1], targetings=[0.5], replications=2).frame()["rate"].tolist()
    ['', 0.0, 0.1]
    """
    if replications < 2:
        raise UsageError(f"replications={replications}: a frontier is judged by intervals, which take at least 2")
    for name, values, low in (("rates", rates, 0.0), ("targetings", targetings, 0.5)):
        if not values or not all(low <= value <= 1 for value in values):
            raise UsageError(f"{name}: must be shares from {low:g} to 1, at least one of them")
    tasks = replications * (1 + len(settings_of(rates, targetings)))
    with open_workers(executor, jobs, tasks) as workers:
        found = trace_frontier(
            scenario,
            rates,
            targetings,
            replications=replications,
            seed=seed,
            engine=engine,
            workers=workers,
            progress=progress,
        )
    return FrontierResult(found)


def calibrate(
    recipe: str | Path,
    *,
    replications: int | None = None,
    seed: int = 1,
    engine: EngineName = "compiled",
    jobs: int | None = None,
    executor: str | None = None,
    progress: Progress | None = None,
) -> CalibrationResult:
    """Fit a recipe's free parameters to its targets. Nothing is written unless the result is saved.

    Parameters
    ----------
    recipe : str or Path
        A built-in recipe, such as ``"recipe-2024"``, or a file.
    replications : int, optional
        Of each evaluation; by default what the recipe says.
    seed : int
        Of the replications that the fit sees; the result is told from others.
    engine, jobs, executor
        As in `run`.
    progress : callable, optional
        Called with (evaluations done, 0).

    Returns
    -------
    CalibrationResult
        With ``.values``, ``.frame()`` (the targets) and ``.save(folder)`` (the overlays).
    """
    reference = recipe.as_posix() if isinstance(recipe, Path) else recipe
    loaded = calibrating.load_recipe(reference)
    tasks = 2 * (replications or loaded.replications) * calibrating.MOST_STEPS
    with open_workers(executor, jobs, tasks) as workers:
        found = calibrating.calibrate(
            loaded, seed=seed, replications=replications, engine=engine, workers=workers, progress=progress
        )
    return CalibrationResult(found, reference)


@dataclass(frozen=True)
class Simulation:
    """One replication to look at: what became of each vehicle.

    Attributes
    ----------
    study : borderport.experiment.Study
    manifest : borderport.manifest.Manifest
    timeline : borderport.timeline.Timeline
    """

    study: Study
    manifest: Manifest
    timeline: Timeline

    def vehicles(self) -> pd.DataFrame:
        """Every vehicle that was to come, its outcome and moments: see `borderport.histories.vehicle_table`."""
        return _frame(vehicle_table(self.study.scenario, self.manifest, self.timeline))

    def visits(self) -> pd.DataFrame:
        """Every visit of a station: when it was joined, started and left, see `borderport.histories.visit_table`."""
        return _frame(visit_table(self.study.scenario, self.manifest, self.timeline))

    def queues(self) -> pd.DataFrame:
        """Mean number of vehicles queueing for each resource, by local hour of the day.

        Returns
        -------
        DataFrame
            ``port``, ``resource``, ``hour`` (0 to 23), ``value`` and ``unit``.
        """
        found = measure(self.study.metrics, self.manifest, self.timeline).queue_by_hour
        rows = [
            (*str(name).split(".", 1), hour, value, "vehicles")
            for name, means in found.items()
            for hour, value in enumerate(means.tolist())
        ]
        return Rows(("port", "resource", "hour", "value", "unit"), rows).frame()


def simulate(scenario: Scenario, *, seed: int = 1, replication: int = 0, engine: EngineName = "compiled") -> Simulation:
    """Run one replication and keep it whole.

    Parameters
    ----------
    scenario : Scenario
    seed, replication : int
        Replication 0 is the first of those that `run` with the same seed counts.
    engine : str
        As in `run`.

    Returns
    -------
    Simulation
        With ``.vehicles()``, ``.visits()`` and ``.queues()``.

    Examples
    --------
    >>> week = simulate(load("2024", sets=["horizon.end=2024-01-08"]))
    >>> set(week.vehicles()["outcome"]) <= {"cleared", "abandoned", "unfinished", "held_back", "diverted"}
    True
    >>> bool((week.queues()["value"] >= 0).all())
    True
    """
    study = prepare(scenario)
    manifest, timeline = simulate_study(study, seed, replication, engine)
    timeline.check()
    return Simulation(study, manifest, timeline)


def _frame(table: Table) -> pd.DataFrame:
    return Rows(tuple(table.columns), table.rows()).frame()


def _count(replications: int) -> int:
    if replications < 1:
        raise UsageError(f"replications={replications}: must be at least 1")
    return replications
