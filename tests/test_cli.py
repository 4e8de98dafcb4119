"""The command line: what it prints, what it writes, and how it ends, whatever it is asked."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from matplotlib.figure import Figure

from borderport.cli import COMMANDS, main
from borderport.errors import CheckFailed
from borderport.metrics import METRICS
from borderport.store import safe_name

ROOT = Path(__file__).resolve().parent.parent
TINY = """\
title: Tiny
horizon: {start: 2024-01-01, end: 2024-01-08, zone: UTC, lead_in: 0 s}
ports:
  east:
    label: {en: East}
    resources: {desk: {capacity: 1}, lane: {capacity: 2}}
    stations:
      desk: {needs: [desk], service: {lognormal: {mean: 10 min, cv: 0.5}}}
      gate: {needs: [lane], service: 2 min, assumed: as at the other gate}
    routes: {out: {steps: [gate, desk]}}
    flows:
      cars: {route: out, volume: 40 cars per d, payload: 5 t}
      vans: {route: out, volume: 20 cars per d, payload: 1 t}
groups: {everything: [east.cars, east.vans]}
"""
FAST_DESK = """\
title: {en: A fast desk}
description: Halves the time at the desk.
assumed: for a test
effects:
  - {on: {station: desk}, service: 5 min}
"""
FEW = ("--reps", "2", "--jobs", "1")
MOST_SECONDS_OF_CHECK = 1.2  # about twice what it takes
PRINTED = ("scenario", "replications", "seed", "engine", "version", "hash", "metrics")


@dataclass(frozen=True)
class Done:
    """The end of a command line: exit code and output."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def borderport(*words: object) -> Done:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    before = signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(sys, "argv", ["borderport", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    signal.signal(signal.SIGTERM, before)
    code = ended.value.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def write_tiny(folder: Path) -> Path:
    """A port of a week, with a policy beside it: ``tiny.yaml``, and ``quick.yaml`` in which the policy is in force."""
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "fast-desk.yaml").write_text(FAST_DESK)
    (folder / "quick.yaml").write_text(TINY + "policies: {fast-desk: {}}\n")
    (folder / "tiny.yaml").write_text(TINY)
    return folder / "tiny.yaml"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small scenario, in the folder where the user is; no figures, which take longer than it does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("borderport.results._draw", lambda folder, result: None)
    return write_tiny(tmp_path)


