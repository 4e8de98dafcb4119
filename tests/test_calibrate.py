"""Recipes that are wrong, and fits whose truth is known."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from borderport.calibrating import (
    Calibration,
    TargetResult,
    calibrate,
    evaluate,
    load_recipe,
    overlay_texts,
    settings_of,
)
from borderport.errors import CheckFailed, ScenarioInvalid, UsageError
from borderport.loading import builtin_folder, load_scenario
from borderport.loading import files as loading_files
from borderport.workers import Processes
from tests.test_cli import borderport

KINDS: tuple[Literal["scenarios", "calibration"], ...] = ("scenarios", "calibration")
BASE = """\
title: Base
horizon: {start: 2024-01-01, end: 2024-02-01, zone: UTC, lead_in: 0 s}
ports:
  east:
    label: {en: East}
    stations: {wait: {service: 40 min}, drive: {service: 10 min}}
    routes: {out: {steps: [drive, wait]}}
    flows:
      cars: {route: out, arrivals: fixed, volume: 12000 cars per year, payload: 5 t}
      vans: {route: out, arrivals: fixed, volume: 2400 cars per year, payload: 1 t}
groups: {everything: [east.cars, east.vans]}
"""
POLICY = """\
title: {en: No wait}
description: Does away with a wait.
assumed: for a test
effects:
  - {on: {station: wait}, service: 0 min}
"""
# 12,000 cars a year are 1,016 in January; with one and a half times as many, 7,623 t and those of the vans.
RECIPE = """\
title: A fit whose truth is known
base: base.yaml
fitted: fitted.yaml
replications: 2
free:
  demand: {volumes: [east.cars], start: 100 %, low: 50 %, high: 300 %, overlay: fit-demand}
  strength: {sets: policies.no-wait.strength, start: 80 %, low: 10 %, high: 100 %, overlay: fit-strength}
targets:
  tonnes: {port: east, flow: cars, tonnes: TONNES t, tolerance: 2 %}
  saving: {flow: everything, saving: 12 min, tolerance: 1 min}
  vans: {flow: vans, port: east, vehicles: 203, tolerance: 5 %, fit: false}
