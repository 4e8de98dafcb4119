"""Fit free parameters to targets on common random numbers; write them as overlays that scenarios lay over.

A recipe (a YAML file in ``calibration/``) names the base and the fitted scenario, the free parameters with their ranges
and the targets with their tolerances. The fit is least squares of the deviations in units of tolerance: as every
evaluation meets the same vehicles, the response is nearly smooth and a few steps suffice. What is printed comes from
replications the fit has not seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from borderport import units
from borderport.bounds import VOLUME
from borderport.comparing import compare_scenarios
from borderport.distributions import Array
from borderport.errors import CheckFailed, ScenarioInvalid, UsageError
from borderport.experiment import EngineName, Progress
from borderport.loading import builtin_folder, load_scenario, read_plain
from borderport.loading.files import Source, file_within, is_path, read_mapping, shown_name
from borderport.loading.messages import model_at
from borderport.loading.tree import Finding, KeyPath, locate, raise_if_any, suggest
from borderport.metrics import groups_of
from borderport.scenario import Duration, Entry, Factor, Horizon, Mass, Name, Ref, Scenario, Share
from borderport.statistics import MOST_REPLICATIONS, Interval, t_interval
from borderport.workers import SERIAL, Workers

SCENARIOS = ("base", "fitted")
MOST_STEPS = 12  # of the fit


Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class Free(Entry):
    """A free parameter: a factor on yearly volumes, or a share set at one path.

    Attributes
    ----------
    volumes : tuple of str
        Flows (``port.flow``) whose volumes are multiplied by it.
    sets : str or None
        Path at which the share is written instead.
    start, low, high : float
        Begin of the fit, and its bounds.
    overlay : str
        Name of the overlay file that holds the fitted values.
    """

    volumes: tuple[str, ...] = ()
    sets: str | None = None
    start: Factor
    low: Factor
    high: Factor
    overlay: Name

    @model_validator(mode="after")
    def _complete(self) -> Free:
        if bool(self.volumes) == (self.sets is not None):
            raise ValueError("needs volumes (flows) or sets (a path), one of them")
        if not self.low <= self.start <= self.high or self.low == self.high:
            raise ValueError("needs low < high, with start between them")
        return self


class Target(Entry):
    """A figure to meet: tonnes cleared, vehicles cleared, or the paired direct saving of a group's vehicles.

    ``fit: false`` means that it is only reported. ``first_month`` and ``last_month`` (``2024-01``) limit tonnes.
    """

    scenario: Literal["base", "fitted"] = "fitted"
    port: str = "all"
    flow: str = "all"
    tonnes: Mass | None = None
    vehicles: Annotated[float, Field(gt=0, le=VOLUME.most, allow_inf_nan=False)] | None = None
    saving: Duration | None = None
    declaration: Duration | None = None
    first_month: Month | None = None
    last_month: Month | None = None
    tolerance: Share | Duration
    fit: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Target:
        given = [value for value in (self.tonnes, self.vehicles, self.saving, self.declaration) if value is not None]
        if len(given) != 1:
            raise ValueError("needs tonnes, vehicles, saving or declaration, one of them")
        if not given[0] or not self.tolerance:
            raise ValueError("needs a value and a tolerance above 0")
        if isinstance(self.tolerance, int) and self.saving is None and self.declaration is None:
            raise ValueError("needs a tolerance such as 2 %; only times have one such as 1 min")
        if self.tonnes is None and (self.first_month or self.last_month):
            raise ValueError("first_month and last_month go with tonnes; the rest is of the whole period")
        if self.first_month and self.last_month and self.last_month < self.first_month:
            raise ValueError(f"last_month is before first_month, {self.first_month}; got {self.last_month}")
        return self


class Recipe(Entry):
    """A calibration: which scenarios, what is free, what is to be met."""

    title: str
    base: str
    fitted: str
    free: dict[Name, Free]
    targets: dict[Name, Target]
    replications: Annotated[int, Field(ge=2, le=MOST_REPLICATIONS, strict=True)] = 20

    @model_validator(mode="after")
    def _complete(self) -> Recipe:
        if not self.free:
            raise ValueError("needs a free parameter")
        if not any(target.fit for target in self.targets.values()):
            raise ValueError("needs a target that is fitted")
        return self


@dataclass(frozen=True)
class TargetResult:
    """One target: its value, what the simulation gives with its interval, and the deviation."""

    name: str
    unit: str
    value: float
    simulated: Interval
    tolerance: float
    fitted: bool

    @property
    def deviation(self) -> float:
        """Simulated less target, in the target's unit."""
        return self.simulated.mean - self.value

    @property
    def met(self) -> bool:
        """True if the deviation lies within the tolerance."""
        return abs(self.deviation) <= self.tolerance