@pytest.fixture
def not_simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails if anything is simulated."""
    for module in ("api.run_scenarios", "api.compare_scenarios", "sweeping.run_sweep", "calibrating.calibrate"):
        monkeypatch.setattr(f"borderport.{module}", lambda *a, **k: pytest.fail("simulated before it was refused"))
    yield


def means(document: dict[str, Any]) -> dict[tuple[str, ...], float | None]:
    return {tuple(m[k] for k in ("port", "flow", "station", "metric")): m["mean"] for m in document["metrics"]}


def rows_of(path: Path) -> list[dict[str, str]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(io.StringIO(text.decode())))


# ------------------------------------------------------------------------------------------------------ start


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["sweep", "--help"], ["--version"], ["rum"]])
@pytest.mark.parametrize("way", ["module", "script"])
def test_help_loads_nothing_heavy(words: list[str], way: str) -> None:
    module = "runpy.run_module('borderport', run_name='__main__')"
    start = module if way == "module" else "from borderport.cli import main; main()"
    code = (
        f"import sys, runpy\nsys.argv = ['borderport', *{words!r}]\ntry:\n    {start}\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'scipy', 'numba', 'simpy', 'pydantic', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_help_names_every_command_and_every_command_has_help() -> None:
    done = borderport("--help")
    assert done.code == 0 and all(f"  {name} " in done.out for name in COMMANDS)
    assert all(borderport(name, "-h").code == 0 for name in COMMANDS)


def test_checking_a_builtin_takes_little_time() -> None:
    """The best of three counts, since other programs may run beside it."""
    code = (
        "import sys, time\nsys.argv = ['borderport', 'check', '2024']\nfrom borderport.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'numba', 'pandas', 'matplotlib', 'simpy', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)\n"
        "assert not heavy, heavy\nprint(time.process_time())"
    )
    took = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == 0, done.stderr
        took.append(float(done.stdout.splitlines()[-1]))
    assert min(took) < MOST_SECONDS_OF_CHECK


# ------------------------------------------------------------------------------------------------- exit codes

DESK = "ports.east.resources.desk.capacity"
SILLY = [
    (2, "", "Usage"),
    (2, "rum tiny.yaml", "Did you mean 'run'?"),
    (2, "--nonsense", "No such option"),
    (2, "run", "Missing argument 'SCENARIO...'. It is a YAML file or a built-in scenario: `borderport list scenarios`"),
    (2, "run 2042", "did you mean '2024'?"),
    (2, "run ./tiny", "cannot read scenario './tiny'"),
    (2, "run nothing.yaml", "No such file"),
    (2, "run ''", "no built-in scenario ''"),
    (2, "run .", "no built-in scenario '.'"),
    (3, "run /", "/:1:1: is not a regular file"),
    (3, "run /dev/zero", "is not a regular file"),
    (3, "run policies/fast-desk.yaml", "policies/fast-desk.yaml:2:1: description: unknown key"),
    (2, "run tiny.yaml --reps 0", "not in the range"),
    (2, "run tiny.yaml --reps 1e3", "not a valid integer"),
    (2, "run tiny.yaml --reps 1 --seed x", "not a valid integer"),
    (2, "run tiny.yaml --engine turbo", "not one of 'compiled', 'simpy'"),
    (2, "run tiny.yaml --jobs 0", "not in the range"),
    (2, "run tiny.yaml --executor cloud", "not one of"),
    (2, "run tiny.yaml --precision 5", "write it like 1%"),
    (2, "run tiny.yaml --precision 0%", "write it like 1%"),
    (2, "run tiny.yaml --precision 1,5%", "write it like 1%"),
    (2, "run tiny.yaml --precision 1_0%", "write it like 1%"),
    (2, "run tiny.yaml --precision nan%", "write it like 1%"),
    (2, "run tiny.yaml --precision 1e999%", "write it like 1%"),
    (2, "run tiny.yaml --precision '1 t'", "unknown duration unit 't'"),
    (2, "run tiny.yaml --precision '0 min'", "must be above 0"),
    (2, "run tiny.yaml --precision '5 min' --of vehicles_cleared", "write it like 1%, or like '5 vehicles'"),
    (2, "run tiny.yaml --of vehicles_cleared", "give --precision too"),
    (2, "run tiny.yaml --precision 1% --of pasage_time_mean", "did you mean 'passage_time_mean'?"),
    (2, "run tiny.yaml --precision 1% --of beauty", "see `borderport list metrics`"),
    (2, "run tiny.yaml --precision 1% --of queue_mean", "has none for 'all' over all ports"),
    (2, "compare tiny.yaml quick.yaml --precision 1% --of total_cost", "'tiny' has none for 'everything'"),
    (2, "compare tiny.yaml quick.yaml --precision 5", "write it like 1%"),
    (2, "run tiny.yaml --out ''", "the name of a folder is empty"),
    (2, "run tiny.yaml --set", "requires an argument"),
    (3, "run tiny.yaml --set x", "--set x: must be PATH=VALUE"),
    (3, "run tiny.yaml --set =3", "must be PATH=VALUE"),
    (3, f"run tiny.yaml --set {DESK}=many", "must be a whole number"),
    (3, f"run tiny.yaml --set {DESK}=[1,", "is not YAML"),
    (3, f"run tiny.yaml --set {DESK}=1e999", f"--set {DESK}=1e999"),
    (3, f"run tiny.yaml --set {DESK}=-1", "must not be negative"),
    (3, "run tiny.yaml --set ports.west.label.en=W", "did you mean 'east'?"),
    (3, "run tiny.yaml --set horizon.end=2020-01-01", "end is not after start"),
    (
        3,
        "run tiny.yaml --with nonsense",
        "looked among the built-in ones (borderport list policies) and in policies; one of",
    ),
    (3, "run tiny.yaml --with west", "west.yaml lies beside the scenario: move it into policies/"),
    (3, "run 2024 --with nonsense", "one of your own is a file NAME.yaml in the folder that --policies DIR names"),
    (2, "run tiny.yaml --policies nowhere", "--policies nowhere: is not a folder"),
    (
        3,
        "run tiny.yaml --set 'costs.time.rate=25 CNY/h'",
        "costs: is left out in this scenario, so give it as a whole: costs=",
    ),
    (3, "run tiny.yaml --set costs.time.rate=1", "its keys are time, idling, altitude, fuel, co2, officers"),
    (3, "run tiny.yaml --set cost.time.rate=1", "cost: does not exist; did you mean 'costs'?"),
    (3, "run 2024 --set costs.tme.rate=1", "costs.tme: does not exist; did you mean 'time'?"),
    (3, "run tiny.yaml --set policies.fast-desk.strength=1", "is not in force; --with NAME puts a policy in force"),
    (3, "run quick.yaml --set policies.fast-dsk.strength=1", "is not in force; did you mean 'fast-desk'?"),
    (3, "run tiny.yaml --with fast-dask", "did you mean 'fast-desk'?"),
    (3, "run tiny.yaml --without fast-desk", "is not in force"),
    (2, "compare tiny.yaml", "`borderport list scenarios` names these"),
    (
        3,
        f"compare tiny.yaml west.yaml --set {DESK}=2",
        "but this fits tiny.yaml and not west.yaml: --set-base and --set-other",
    ),
    (3, f"compare tiny.yaml west.yaml --set-other {DESK}=2", f"--set-other {DESK}=2: ports.east: does not exist"),
    (3, f"compare tiny.yaml west.yaml --set {DESK}=many", "must be a whole number"),
    (3, f"run tiny.yaml west.yaml --set {DESK}=2", "but this fits tiny.yaml and not west.yaml: run them apart"),
    (2, "compare tiny.yaml nothing.yaml", "No such file"),
    (2, "sweep tiny.yaml", "Missing option '--vary'"),
    (2, "sweep tiny.yaml --vary x", "must be PATH=SPEC"),
    (2, f"sweep tiny.yaml --vary {DESK}=3..1", "does not count upwards"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..100000000000", "at most 100,000"),
    (2, f"sweep tiny.yaml --vary {DESK}=1,1", "in the list twice"),
    (2, f"sweep tiny.yaml --vary {DESK}=1,,2", "empty value"),
    (2, f"sweep tiny.yaml --vary {DESK}=1 --vary {DESK}=2", "given twice"),
    (2, "sweep tiny.yaml --vary 'ports.east.stations.gate.service=5 min:9 h'", "both ends need the same unit"),
    (3, f"sweep tiny.yaml --vary {DESK}=1..", f"--vary {DESK}=1..: "),
    (3, "sweep tiny.yaml --vary ports.east.resources.dsk.capacity=1,2", "did you mean 'desk'?"),
    (3, "sweep tiny.yaml --vary 'ports.east.stations.gate.service=5:9'", "needs a unit"),
    (2, "sweep tiny.yaml --vary policies.fast-desk=on,maybe", "'on' or 'off', not 'maybe'"),
    (
        3,
        "sweep tiny.yaml --vary policies.fast-dsk=off",
        "--vary policies.fast-dsk=off: unknown policy 'fast-dsk'; did you",
    ),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --metric x", "see borderport list metrics"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --metric pasage_time_mean", "did you mean 'passage_time_mean'?"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --port west", "--port east"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --flow trams", "--flow everything"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --station x", "--station"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --metric queue_mean", "--port east"),
    (2, f"sweep tiny.yaml --vary {DESK}=1..2 --metric utilisation --port east --station dsk", "desk"),
    (2, "calibrate nothing", "no recipe 'nothing'; there are recipe-2024"),
    (2, "calibrate nothing.yaml", "no recipe"),
    (3, "calibrate tiny.yaml", "tiny.yaml:1:1: base: is missing"),
    (2, "check", "`borderport list scenarios` names these"),
    (2, "check 2042", "did you mean '2024'?"),
    (2, "show", "`borderport list scenarios` names these"),
    (2, "list ports", "is not one of"),
    (2, "schema port", "is not one of"),
]


@pytest.mark.usefixtures("not_simulated")
@pytest.mark.parametrize(("code", "line", "says"), SILLY, ids=[line or "nothing" for _, line, _ in SILLY])
def test_a_mistake_ends_with_its_code_and_one_clear_message(code: int, line: str, says: str, tiny: Path) -> None:
    (tiny.parent / "west.yaml").write_text(TINY.replace("east", "west"))
    done = borderport(*shlex.split(line))
    assert done.code == code
    assert says in done.err + (done.out if not line else "")
    assert "Traceback" not in done.err and "{'" not in done.err
    assert {path.name for path in tiny.parent.iterdir()} <= {"tiny.yaml", "quick.yaml", "west.yaml", "policies"}


def test_every_problem_of_every_file_is_named_at_once(tiny: Path) -> None:
    wrong = TINY.replace("capacity: 1", "capacity: one").replace("5 t", "5 miles").replace("title:", "titel:")
    (tiny.parent / "a.yaml").write_text(wrong)
    (tiny.parent / "b.yaml").write_text(wrong)
    done = borderport("check", "a.yaml", "tiny.yaml", "b.yaml")
    assert (done.code, done.out) == (3, "tiny.yaml: valid\n")
    lines = done.err.splitlines()
    assert [line for line in lines if line.startswith("warning: tiny.yaml:")]
    lines = [line for line in lines if not line.startswith("warning: ")]
    assert len(lines) >= 8
    assert all(re.match(r"[ab]\.yaml:\d+:\d+: [a-z.]+: \S", line) for line in lines)
    for file in ("a.yaml", "b.yaml"):
        assert f"{file}:6:34: ports.east.resources.desk.capacity: must be a whole number" in lines
        assert any(line.startswith(f"{file}:12:58: ports.east.flows.cars.payload: unknown") for line in lines)


def test_a_missing_file_does_not_hide_what_is_wrong_with_the_others(tiny: Path) -> None:
    (tiny.parent / "a.yaml").write_text(TINY.replace("capacity: 1", "capacity: one"))
    done = borderport("check", "a.yaml", "nothing.yaml")
    assert done.code == 2
    assert "a.yaml:6:34" in done.err and "nothing.yaml" in done.err


def test_a_failed_check_ends_with_4(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CheckFailed("east.cars: vehicles were lost; please report this")

    monkeypatch.setattr("borderport.experiment.measure", fail)
    done = borderport("run", "tiny.yaml", *FEW, "--out", "out")
    assert (done.code, done.out) == (4, "")
    assert done.err == "east.cars: vehicles were lost; please report this\n"
    assert not (tiny.parent / "out" / "run.json").exists()


def test_a_defect_of_the_program_keeps_its_traceback(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("borderport.experiment.measure", lambda *_: 1 / 0)
    with (
        mock.patch.object(sys, "argv", ["borderport", "run", "tiny.yaml", *FEW, "--out", "out", "--quiet"]),
        pytest.raises(ZeroDivisionError),
    ):
        main()


@pytest.mark.usefixtures("not_simulated")
@pytest.mark.parametrize(
    "command", ["run tiny.yaml", "compare tiny.yaml quick.yaml", f"sweep tiny.yaml --vary {DESK}=2"]
)
@pytest.mark.parametrize("out", ["tiny.yaml", "tiny.yaml/below"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(command: str, out: str, tiny: Path) -> None:
    done = borderport(*command.split(), "--out", out)
    assert done.code == 5
    assert done.err.startswith(f"{out}: cannot write results: ")
    assert tiny.read_text() == TINY


# ---------------------------------------------------------------------------------------------------- output


def test_run_prints_one_json_document_as_the_design_says(tiny: Path) -> None:
    done = borderport("run", "tiny.yaml", *FEW, "--json", "--out", "out")
    document = done.document
    assert (done.code, done.err) == (0, "")
    assert tuple(document) == PRINTED
    assert (document["scenario"], document["replications"], document["seed"]) == ("tiny", 2, 1)
    assert document["engine"] == "compiled" and re.fullmatch("[0-9a-f]{64}", document["hash"])
    for metric in document["metrics"]:
        assert tuple(metric) == ("port", "flow", "station", "metric", "unit", "mean", "low", "high")
    found = means(document)
    for name in ("vehicles_arrived", "tonnes_cleared", "passage_time_mean", "total_time_mean", "unfinished"):
        assert found["all", "all", "all", name] is not None
    assert found["all", "everything", "all", "vehicles_arrived"] == found["all", "all", "all", "vehicles_arrived"]
    assert found["east", "all", "desk", "utilisation"] is not None
    assert {key[3] for key in found if not key[3].startswith("tonnes_cleared_")} <= set(METRICS)


def test_what_has_no_value_is_null(tiny: Path) -> None:
    done = borderport("run", "tiny.yaml", "--reps", "1", "--json", "--out", "out", "--set", f"{DESK}=0")
    found = means(done.document)
    assert done.code == 0
    assert found["east", "all", "all", "vehicles_cleared"] == 0
    assert found["east", "all", "all", "passage_time_mean"] is None
    assert all(m["low"] is None for m in done.document["metrics"])


def test_a_scenario_that_options_change_has_a_title_that_says_so(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures name scenarios by their titles: both worlds must not bear the base's."""
    titles: list[str] = []
    monkeypatch.setattr(
        "borderport.results._draw", lambda _, result: titles.extend(s.scenario.title for s in result.samples)
    )
    words = ("compare", "tiny.yaml", "tiny.yaml", "--with", "fast-desk", "--set", f"{DESK} = 2", "--quiet")
    assert borderport(*words, *FEW).code == 0
    assert titles == [f"Tiny, {DESK}=2", f"Tiny, with fast-desk, {DESK}=2"]


