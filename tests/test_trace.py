"""Observed vehicles from CSV files: what is there is taken, what lacks is drawn, what is wrong is named by line."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from borderport.errors import Problem, ScenarioInvalid
from borderport.experiment import scenario_hash
from borderport.loading import load_scenario
from borderport.scenario import Scenario
from borderport.trace import MOST_FINDINGS, Trace, read_trace
from tests.builders import run
from tests.test_cli import borderport, means

TEXT = """\
title: Traced
horizon: {start: 2024-05-01, end: 2024-05-11, zone: Asia/Shanghai, lead_in: 0 s}
ports:
  east:
    label: {en: East}
    resources: {desk: {capacity: 1}}
    stations:
      desk: {needs: [desk], tasks: {paper: {service: {lognormal: {mean: 10 min, cv: 1}}}, stamp: {service: 1 min}}}
      check: {service: 30 min}
    routes: {out: {steps: [desk, {check: {if: selected, share: 50 %}}]}}
    flows:
      cars: {route: out, arrivals: {trace: cars.csv}, payload: {gamma: {mean: 9 t, cv: 0.3}}, marks: {selected: 50 %}}
"""
ZONE = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000


def load(folder: Path, table: str | bytes, text: str = TEXT) -> Scenario:
    (folder / "cars.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    (folder / "traced.yaml").write_text(text)
    return load_scenario(str(folder / "traced.yaml")).scenario


def problems(folder: Path, table: str | bytes) -> list[Problem]:
    with pytest.raises(ScenarioInvalid) as caught:
        load(folder, table)
    return caught.value.problems


def trace(folder: Path, table: str | bytes) -> Trace:
    return load(folder, table).traces["east.cars"]


# ------------------------------------------------------------------------------------------------ what is read


def test_arrivals_are_local_times_or_milliseconds(tmp_path: Path) -> None:
    local = trace(tmp_path, "arrival\n2024-05-01 00:01\n2024-05-01T08:00:00.250\n2024-05-01 00:00:00-08:00\n")
    assert local.arrival_ms.tolist() == [MINUTE, 480 * MINUTE + 250, 960 * MINUTE]
    assert trace(tmp_path, "arrival_ms\n60000\n60000\n").arrival_ms.tolist() == [MINUTE, MINUTE]
    assert not local.marks and not local.work_ms
    assert all(column is None for column in (local.payload_t, local.value_cny, local.consignment))


def test_a_ports_own_zone_counts(tmp_path: Path) -> None:
    text = TEXT.replace("label: {en: East}", "label: {en: East}\n    zone: Asia/Kathmandu")
    scenario = load(tmp_path, "arrival\n2024-05-01 00:00\n", text)
    assert scenario.traces["east.cars"].arrival_ms.tolist() == [(8 * 60 - 5 * 60 - 45) * MINUTE]


def test_every_column_is_read(tmp_path: Path) -> None:
    found = trace(
        tmp_path,
        "arrival_ms, payload_t,value_cny,consignment,selected,check.visited,desk.paper_min,check_h,desk.stamp_s\n"
        "0,12.5,1e6,B7,1,1,5,0.5,0\n\n1,0,0,B7,0,1,0.0001,2,1.5\n2, 3 ,7,A,1,0,7,1,60\n",
    )
    assert found.payload_t is not None and found.payload_t.tolist() == [12.5, 0, 3]
    assert found.value_cny is not None and found.value_cny.tolist() == [1e6, 0, 7]
    assert found.consignment is not None and found.consignment.tolist() == [0, 0, 1]
    assert {name: values.tolist() for name, values in found.marks.items()} == {
        "selected": [True, False, True],
        "check.visited": [True, True, False],
    }
    assert {name: values.tolist() for name, values in found.work_ms.items()} == {
        "desk.paper": [5 * MINUTE, 6, 7 * MINUTE],
        "check.service": [30 * MINUTE, 120 * MINUTE, 60 * MINUTE],
        "desk.stamp": [0, 1500, MINUTE],
    }


@pytest.mark.parametrize(("unit", "ms"), [("ms", 1), ("s", 1000), ("min", MINUTE), ("h", 60 * MINUTE)])
def test_service_times_have_a_unit(tmp_path: Path, unit: str, ms: int) -> None:
    assert trace(tmp_path, f"arrival_ms,check_{unit}\n0,3\n").work_ms["check.service"].tolist() == [3 * ms]


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffarrival_ms,selected\n5,1\n",  # as Excel writes it
        "arrival_ms,selected\r\n5,1\r\n",
        '"arrival_ms","selected"\n"5","1"\n',
        "arrival_ms,selected\n5,1",
        "selected,arrival_ms\n1.0,5.0\n",
    ],
)
def test_tables_as_other_programs_write_them(tmp_path: Path, table: str) -> None:
    found = trace(tmp_path, table)
    assert (found.arrival_ms.tolist(), found.marks["selected"].tolist()) == ([5], [True])


def test_the_digest_tells_traces_apart(tmp_path: Path) -> None:
    """So that a stored result of other vehicles is never taken for one of these."""
    tables = ["arrival_ms\n5\n", "arrival_ms\n6\n", "arrival_ms,payload_t\n5,1\n", "arrival_ms,value_cny\n5,1\n"]
    tables += ["arrival_ms,selected\n5,1\n", "arrival_ms,selected\n5,0\n", "arrival_ms,check.visited\n5,1\n"]
    tables += ["arrival_ms,check_ms\n5,1\n", "arrival_ms,desk.stamp_ms\n5,1\n", "arrival_ms,consignment\n5,1\n"]
    hashes = [scenario_hash(load(tmp_path, table)) for table in tables]
    assert len(set(hashes)) == len(tables)
    assert scenario_hash(load(tmp_path, "arrival_ms,consignment\r\n5,another\r\n")) == hashes[-1]


# ------------------------------------------------------------------------------------- what becomes of them


def test_what_is_carried_is_taken(tmp_path: Path) -> None:
    table = "arrival_ms,payload_t,selected,check.visited,desk.paper_min,desk.stamp_s,check_min\n"
    one = run(load(tmp_path, table + "0,4,1,1,10,60,3\n0,6,1,0,5,0,3\n0,8,0,1,1,0,3\n"))
    assert one.exits("cars") == [14.0, 16.0, 17.0]  # one desk: 11, 5 and 1 minutes; only the first is checked
    assert one.manifest.flows["east.cars"].payload_t.tolist() == [4, 6, 8]


def test_what_lacks_is_drawn_as_ever(tmp_path: Path) -> None:
    """A column takes one draw's place; every other draw stays as it was."""
    rows = [(i * 600_000, i % 2) for i in range(200)]
    bare = run(load(tmp_path, "arrival_ms\n" + "".join(f"{at}\n" for at, _ in rows)))
    marked = run(load(tmp_path, "arrival_ms,selected\n" + "".join(f"{at},{mark}\n" for at, mark in rows)))
    loaded = run(load(tmp_path, "arrival_ms,payload_t\n" + "".join(f"{at},{mark + 1}\n" for at, mark in rows)))
    flows = [one.manifest.flows["east.cars"] for one in (bare, marked, loaded)]
    drawn = flows[0].marks["selected"]
    assert 60 < drawn.sum() < 140 and flows[1].marks["selected"].tolist() == [bool(mark) for _, mark in rows]
    assert np.array_equal(flows[0].payload_t, flows[1].payload_t) and flows[0].payload_t.std() > 1
    assert np.array_equal(flows[0].marks["selected"], flows[2].marks["selected"])
    assert flows[2].payload_t.tolist() == [mark + 1 for _, mark in rows]
    again = run(load(tmp_path, "arrival_ms\n" + "".join(f"{at}\n" for at, _ in rows)), replication=1)
    assert not np.array_equal(again.manifest.flows["east.cars"].payload_t, flows[0].payload_t)
    assert np.array_equal(again.manifest.flows["east.cars"].arrival_ms, flows[0].arrival_ms)


