"""Answers to questions, as a program reads them and as a folder keeps them: frames, figures, files.

The command line and the library write with the same functions, so a folder of either is the same to the byte.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from borderport.calibrating import Calibration, overlay_texts
from borderport.comparing import Comparison, not_cleared, unlike
from borderport.documents import comparison_document, frontier_document, sample_document
from borderport.experiment import Progress, Sample, prepare, scenario_hash, simulate
from borderport.frontiers import Frontier
from borderport.histories import vehicle_table, visit_table
from borderport.metrics import ALL, Key, groups_of, unit_of
from borderport.statistics import t_interval, t_intervals
from borderport.store import TIDY_HEADER, RunFolder, provenance, safe_name, tidy_rows
from borderport.sweeping import Sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEY = ("port", "flow", "station", "metric", "unit")
PASSAGE: Key = (ALL, ALL, ALL, "passage_time_mean")
Row = tuple[object, ...]


class Rows(NamedTuple):
    """A table that is not made yet: names of its columns, and its rows."""

    header: tuple[str, ...]
    rows: Iterable[Row]

    def frame(self) -> pd.DataFrame:
        """The same as a frame of pandas."""
        import pandas as pd

        return pd.DataFrame.from_records(list(self.rows), columns=list(self.header))

    def write(self, folder: RunFolder, name: str) -> None:
        """Write a CSV file."""
        folder.write_csv(name, self.header, self.rows)


class _Drawn(Protocol):
    def figures(self) -> dict[str, Figure]:
        """Figures by name."""


@dataclass(frozen=True)
class RunResult:
    """The replications of one or more scenarios.

    Attributes
    ----------
    samples : list of borderport.experiment.Sample
        One for each scenario.
    """

    samples: list[Sample]

    def frame(self) -> pd.DataFrame:
        """Every metric of every replication; columns scenario, replication, port, flow, station, metric, value, unit.

        ``all`` in port, flow and station stands for totals; NaN for what a replication has no value of.
        """
        return _replications(self.samples).frame()

    def summary(self) -> pd.DataFrame:
        """Every metric: its unit, its mean over replications and the 95 % interval of that, ``low`` to ``high``."""
        return _summary(self.samples).frame()

    def figures(self) -> dict[str, Figure]:
        """Figures of matplotlib by name; none of a single replication, which has no intervals to show."""
        if self.samples[0].replications == 1:
            return {}
        from borderport.figures.catalogue import figures_of_run

        return figures_of_run(self.samples)

    def save(self, folder: str | Path, *, timeline: bool = False, precision: dict[str, Any] | None = None) -> Path:
        """Write tables, figures and ``run.json``, as ``borderport run --out`` does.

        Parameters
        ----------
        folder : str or Path
            Made if it does not exist. Of what is in it, only what a run before wrote there is removed.
        timeline : bool
            True to write every visit and what became of every vehicle, too.
        precision : dict, optional
            Precision that was asked for and whether it was reached, for ``run.json``.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        place = RunFolder(Path(folder))
        with place.one_run():
            _write_samples(place, self.samples)
            if timeline:
                _write_timelines(place, self.samples)
            _draw(place, self)
            place.finish(_about_run(self.samples, precision))
        return place.path


@dataclass(frozen=True)
class ComparisonResult:
    """Scenarios compared with the first of them, on the same vehicles with the same luck.

    Attributes
    ----------
    comparison : borderport.comparing.Comparison
    """

    comparison: Comparison

    @property
    def samples(self) -> list[Sample]:
        """The scenarios, the base first."""
        return self.comparison.samples

    def frame(self) -> pd.DataFrame:
        """Changes: of every metric its unit, the mean paired difference to the base, and its 95 % interval.

        ``p_holm`` is corrected for the number of scenarios compared, ``variance_saved`` the share of the variance that
        common random numbers saved.
        """
        return _differences(self.comparison).frame()

    def vehicles(self) -> pd.DataFrame:
        """The effect on the same vehicles, by group, span and clock.

        Minutes saved per vehicle with their 95 % interval, the shares that are better and worse off, and how many there
        are; see `borderport.comparing.VehicleEffect`.
        """
        return _effects(self.comparison).frame()

    def run(self) -> RunResult:
        """The same replications, scenario by scenario."""
        return RunResult(self.samples)

    def figures(self) -> dict[str, Figure]:
        """Figures of matplotlib by name; none of a single replication, which has no intervals to show."""
        if self.samples[0].replications == 1:
            return {}
        from borderport.figures.catalogue import figures_of_comparison

        return figures_of_comparison(self.comparison)

    def save(self, folder: str | Path, *, precision: dict[str, Any] | None = None) -> Path:
        """Write tables, figures and ``run.json``, as ``borderport compare --out`` does; see `RunResult.save`."""
        place = RunFolder(Path(folder))
        with place.one_run():
            _write_samples(place, self.samples)
            _effects(self.comparison).write(place, "vehicles.csv")
            _differences(self.comparison).write(place, "differences.csv")
            _draw(place, self)
            place.finish(_about_run(self.samples, precision))
        return place.path


