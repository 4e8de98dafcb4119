"""Detection against delay: which points dominate, what one more find costs, and what the command prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from borderport.cli import cli
from borderport.errors import UsageError
from borderport.frontiers import Frontier, Point, _costs, _dominated, trace_frontier, with_inspection
from borderport.statistics import ratio_interval
from tests.builders import port, scenario_text

BODY = """
calendars: {day: {open: ["08:00-18:00"]}}
resources: {bay: {capacity: 1, calendar: day}}
stations: {check: {needs: [bay], service: 12 min, inspection: true, officers: 3}}
routes: {out: {steps: [check: {if: selected}]}}
flows:
  trucks:
    route: out
    volume: 100 trucks per d
    hours: {calendar: day, first: 600 min, share: 100 %}
    marks: {selected: 15 %}
    inspection: cargo
"""
TOP = "inspections: {cargo: {contraband: {share: 10 %}, targeting: 70 %}}\n"


def point(
    found: float,
    hours: float,
    *,
    rate: float = 0.1,
    targeting: float = 0.5,
    wobble: float = 0.0,
    not_cleared: float = 0.0,
) -> Point:
    """A point with the same finds and hours in four replications, but for a ``wobble`` of its hours."""
    ones = np.ones(4)
    hours_ = hours + wobble * np.array([-1, 1, -1, 1])
    return Point(rate, targeting, found * ones, 20 * ones, 100 * ones, hours_, ones, not_cleared * ones)


def test_who_finds_no_less_in_surely_less_time_dominates() -> None:
    points = [point(5, 10), point(5, 12), point(4, 11), point(6, 20)]
    assert _dominated(points) == (None, 0, 0, None)


def test_what_is_not_sure_dominates_nothing() -> None:
    """Two points find as much; one takes two hours more on average, give or take a hundred."""
    assert _dominated([point(5, 10), point(5, 12, wobble=100.0)]) == (None, None)
    assert _dominated([point(5, 10), point(5, 10)]) == (None, None)


def test_hours_that_giving_up_saves_dominate_nothing() -> None:
    """It finds as much in less time, but a twentieth of the vehicles no longer comes through."""
    flees, stays = point(5, 10, not_cleared=0.05), point(5, 12)
    assert _dominated([flees, stays]) == _dominated([stays, flees]) == (None, None)
    assert _dominated([point(5, 10, not_cleared=0.005), stays]) == (None, 0)
    assert _dominated([flees, point(5, 12, not_cleared=0.2)]) == (None, 0)


def test_a_frontier_where_inspection_makes_drivers_give_up_says_so() -> None:
    """Impatient drivers: with all selected most of them leave, which saves hours and is no gain."""
    impatient = BODY.replace("15 %}", "15 %}\n    patience: {after: 10 min, share: 100 %, at: [check]}")
    scenario = port(impatient, top=TOP, end="2024-01-04")
    found = trace_frontier(scenario, [0.0, 0.1, 1.0], [0.5], replications=4, seed=3)
    assert found.marked[1] is False and found.marked[-1] is True
    assert found.points[-1].not_cleared.mean() > 0.3 > 0.1 > found.points[1].not_cleared.mean()
    assert found.dominated_by[1] != len(found.points) - 1


def test_one_more_find_costs_what_the_next_lower_rate_did_not_take() -> None:
    """From nobody selected to 10 %: 8 hours for 4 finds; from there to 20 %: 30 hours for 3 finds."""
    points = [
        Point(None, None, *np.ones((6, 4))),
        point(0, 100, rate=0.0),
        point(4, 108, rate=0.1),
        point(7, 138, rate=0.2),
        point(5, 108, rate=0.1, targeting=0.9),
    ]
    costs = _costs(points)
    assert [round(cost.mean, 9) for cost in costs[2:]] == [2.0, 10.0, 1.6]
    assert np.isnan([cost.mean for cost in costs[:2]]).all()


def test_a_ratio_has_fiellers_interval() -> None:
    """In 19 of 20 samples of normal numbers with a known ratio, the interval holds it."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(2000):
        common = rng.normal(size=12)
        bottom = 5 + common + rng.normal(size=12)
        top = 15 + 4 * common + 2 * rng.normal(size=12)
        interval = ratio_interval(top, bottom)
        held += interval.low <= 3 <= interval.high
    assert abs(held / 2000 - 0.95) < 4 * (0.95 * 0.05 / 2000) ** 0.5
    assert np.isnan(ratio_interval(np.ones(5), np.array([-1.0, 1.0, -1.0, 1.0, 0.0])).mean)


