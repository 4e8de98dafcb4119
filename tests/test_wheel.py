"""The built wheel, installed where there is no checkout."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_calibrate import write as write_recipe
from tests.test_cli import write_tiny

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # What pip calls to build; it may fetch nothing here.
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; its libraries are those of this one, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("fresh") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([python, *install], check=True, timeout=120, env=_plain())
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    borrowed = [path for path in site.getsitepackages() if Path(path).is_dir()]
    # A plain line of a .pth file: the checkout's own .pth, which lies there, is not followed.
    (Path(where.stdout.strip()) / "libraries.pth").write_text("\n".join(borrowed) + "\n")
    return python


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


@pytest.fixture
def run(python: Path, tmp_path: Path) -> Run:
    """Run the installed program in another folder."""

    def ran(*words: str) -> str:
        done = subprocess.run([python, *words], cwd=tmp_path, env=_plain(), capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ran


def files_of(python: Path) -> set[Path]:
    """All that is installed, but for what Python compiles."""
    lib = python.parent.parent
    return {path for path in lib.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc")}


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"borderport"}
    assert "borderport/py.typed" in names
    assert any(name.startswith("borderport/_data/scenarios/policies/") for name in names)


def test_the_main_job_and_a_scenario_of_ones_own_run_from_the_wheel(run: Run, python: Path, tmp_path: Path) -> None:
    assert str(python.parent.parent) in run("-c", "import borderport; print(borderport.__file__)")
    assert "Minutes saved per vehicle" in run("-m", "borderport", "compare", "2024-before", "2024", "--reps", "2")
    write_tiny(tmp_path)
    assert "Vehicles and goods by port" in run("-m", "borderport", "run", "tiny.yaml", "--reps", "2")
    code = "import borderport as b; print(len(b.run(b.load('tiny.yaml'), replications=2).frame()) > 0)"
    assert run("-c", code) == "True\n"


def test_calibrate_writes_where_the_user_is_and_not_into_the_program(run: Run, python: Path, tmp_path: Path) -> None:
    recipe = Path(write_recipe(tmp_path))
    before = files_of(python)
    run("-m", "borderport", "calibrate", str(recipe.relative_to(tmp_path)), "--reps", "2", "--jobs", "1")
    assert {p.name for p in (tmp_path / "calibration").iterdir()} == {"fit-demand.yaml", "fit-strength.yaml"}
    assert files_of(python) == before