"""


def write(folder: Path, recipe: str = RECIPE, tonnes: float = 7623) -> str:
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "no-wait.yaml").write_text(POLICY)
    (folder / "base.yaml").write_text(BASE)
    (folder / "fitted.yaml").write_text("extends: base.yaml\ntitle: Fitted\npolicies: {no-wait: {}}\n")
    (folder / "recipe.yaml").write_text(recipe.replace("TONNES", f"{tonnes:.0f}"))
    return str(folder / "recipe.yaml")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Calibration]:
    folder = tmp_path_factory.mktemp("fit")
    return folder, calibrate(load_recipe(write(folder)), seed=1)


def test_the_fit_finds_the_factor_and_the_strength(fitted: tuple[Path, Calibration]) -> None:
    """Tonnes are those of 1.5 times as many cars; of a wait of 40 minutes, 12 are 30 %."""
    _, result = fitted
    assert result.values["demand"] == pytest.approx(1.5, abs=0.02)
    assert result.values["strength"] == pytest.approx(0.3, abs=0.01)
    tonnes, saving, vans = result.results
    assert tonnes.met and saving.met and (tonnes.fitted, vans.fitted) == (True, False)
    assert (tonnes.unit, saving.unit, vans.unit) == ("kt", "min", "vehicles")
    assert saving.value == 12 and saving.simulated.mean == pytest.approx(12, abs=0.4)
    assert result.evaluations < 40


def test_a_value_at_its_bound_stays_there(tmp_path: Path) -> None:
    result = calibrate(load_recipe(write(tmp_path, tonnes=60_000)), seed=1)
    assert result.values["demand"] == pytest.approx(3.0, abs=0.01)
    assert not result.results[0].met and result.results[0].deviation < 0


def test_a_target_that_is_only_checked_does_not_pull(tmp_path: Path, fitted: tuple[Path, Calibration]) -> None:
    text = RECIPE.replace("flow: vans, port: east, vehicles: 203", "flow: cars, port: east, vehicles: 5000")
    result = calibrate(load_recipe(write(tmp_path, text)), seed=1)
    assert result.values == fitted[1].values
    assert not result.results[2].met


def test_what_is_reported_comes_from_replications_the_fit_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def watched(*given: Any, seed: int, **options: Any) -> list[TargetResult]:
        seeds.append(seed)
        return evaluate(*given, seed=seed, **options)

    monkeypatch.setattr("borderport.calibrating.evaluate", watched)
    result = calibrate(load_recipe(write(tmp_path)), seed=7)
    assert set(seeds[:-1]) == {7} and seeds[-1] == 8 and len(seeds) == result.evaluations


def test_the_number_of_workers_changes_no_fit(fitted: tuple[Path, Calibration]) -> None:
    _, result = fitted
    values = {"demand": 1.2, "strength": 0.5}
    with Processes(2) as workers:
        two = evaluate(result.recipe, values, replications=4, seed=3, workers=workers)
    assert evaluate(result.recipe, values, replications=4, seed=3) == two


def test_what_parameters_set_is_written_as_a_scenario_writes_it(fitted: tuple[Path, Calibration]) -> None:
    settings = settings_of(fitted[1].recipe, {"demand": 1.5, "strength": 0.3})
    assert settings == {
        "fit-demand": {"ports.east.flows.cars.volume": "18000.0 vehicles per year"},
        "fit-strength": {"policies.no-wait.strength": "30.00 %"},
    }


def test_overlays_are_laid_over_the_scenario(
    fitted: tuple[Path, Calibration], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is YAML of its own; the scenario that names them has the fitted values, and nothing else has changed."""
    folder, result = fitted
    data = tmp_path / "data"
    for kind in KINDS:
        shutil.copytree(builtin_folder(kind), data / kind)
    texts = overlay_texts(result, "recipe")
    assert set(texts) == {"fit-demand", "fit-strength"}
    for name, text in texts.items():
        assert set(yaml.safe_load(text)) == {"overlay"}
        assert text.startswith("# Written by `borderport calibrate recipe`")
        (data / "calibration" / f"{name}.yaml").write_text(text)
    monkeypatch.setattr(loading_files, "builtin_folder", lambda kind: data / kind)
    laid = folder / "laid.yaml"
    laid.write_text("extends: fitted.yaml\noverlays: [fit-demand, fit-strength]\n")
    loaded = load_scenario(str(laid))
    flows = loaded.scenario.ports["east"].flows
    assert flows["cars"].volume is not None and flows["vans"].volume == (2400.0, "year")
    assert flows["cars"].volume[0] == pytest.approx(12_000 * result.values["demand"], abs=0.1)
    assert loaded.plain.policies["no-wait"].strength == pytest.approx(result.values["strength"], abs=1e-4)
    assert loaded.origins["ports.east.flows.cars.volume"].file.endswith("fit-demand.yaml")