def test_the_rate_and_the_quality_are_set_where_flows_are_inspected() -> None:
    scenario = with_inspection(port(BODY, top=TOP), 0.4, 0.9)
    assert scenario.ports["east"].flows["trucks"].marks == {"selected": 0.4}
    assert scenario.inspections["cargo"].targeting == 0.9


@pytest.fixture(scope="module")
def traced() -> Frontier:
    scenario = port(BODY, top=TOP, end="2024-01-06")
    return trace_frontier(scenario, [0.0, 0.1, 0.3, 1.0], [0.5, 0.8, 1.0], replications=8, seed=3)


def test_more_selection_and_better_targeting_find_more(traced: Frontier) -> None:
    """Knowing every carrier, a tenth of the vehicles selected finds the tenth that carries; all selected finds all."""
    found = {(p.rate, p.targeting): p.detection().mean for p in traced.points[1:]}
    assert found[0.0, 0.5] == 0
    assert found[1.0, 0.5] == 1
    assert found[0.1, 1.0] == pytest.approx(1.0, abs=0.02)
    for targeting in (0.5, 0.8):
        assert found[0.1, targeting] < found[0.3, targeting]
    assert found[0.1, 0.5] == pytest.approx(0.1, abs=0.05)
    assert found[0.1, 0.5] < found[0.1, 0.8] < found[0.1, 1.0]


def test_the_same_finds_for_more_time_are_dominated(traced: Frontier) -> None:
    """With every carrier known, 30 % selected find no more than 10 %, in three times the time."""
    number = {(p.rate, p.targeting): i for i, p in enumerate(traced.points)}
    assert traced.dominated_by[number[0.1, 1.0]] is None
    assert traced.dominated_by[number[0.3, 1.0]] == number[0.1, 1.0]
    assert traced.dominated_by[number[0.3, 0.5]] is not None


def test_officer_hours_are_service_times_officers(traced: Frontier) -> None:
    """All of about 500 trucks, 12 min, three officers: 0.6 h each, but for those not served before the end."""
    everybody = next(p for p in traced.points if p.rate == 1.0)
    assert (everybody.officer_hours <= everybody.vehicles * 0.6 + 1e-9).all()
    blind = next(p for p in traced.points if (p.rate, p.targeting) == (0.1, 0.5))
    assert blind.officer_hours.mean() == pytest.approx(0.06 * blind.vehicles.mean(), rel=0.15)


def test_a_scenario_without_inspection_is_refused() -> None:
    with pytest.raises(UsageError, match="no flow with an inspection"):
        trace_frontier(port(BODY.replace("    inspection: cargo\n", "")), [0.1], [0.5], replications=2, seed=1)


# --- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "case.yaml"
    path.write_text(scenario_text(BODY, top=TOP, end="2024-01-04"), encoding="utf-8")
    return path


def test_the_command_writes_a_table_and_a_figure(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["frontier", str(file), "--rates", "0,10,40%", "--targeting", "50,90%", "--reps", "3", "--out", str(out)]
    result = CliRunner().invoke(cli, [*command, "--quiet"], catch_exceptions=False)
    assert result.output == ""
    lines = (out / "frontier.csv").read_text().splitlines()
    assert lines[0].startswith("point,rate,targeting,found_mean,found_low,found_high,detection_mean")
    assert len(lines) == 1 + 2 + 2 * 2  # the head; as given and nobody; two rates of each quality
    assert (out / "figures" / "frontier.png").stat().st_size > 10_000
    text = CliRunner().invoke(cli, command, catch_exceptions=False).output
    assert "Detection against delay: case" in text
    assert "as given" in text
    document = json.loads(CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False).stdout)
    assert [p["rate"] for p in document["points"]] == [None, 0.0, 0.1, 0.4, 0.1, 0.4]
    assert document["points"][1]["found"]["mean"] == 0
    assert document["points"][1]["marked"] is False and 0 <= document["points"][1]["not_cleared"] < 1
    assert "hours per find" in " ".join(text.split()) and lines[0].endswith("dominated_by,not_cleared,marked")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rates", "5,10"], "write it like 60,80%"),
        (["--rates", "5,110%"], "from 0% to 100%"),
        (["--targeting", "40%"], "from 50% to 100%"),
        (["--reps", "1"], "at least 2 replications"),
    ],
)
def test_bad_options_are_refused(file: Path, options: list[str], message: str) -> None:
    import click

    from borderport.errors import SimError

    with pytest.raises((click.UsageError, SimError), match=message):
        cli(["frontier", str(file), *options], standalone_mode=False)