@dataclass(frozen=True)
class Calibration:
    """Fitted values by parameter, how the targets are met on fresh replications, and how many evaluations it took."""

    recipe: Recipe
    values: dict[str, float]
    results: list[TargetResult]
    evaluations: int


def load_recipe(reference: str) -> Recipe:
    """Read a recipe: a built-in name in ``calibration/``, or a file; its scenarios' paths are relative to it.

    Raises
    ------
    UsageError
        There is no such recipe.
    ScenarioInvalid
        The recipe is wrong, or one of its scenarios, or it names flows or paths they do not have.
    """
    path = Path(reference)
    if not is_path(reference):
        path = builtin_folder("calibration") / f"{reference}.yaml"
    if not os.path.isfile(path):  # which, unlike the path's own, is false of a name that no file can have
        known = sorted(p.stem for p in builtin_folder("calibration").glob("recipe-*.yaml"))
        raise UsageError(f"no recipe '{reference}'{suggest(reference, known)}; a file's name ends in .yaml")
    written = read_plain(path, Recipe)
    given = {name: getattr(written, name) for name in SCENARIOS}
    places, wrong = _placed(Source(str(path.parent), path.resolve().parent), given)
    recipe = written.model_copy(update=places)
    root, _ = read_mapping(Source(shown_name(path), path.resolve()))
    assert root is not None
    findings = []
    for where, message in wrong or _unknown(recipe):
        found, node = locate(root, where)
        findings.append(Finding(node.at, found, message))
    raise_if_any(findings)
    return recipe


def _placed(folder: Source, given: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[KeyPath, str]]]:
    """Paths of a recipe's scenarios, which lie in its folder or are built in; and the faults found with them."""
    places: dict[str, str] = {}
    wrong: list[tuple[KeyPath, str]] = []
    for name, at in given.items():
        try:
            places[name] = file_within(folder, at).shown if is_path(at) else at
        except ValueError as error:
            wrong.append(((name,), str(error)))
    return places, wrong