def test_compare_prints_one_json_document_as_the_design_says(tiny: Path) -> None:
    done = borderport("compare", "tiny.yaml", "quick.yaml", *FEW, "--json", "--out", "out")
    document = done.document
    base, other = document["scenarios"]
    assert (done.code, document["base"], base["scenario"], other["scenario"]) == (0, "tiny", "tiny", "quick")
    assert tuple(base) == PRINTED and tuple(other) == (*PRINTED, "vehicles")
    assert not any("difference" in metric for metric in base["metrics"])
    before, after = means(base), means(other)
    for metric in other["metrics"]:
        key = tuple(metric[k] for k in ("port", "flow", "station", "metric"))
        assert {"mean", "low", "high"} <= set(metric["difference"])
        if metric["mean"] is not None:
            assert metric["difference"]["mean"] == pytest.approx((after[key] or 0) - (before[key] or 0), abs=1e-9)
    effects = {(v["port"], v["flow"], v["span"], v["clock"]): v for v in other["vehicles"]}
    assert {clock for *_, clock in effects} == {"service", "open", "wall"}
    saved = effects["all", "everything", "passage", "service"]
    assert {"better_low", "better_high", "worse_low", "worse_high", "vehicle_hours_saved", "marked"} <= set(saved)
    assert saved["better_low"] <= saved["better"] <= saved["better_high"] <= 1
    hours = ("all", "everything", "all", "vehicle_hours")
    assert saved["vehicle_hours_saved"]["mean"] == pytest.approx((before[hours] or 0) - (after[hours] or 0))
    assert {"saving", "better", "worse"} <= set(saved) and tuple(saved["saving"]) == ("mean", "low", "high")
    assert saved["saving"]["mean"] == pytest.approx(5, abs=0.5)