def test_vehicles_of_one_consignment_are_declared_once(tmp_path: Path) -> None:
    text = TEXT.replace("desk: {needs: [desk], tasks", "desk: {needs: [desk], once_per: consignment, tasks")
    text = text.replace("marks: {selected", "consignment: 9, marks: {selected")
    table = "arrival_ms,consignment,desk.paper_min,desk.stamp_min,selected\n"
    one = run(load(tmp_path, table + "0,a,10,0,0\n0,b,10,0,0\n0,a,10,0,0\n60000,b,10,0,0\n", text))
    assert one.exits("cars") == [10, 20, 10, 20]


def test_a_trace_runs_from_the_command_line(tmp_path: Path) -> None:
    """The path is relative to the scenario that names it."""
    load(tmp_path, "arrival,payload_t\n2024-05-01 08:00,3\n2024-05-02 09:00,4\n2024-05-10 23:59,5\n")
    done = borderport("run", tmp_path / "traced.yaml", "--reps", "2", "--json", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    found = means(done.document)
    assert found["east", "cars", "all", "vehicles_arrived"] == 3
    assert found["east", "cars", "all", "tonnes_arrived"] == 12


def test_a_trace_without_vehicles_brings_none(tmp_path: Path) -> None:
    one = run(load(tmp_path, "arrival_ms,selected\n"))
    assert one.value("vehicles_arrived") == 0


# ----------------------------------------------------------------------------------------------- what is wrong

CASES = [
    ("payload_t\n5\n", 1, "needs a column 'arrival' (local time) or 'arrival_ms'"),
    ("arrival,arrival_ms\n2024-05-01,0\n", 1, "needs a column 'arrival' (local time) or 'arrival_ms'"),
    ("arrival_ms\n5\n4\n", 3, "arrives before the vehicle on the line above; sort"),
    ("arrival_ms\n5\n-4\n", 3, "arrival_ms is negative"),
    ("arrival_ms\n\n5\nx\n", 4, "arrival_ms is not a number"),
    ("arrival_ms\n1_000\n", 2, "arrival_ms is not a number"),
    ("arrival_ms\n\uff15\n", 2, "arrival_ms is not a number"),
    ("arrival_ms\n0x10\n", 2, "arrival_ms is not a number"),
    ('arrival_ms\n"1,5"\n', 2, "arrival_ms is not a number; write it like 12.5"),
    ("arrival_ms\nnan\n", 2, "arrival_ms is not a number"),
    ("arrival_ms\n1e999\n", 2, "arrival_ms is not a number"),
    ("arrival_ms\n1e300\n", 2, "arrival_ms is more than 1,000,000 d, more than 2,700 years"),
    ("arrival_ms,payload_t\n0,1e7\n", 2, "payload_t is more than 1,000 kt, more than the largest ship carries"),
    ("arrival_ms,value_cny\n0,1e18\n", 2, "value_cny is more than 100,000 bn CNY"),
    ("arrival_ms\n864000000\n", 2, "arrival lies after the end of the horizon"),
    ("arrival_ms,payload_t\n0,1\n1,\n", 3, "payload_t is missing; leave the whole column out"),
    ("arrival_ms,payload_t\n0,-1\n", 2, "payload_t is negative"),
    ("arrival_ms,payload_t\n0,5 t\n", 2, "payload_t is not a number"),
    ("arrival_ms,consignment\n0,a\n1, \n", 3, "consignment is missing"),
    ("arrival_ms,selected\n0,2\n", 2, "selected is neither 0 nor 1"),
    ("arrival_ms,selected\n0,yes\n", 2, "selected is not a number"),
    ("arrival_ms,check_min\n0,-3\n", 2, "check_min is negative"),
    ("arrival_ms,check_min\n0,\n", 2, "check_min is missing"),
    ("arrival_ms,chek_min\n0,1\n", 1, "unknown column 'chek_min': service times of this route are desk.paper_ms"),
    ("arrival_ms,check\n0,1\n", 1, "unknown column 'check'"),
    ("arrival_ms,desk_min\n0,1\n", 1, "unknown column 'desk_min'"),  # it has two tasks
    ("arrival_ms,check_fortnight\n0,1\n", 1, "unknown column 'check_fortnight'"),
    ("arrival_ms,\n0,1\n", 1, "unknown column ''"),
    ("arrival_ms,check_s,check_min\n0,1,1\n", 1, "the times of 'check' are given twice"),
    ("arrival_ms,selected,selected\n0,1,1\n", 1, "column 'selected' is there twice"),
    ("arrival_ms,selected\n0,1\n1\n", 3, "has 1 cells, the header has 2"),
    ("arrival_ms,selected\n0,1,7\n", 2, "has 3 cells, the header has 2"),
    ("arrival_ms;selected\n0;1\n", 1, "needs a column"),
    ('arrival_ms,consignment\n0,"a\n', 2, "is not a table of comma-separated values"),
    ("", 1, "is empty; it needs a header"),
    ("\n\n", 1, "is empty; it needs a header"),
    ("arrival\n2024-04-30 23:59\n", 2, "arrival lies before the start of the horizon"),
    ("arrival\n2024-05-11 00:00\n", 2, "arrival lies after the end of the horizon"),
    ("arrival\n1 May 2024\n", 2, "arrival is not a local time that exists; write it like 2024-05-01 09:30:00"),
    ("arrival\n\n2024-02-30\n", 3, "arrival is not a local time that exists"),
    ("arrival\n0001-01-01 00:00:00+14:00\n", 2, "arrival is not a local time"),
]


@pytest.mark.parametrize(("table", "line", "message"), CASES, ids=[message for _, _, message in CASES])
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, table: str, line: int, message: str) -> None:
    found = problems(tmp_path, table)
    assert found[0].where == f"{tmp_path / 'cars.csv'}:{line}:1"
    assert found[0].path == "ports.east.flows.cars.arrivals.trace"
    assert message in found[0].message