def _unknown(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    """Names in a recipe that its scenarios do not have."""
    loaded: dict[str, Scenario] = {}
    for name in SCENARIOS:
        try:
            loaded[name] = load_scenario(getattr(recipe, name), overlays=False).plain
        except UsageError as error:
            yield (name,), str(error)
    if len(loaded) < len(SCENARIOS):
        return
    flows = loaded["base"].flows()
    scaled = [full for full, flow in flows.items() if flow.volume is not None]
    for name, free in recipe.free.items():
        for index, full in enumerate(free.volumes):
            if full not in scaled:
                yield ("free", name, "volumes", index), f"'{full}' is no flow with a volume{suggest(full, scaled)}"
        if free.sets is not None:
            try:
                load_scenario(recipe.fitted, sets=[f"{free.sets}={_percent(free.start)}"], overlays=False)
            except ScenarioInvalid as error:
                yield ("free", name, "sets"), "; ".join(f"{p.path}: {p.message}" for p in error.problems)
    for name, target in recipe.targets.items():
        for scenario in (loaded["base"], loaded["fitted"]) if target.saving is not None else (loaded[target.scenario],):
            known = sorted({(port, flow) for port, flow, _ in groups_of(scenario)})
            if (target.port, target.flow) not in known:
                there = ", ".join(f"{port} {flow}" for port, flow in known if target.port in (port, "all")) or (
                    f"no such port but {', '.join(scenario.ports)}"
                )
                message = f"there is no '{target.flow}' of port '{target.port}' in {scenario.name}; there are {there}"
                yield ("targets", name), message
            elif not _overlaps(scenario.horizon, target):
                yield ("targets", name), f"the months lie outside the horizon of {scenario.name}"


def _overlaps(horizon: Horizon, target: Target) -> bool:
    """True if some of the target's months are simulated; its last month counts if it has begun at the end."""
    first, last = f"{horizon.start:%Y-%m}", f"{horizon.end - timedelta(microseconds=1):%Y-%m}"
    return first <= (target.last_month or last) and (target.first_month or first) <= last


def _percent(value: float) -> str:
    return f"{value * 100:.2f} %"


def settings_of(recipe: Recipe, values: Mapping[str, float]) -> dict[str, dict[str, str]]:
    """The settings that the parameters make, by overlay: path of the scenario → value as a scenario file writes it."""
    flows = load_scenario(recipe.base, overlays=False).plain.flows()
    out: dict[str, dict[str, str]] = {free.overlay: {} for free in recipe.free.values()}
    for name, free in recipe.free.items():
        here = out[free.overlay]
        for flow in map(Ref.parse, free.volumes):
            amount, period = flows[flow].volume or (0.0, "year")
            unit = "t" if period.endswith(" t") else "vehicles"
            per = period.removesuffix(" t")
            here[f"ports.{flow.port}.flows.{flow.name}.volume"] = f"{amount * values[name]:.1f} {unit} per {per}"
        if free.sets is not None:
            here[free.sets] = _percent(values[name])
    return out


def evaluate(
    recipe: Recipe,
    values: Mapping[str, float],
    *,
    replications: int,
    seed: int,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
) -> list[TargetResult]:
    """Run base and fitted scenario with the parameters' values and measure every target."""
    settings = settings_of(recipe, values)
    sets = [f"{path}={value}" for here in settings.values() for path, value in here.items()]
    base_sets = [text for text in sets if not text.startswith("policies.")]
    base = load_scenario(recipe.base, sets=base_sets, overlays=False).scenario
    fitted = load_scenario(recipe.fitted, sets=sets, overlays=False).scenario
    comparison = compare_scenarios([base, fitted], replications=replications, seed=seed, engine=engine, workers=workers)
    savings = {(e.port, e.flow): e.saving for e in comparison.effects[0] if (e.span, e.clock) == ("passage", "service")}
    results = []
    for name, target in recipe.targets.items():
        sample = comparison.samples[1 if target.scenario == "fitted" else 0]
        if target.saving is not None:
            minutes = target.saving / units.MS_PER_MINUTE
            tolerance = _tolerance(target, minutes)
            results.append(TargetResult(name, "min", minutes, savings[target.port, target.flow], tolerance, target.fit))
        elif target.declaration is not None:
            seconds = target.declaration / units.MS_PER_SECOND
            found = t_interval(sample.of(target.port, target.flow, "declaration_time_mean") * 60)
            results.append(TargetResult(name, "s", seconds, found, _tolerance(target, seconds, 60), target.fit))
        elif target.vehicles is not None:
            found = t_interval(sample.of(target.port, target.flow, "vehicles_cleared"))
            tolerance = _tolerance(target, target.vehicles)
            results.append(TargetResult(name, "vehicles", target.vehicles, found, tolerance, target.fit))
        else:
            tonnes = target.tonnes or 0.0
            months = [
                key[3] for key in sample.keys if key[:2] == (target.port, target.flow) and _in_months(key[3], target)
            ]
            values_t = np.sum([sample.of(target.port, target.flow, month) for month in months], axis=0)
            found = t_interval(values_t / 1000)
            results.append(
                TargetResult(name, "kt", tonnes / 1000, found, _tolerance(target, tonnes / 1000), target.fit)
            )
    return results


def _in_months(metric: str, target: Target) -> bool:
    if not metric.startswith("tonnes_cleared_"):
        return False
    month = metric.removeprefix("tonnes_cleared_")
    return (target.first_month or "") <= month <= (target.last_month or "9999")


def _tolerance(target: Target, value: float, per_minute: float = 1.0) -> float:
    """Tolerance in the target's unit: a share of the value, or a duration (an int of ms)."""
    if isinstance(target.tolerance, int):
        return target.tolerance / units.MS_PER_MINUTE * per_minute
    return target.tolerance * value


def calibrate(
    recipe: Recipe,
    *,
    seed: int,
    replications: int | None = None,
    engine: EngineName = "compiled",
    workers: Workers = SERIAL,
    progress: Progress | None = None,
) -> Calibration:
    """Fit a recipe's free parameters.

    Parameters
    ----------
    recipe : Recipe
    seed : int
        Of the replications that the fit sees; the printed results come from ``seed + 1``.
    replications, engine, workers
        Of each evaluation.
    progress : callable, optional
        Called with (evaluations done, 0).

    Returns
    -------
    Calibration
    """
    from scipy.optimize import least_squares

    names = list(recipe.free)
    reps = replications or recipe.replications
    count = 0

    def deviations(x: Array) -> Array:
        nonlocal count
        values = dict(zip(names, x.tolist(), strict=True))
        results = evaluate(recipe, values, replications=reps, seed=seed, engine=engine, workers=workers)
        count += 1
        if progress is not None:
            progress(count, 0)
        return _deviations(results)

    free = [recipe.free[name] for name in names]
    found = least_squares(
        deviations,
        [f.start for f in free],
        bounds=([f.low for f in free], [f.high for f in free]),
        diff_step=np.full(len(free), 0.02),
        xtol=1e-3,
        ftol=1e-3,
        max_nfev=MOST_STEPS,
    )
    values = {name: round(value, 4) for name, value in zip(names, found.x.tolist(), strict=True)}
    results = evaluate(recipe, values, replications=reps, seed=seed + 1, engine=engine, workers=workers)
    return Calibration(recipe, values, results, count + 1)


def _deviations(results: Sequence[TargetResult]) -> Array:
    """Residuals of the fit: deviations of the fitted targets in units of their tolerances."""
    found = np.asarray([r.deviation / r.tolerance for r in results if r.fitted])
    if not np.isfinite(found).all():
        empty = ", ".join(r.name for r in results if r.fitted and not np.isfinite(r.deviation))
        raise CheckFailed(f"nothing is simulated that target {empty} could be compared with: nobody cleared")
    return found


def overlay_texts(calibration: Calibration, recipe_name: str) -> dict[str, str]:
    """The overlay files by name: YAML that `borderport.loading` lays over a scenario, with where it comes from."""
    out = {}
    for name, settings in settings_of(calibration.recipe, calibration.values).items():
        lines = [
            f"# Written by `borderport calibrate {recipe_name}`; lay it over a scenario with `overlays: [{name}]`."
        ]
        for parameter, free in calibration.recipe.free.items():
            if free.overlay == name:
                lines.append(f"# {parameter}: {calibration.values[parameter]:.4f}")
        lines.append("overlay:")
        items = [(path.split("."), value) for path, value in settings.items()]
        reason = json.dumps(f"fitted by borderport calibrate {recipe_name}", ensure_ascii=False)
        reasons = {(*_thing(path), "assumed"): reason for path, _ in items}
        lines += _nested([*items, *((list(path), text) for path, text in reasons.items())], 1)
        out[name] = "\n".join(lines) + "\n"
    return out


def _thing(path: Sequence[str]) -> tuple[str, ...]:
    """The nearest thing above a path of a scenario that can give a reason."""
    depths = range(len(path) - 1, 0, -1)
    kinds = {depth: model_at(Scenario, path[:depth]) for depth in depths}
    return next(tuple(path[:depth]) for depth, kind in kinds.items() if kind is not None and issubclass(kind, Entry))


def _nested(items: Sequence[tuple[list[str], str]], depth: int) -> list[str]:
    """Write dotted settings as nested YAML."""
    lines: list[str] = []
    for head in dict.fromkeys(path[0] for path, _ in items):
        here = [(path[1:], value) for path, value in items if path[0] == head]
        if len(here) == 1 and not here[0][0]:
            lines.append(f"{'  ' * depth}{head}: {here[0][1]}")
        else:
            lines += [f"{'  ' * depth}{head}:", *_nested(here, depth + 1)]
    return lines