def test_several_scenarios_are_told_apart(tiny: Path) -> None:
    done = borderport("run", "tiny.yaml", "quick.yaml", "tiny.yaml", *FEW, "--json", "--out", "out")
    names = [document["scenario"] for document in done.document["scenarios"]]
    assert names == ["tiny", "quick", "tiny-2"]
    first, _, again = done.document["scenarios"]
    assert first["hash"] == again["hash"] and means(first) == means(again)


@pytest.mark.parametrize(
    "command",
    ["run tiny.yaml", "compare tiny.yaml quick.yaml", f"sweep tiny.yaml --vary {DESK}=1..2"],
)
def test_quiet_prints_nothing(command: str, tiny: Path) -> None:
    assert borderport(*command.split(), *FEW, "--quiet", "--out", "out") == Done(0, "", "")


def test_tables_are_whole_in_a_pipe(tiny: Path) -> None:
    (tiny.parent / "other.yaml").write_text(TINY.replace("en: East", "en: 'The eastern port [of the hills]'"))
    done = borderport("compare", "other.yaml", "tiny.yaml", *FEW, "--out", "out")
    assert done.code == 0 and "…" not in done.out
    words = " ".join(done.out.split())
    for head in ("port scenario", "cleared", "passage", "overnight", "same vehicles", "better", "worse"):
        assert head in words, head
    arrived = [line for line in done.out.splitlines() if "The eastern port [of the hills]" in line and "±" in line]
    assert arrived and all(re.search(r"\d ± \d", line) for line in arrived)


def test_the_table_of_a_sweep_is_whole_in_a_pipe(tiny: Path) -> None:
    done = borderport("sweep", "tiny.yaml", "--vary", f"{DESK}=1..3", *FEW, "--out", "out")
    assert done.code == 0 and "…" not in done.out
    assert all(head in done.out for head in ("point", "capacity", "response", "difference"))
    assert (
        len(re.findall(r"[\d.]+ ± [\d.]+", done.out)) == 15
    )  # base: response, cleared, unfinished; three points: a difference too