def test_a_load_that_is_cleared_apart_cannot_be_told_from_an_observed_total(tmp_path: Path) -> None:
    text = TEXT.replace("payload: {gamma: {mean: 9 t, cv: 0.3}}", "payload: {back: {law: 9 t, cleared_after: desk}}")
    with pytest.raises(
        ScenarioInvalid, match="cannot say how much of it is 'back', which 'cleared_after' clears apart"
    ):
        load(tmp_path, "arrival_ms,payload_t\n0,5\n", text)
    assert load(tmp_path, "arrival_ms\n0\n", text).traces["east.cars"].payload_t is None


def test_other_encodings_are_named(tmp_path: Path) -> None:
    for table in ("arrival_ms,consignment\n0,满洲里\n".encode("gb18030"), "arrival_ms\n0\n".encode("utf-16")):
        (found,) = problems(tmp_path, table)
        assert "is not UTF-8" in found.message and "CSV UTF-8" in found.message
    (found,) = problems(tmp_path, b"arrival_ms,consignment\n0,a\n1,\xff\n")
    assert found.where.endswith("cars.csv:3:1")
    assert problems(tmp_path, b"arrival_ms\n0\x00\n")


def test_all_mistakes_are_named_but_not_thousands(tmp_path: Path) -> None:
    found = problems(tmp_path, "arrival_ms,payload_t,selected\n5,x,3\n4,,1\n")
    assert [problem.where.split(":")[-2] for problem in found] == ["2", "2", "3", "3"]
    assert len(problems(tmp_path, "arrival_ms\n" + "x\n" * 100_000)) <= MOST_FINDINGS


