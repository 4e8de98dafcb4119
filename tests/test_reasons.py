"""Reasons of numbers: that of a value is never that of the one it replaced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from borderport.loading import builtin_folder, builtin_names, load_scenario, numbers_of, remarks
from borderport.loading import files as loading_files
from borderport.loading.tree import dotted
from tests.test_cli import borderport

BASE = """\
title: A case
horizon: {start: 2024-01-01, end: 2024-02-01}
ports:
  east:
    label: {en: East}
    altitude: 900 m
    source: A map, 2020
    resources:
      lane: {capacity: 1, holding_area: 250 m, source: "Survey, 2019"}
    stations:
      gate: {needs: [lane], service: {lognormal: {mean: 2 min, cv: 1}}, assumed: as elsewhere}
    routes: {out: {steps: [gate], assumed: as told}}
    flows:
      cars: {route: out, volume: 100 cars per year, marks: {heavy: 30 %, wide: 5 %}, source: Count, assumed: marks}
"""
LANE = "ports.east.resources.lane"
FLOW = "ports.east.flows.cars"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def child(text: str) -> str:
    Path("child.yaml").write_text(f"extends: base.yaml\nports: {{east: {text}}}\n")
    return "child.yaml"


def shown(*words: str) -> list[str]:
    done = borderport("show", *words)
    assert done.code == 0, done.err
    lines = [line for line in done.out.splitlines() if line.startswith(("ports.east.", "policies"))]
    return [re.sub(r"yaml:\d+:\d+", "yaml", line) for line in lines]


def warnings(*words: str) -> list[str]:
    done = borderport("check", *words)
    assert done.code == 0 and done.out == f"{words[0]}: valid\n", done
    return done.err.splitlines()


def reasons_of(file: str, **options: tuple[str, ...]) -> dict[str, list[str]]:
    """By path, the texts that are the reason of each number."""
    loaded = load_scenario(file, **options)
    numbers = numbers_of(loaded.plain, loaded.written)
    return {dotted(n.path): [text for reason in n.reasons for _, text, _ in reason.texts] for n in numbers}


def test_a_file_in_which_everything_has_a_reason(folder: Path) -> None:
    assert all(reasons_of("base.yaml").values()) and not warnings("base.yaml")
    lines = shown("base.yaml")
    assert f"{LANE}.source: Survey, 2019  # base.yaml" in lines
    assert f"{LANE}.capacity: 1  # base.yaml" in lines
    assert not any("no reason given" in line for line in lines)


def test_what_replaces_a_value_does_not_keep_its_reason(folder: Path) -> None:
    """The parent's count of one lane says nothing of nine; the area beside it is still the one that was surveyed."""
    file = child("{resources: {lane: {capacity: 9}}}")
    found = reasons_of(file)
    assert found[f"{LANE}.capacity"] == [] and found[f"{LANE}.holding_area"] == ["Survey, 2019"]
    lines = shown(file)
    assert f"{LANE}.capacity: 9  # child.yaml; no reason given" in lines
    assert f"{LANE}.source: Survey, 2019  # base.yaml; of holding_area" in lines
    warned = f"warning: child.yaml:2:45: {LANE}: no reason given for capacity; write source: or assumed: beside it"
    assert warnings(file) == [f"{warned}, in the same file"]


def test_a_reason_of_which_no_number_is_left_is_not_shown(folder: Path) -> None:
    lines = shown(child("{resources: {lane: {capacity: 9, holding_area: 10 m}}}"))
    assert not any("Survey" in line for line in lines)
    assert sum("no reason given" in line for line in lines) == 2


def test_a_file_gives_reasons_for_what_it_sets(folder: Path) -> None:
    file = child(
        "{resources: {lane: {capacity: 9, assumed: a plan}}, flows: {cars: {marks: {wide: 6 %}, source: Scale}}}"
    )
    found = reasons_of(file)
    assert found[f"{LANE}.capacity"] == ["a plan"] and found[f"{LANE}.holding_area"] == ["Survey, 2019"]
    assert found[f"{FLOW}.marks.wide"] == ["Scale"] and found[f"{FLOW}.marks.heavy"] == ["Count", "marks"]
    lines = shown(file)
    assert f"{LANE}.assumed: a plan  # child.yaml; of capacity" in lines
    assert f"{FLOW}.source: Scale  # child.yaml; of marks.wide" in lines
    assert any(line.startswith(f"{FLOW}.source: Count  # ") and "of volume, marks.heavy" in line for line in lines)
    assert not warnings(file)


def test_a_reason_that_is_taken_away_leaves_none(folder: Path) -> None:
    """`null` removes the text, and so it does for numbers of the file that says it."""
    assert reasons_of(child("{resources: {lane: {capacity: 9, source: null}}}"))[f"{LANE}.capacity"] == []


def test_a_reason_reaches_down_to_the_next_thing_with_a_name(folder: Path) -> None:
    periods = "periods: [{first_day: 2024-01-05, last_day: 2024-01-06, capacity: 2}]"
    found = reasons_of(child(f"{{altitude: 5 m, source: Sign, resources: {{lane: {{{periods}}}}}}}"))
    assert found["ports.east.altitude"] == ["Sign"] and found[f"{LANE}.periods.0.capacity"] == []
    found = reasons_of(child(f"{{resources: {{lane: {{{periods}, source: Sign}}}}}}"))
    assert found[f"{LANE}.periods.0.capacity"] == ["Sign"]