@dataclass(frozen=True)
class SweepResult:
    """A design over parameters and policies, paired to the scenario as it is.

    Attributes
    ----------
    sweep : borderport.sweeping.Sweep
    key : (port, flow, station, metric)
        Contents of the figure.
    """

    sweep: Sweep
    key: Key = PASSAGE

    def frame(self) -> pd.DataFrame:
        """Every metric of every point: its unit, mean, interval, and paired difference to the base.

        ``not_cleared`` is the share of the vehicles concerned that is not cleared; where it is ``marked``, the metric
        is one of other vehicles than the base's, and must not be called better.
        """
        return _points(self.sweep).frame()

    def figures(self) -> dict[str, Figure]:
        """The response to one parameter or two; none to more."""
        from borderport.figures.swept import response_of

        figure = response_of(self.sweep, self.key)
        return {} if figure is None else {"response": figure}

    def save(self, folder: str | Path, *, progress: Progress | None = None) -> Path:
        """Write table, figure and ``run.json``, as ``borderport sweep --out`` does; see `RunResult.save`.

        ``progress`` is called with (done, total) points.
        """
        design = self.sweep.design
        place = RunFolder(Path(folder))
        with place.one_run():
            _points(self.sweep, progress).write(place, "sweep.csv")
            _draw(place, self)
            about = {"base": design.base.name, "vary": {v.path: list(v.values) for v in design.variations}}
            place.finish({**about, **_how(self.sweep), "versions": provenance()})
        return place.path


@dataclass(frozen=True)
class FrontierResult:
    """Contraband found against time spent, over the rate of selection and the quality of targeting.

    Attributes
    ----------
    frontier : borderport.frontiers.Frontier
    """

    frontier: Frontier

    def frame(self) -> pd.DataFrame:
        """One row for each way to inspect; each figure has its mean and its interval, and its name says its unit."""
        return _ways(self.frontier).frame()

    def figures(self) -> dict[str, Figure]:
        """Detection against delay."""
        from borderport.figures.catalogue import figures_of_frontier

        return figures_of_frontier(self.frontier)

    def save(self, folder: str | Path) -> Path:
        """Write table, figure and ``run.json``, as ``borderport frontier --out`` does; see `RunResult.save`."""
        place = RunFolder(Path(folder))
        with place.one_run():
            _ways(self.frontier).write(place, "frontier.csv")
            _draw(place, self)
            about = {"scenario": self.frontier.scenario.name, "replications": self.frontier.replications}
            place.finish({**about, "seed": self.frontier.seed, "versions": provenance()})
        return place.path


@dataclass(frozen=True)
class CalibrationResult:
    """Fitted values, and how the targets are met on replications that the fit has not seen.

    Attributes
    ----------
    calibration : borderport.calibrating.Calibration
    recipe : str
        Name of the recipe.
    """

    calibration: Calibration
    recipe: str

    @property
    def values(self) -> dict[str, float]:
        """Fitted values by parameter."""
        return self.calibration.values

    def frame(self) -> pd.DataFrame:
        """One row for each target: its unit and value, what is simulated with its interval, and whether it is met."""
        header = ("target", "unit", "value", "simulated", "low", "high", "deviation", "tolerance", "fitted", "met")
        rows = [
            (r.name, r.unit, r.value, r.simulated.mean, r.simulated.low, r.simulated.high)
            + (r.deviation, r.tolerance, r.fitted, r.met)
            for r in self.calibration.results
        ]
        return Rows(header, rows).frame()

    def save(self, folder: str | Path) -> Path:
        """Write the overlays, as ``borderport calibrate --out`` does; other files there stay."""
        place = RunFolder(Path(folder))
        for name, text in overlay_texts(self.calibration, self.recipe).items():
            place.write(f"{name}.yaml", text.encode(errors="replace"))
        return place.path


def _how(result: Sweep) -> dict[str, Any]:
    return {"replications": result.replications, "seed": result.seed}


def _draw(folder: RunFolder, result: _Drawn) -> None:
    """Draw every figure into the folder."""
    for name, figure in result.figures().items():
        from borderport.figures.style import save

        folder.place(f"figures/{name}.png", functools.partial(save, figure))


def _replications(samples: Sequence[Sample]) -> Rows:
    return Rows(TIDY_HEADER, (row for s in samples for row in tidy_rows(s.scenario.name, s.keys, s.values)))


