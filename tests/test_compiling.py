"""Compiled loops belong to the sources that decide results: when one of them changes, they are compiled anew."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from borderport import compiling
from borderport.compiling import DECISIVE, PACKAGE, sources_digest

SPOILS = """\
title: Goods that spoil
horizon: {start: 2024-01-01, end: 2024-01-03, zone: UTC}
costs: {time: {rate: 0 CNY/h}}
ports:
  east:
    label: {en: East}
    stations: {wait: {service: 12 h}}
    routes: {out: {steps: [wait]}}
    flows:
      cars: {route: out, arrivals: {trace: cars.csv}, value: 1 M CNY/vehicle, spoilage: {rate: 10 %/d}}
"""


def copied(folder: Path) -> Path:
    """The package in another place, nothing compiled."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, folder / "borderport", ignore=ignored))


def test_the_digest_is_of_every_source_that_decides_results(tmp_path: Path) -> None:
    """Of its place, too, but not of where the package lies; one that only draws figures does not count."""
    package = copied(tmp_path)
    before = sources_digest()

    def digest() -> str:
        return sources_digest.__wrapped__(package)

    assert digest() == before
    for name in DECISIVE:
        place = package / name
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            original = file.read_bytes()
            file.write_bytes(original + b"# changed\n")
            assert digest() != before, file
            file.write_bytes(original)
    (package / "units.py").rename(package / "metrics" / "units.py")
    (package / "units.py").touch()
    assert digest() != before
    shutil.copy(PACKAGE / "units.py", package)
    (package / "metrics" / "units.py").unlink()
    (package / "figures" / "bars.py").write_text("")
    assert digest() == before


@pytest.fixture
def double(tmp_path: Path) -> Callable[[], Any]:
    """Compiles a loop anew at each call, as a new process would, in a folder of the test's own."""
    file = tmp_path / "loops.py"
    file.write_text("def double(x):\n    return x * 2\n")

    def compile_it() -> Any:
        spec = importlib.util.spec_from_file_location("loops", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return compiling.compiled(module.double)

    return compile_it


def test_what_is_kept_is_named_by_the_digest_and_found_by_it_only(
    double: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loops kept by other versions of the sources are removed, and nothing else."""

    def kept() -> set[str]:
        return {path.name for path in (tmp_path / "__pycache__").iterdir()}

    first, again = double(), double()
    assert first(2) == again(2) == 4
    assert sum(again.stats.cache_hits.values()) == 1 and len(kept()) == 2
    assert all(sources_digest()[:16] in name for name in kept())
    (tmp_path / "__pycache__" / "mine-20240101.nbi").touch()
    monkeypatch.setattr(compiling, "sources_digest", lambda: "0123456789abcdef" * 4)
    other = double()
    assert other(2) == 4 and not other.stats.cache_hits
    assert len(kept()) == 3 and "mine-20240101.nbi" in kept()
    assert all("0123456789abcdef" in name for name in kept() - {"mine-20240101.nbi"})


def test_a_disk_that_is_full_keeps_nothing_and_hinders_nobody(
    double: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    loop = double()
    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    assert loop(3) == 6


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_constant_that_changed_in_another_file_shows_in_the_figures(tmp_path: Path) -> None:
    """Compiled loops of before are still there: a day of twice the hours halves the loss of goods in a day."""
    package = copied(tmp_path / "sim")
    (tmp_path / "case.yaml").write_text(SPOILS)
    (tmp_path / "cars.csv").write_text("arrival_ms\n0\n")
    words = ("run", "case.yaml", "--reps", "1", "--jobs", "1", "--json", "--out", "out")
    names = {"PYTHONPATH": str(package.parent)}

    def spoilt() -> float:
        done = subprocess.run(
            [sys.executable, "-m", "borderport", *words],
            cwd=tmp_path,
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)["metrics"]
        return next(m["mean"] for m in found if (m["port"], m["metric"]) == ("all", "spoilage_cost"))

    assert spoilt() == 50_000
    assert list(package.rglob("*.nbc"))
    units = package / "units.py"
    before = units.read_text()
    units.write_text(before.replace("MS_PER_DAY = 86_400_000", "MS_PER_DAY = 172_800_000"))
    assert units.read_text() != before
    assert spoilt() == 25_000