def test_a_law_of_two_files_has_two_reasons(folder: Path) -> None:
    service = "ports.east.stations.gate.tasks.service.service"
    with_reason = child("{stations: {gate: {service: {lognormal: {cv: 2}}, source: Clock}}}")
    assert reasons_of(with_reason)[service] == ["as elsewhere", "Clock"]
    assert reasons_of(child("{stations: {gate: {service: {lognormal: {cv: 2}}}}}"))[service] == []


def test_options_are_one_file_together(folder: Path) -> None:
    capacity, why = f"{LANE}.capacity=9", f"{LANE}.assumed=a try"
    assert reasons_of("base.yaml", sets=(capacity,))[f"{LANE}.capacity"] == []
    assert reasons_of("base.yaml", sets=(why, capacity))[f"{LANE}.capacity"] == ["a try"]
    whole = f"{LANE}={{capacity: 9, assumed: a try}}"
    assert reasons_of("base.yaml", sets=(whole,))[f"{LANE}.capacity"] == ["a try"]
    assert f"{LANE}.capacity: 9  # --set {capacity}; no reason given" in shown("base.yaml", "--set", capacity)
    (warned,) = warnings("base.yaml", "--set", capacity)
    assert warned.endswith(f"{LANE}: no reason given for capacity; give one with --set {LANE}.assumed=REASON")
    assert not warnings("base.yaml", "--set", capacity, "--set", why)


def test_assumptions_are_of_the_numbers_they_were_made_for(folder: Path) -> None:
    file = child("{flows: {cars: {marks: {wide: 6 %}}}}")
    lines = borderport("show", file, "--assumptions").out.splitlines()
    assert f"{FLOW}: marks (of volume, marks.heavy)" in lines
    assert f"{FLOW}.marks.wide: no reason given (child.yaml:2:45)" in lines
    assert "ports.east.routes.out: as told" in lines


def test_an_overlay_has_reasons_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        loading_files, "builtin_folder", lambda kind: folder if kind == "calibration" else builtin_folder(kind)
    )
    text = "overlay: {ports: {east: {flows: {cars: {volume: 90 cars per year%s}}}}}\n"
    Path("laid.yaml").write_text("extends: base.yaml\noverlays: [fit]\n")
    for given, reasons in (("", []), (", assumed: fitted", ["fitted"])):
        Path("fit.yaml").write_text(text % given)
        found = reasons_of("laid.yaml")
        assert found[f"{FLOW}.volume"] == reasons and found[f"{FLOW}.marks.wide"] == ["Count", "marks"]


def test_a_policy_in_force_has_reasons_too(folder: Path) -> None:
    (folder / "policies").mkdir()
    text = "title: {en: Quick}\ndescription: Quick.\neffects: [{on: {station: gate}, service: 1 min%s}]\n"
    (folder / "policies" / "quick.yaml").write_text(text % "")
    (warned,) = warnings("base.yaml", "--with", "quick")
    assert "policies/quick.yaml:3:42: no reason given for effects.0.service" in warned
    assert (
        "policies/quick.yaml.effects.0.service: no reason given"
        in borderport("show", "base.yaml", "--with", "quick", "--assumptions").out
    )
    (folder / "policies" / "quick.yaml").write_text(text % ", assumed: a try")
    assert not warnings("base.yaml", "--with", "quick")


def test_a_thing_called_source_is_no_reason(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE.replace("lane", "source").replace("wide: 5 %", "assumed: 5 %"))
    lines = shown("base.yaml")
    assert any(line.startswith("ports.east.resources.source.capacity: 1  # ") for line in lines)
    assert any(line.startswith(f"{FLOW}.marks.assumed: 5 %  # ") for line in lines)


def test_many_warnings_are_counted(folder: Path) -> None:
    lanes = ", ".join(f"l{number}: {{capacity: 2}}" for number in range(50))
    warned = warnings(child(f"{{resources: {{{lanes}}}}}"))
    assert len(warned) == 21 and warned[-1] == "warning: … and 30 more"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (
            "{closures: {c: {stops: all, first_day: 2023-01-01, last_day: 2023-12-31, assumed: a}}}",
            "closures.c.first_day",
        ),
        (
            "{closures: {c: {stops: all, random: {count: 1, length: 1 d, first_day: 2024-02-01}, assumed: a}}}",
            "closures.c.random.first_day",
        ),
        ("{paces: {p: {factor: 50 %, last_day: 2023-12-31, assumed: a}}}", "paces.p.last_day"),
        ("{flows: {cars: {active_from: 2024-02-01, assumed: a}}}", "flows.cars.active_from"),
    ],
)
def test_days_outside_the_horizon_are_named(folder: Path, text: str, path: str) -> None:
    (warned,) = warnings(child(text))
    assert f": ports.east.{path}: " in warned
    assert "lies outside the horizon, 2024-01-01 to 2024-01-31 with its lead-in, so it changes nothing" in warned


def test_days_that_reach_into_the_horizon_are_not(folder: Path) -> None:
    assert not warnings(child("{paces: {p: {factor: 5 %, first_day: 2023-01-01, last_day: 2024-01-01, assumed: a}}}"))


# ------------------------------------------------------------------------------------------- the built-in data


@pytest.mark.parametrize("name", builtin_names())
def test_every_number_of_a_built_in_scenario_has_a_reason_and_all_its_days_count(name: str) -> None:
    assert remarks(load_scenario(name)) == []


def test_every_number_of_a_built_in_policy_has_a_reason() -> None:
    loaded = load_scenario("2024-before")
    assert len(loaded.catalogue) > 10
    for name, policy in loaded.catalogue.items():
        without = [dotted(n.path) for n in numbers_of(policy, loaded.policies_written[name]) if not n.reasons]
        assert not without, name