def test_progress_goes_to_standard_error(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("borderport.cli.common.SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr("borderport.cli.common.SECONDS_BEFORE_LINES", 0.0)
    done = borderport("run", "tiny.yaml", *FEW, "--json", "--out", "out")
    assert "replications: 2 of 2" in done.err and done.document["replications"] == 2


# ------------------------------------------------------------------------------------------------ run, compare


def test_both_engines_give_every_metric_alike(tiny: Path) -> None:
    one, other = (
        borderport("run", "quick.yaml", *FEW, "--json", "--engine", engine, "--out", engine).document
        for engine in ("compiled", "simpy")
    )
    assert (one.pop("engine"), other.pop("engine")) == ("compiled", "simpy")
    assert one == other


def test_the_number_of_workers_changes_no_bit(tiny: Path) -> None:
    for jobs in ("1", "2"):
        assert borderport("run", "tiny.yaml", "--reps", "3", "--jobs", jobs, "--out", jobs, "--quiet").code == 0
    for name in ("replications.csv.gz", "metrics.csv", "run.json"):
        assert (tiny.parent / "1" / name).read_bytes() == (tiny.parent / "2" / name).read_bytes()


def test_precision_goes_on_until_it_is_reached(tiny: Path) -> None:
    common = ("run", "tiny.yaml", "--reps", "3", "--jobs", "1", "--json", "--out", "out")
    few, many = (borderport(*common, *more).document for more in ((), ("--precision", "5%")))
    assert few["replications"] == 3 < many["replications"]
    for document, met in ((few, False), (many, True)):
        key = ("all", "all", "all", "passage_time_mean")
        (metric,) = [
            m for m in document["metrics"] if tuple(m[k] for k in ("port", "flow", "station", "metric")) == key
        ]
        assert ((metric["high"] - metric["low"]) / 2 <= 0.05 * metric["mean"]) is met


def test_a_precision_that_is_not_reached_is_said_and_kept(tiny: Path) -> None:
    """It ends at once where it is out of reach, tells how far it came, and exits with 0: the figures are sound."""
    common = ("--reps", "4", "--jobs", "1", "--quiet", "--out", "out")
    done = borderport("run", "tiny.yaml", *common, "--precision", "0.01%")
    assert (done.code, done.out) == (0, "")
    assert re.match(r"precision not reached: passage_time_mean, tiny: \S+ ± \S+ min after 4 replications", done.err)
    assert "at most 10,000 are run" in done.err and "such as '0.5 min'" in done.err
    kept = json.loads((tiny.parent / "out" / "run.json").read_text())
    (figure,) = kept["precision"].pop("figures")
    assert kept["precision"] == {"asked": "0.01%", "of": "passage_time_mean", "unit": "min"}
    assert (figure["reached"], kept["replications"]) == (False, 4)
    assert figure["half_width_wanted"] == pytest.approx(1e-4 * figure["mean"]) and figure["replications_needed"] > 1e4


def test_a_precision_of_what_nobody_gives_ends_and_says_so(tiny: Path) -> None:
    words = ("run", "tiny.yaml", "--reps", "2", "--jobs", "1", "--quiet", "--out", "out", "--set", f"{DESK}=0")
    done = borderport(*words, "--precision", "1%")
    assert done.code == 0 and "0 of 30 replications have a value" in done.err
    kept = json.loads((tiny.parent / "out" / "run.json").read_text())
    assert kept["replications"] == 30 and kept["precision"]["figures"][0]["mean"] is None


def test_a_comparison_goes_on_until_its_saving_is_known(tiny: Path) -> None:
    """Of the first named group, in the passage, on the clock on the wall; or the change of a metric."""
    common = ("compare", "tiny.yaml", "quick.yaml", "--reps", "3", "--jobs", "1", "--json", "--out", "out")
    known = borderport(*common, "--precision", "5%")
    other = known.document["scenarios"][1]
    (saving,) = [
        v["saving"]
        for v in other["vehicles"]
        if (v["flow"], v["span"], v["clock"]) == ("everything", "passage", "wall")
    ]
    assert (saving["high"] - saving["low"]) / 2 <= 0.05 * saving["mean"]
    assert 3 < other["replications"] < 1000 and known.err == ""
    (figure,) = json.loads((tiny.parent / "out" / "run.json").read_text())["precision"]["figures"]
    assert (figure["scenario"], figure["reached"], figure["mean"]) == ("quick", True, saving["mean"])
    in_service = borderport(*common, "--precision", "0.2 min", "--of", "passage_service_time_mean")
    assert in_service.document["scenarios"][1]["replications"] < other["replications"]


def test_a_seed_gives_the_same_again_and_another_something_else(tiny: Path) -> None:
    one, again, other, negative = (
        means(borderport("run", "tiny.yaml", *FEW, "--json", "--seed", seed, "--out", "out").document)
        for seed in (5, 5, 6, -5)
    )
    assert one == again and one != other and one != negative


def test_options_reach_the_scenario(tiny: Path) -> None:
    def waits(*words: str) -> dict[str, Any]:
        document: dict[str, Any] = borderport("run", *words, *FEW, "--json", "--out", "out").document
        return document

    plain, set_, with_ = (
        waits("tiny.yaml"),
        waits("tiny.yaml", "--set", f"{DESK}=3"),
        waits("tiny.yaml", "--with", "fast-desk"),
    )
    without, quick = waits("quick.yaml", "--without", "fast-desk"), waits("quick.yaml")
    key = ("all", "all", "all", "passage_time_mean")
    assert (means(set_)[key] or 0) < (means(plain)[key] or 0)
    assert means(with_) == means(quick) != means(plain) == means(without)
    assert (with_["scenario"], without["scenario"]) == ("tiny+fast-desk", "quick-fast-desk")
    assert with_["hash"] == quick["hash"] and without["hash"] == plain["hash"] != set_["hash"]


def test_in_a_comparison_policies_change_the_others_only(tiny: Path) -> None:
    done = borderport("compare", "tiny.yaml", "tiny.yaml", "--with", "fast-desk", *FEW, "--json", "--out", "out")
    plain = borderport("run", "tiny.yaml", *FEW, "--json", "--out", "out").document
    base, other = done.document["scenarios"]
    assert means(base) == means(plain) != means(other)
    done = borderport("compare", "tiny.yaml", "tiny.yaml", "--set", f"{DESK}=2", *FEW, "--json", "--out", "out")
    base, other = done.document["scenarios"]
    assert means(base) == means(other) != means(plain)
    assert all(m["difference"]["mean"] in (0, None) for m in other["metrics"])
    assert all(v["worse"] in (0, None) and v["better"] in (0, None) for v in other["vehicles"])


def made(start: str) -> Path:
    """The one folder in results/ whose name begins so and goes on with a digest."""
    found = [
        path
        for path in Path("results").resolve().iterdir()
        if re.fullmatch(f"{re.escape(start)}.*-[0-9a-f]{{6}}", path.name)
    ]
    assert len(found) == 1, found
    return found[0]


def test_a_run_leaves_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In results/ by default, figures included; a second run writes over it and leaves nothing else."""
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    assert borderport("compare", "tiny.yaml", "quick.yaml", *FEW, "--quiet").code == 0
    folder = made("tiny-vs-quick")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"run.json", "metrics.csv", "replications.csv.gz", "vehicles.csv", "differences.csv"} <= files
    assert "figures/saving-per-vehicle.png" in files
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in folder.glob("figures/*.png"))
    run = json.loads((folder / "run.json").read_text())
    assert (run["seed"], run["replications"], run["engine"]) == (1, 2, "compiled")
    assert [s["name"] for s in run["scenarios"]] == ["tiny", "quick"]
    assert run["scenarios"][0]["resolved"]["ports"]["east"]["resources"]["desk"]["capacity"] == 1
    assert {"borderport", "model", "numpy", "python"} <= set(run["versions"])
    words = re.findall(r"[^\s\",:]+", (folder / "run.json").read_text())
    assert not {os.uname().nodename, str(tmp_path)} & set(words) and str(tmp_path) not in "".join(words)
    tidy = rows_of(folder / "replications.csv.gz")
    assert list(tidy[0]) == ["scenario", "replication", "port", "flow", "station", "metric", "value", "unit"]
    assert {(row["scenario"], row["replication"]) for row in tidy} == {(s, r) for s in ("tiny", "quick") for r in "01"}
    before = {name: (folder / name).read_bytes() for name in files}
    assert borderport("compare", "tiny.yaml", "quick.yaml", *FEW, "--quiet").code == 0
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == files
    assert {name: (folder / name).read_bytes() for name in files} == before


def test_names_that_a_spreadsheet_would_run_are_quoted(tiny: Path) -> None:
    (tiny.parent / "=1+cmd.yaml").write_text(TINY)
    assert borderport("run", "=1+cmd.yaml", *FEW, "--quiet", "--out", "out").code == 0
    for name in ("metrics.csv", "replications.csv.gz"):
        assert {row["scenario"] for row in rows_of(tiny.parent / "out" / name)} == {"'=1+cmd"}


def test_a_name_full_of_oddities_stays_in_its_folder(tiny: Path) -> None:
    (tiny.parent / "<b> 满洲里.yaml").write_text(TINY)
    assert borderport("run", "<b> 满洲里.yaml", *FEW, "--quiet", "--timeline").code == 0
    assert {path.name[:-6] for path in (tiny.parent / "results").iterdir()} == {f"{safe_name('<b> 满洲里')}-"}
    assert {path.name for path in made("").glob("timeline/*")} == {
        f"{safe_name('<b> 满洲里')}-000{n}.csv" for n in "01"
    }


@pytest.mark.parametrize(
    "stem", ["..", ".", " ", "con", "LPT1.x", "x" * 240, "é" * 120, "a:b?c*|", "tab\tbell\x07", "=1+1", "\udcff"]
)
def test_any_name_of_a_file_makes_a_folder_of_its_own_below_results(tiny: Path, stem: str) -> None:
    (tiny.parent / f"{stem}.yaml").write_text(TINY)
    before = set(tiny.parent.iterdir())
    done = borderport("run", f"./{stem}.yaml", *FEW, "--quiet", "--timeline")
    assert (done.code, done.err) == (0, "")
    assert set(tiny.parent.iterdir()) - before == {tiny.parent / "results"}
    (folder,) = (tiny.parent / "results").iterdir()
    assert folder.name[:-7] == safe_name(folder.name[:-7]) and (folder / "run.json").is_file()
    assert len(list(folder.glob("timeline/*.csv"))) == 2


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "con", "a/b\0", "x" * 5000])
@pytest.mark.parametrize(
    "words",
    [
        ("run", "NAME.yaml"),
        ("run", "tiny.yaml", "--out", "tiny.yaml/NAME"),
        ("sweep", "tiny.yaml", "--vary", f"{DESK}=1,2", "--out", "tiny.yaml/NAME"),
        ("calibrate", "NAME.yaml"),
        ("calibrate", "NAME"),
        ("check", "overlaid.yaml"),
        ("show", "tiny.yaml", "--with", "NAME"),
    ],
)
def test_a_name_that_no_file_has_is_one_message(tiny: Path, words: tuple[str, ...], name: str) -> None:
    overlay = name.replace("\0", "").replace("/", "")
    (tiny.parent / "overlaid.yaml").write_text(TINY + f"overlays: [{overlay}]\n")
    done = borderport(*(word.replace("NAME", name) for word in words))
    assert done.code in (2, 3, 5) and len(done.err.splitlines()) <= 4 and done.out == ""


def test_long_names_of_scenarios_and_changes_are_told_apart(tiny: Path) -> None:
    """Files of a timeline too: both names begin with the same hundred letters."""
    for end in "ab":
        (tiny.parent / f"{'x' * 150}{end}.yaml").write_text(TINY)
    words = (f"{'x' * 150}a.yaml", f"{'x' * 150}b.yaml")
    assert borderport("run", *words, *FEW, "--quiet", "--timeline").code == 0
    assert len(list(made("x" * 93).glob("timeline/*.csv"))) == 4
    done = borderport("run", "tiny.yaml", *FEW, "--quiet", *[w for n in range(1, 40) for w in ("--set", f"{DESK}={n}")])
    assert done.code == 0, done.err


def test_what_is_asked_tells_folders_apart(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name of a value at two paths, another seed, more replications; not how many workers there are."""
    lane = DESK.replace("desk", "lane")
    asked: list[tuple[str, ...]] = [
        *(("run", "tiny.yaml", "--set", f"{path}=3") for path in (DESK, lane)),
        *(("run", "tiny.yaml", *more) for more in ((), ("--seed", "2"), ("--timeline",))),
        ("compare", "tiny.yaml", "quick.yaml"),
        *(("sweep", "tiny.yaml", "--vary", f"{path}=1,2") for path in (DESK, lane)),
    ]
    monkeypatch.setattr("borderport.figures.swept.response_of", lambda result, key: Figure())
    for words in asked:
        assert borderport(*words, *FEW, "--quiet").code == 0
    folders = {path for path in (tiny.parent / "results").iterdir() if path.is_dir()}
    assert len(folders) == len(asked)
    assert borderport("run", "tiny.yaml", "--reps", "3", "--jobs", "1", "--quiet").code == 0
    assert borderport("run", "tiny.yaml", "--reps", "3", "--jobs", "2", "--json").code == 0  # asks the same
    (tiny.parent / "tiny.yaml").write_text(TINY.replace("5 t", "6 t"))
    assert borderport("run", "tiny.yaml", "--reps", "3", "--jobs", "1", "--quiet").code == 0
    folders = {path for path in (tiny.parent / "results").iterdir() if path.is_dir()}
    assert len(folders) == len(asked) + 2


def test_a_folder_that_is_named_holds_the_last_run_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replications, no timeline, no comparison, no figures: nothing of before is left, but all of the user's."""
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    words = ("run", "tiny.yaml", "--jobs", "1", "--quiet", "--out")
    assert borderport(*words, "alone", "--reps", "1").code == 0
    assert borderport("compare", "tiny.yaml", "quick.yaml", *FEW, "--quiet", "--out", "out").code == 0
    assert borderport(*words, "out", "--reps", "2", "--timeline").code == 0
    mine = [Path("out/notes.txt"), Path("out/figures/mine.png"), Path("out/timeline/tiny-0009.csv")]
    for path in mine:
        path.write_text("mine")
    assert borderport(*words, "out", "--reps", "1").code == 0
    files = {path.relative_to("out"): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    assert all(files.pop(path.relative_to("out")) == b"mine" for path in mine)
    assert files == {path.relative_to("alone"): path.read_bytes() for path in Path("alone").rglob("*")}


# --------------------------------------------------------------------------------------------------- timeline


def test_the_timeline_lists_every_visit(tiny: Path) -> None:
    done = borderport("run", "tiny.yaml", *FEW, "--timeline", "--json", "--out", "out")
    files = sorted((tiny.parent / "out" / "timeline").iterdir())
    assert [file.name for file in files] == ["tiny-0000.csv", "tiny-0001.csv"]
    arrived = 0
    for file in files:
        visits = rows_of(file)
        moments = ["joined", "started", "left"]
        assert list(visits[0]) == ["vehicle", "flow", "station", *(f"{moment}_ms" for moment in moments), *moments]
        assert len({(v["flow"], v["vehicle"], v["station"]) for v in visits}) == len(visits)
        for visit in visits:
            joined, started, left = (float(visit[f"{moment}_ms"] or "inf") for moment in moments)
            assert 0 <= joined <= started <= left
        arrived += sum(visit["station"] == "east.gate" for visit in visits)
    found = means(done.document)
    assert arrived / 2 == found["all", "all", "all", "vehicles_arrived"]
    vehicles = [
        row for name in ("tiny-0000.csv", "tiny-0001.csv") for row in rows_of(tiny.parent / "out/outcomes" / name)
    ]
    for outcome, metric in (("cleared", "vehicles_cleared"), ("unfinished", "unfinished")):
        number = sum((row["outcome"], row["counted"]) == (outcome, "True") for row in vehicles)
        assert number / 2 == found["all", "all", "all", metric]


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_timeline_worked_out_by_hand(tiny: Path, engine: str) -> None:
    """One desk, ten minutes each, a day: the third is still being served at midnight, the fourth still waits."""
    (tiny.parent / "cars.csv").write_text("arrival_ms,desk_min\n0,10\n240000,10\n86100000,10\n86220000,10\n")
    flow = "cars: {route: out, arrivals: {trace: cars.csv}, payload: 5 t}"
    text = TINY.replace("cars: {route: out, volume: 40 cars per d, payload: 5 t}", flow)
    text = text.replace("steps: [gate, desk]", "steps: [desk, gate]").replace("end: 2024-01-08", "end: 2024-01-02")
    text = text.replace("      vans: {route: out, volume: 20 cars per d, payload: 1 t}\n", "")
    (tiny.parent / "hand.yaml").write_text(text.replace(", east.vans", ""))
    done = borderport("run", "hand.yaml", "--reps", "1", "--engine", engine, "--timeline", "--quiet", "--out", "out")
    assert done.code == 0, done.err
    rows = rows_of(tiny.parent / "out" / "timeline" / "hand-0000.csv")
    never = math.inf
    found = [
        (
            int(v["vehicle"]),
            v["station"],
            *(float(v[f"{m}_ms"] or never) / 60_000 for m in ("joined", "started", "left")),
        )
        for v in rows
    ]
    assert sorted(found) == [
        (0, "east.desk", 0, 0, 10),
        (0, "east.gate", 10, 10, 12),
        (1, "east.desk", 4, 10, 20),
        (1, "east.gate", 20, 20, 22),
        (2, "east.desk", 1435, 1435, never),
        (3, "east.desk", 1437, never, never),
    ]
    last = next(row for row in rows if row["vehicle"] == "2")
    assert (last["joined"], last["started"], last["left"]) == ("2024-01-01T23:55:00.000+00:00",) * 2 + ("",)
    outcomes = rows_of(tiny.parent / "out" / "outcomes" / "hand-0000.csv")
    assert [row["outcome"] for row in outcomes] == ["cleared", "cleared", "unfinished", "unfinished"]
    assert [row["cleared_ms"] for row in outcomes] == ["720000", "1320000", "", ""]


# ------------------------------------------------------------------------------------- check, show, list, schema


def test_the_builtin_scenarios_are_valid() -> None:
    names = sorted(file.stem for file in (ROOT / "scenarios").glob("*.yaml"))
    assert borderport("check", *names) == Done(0, "".join(f"{name}: valid\n" for name in names), "")


def test_show_says_where_each_value_was_written(tiny: Path) -> None:
    done = borderport("show", "quick.yaml", "--set", f"{DESK}=4", "--set", "ports.east.stations.gate.service=3 min")
    lines = done.out.splitlines()
    assert done.code == 0
    assert f"{DESK}: 4  # --set {DESK}=4; no reason given" in lines
    assert "ports.east.resources.lane.capacity: 2  # quick.yaml:6:55; no reason given" in lines
    assert "title: Tiny  # quick.yaml:1:8" in lines
    assert any(line.startswith("policies.fast-desk: ") and "# quick.yaml:15:" in line for line in lines)
    gate = next(line for line in lines if line.startswith("ports.east.stations.gate.tasks.service.service"))
    assert ": 3 min" in gate and gate.endswith("# --set ports.east.stations.gate.service=3 min; no reason given")
    assert all("  # " in line for line in lines if not line.startswith("name: "))


def test_show_names_the_file_a_value_was_inherited_from() -> None:
    lines = borderport("show", "2024").out.splitlines()
    origins = {match.group(1) for line in lines if (match := re.search(r"# (?:.*/)?(\S+\.yaml):\d+:\d+$", line))}
    assert {"2024.yaml", "2024-before.yaml", "fit-2024-demand.yaml", "fit-2024-measures.yaml"} <= origins


def test_show_lists_every_assumption(tiny: Path) -> None:
    done = borderport("show", "tiny.yaml", "--assumptions")
    lines = done.out.splitlines()
    assert (done.code, lines[0]) == (0, "ports.east.stations.gate: as at the other gate")
    assert lines[1:] and all(
        re.fullmatch(r"ports\.east\.\S+: no reason given \(tiny\.yaml:\d+:\d+\)", li) for li in lines[1:]
    )
    tiny.write_text(TINY.replace("payload: 5 t}", "payload: 5 t, marks: {assumed: 20 %}}"))
    marked = borderport("show", "tiny.yaml", "--assumptions").out  # a mark of that name is no reason
    assert [line for line in marked.splitlines() if "no reason" not in line] == lines[:1]
    chain = [ROOT / "scenarios" / name for name in ("2024.yaml", "2024-before.yaml")]
    written = sum(len(re.findall(r"\bassumed: ", file.read_text())) for file in chain)
    listed = borderport("show", "2024", "--assumptions").out
    assert len(listed.splitlines()) >= written > 50
    assert "policies.cloud-identification: a pilot in 2024" in listed.splitlines()


def test_list_names_what_there_is() -> None:
    scenarios, policies, metrics = (borderport("list", what).out for what in ("scenarios", "policies", "metrics"))
    for listed, folder in ((scenarios, ROOT / "scenarios"), (policies, ROOT / "scenarios" / "policies")):
        assert [line.split()[0] for line in listed.splitlines()] == sorted(file.stem for file in folder.glob("*.yaml"))
    assert [line.split()[0] for line in metrics.splitlines()] == list(METRICS)


def test_schema_prints_the_schemas_that_are_kept() -> None:
    assert borderport("schema").out == (ROOT / "scenarios" / "schema.json").read_text(encoding="utf-8")
    policy = borderport("schema", "policy").out
    assert policy == (ROOT / "scenarios" / "policies" / "schema.json").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------- signals


def start(folder: Path, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "borderport", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sim")}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **options)


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_run_cleanly(tmp_path: Path, jobs: str, number: signal.Signals) -> None:
    write_tiny(tmp_path)
    words = ("run", "tiny.yaml", "--reps", "500000", "--jobs", jobs, "--out", "out")
    with start(tmp_path, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "out").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        (os.killpg if jobs == "2" else os.kill)(process.pid, number)  # as a terminal does: to the workers too
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err and err.decode().strip().startswith("interrupted; ")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with start(tmp_path, "show", "2024", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


def test_numbers_in_a_table_have_no_nan(tiny: Path) -> None:
    done = borderport("run", "tiny.yaml", "--reps", "1", "--out", "out", "--set", f"{DESK}=0")
    assert done.code == 0 and "nan" not in done.out.lower()
    values = [row["mean"] for row in rows_of(tiny.parent / "out" / "metrics.csv")]
    assert "" in values and not any(math.isnan(float(value)) for value in values if value)
