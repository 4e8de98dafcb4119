"""Mutated scenarios end in a message or in figures that can be; never in a traceback, never in nonsense."""

from __future__ import annotations

import os
import typing
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from borderport.loading import load_scenario
from borderport.scenario import Amendment, Policy, Scenario
from tests.fuzz import Bench, bases, cases

# What no scenario file gives, and what stands beside every group of numbers.
NOT_IN_FILES = {"name", "traces", "adoptions", "amendments", "policy_costs"}
EVERYWHERE = {"source", "assumed"}
LOADED = int(os.environ.get("BORDERPORT_FUZZ", "8000"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr("borderport.loading.catalogue._read_policy", made.policy)
    return made


def used(model: Any, found: dict[str, set[str]]) -> None:
    """Note which fields of which models are given."""
    if isinstance(model, BaseModel):
        found.setdefault(type(model).__name__, set()).update(model.model_fields_set)
        for name in type(model).model_fields:
            used(getattr(model, name), found)
    elif isinstance(model, dict):
        used(list(model.values()), found)
    elif isinstance(model, list | tuple):
        for item in model:
            used(item, found)


def models(kind: Any, found: dict[str, set[str]]) -> None:
    """All models that a type is made of, with their fields."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind.__name__ not in found:
            found[kind.__name__] = set(kind.model_fields)
            for field in kind.model_fields.values():
                models(field.annotation, found)
    for part in typing.get_args(kind):
        models(part, found)


def test_the_bases_use_every_key_of_the_format(bench: Bench) -> None:
    given: dict[str, set[str]] = {}
    for case in bases():
        loaded = load_scenario(str(bench.write(case)))
        used(loaded.plain, given)
        used([loaded.catalogue[name] for name in case.policies], given)
    known: dict[str, set[str]] = {}
    models(Scenario, known)
    models(Policy, known)
    for amendment in get_args(Amendment):
        del known[amendment.__name__]
    left_out = {"Scenario": NOT_IN_FILES}
    missing = {
        name: fields - given.get(name, set()) - EVERYWHERE - left_out.get(name, set()) for name, fields in known.items()
    }
    assert {name: fields for name, fields in missing.items() if fields} == {}


def try_all(bench: Bench, wanted: int, seed: int) -> Counter[str]:
    """Try cases out until ``wanted`` of them have loaded; every tenth on both engines."""
    outcomes: Counter[str] = Counter()
    for number, case in enumerate(cases(seed)):
        try:
            outcome, faults = bench.try_out(case, both_engines=number % 10 == 0)
        except Exception as error:
            raise AssertionError(f"case {number} of seed {seed} ends in a traceback: {case}") from error
        assert not faults, (number, seed, faults, case)
        outcomes[outcome] += 1
        if number + 1 - outcomes["refused"] == wanted:
            break
    return outcomes


def test_what_loads_of_some_mutated_scenarios_gives_figures_that_can_be(bench: Bench) -> None:
    outcomes = try_all(bench, 200, seed=1)
    assert outcomes["ran"] > 180 and outcomes["refused"] > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_loads_of_many_mutated_scenarios_gives_figures_that_can_be(bench: Bench) -> None:
    """As many as the environment variable ``BORDERPORT_FUZZ`` says."""
    outcomes = try_all(bench, LOADED, seed=0)
    assert outcomes["ran"] > 0.9 * LOADED