def _summary(samples: Sequence[Sample]) -> Rows:
    fields = (*KEY, "mean", "low", "high")
    rows = [
        (sample.scenario.name, *(metric[name] for name in fields))
        for sample in samples
        for metric in sample_document(sample)["metrics"]
    ]
    return Rows(("scenario", *fields), rows)


def _write_samples(folder: RunFolder, samples: Sequence[Sample]) -> None:
    _replications(samples).write(folder, "replications.csv.gz")
    _summary(samples).write(folder, "metrics.csv")


def _about_run(samples: Sequence[Sample], precision: dict[str, Any] | None) -> dict[str, Any]:
    """Content of ``run.json``: what was run, how, and with which versions."""
    scenarios = [
        {"name": s.scenario.name, "hash": scenario_hash(s.scenario), "resolved": s.scenario.model_dump(mode="json")}
        for s in samples
    ]
    first = samples[0]
    return {
        "seed": first.seed,
        "replications": first.replications,
        "engine": first.engine,
        **({} if precision is None else {"precision": precision}),
        "versions": provenance(),
        "scenarios": scenarios,
    }


def _effects(comparison: Comparison) -> Rows:
    shares = ("better", "better_low", "better_high", "worse", "worse_low", "worse_high")
    kept = ("port", "flow", "span", "clock", *shares, "pairs", "only_base", "only_other", "marked")
    rows = [
        (d["scenario"], *(v[name] for name in kept), *v["saving"].values(), *v["vehicle_hours_saved"].values())
        + tuple(v["not_cleared"].values())
        for d in comparison_document(comparison)["scenarios"][1:]
        for v in d["vehicles"]
    ]
    intervals = ("saving_min", "low_min", "high_min", "hours_saved", "hours_saved_low", "hours_saved_high")
    return Rows(("scenario", *kept, *intervals, "base_not_cleared", "other_not_cleared"), rows)


def _differences(comparison: Comparison) -> Rows:
    rows = [
        (d["scenario"], *(m[name] for name in KEY), *m["difference"].values())
        for d in comparison_document(comparison)["scenarios"][1:]
        for m in d["metrics"]
        if "difference" in m
    ]
    return Rows(("scenario", *KEY, "mean", "low", "high", "p_holm", "variance_saved"), rows)


def _write_timelines(folder: RunFolder, samples: Sequence[Sample]) -> None:
    """Write every visit and what became of every vehicle, a file of each for each scenario and replication."""
    for sample in samples:
        scenario, study = sample.scenario, prepare(sample.scenario)
        for replication in range(samples[0].replications):
            manifest, moments = simulate(study, sample.seed, replication, sample.engine)
            moments.check()
            for name, tabulate in (("timeline", visit_table), ("outcomes", vehicle_table)):
                table = tabulate(scenario, manifest, moments)
                file = f"{name}/{safe_name(scenario.name)}-{replication:04d}.csv"
                folder.write_csv(file, tuple(table.columns), table.rows())


def _points(result: Sweep, progress: Progress | None = None) -> Rows:
    paths = [v.path for v in result.design.variations]
    header = ("point", *paths, *KEY, "mean", "low", "high", "difference", "difference_low", "difference_high")
    return Rows((*header, "not_cleared", "marked"), _rows_of_points(result, progress or (lambda done, total: None)))


def _rows_of_points(result: Sweep, progress: Progress) -> Iterator[Row]:
    """Every metric of every point, beside the share that is not cleared of its port, flow or group."""
    design = result.design
    base, name = result.values(0), ("base",) * len(design.variations)
    groups = {(port, flow): members for port, flow, members in groups_of(design.base)}
    shares = {of: not_cleared(design.base, members, result.keys, base) for of, members in groups.items()}
    for index, given in enumerate(design.points()):
        values = result.values(index)
        columns = (c.tolist() for part in (values, values - base) for c in t_intervals(part))
        beside = {}
        for of, members in groups.items():
            share = not_cleared(design.base, members, result.keys, values)
            beside[of] = t_interval(share).mean, unlike(shares[of], share)
        for key, low, mean, high, low_d, mean_d, high_d in zip(result.keys, *columns, strict=True):
            numbers = (mean, low, high, mean_d, low_d, high_d)
            yield index, *(given or name), *key, unit_of(key[3]), *numbers, *beside.get(key[:2], ("", ""))
        progress(index + 1, len(design))


def _ways(result: Frontier) -> Rows:
    """One row for each point of a frontier; an interval takes three columns."""
    points = frontier_document(result)
    header = [
        f"{name}_{part}" if isinstance(value, dict) else name
        for name, value in points[0].items()
        for part in (value if isinstance(value, dict) else ("",))
    ]
    rows = [
        (
            number,
            *(x for v in point.values() for x in (v.values() if isinstance(v, dict) else ["" if v is None else v])),
        )
        for number, point in enumerate(points)
    ]
    return Rows(("point", *header), rows)