def test_calibrate_from_the_command_line(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    done = borderport("calibrate", recipe, "--jobs", "1", "--reps", "2", "--out", tmp_path / "out", "--json")
    assert done.code == 0 and all(line.startswith("evaluations: ") for line in done.err.splitlines())
    document = done.document
    assert document["values"]["demand"] == pytest.approx(1.5, abs=0.02)
    assert [target["name"] for target in document["targets"]] == ["tonnes", "saving", "vans"]
    keys = {"name", "unit", "target", "simulated", "deviation", "tolerance", "fitted", "met"}
    assert all(set(target) == keys for target in document["targets"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fit-demand.yaml", "fit-strength.yaml"}
    shown = borderport("calibrate", recipe, "--jobs", "1", "--no-write", "--out", tmp_path / "none")
    assert shown.code == 0 and not list(tmp_path.glob("none/*"))
    for head in ("parameter", "value", "target", "simulated", "deviation", "tolerance", "met"):
        assert head in shown.out.split()
    assert "…" not in shown.out


def test_a_folder_that_cannot_be_made_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "borderport.calibrating.calibrate", lambda *_, **__: pytest.fail("fitted before it was refused")
    )
    recipe = write(tmp_path)
    done = borderport("calibrate", recipe, "--out", f"{recipe}/below")
    assert done.code == 5 and "cannot write results" in done.err


def test_the_builtin_recipe_is_valid() -> None:
    recipe = load_recipe("recipe-2024")
    assert {free.overlay for free in recipe.free.values()} == {"fit-2024-demand", "fit-2024-measures"}
    texts = {path.stem: path.read_text() for path in builtin_folder("calibration").glob("fit-*.yaml")}
    assert all(free.overlay in texts for free in recipe.free.values())


def test_nobody_who_clears_is_no_fit(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE.replace("10 min", "90 d"))
    with pytest.raises(CheckFailed, match="target saving could be compared with: nobody cleared"):
        calibrate(load_recipe(recipe), seed=1)


# ----------------------------------------------------------------------------------------------- what is wrong

DEMAND = "demand: {volumes: [east.cars], start: 100 %, low: 50 %, high: 300 %, overlay: fit-demand}"
WRONG = [
    ("title: A fit whose truth is known\n", "", "title", "is missing"),
    ("fitted: fitted.yaml", "fitted: 2", "fitted", "must be text"),
    ("fitted: fitted.yaml", "fitted: '2042'", "fitted", "did you mean '2024'?"),
    ("fitted: fitted.yaml", "fitted: nothing.yaml", "fitted", "No such file"),
    ("fitted: fitted.yaml", "fitted: ../fitted.yaml", "fitted", "cannot read"),
    ("fitted: fitted.yaml", "fitted: /etc/passwd.yaml", "fitted", "must be relative to the folder of this file"),
    ("replications: 2", "replications: 1", "replications", "at least 2"),
    ("replications: 2", "replications: many", "replications", "whole number"),
    ("replications: 2", "reps: 2", "reps", "unknown key 'reps'"),
    (DEMAND, "demand: {start: 100 %, low: 50 %, high: 300 %, overlay: f}", "free.demand", "volumes (flows) or sets"),
    ("start: 100 %", "start: 10 %", "free.demand", "low < high, with start between"),
    ("start: 100 %", "start: 100 min", "free.demand.start", ""),
    ("[east.cars]", "[east.cras]", "free.demand.volumes.0", "did you mean 'east.cars'?"),
    ("policies.no-wait.strength", "policies.no-wiat.strength", "free.strength.sets", "no-wiat"),
    ("policies.no-wait.strength", "ports.east.nowhere.x", "free.strength.sets", "nowhere"),
    ("overlay: fit-demand", "overlay: ../../evil", "free.demand.overlay", "is not a name"),
    ("port: east, flow: cars, tonnes", "port: east, flow: cras, tonnes", "targets.tonnes", "there is no 'cras'"),
    ("port: east, flow: cars, tonnes", "port: west, flow: cars, tonnes", "targets.tonnes", "no such port but east"),
    ("tolerance: 1 min", "tolerance: 0 %", "targets.saving", "above 0"),
    ("tonnes: TONNES t, tolerance: 2 %", "tonnes: 5 t, tolerance: 2 min", "targets.tonnes", "tolerance such as 2 %"),
    ("saving: 12 min, ", "", "targets.saving", "saving or declaration, one of them"),
    ("tonnes: TONNES t", "tonnes: 5 min", "targets.tonnes.tonnes", "mass"),
    ("tonnes: TONNES t", "tonnes: 5 t, last_month: 2024-13", "targets.tonnes.last_month", ""),
    ("saving: 12 min", "saving: 12 min, scenario: other", "targets.saving.scenario", "'base' or 'fitted'"),
]


@pytest.mark.parametrize(("old", "new", "path", "says"), WRONG, ids=[f"{p}-{n[:40]}" for _, n, p, _ in WRONG])
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, old: str, new: str, path: str, says: str) -> None:
    assert RECIPE.count(old) == 1
    recipe = write(tmp_path, RECIPE.replace(old, new))
    with pytest.raises(ScenarioInvalid) as caught:
        load_recipe(recipe)
    found = caught.value.problems
    assert [problem.path for problem in found if problem.path == path], found
    assert all(problem.where.startswith(f"{recipe}:") for problem in found)
    assert any(says in problem.message for problem in found), found
    assert borderport("calibrate", recipe).code == 3


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    text = RECIPE.replace("[east.cars]", "[east.cras]").replace("flow: everything", "flow: something")
    with pytest.raises(ScenarioInvalid) as caught:
        load_recipe(write(tmp_path, text))
    assert {problem.path for problem in caught.value.problems} == {"free.demand.volumes.0", "targets.saving"}


def test_a_scenario_of_the_recipe_that_is_wrong_is_named_by_its_own_file(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE.replace("40 min", "40 parsec"))
    done = borderport("calibrate", recipe)
    assert done.code == 3 and f"{tmp_path / 'base.yaml'}:6:" in done.err


@pytest.mark.parametrize("name", ["nothing", "nothing.yaml", "/", "../recipe-2024", "x" * 5000, "a\0b.yaml"])
def test_a_recipe_that_is_not_there_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no recipe"):
        load_recipe(name)