def test_a_local_time_that_clocks_skip_is_refused(tmp_path: Path) -> None:
    """The hour that comes twice is told apart by its offset."""
    text = TEXT.replace("Asia/Shanghai", "Europe/Berlin").replace("2024-05-01", "2024-03-25")
    with pytest.raises(ScenarioInvalid, match=r"cars.csv:2:1.*not a local time that exists"):
        load(tmp_path, "arrival\n2024-03-31 02:30\n", text.replace("2024-05-11", "2024-04-11"))
    text = TEXT.replace("Asia/Shanghai", "Europe/Berlin").replace("2024-05-01", "2024-10-27")
    text = text.replace("2024-05-11", "2024-11-11")
    table = "arrival\n2024-10-27 02:30+02:00\n2024-10-27 02:30+01:00\n"
    assert load(tmp_path, table, text).traces["east.cars"].arrival_ms.tolist() == [150 * MINUTE, 210 * MINUTE]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing.csv", "cannot read 'nothing.csv': No such file or directory"),
        (".", "is not a regular file"),
        ("", "is not a regular file"),
        ("../outside.csv", "lies outside the folder of this file; copy it there"),
        ("link.csv", "lies outside the folder of this file"),
        ("/etc/passwd", "must be relative to the folder of this file"),
        ("~/outside.csv", "must be relative to the folder of this file"),
        ("pipe.csv", "is not a regular file"),
        ("loop.csv", "cannot read 'loop.csv'"),
        ("x" * 5000, "File name too long"),
        ("a\\0.csv", "must be relative to the folder of this file"),
        ("\\x1b[31m.csv", "cannot read"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name: str, says: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside.csv").write_text("arrival_ms\n5\n")
    (inside / "link.csv").symlink_to(tmp_path / "outside.csv")
    (inside / "loop.csv").symlink_to(inside / "loop.csv")
    os.mkfifo(inside / "pipe.csv")
    with pytest.raises(ScenarioInvalid) as caught:
        load(inside, "", TEXT.replace("cars.csv", f'"{name}"'))
    (found,) = caught.value.problems
    assert found.where.startswith(f"{inside / 'traced.yaml'}:12:") and says in found.message
    assert found.path == "ports.east.flows.cars.arrivals.trace"
    assert str(found).isprintable() and len(str(found)) < 500


def test_a_trace_may_lie_deeper_and_is_looked_for_beside_the_file_itself(tmp_path: Path) -> None:
    """A link to a scenario does not make another folder its own."""
    (tmp_path / "a" / "data").mkdir(parents=True)
    (tmp_path / "a" / "data" / "cars.csv").write_text("arrival_ms\n5\n")
    (tmp_path / "a" / "case.yaml").write_text(TEXT.replace("cars.csv", "data/cars.csv"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "link.yaml").symlink_to(tmp_path / "a" / "case.yaml")
    for file in ("a/case.yaml", "b/link.yaml"):
        assert load_scenario(str(tmp_path / file)).scenario.traces["east.cars"].arrival_ms.tolist() == [5]


def test_an_option_names_no_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path, "arrival_ms\n5\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, says in (
        ("../cars.csv", "outside the folder that you are in"),
        (tmp_path / "cars.csv", "must be relative"),
    ):
        with pytest.raises(ScenarioInvalid, match=says):
            load_scenario("../traced.yaml", sets=[f"ports.east.flows.cars.arrivals.trace={name}"])


def test_what_is_no_header_of_a_trace_is_not_shown(tmp_path: Path) -> None:
    """The file may be any, and what is in it nobody's business."""
    for table in ("root:x:0:0:secret:/root\n", "secret,selected,secret\n0,1\n", "#secret\narrival_ms\n5\n"):
        (found,) = problems(tmp_path, table)
        assert "needs a column 'arrival'" in found.message and "secret" not in str(found)
    for name in ("\x1b[31mred", "pass word: secret", "secret " * 40, "x" * 500):
        (found,) = problems(tmp_path, f"arrival_ms,{name}\n5,1\n")
        assert "unknown column whose name is none" in found.message and name not in str(found)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("arrival_ms\n" + "5\n" * 40, "is vehicle 21; at most 20 are read"),
        ("arrival_ms,consignment\n5," + "x" * 200, "is larger than 0 MB, the most that is read"),
        ("arrival_ms" + ",a" * 40 + "\n", "has 41 columns; at most 10 are read"),
    ],
)
def test_a_trace_has_a_size_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, says: str
) -> None:
    for name, most in (("MOST_BYTES", 200), ("MOST_VEHICLES", 20), ("MOST_COLUMNS", 10)):
        monkeypatch.setattr(f"borderport.trace.{name}", most)
    (found,) = problems(tmp_path, table)
    assert says in found.message


