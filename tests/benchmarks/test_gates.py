"""Every implementation gives every vehicle the same exit, and the compiled engine is not suddenly slow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from borderport.engines import compiled
from borderport.loading import load_scenario
from borderport.network import Network
from borderport.timeline import Timeline
from tests.benchmarks import c_kernel, workload
from tests.benchmarks.measure import ROOT
from tests.random_networks import networks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Measurements of ``python -m tests.benchmarks --quick``."""
    path = tmp_path_factory.mktemp("benchmarks") / "found.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert path.exists(), done.stderr
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


@pytest.mark.timeout(400)
def test_all_implementations_give_every_vehicle_the_same_exit(found: dict[str, Any]) -> None:
    differ = {(r["tool"], r["workload"], r["vehicles"]): r["differ"] for r in found["results"]}
    assert {(tool, name) for tool, name, _ in differ} >= {
        (tool, name) for tool in ("compiled", "reference", "idiomatic") for name in workload.VARIANTS
    }
    assert set(differ.values()) == {0}, differ


@pytest.mark.timeout(400)
def test_the_compiled_engine_keeps_its_speed(found: dict[str, Any]) -> None:
    missed = [promise for promise in found["promises"] if promise["verdict"] == "missed"]
    assert not missed, missed


@pytest.fixture(scope="module")
def c_run() -> Callable[[Network], Timeline]:
    if c_kernel.compiler() is None:
        pytest.skip("no C compiler: the comparison with C cannot be made on this machine")
    return c_kernel.build()


@given(network=networks())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_c_does_what_the_compiled_engine_does(c_run: Callable[[Network], Timeline], network: Network) -> None:
    ours, theirs = compiled.run(network), c_run(network)
    for field in fields(Timeline):
        if field.name != "network":
            assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name)), field.name


@pytest.mark.parametrize("variant", workload.VARIANTS)
def test_the_workload_is_the_same_through_files(variant: workload.Variant, tmp_path: Path) -> None:
    drawn = workload.draw(400, variant)
    read = workload.network_of(load_scenario(str(workload.write_scenario(drawn, tmp_path))).scenario)
    direct = workload.network_of(workload.scenario(drawn))
    for name in ("arrival_ms", "work_ms", "ops", "start", "row", "capacity", "change_ms", "change_capacity"):
        assert np.array_equal(getattr(read, name), getattr(direct, name)), name