def test_a_column_that_means_two_things_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("marks: {selected: 50 %}", "marks: {selected: 50 %, check_min: 5 %}")
    with pytest.raises(ScenarioInvalid, match="column 'check_min' is a mark and the times of 'check'; rename"):
        load(tmp_path, "arrival_ms,check_min\n5,1\n", text)


def test_a_trace_named_by_an_option_is_looked_for_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path, "arrival_ms\n5\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.csv").write_text("arrival_ms\n7\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    option = "ports.east.flows.cars.arrivals={trace: mine.csv}"
    loaded = load_scenario("../traced.yaml", sets=[option])
    assert loaded.scenario.traces["east.cars"].arrival_ms.tolist() == [7]


def test_a_trace_is_read_without_a_scenario(tmp_path: Path) -> None:
    """By a program of the user's own."""
    (tmp_path / "t.csv").write_text("arrival,desk_h\n2024-05-01 00:00,1\n")
    start, end = datetime(2024, 5, 1, tzinfo=ZONE), datetime(2024, 5, 2, tzinfo=ZONE)
    found, wrong = read_trace(
        tmp_path / "t.csv", start=start, end=end, zone="UTC", marks=frozenset(), tasks={"desk": "desk.service"}
    )
    assert found is not None and not wrong
    assert found.arrival_ms.tolist() == [8 * 60 * MINUTE]
    gone, wrong = read_trace(tmp_path / "u.csv", start=start, end=end, zone="UTC", marks=frozenset(), tasks={})
    assert gone is None and wrong == [(1, "cannot be read: No such file or directory")]
