"""Figures: what is plotted, that everything has a unit, that nothing is missing, and that bytes repeat."""

import itertools
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from borderport.comparing import Comparison, VehicleEffect
from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import labels, scales, style
from borderport.figures.costs import costs
from borderport.figures.ecdf import passage_ecdf
from borderport.figures.frontier import detection_against_delay
from borderport.figures.months import tonnes_by_month
from borderport.figures.parts import time_by_station
from borderport.figures.queue import queue_by_hour
from borderport.figures.response import heat_map, response_curve
from borderport.figures.saving import paired_saving
from borderport.figures.utilisation import utilisation
from borderport.frontiers import Frontier, Point
from borderport.metrics import GRID
from borderport.scenario import Costs, Scenario
from borderport.statistics import Interval, t_interval

MONTHS = ("2024-01", "2024-02", "2024-03")
STATIONS = {"gate": (30.0, 10.0, 0.0, 600.0), "hall": (6.0, 12.0, 3.0, 0.0)}
VISITING = {"gate": 1.0, "hall": 0.25}
COST_PARTS = ("delay", "service", "fuel", "spoilage", "giving_up", "officer", "infrastructure", "total")
SAMPLE_FIGURES = (passage_ecdf, time_by_station, tonnes_by_month, queue_by_hour, utilisation)


def port(english: str, chinese: str | None) -> dict[str, Any]:
    return {
        "label": {"en": english, "zh": chinese},
        "resources": {
            "lane": {"label": {"en": "truck lane", "zh": "车道"}, "capacity": 1},
            "spare": {"capacity": 1},
            "daily": {"quota": {"amount": 5}},
        },
        "stations": {"gate": {"label": {"en": "the gate"}, "needs": ["lane"]}, "hall": {}},
    }


def scenario(
    name: str = "base",
    title: str = "As it was",
    ports: tuple[str, ...] = ("east", "west"),
    start: str = "2024-01-01",
    end: str = "2024-04-01",
) -> Scenario:
    given = {"east": port("East", "东口岸"), "west": port("West", None)}
    return Scenario.model_validate(
        {
            "name": name,
            "title": title,
            "horizon": {"start": start, "end": end},
            "ports": {key: given[key] for key in ports},
            "reported": {
                "quarter": {"tonnes": "6 kt", "first_day": "2024-01-01", "last_day": "2024-03-31"},
                "east_january": {
                    "port": "east",
                    "tonnes": "900 t",
                    "first_day": "2024-01-01",
                    "last_day": "2024-01-31",
                },
                "cars": {"vehicles": 5, "first_day": "2024-01-01", "last_day": "2024-01-31"},
            },
        }
    )


def means(ports: tuple[str, ...], scale: float) -> dict[tuple[str, str, str, str], float]:
    """Metrics of every port; the second port has twice the first's tonnes."""
    found: dict[tuple[str, str, str, str], float] = {}
    for number, name in enumerate((*ports, "all"), start=1):
        for month, tonnes in zip(MONTHS, (1000.0, 500.0, 1500.0), strict=True):
            found[name, "all", "all", f"tonnes_cleared_{month}"] = number * tonnes * scale
        found[name, "all", "all", "tonnes_cleared"] = number * 3000.0 * scale
        found[name, "all", "all", "vehicles_cleared"] = number * 1000.0
        found[name, "all", "all", "passage_time_p50"] = 100.0 * scale
        found[name, "all", "all", "passage_time_p95"] = 1000.0 * scale
        if name == "all":
            continue
        for station, parts in STATIONS.items():
            for part, value in zip(("waiting", "service", "blocked", "closed"), parts, strict=True):
                found[name, "all", f"{name}.{station}", f"passage_{part}_mean"] = value * scale
        for resource, used in (("lane", 0.5), ("spare", 0.0), ("daily", float("nan"))):
            found[name, "all", resource, "utilisation"] = used * scale
            found[name, "all", resource, "queue_mean"] = 4.0 * used * scale
    return found


def sample(name: str = "base", scale: float = 1.0, replications: int = 3, **given: Any) -> Sample:
    """A hand-made sample; replications lie one hundredth apart, around the means."""
    made = scenario(name, **given)
    ports = tuple(made.ports)
    table = means(ports, scale)
    spread = 1 + 0.01 * (np.arange(replications) - (replications - 1) / 2)
    values = np.asarray([[value * factor for value in table.values()] for factor in spread])
    hours = np.arange(24.0) * scale
    return Sample(
        made,
        7,
        "compiled",
        tuple(table),
        values,
        {f"{name}.{key}": q for name in ports for key, q in (("lane", hours), ("spare", np.zeros(24)))},
        {name: (10 + 1000.0 * GRID**2) * scale for name in (*ports, "all")},
        {(name, f"{name}.{station}"): share * scale for name in ports for station, share in VISITING.items()},
    )


def costly(name: str, scale: float = 1.0) -> Sample:
    """A sample of a scenario that says what things cost."""
    made = sample(name, scale)
    keys = [("all", "all", "all", f"{part}_cost") for part in COST_PARTS]
    values = np.asarray([[2e6 * scale * (1 + i) * (1 + 0.01 * r) for i in range(len(keys))] for r in range(3)])
    with_costs = made.scenario.model_copy(update={"costs": Costs.model_construct()})
    return replace(made, scenario=with_costs, keys=(*made.keys, *keys), values=np.hstack([made.values, values]))


def frontier(replications: int = 3) -> Frontier:
    """Points over the rates of two qualities of targeting, from no delay to a week."""
    spread = np.linspace(-0.1, 0.1, replications)

    def point(rate: float | None, targeting: float | None, found: float) -> Point:
        counts = 100 * (found + 0.1 * spread)
        same = np.full(replications, 100.0)
        return Point(rate, targeting, counts, same, same, same, same, np.zeros(counts.shape))

    rates = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    points = [point(None, None, 0.3), point(0.0, 0.5, 0.0)]
    points += [point(rate, targeting, rate * 2 * targeting) for targeting in (0.5, 0.8) for rate in rates]
    hours = [2.0, 0.0, *(168 * rate**3 / 0.125 for _ in range(2) for rate in rates)]
    delays = tuple(t_interval(hour + 0.5 * spread) for hour in hours)
    return Frontier(scenario(), 7, replications, tuple(points), (None,) * len(points), delays, delays, delays)


def comparison(*others: Sample, base: Sample | None = None) -> Comparison:
    base = base or sample()
    names = (*base.scenario.ports, "all")
    effects, grids = [], []
    shares = Interval(0.75, 0.7, 0.8), Interval(0.2, 0.1, 0.3)
    for other in others:
        single = other.replications < 2
        interval = Interval(30.0, float("nan"), float("nan")) if single else Interval(30.0, -10.0, 70.0)
        effects.append(
            [
                VehicleEffect(
                    name, "all", "passage", clock, interval, *shares, 1000.0, 11.0, 22.0, interval, 0.0, 0.0, False
                )
                for name in names
                for clock in ("service", "open", "wall")
            ]
        )
        saving = np.linspace(-60.0, 180.0, GRID.size)
        grids.append({(name, clock): saving for name in names for clock in ("service", "open", "wall")})
    return Comparison([base, *others], [], effects, grids)


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


def heads(figure: Figure) -> list[str]:
    """Titles of the panels, be they a title's or a legend's."""
    found = []
    for ax in panels(figure):
        legend = ax.get_legend()
        found.append((legend.get_title().get_text() if legend else "") or ax.get_title(loc="left").strip())
    return found


def texts(figure: Figure) -> str:
    """All that is written on a figure, on one line."""
    found = (artist.get_text() for artist in figure.findobj(Text))
    return " ".join(" ".join(found).split())


def xs(line: Line2D) -> Array:
    return np.asarray(line.get_xdata(), dtype=np.float64)


def ys(line: Line2D) -> Array:
    return np.asarray(line.get_ydata(), dtype=np.float64)


def bars(ax: Axes, number: int) -> list[Rectangle]:
    """The bars of one call, in the order of the calls."""
    return [c for c in ax.containers if isinstance(c, BarContainer)][number].patches


@pytest.fixture
def no_chinese_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "CHINESE_FONTS", ())
    style.fonts.cache_clear()
    style._glyphs.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_fonts() -> Any:
    yield
    style.fonts.cache_clear()
    style._glyphs.cache_clear()


# --- every figure ------------------------------------------------------------------------------------------


def drawn(samples: list[Sample]) -> list[Figure]:
    figures = [make(samples) for make in SAMPLE_FIGURES]
    if len(samples) > 1:
        figures.append(paired_saving(comparison(*samples[1:], base=samples[0])))
    return figures


def test_every_figure_names_scenarios_replications_interval_and_seed() -> None:
    for figure in drawn([sample(), sample("faster", 0.5, title="With more lanes")]):
        written = texts(figure)
        for wanted in ("base: As it was", "faster: With more lanes", "3 replications, 95 % interval, seed 7"):
            assert wanted in written


@pytest.mark.parametrize(
    "samples",
    [
        [sample()],
        [sample(ports=("west",)), sample("b", ports=("west",))],
        [sample(replications=1), sample("b", replications=1)],
        [sample("same"), sample("same", 2.0)],
        [sample(ports=("east",)), sample("b", ports=("west",))],
        [sample("$dear$", title="costs $5_000$ and {\\more} 中文 བོད་ 🚚\nsecond line " + "very long " * 40)],
    ],
    ids=["one scenario", "one port", "one replication", "same name", "other ports", "odd texts"],
)
def test_draws_without_warnings(samples: list[Sample]) -> None:
    with warnings.catch_warnings(), style.style():
        warnings.simplefilter("error")
        for figure in drawn(samples):
            figure.draw_without_rendering()


def test_one_replication_says_that_there_is_no_interval() -> None:
    figure = utilisation([sample(replications=1)])
    assert "1 replication, no interval, seed 7" in texts(figure)


def test_one_replication_speaks_of_no_interval_that_is_not_there() -> None:
    one = sample(replications=1)
    for figure in (*drawn([one, sample("b", 2.0, replications=1)]), detection_against_delay(frontier(1))):
        written = texts(figure)
        assert written.count("interval") == written.count("no interval") == 1
        assert "hisker" not in written


def test_no_vehicles_gives_a_figure_that_says_so(tmp_path: Path) -> None:
    made = sample()
    empty = Sample(made.scenario, 7, "compiled", (), np.zeros((2, 0)), {}, {"east": np.full(GRID.size, np.nan)})
    figures = {make: make([empty]) for make in SAMPLE_FIGURES}
    assert "no vehicle was cleared" in texts(figures[passage_ecdf])
    assert "nothing was cleared" in texts(figures[tonnes_by_month])
    assert "no resource was used" in texts(figures[utilisation])
    assert "no vehicle passed in both scenarios" in texts(paired_saving(Comparison([empty, empty], [], [[]], [{}])))
    for figure in figures.values():
        style.save(figure, tmp_path / "empty.png")


def test_missing_values_leave_gaps() -> None:
    full, holey = sample(), sample("holey")
    holey.values[:] = np.nan
    holey.passage_grid["east"][:] = np.nan
    holey.queue_by_hour["east.lane"][:] = np.nan
    with style.style():
        for figure in drawn([full, holey]):
            figure.draw_without_rendering()
    assert "no vehicle cleared" in texts(passage_ecdf([full, holey]))


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_saving_twice_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        style.save(time_by_station([sample(), sample("b", 2.0)]), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()


def test_drawing_leaves_the_user_s_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    passage_ecdf([sample()])
    assert dict(matplotlib.rcParams) == before


def test_chinese_names_are_written_only_where_a_font_has_them() -> None:
    expected = "East 东口岸" if style.has_chinese() else "East"
    assert heads(passage_ecdf([sample()])) == [expected, "West"]


@pytest.mark.usefixtures("no_chinese_font")
def test_without_a_chinese_font_no_glyph_is_missing() -> None:
    made = sample("口岸", title="樟木 as it was")
    assert heads(passage_ecdf([made])) == ["East", "West"]
    with warnings.catch_warnings(), style.style():
        warnings.simplefilter("error")
        for figure in drawn([made]):
            assert "??: ?? as it was" in texts(figure)
            figure.draw_without_rendering()


def test_a_scenario_has_the_same_colour_in_every_figure() -> None:
    base, other = sample(), sample("b", 2.0)
    curves = panels(passage_ecdf([base, other]))[0].lines
    used = panels(utilisation([base, other]))[0]
    (saving, *_) = panels(paired_saving(comparison(other, base=base)))[0].lines
    assert curves[0].get_color() == style.colour_of(0)
    assert bars(used, 0)[0].get_facecolor()[:3] == pytest.approx(rgb(style.colour_of(0)))
    assert saving.get_color() == style.colour_of(1)


def rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


# --- one by one --------------------------------------------------------------------------------------------


def test_ecdf_plots_the_grid_on_a_log_axis_and_marks_median_and_p95() -> None:
    ax = panels(passage_ecdf([sample(), sample("b", 0.5)]))[0]
    first = ax.lines[0]
    np.testing.assert_allclose(xs(first), 10 + 1000 * GRID**2)
    np.testing.assert_allclose(ys(first), 100 * GRID)
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "share of vehicles (%)"
    marks = {(xs(line)[0], ys(line)[0]) for line in ax.lines if len(xs(line)) == 1}
    assert marks >= {(100.0, 50.0), (1000.0, 95.0), (50.0, 50.0), (500.0, 95.0)}
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [
        "median 1.67 h, 95 % within 16.7 h",
        "median 50.0 min, 95 % within 8.33 h",
    ]


def test_ecdf_ticks_carry_their_units() -> None:
    ax = panels(passage_ecdf([sample()]))[0]
    ticks = ax.xaxis.get_major_formatter().format_ticks(list(ax.xaxis.get_major_locator()()))
    assert {"10 min", "1 h", "6 h"} <= set(ticks)


def test_saving_shows_curves_mean_interval_and_who_is_worse_off() -> None:
    figure = paired_saving(comparison(sample("b")))
    passage, service, *_ = panels(figure)
    assert heads(figure)[:2] == ["East: passage time" if not style.has_chinese() else "East 东口岸: passage time", ANY]
    for ax in (passage, service):
        np.testing.assert_allclose(xs(ax.lines[0]), np.linspace(-60, 180, GRID.size))
        assert [xs(line)[0] for line in ax.lines if line.get_marker() == style.marker_of(1)] == [30.0]
    written = texts(figure)
    assert "30 min (−10 to 70), 75 % faster, 20 % slower" in written
    assert "1,000 in both, 11 in base only, 22 in other only" in written
    assert "against base" in written


def test_saving_leaves_out_ports_where_nothing_changes() -> None:
    found = comparison(sample("b"))
    effects = [
        [
            replace(e, better=Interval(0, 0, 0), worse=Interval(0, 0, 0)) if e.port == "west" else e
            for e in found.effects[0]
        ]
    ]
    figure = paired_saving(replace(found, effects=effects))
    assert [head[:4] for head in heads(figure)] == ["East", "East"]
    assert "No vehicle is faster or slower at West." in texts(figure)


def test_parts_are_stacked_in_the_port_s_unit_and_closed_time_stands_apart() -> None:
    left, right, *_ = panels(time_by_station([sample()]))
    waiting, service, blocked = ([bar.get_width() for bar in bars(left, part)] for part in range(3))
    np.testing.assert_allclose(waiting, [30, 6])
    np.testing.assert_allclose(service, [10, 12])
    np.testing.assert_allclose(blocked, [0, 3])
    np.testing.assert_allclose([bar.get_x() for bar in bars(left, 1)], [30, 6])
    np.testing.assert_allclose([bar.get_width() for bar in bars(right, 0)], [10, 0])
    assert left.get_xlabel() == "minutes per vehicle, while open"
    assert right.get_xlabel() == "hours per vehicle, while closed"


def test_a_port_that_never_closes_has_no_panel_for_it() -> None:
    open_always = sample()
    closed = [i for i, key in enumerate(open_always.keys) if key[0] == "west" and key[3] == "passage_closed_mean"]
    open_always.values[:, closed] = 0.0
    figure = time_by_station([open_always])
    assert [ax.get_xlabel() for ax in panels(figure)] == [
        "minutes per vehicle, while open",
        "hours per vehicle, while closed",
        "minutes per vehicle",
    ]


def test_parts_say_for_how_many_vehicles_they_are() -> None:
    """The mean is over all cleared vehicles; many skip a station, and in another scenario other ones do."""
    left, *_ = panels(time_by_station([sample(), sample("b", 0.4)]))
    assert [label.get_text() for label in left.get_yticklabels()] == ["the gate (40 % to 100 %)", "hall (10 % to 25 %)"]
    assert "1,000 vehicles" in texts(time_by_station([sample()]))


def test_parts_of_many_stations_still_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("borderport.figures.parts.MOST_STATIONS", 1)
    left, right, *_ = panels(time_by_station([sample()]))
    total = sum(bar.get_width() for part in range(3) for bar in bars(left, part))
    closed = bars(right, 0)[0].get_width() * 60
    assert total + closed == pytest.approx(sum(sum(parts) for parts in STATIONS.values()))
    assert [label.get_text() for label in left.get_yticklabels()] == ["2 other stations"]


def test_months_are_bars_in_kilotonnes_beside_the_reported_level() -> None:
    figure = tonnes_by_month([sample(), sample("b", 2.0)])
    everywhere, east, _ = panels(figure)
    np.testing.assert_allclose([bar.get_height() for bar in bars(everywhere, 0)], [3, 1.5, 4.5])
    np.testing.assert_allclose([bar.get_height() for bar in bars(east, 1)], [2, 1, 3])
    assert everywhere.get_ylabel() == "kt cleared per month"
    (level,) = [line for line in east.lines if len(xs(line)) == 2 and line.get_color() == style.REPORTED]
    np.testing.assert_allclose(ys(level), [0.9, 0.9])
    assert -0.5 <= xs(level)[0] < xs(level)[1] <= 0.5
    assert "reported 6.00 kt, Jan–Mar 2024 (simulated 9.00 ± 0.22; 18.00 ± 0.45)" in texts(figure)
    assert "reported 0.900 kt, Jan 2024" in texts(figure)


def test_a_total_of_several_months_is_no_level_that_each_of_them_should_reach() -> None:
    everywhere = panels(tonnes_by_month([sample()]))[0]
    assert "reported 6.00 kt" in everywhere.get_xlabel()
    assert not [line for line in everywhere.lines if len(xs(line)) == 2]


def test_a_month_covered_in_part_is_pale_and_says_how_much() -> None:
    figure = tonnes_by_month([sample(start="2024-01-30", end="2024-03-01 12:00")])
    ax = panels(figure)[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Jan\n2 d\n2024", "Feb", "Mar\n12 h"]
    pale = [bar.get_alpha() is not None for bar in bars(ax, 0)]
    assert pale == [True, False, True]
    assert "Pale" in texts(figure)
    assert "(simulated" not in texts(figure)  # reported are whole months
    assert "Pale" not in texts(tonnes_by_month([sample()]))


def test_small_ports_have_their_tonnes_in_tonnes() -> None:
    assert panels(tonnes_by_month([sample(scale=0.001)]))[1].get_ylabel() == "t cleared per month"


def test_queue_shows_the_longest_queues_only() -> None:
    figure = queue_by_hour([sample()])
    east, west = panels(figure)
    np.testing.assert_allclose(ys(east.lines[0])[:24], np.arange(24))
    assert heads(figure) == ["truck lane", "truck lane"]
    assert west.get_ylabel() == "West\nvehicles waiting"
    assert east.get_xlabel() == "local hour of day"
    assert "mean 2.000 ± 0.050 vehicles" in texts(figure)


def test_utilisation_leaves_out_quotas_and_what_nobody_used() -> None:
    east, west = panels(utilisation([sample(), sample("b", 0.5)]))
    assert [label.get_text() for label in east.get_yticklabels()] == ["truck lane"]
    widths = [bars(east, number)[0].get_width() for number in range(2)]
    np.testing.assert_allclose(widths, [50, 25])
    assert west.get_xlabel() == "share of open time in use (%)"
    assert any(list(xs(line)) == [100, 100] for line in east.lines)


def test_response_curve_sorts_the_points_and_marks_the_base() -> None:
    values = np.asarray([3.0, 1.0, 2.0])
    mean = np.asarray([30.0, 10.0, np.nan])
    figure = response_curve(
        values,
        mean,
        mean - 1,
        mean + 1,
        parameter="ports.east.resources.lane.capacity",
        metric="mean passage time (min)",
        scenario="base",
        replications=5,
        seed=2,
        base=1,
    )
    (ax,) = panels(figure)
    np.testing.assert_allclose(xs(ax.lines[0]), [1, 2, 3])
    np.testing.assert_allclose(ys(ax.lines[0]), [10, np.nan, 30])
    assert ax.get_xlabel() == "ports.east.resources.lane.capacity"
    assert ax.get_ylabel() == "mean passage time (min)"
    assert "as in the scenario: 1" in texts(figure)
    assert "5 replications, 95 % interval, seed 2" in texts(figure)


def test_response_curve_takes_texts() -> None:
    column = np.asarray([1.0, 2.0])
    figure = response_curve(
        ["10 min", "1 h"],
        column,
        column,
        column,
        parameter="service",
        metric="queue (vehicles)",
        scenario="base",
        replications=1,
        seed=2,
        base="1 h",
    )
    assert [label.get_text() for label in panels(figure)[0].get_xticklabels()] == ["10 min", "1 h"]


def test_heat_map_writes_values_and_frames_the_base(tmp_path: Path) -> None:
    mean = np.asarray([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    figure = heat_map(
        [1, 2, 3],
        ["10 %", "20 %"],
        mean,
        low=mean - 0.5,
        high=mean + 0.5,
        x_parameter="lanes",
        y_parameter="inspected",
        metric="queue (vehicles)",
        scenario="base",
        replications=5,
        seed=2,
        base=(3, "20 %"),
    )
    ax, bar = panels(figure)
    written = [text.get_text() for text in ax.texts]
    assert written == [f"{value}.00\n± 0.50" if value != 5 else "none" for value in range(1, 7)]
    assert bar.get_ylabel() == "queue (vehicles)"
    assert [patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle)] == [(2, 1)]
    style.save(figure, tmp_path / "map.png")


def test_heat_map_without_any_value_draws(tmp_path: Path) -> None:
    figure = heat_map(
        [1.0],
        [2.0],
        np.full((1, 1), np.nan),
        x_parameter="a",
        y_parameter="b",
        metric="m",
        scenario="s",
        replications=1,
        seed=0,
    )
    style.save(figure, tmp_path / "map.png")


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0.0, "0 min"), (0.2, "12 s"), (35.4, "35 min"), (96.0, "1.6 h"), (-1682.0, "−28 h"), (40320.0, "28 d")],
)
def test_durations_choose_a_readable_unit(minutes: float, text: str) -> None:
    assert labels.duration(minutes) == text


def test_intervals_are_rounded_to_their_width() -> None:
    assert labels.plus_minus(Interval(8.3, 8.1, 8.5)) == "8.30 ± 0.20"
    assert labels.plus_minus(Interval(262.34, 260.1, 264.58)) == "262.3 ± 2.2"
    assert labels.plus_minus(Interval(21_149.2, 20_407.0, 21_891.4)) == "21,149 ± 742"
    assert labels.plus_minus(Interval(262.34, float("nan"), float("nan"))) == "262"
    assert labels.duration_interval(Interval(95.5, -28.1, 219.1)) == "1.6 h (−0.5 to 3.7)"
    assert labels.duration_interval(Interval(30.0, 29.84, 30.16)) == "30.00 min (29.84 to 30.16)"
    assert labels.mean_text(Interval(5.5, -144.5, 155.5)) == "6"
    assert labels.mean_text(Interval(5.4321, 5.4320, 5.4322)) == "5.43"
    assert labels.duration_mean(Interval(352.0, 324.0, 380.0)) == "5.87 h"
    assert labels.percent_mean(Interval(0.731, 0.69, 0.772)) == "73.1 %"
    assert labels.percent_mean(Interval(0.0004, 0.0, 0.0008)) == "<0.1 %"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0004, "<0.1 %"), (0.052, "5.2 %"), (0.85, "85 %"), (0.9999, ">99.9 %"), (1.0, "100 %")],
)
def test_shares_never_round_to_none_or_all(share: float, text: str) -> None:
    assert labels.percent(share) == text


# --- axes --------------------------------------------------------------------------------------------------


def in_view(axis: Any) -> list[str]:
    """The texts of the ticks that are labelled and seen."""
    low, high = sorted(axis.get_view_interval())
    places = axis.get_major_locator()()
    texts = axis.get_major_formatter().format_ticks(places)
    return [text for place, text in zip(places, texts, strict=True) if low <= place <= high and text]


def every_figure() -> list[Figure]:
    """One of each kind, over narrow ranges and wide ones."""
    wide = comparison(sample("b"))
    wide.saving_grid[0]["east", "wall"] = np.linspace(-20_000.0, 90_000.0, GRID.size)
    narrow = sample("narrow")
    narrow.passage_grid["east"] = 40 + 20 * GRID
    samples = [narrow, sample("b", 100.0)]
    given: dict[str, Any] = {"metric": "m (min)", "scenario": "s", "replications": 3, "seed": 1}
    values = np.asarray([1.0, 2.0, 300.0])
    curve = response_curve([1, 2, 3], values, values - 1, values + 1, parameter="p", **given)
    cells = heat_map([1, 2, 3], [1.0], values[None, :], x_parameter="p", y_parameter="q", **given)
    found = [*(make(samples) for make in SAMPLE_FIGURES), paired_saving(wide), paired_saving(comparison(sample("b")))]
    return [*found, costs([costly("a"), costly("b", 2.0)]), detection_against_delay(frontier()), curve, cells]


def test_axes_that_are_not_linear_say_so_and_have_ticks_to_read_between() -> None:
    seen = set()
    for figure in every_figure():
        for ax in panels(figure):
            for axis in (ax.xaxis, ax.yaxis):
                if axis.get_scale() != "linear":
                    seen.add(axis.get_scale())
                    assert "logarithmic" in axis.get_label_text()
                    assert len(set(in_view(axis))) >= 4
                    assert len(axis.get_minorticklocs()) > 0
                else:
                    assert "logarithmic" not in axis.get_label_text()
    assert seen == {"log", "symlog"}


def axes_of_times() -> Axes:
    return Figure().subplots()


@pytest.mark.parametrize(
    ("low", "high"), [(0.01, 1e6), (40.0, 60.0), (61.0, 62.0), (1e-2, 2e-2), (7.0, 80.0), (1.0, 11.0), (3e4, 4e5)]
)
def test_axes_of_positive_times_have_at_least_four_ticks(low: float, high: float) -> None:
    ax = axes_of_times()
    scales.passing_times(ax, low, high, "time", 68.0)
    assert len(set(in_view(ax.xaxis))) >= 4
    assert (ax.get_xscale() == "log") == (high >= 10 * low)
    assert ax.get_xlabel().startswith("time (")


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-5.0, 100.0), (-100.0, 300.0), (-1e5, 40.0), (-3e4, 4e5)])
def test_axes_of_differences_have_at_least_four_ticks_and_mirror_them(low: float, high: float) -> None:
    ax = axes_of_times()
    scales.differences(ax, low, high, 60.0, "saving", 70.0)
    ticks = in_view(ax.xaxis)
    assert len(set(ticks)) >= 4
    assert ("linear to ±1 h, logarithmic beyond" in ax.get_xlabel()) == (max(-low, high) > 120)
    assert any(tick.strip("0.") == "" for tick in ticks)


def test_labels_along_an_axis_do_not_touch() -> None:
    ax = axes_of_times()
    for room_mm in (40.0, 70.0, 150.0):
        ax.clear()
        scales.differences(ax, -3e4, 4e5, 60.0, "saving", room_mm)
        places = ax.transData.transform([(tick, 0) for tick in ax.get_xticks()])[:, 0]
        place_mm = (places - places[0]) / (ax.bbox.width / room_mm)
        lengths = [1.25 * len(text) for text in in_view(ax.xaxis)]
        assert all(
            right - left > (first + second) / 2
            for (left, first), (right, second) in itertools.pairwise(zip(place_mm, lengths, strict=True))
        )


def test_linear_axes_write_thousands_and_no_exponents() -> None:
    ax = axes_of_times()
    ax.set_ylim(0, 40_000)
    scales.write_numbers(ax.yaxis)
    assert "20,000" in in_view(ax.yaxis)
    ax.set_ylim(-2.5, 2.5)
    assert {"−1", "0", "1"} <= set(in_view(ax.yaxis)) or {"−1.0", "0.0", "1.0"} <= set(in_view(ax.yaxis))


# --- many scenarios, long names ----------------------------------------------------------------------------


def test_twelve_scenarios_have_looks_of_their_own() -> None:
    lines = {(style.colour_of(i), style.dashes_of(i)) for i in range(12)}
    bars_ = {(style.colour_of(i), style.hatch_of(i)) for i in range(12)}
    assert len(lines) == len(bars_) == len({style.marker_of(i) for i in range(12)}) == 12
    assert style.REPORTED not in style.COLOURS


def test_the_twelfth_scenario_looks_the_same_in_every_figure() -> None:
    samples = [sample(f"s{i}", 1 + i / 10) for i in range(12)]
    curve = panels(passage_ecdf(samples))[0]
    used = panels(utilisation(samples))[0]
    queue = panels(queue_by_hour(samples))[0]
    saving = panels(paired_saving(comparison(*samples[1:], base=samples[0])))[0]
    long = [line for line in curve.lines if len(xs(line)) == GRID.size]
    for line in (long[11], queue.lines[11], [line for line in saving.lines if len(xs(line)) == GRID.size][10]):
        assert (line.get_color(), line.get_linestyle()) == (style.colour_of(11), style.dashes_of(11))
    bar = bars(used, 11)[0]
    assert bar.get_facecolor()[:3] == pytest.approx(rgb(style.colour_of(11)))
    assert bar.get_hatch() == style.hatch_of(11)


def test_a_long_name_stands_in_the_legend_once_and_is_a_number_elsewhere() -> None:
    long = "base" + "".join(f"+measure-number-{i}" for i in range(9))
    for figure in drawn([sample(), sample(long, 2.0)]):
        (legend,) = figure.legends
        assert any("".join(text.get_text().split()).endswith(long) for text in legend.get_texts())
        assert "no. 2" in texts(figure)
        assert long not in texts(figure).replace(" ", "").replace("no.2:" + long, "")


def test_scenarios_with_one_title_are_not_told_apart_by_it() -> None:
    assert "base and b: As it was" in texts(utilisation([sample(), sample("b", 2.0)]))


LAYOUTS = {
    "two": lambda: [sample(), sample("b", 2.0)],
    "twelve": lambda: [sample(f"scenario-with-a-name-{i}", 1 + i / 10) for i in range(12)],
    "nine changes": lambda: [sample(), sample("base" + "".join(f"+measure-number-{i}" for i in range(9)), 2.0)],
}


@pytest.mark.parametrize("samples", LAYOUTS.values(), ids=LAYOUTS)
def test_nothing_is_cut_off_and_nothing_written_lies_on_other_writing(samples: Any) -> None:
    made = samples()
    with style.style():
        for figure in (*drawn(made), costs([costly(s.scenario.name, 1 + i / 9) for i, s in enumerate(made)])):
            figure.draw_without_rendering()
            boxes = [(text.get_window_extent(), text.get_text()) for text in written_on(figure)]
            for box, text in boxes:
                inside = (box.x0 >= -1, box.y0 >= -1, box.x1 <= figure.bbox.x1 + 1, box.y1 <= figure.bbox.y1 + 1)
                assert all(inside), text
            for (first, one), (second, other) in itertools.combinations(boxes, 2):
                assert not first.shrunk(0.9, 0.85).overlaps(second), (one, other)


@pytest.mark.parametrize("values", [["on", "off"], [f"{n} min after a long word" for n in range(12)]])
def test_responses_have_room_for_their_texts(values: list[str]) -> None:
    path = "ports.a-long-name.resources.another-long-name-of-a-desk.capacity"
    mean = np.arange(float(len(values)))
    given: dict[str, Any] = {"metric": "a mean of something (min), all ports", "scenario": "s", "seed": 1}
    given["replications"] = 3
    curve = response_curve(values, mean, mean - 1, mean + 1, parameter=path, marked=mean < 1, **given)
    both = np.stack([mean, mean])
    cells = heat_map(values, [1, 2], both, low=both - 1, high=both + 1, x_parameter=path, y_parameter=path, **given)
    with style.style():
        for figure in (curve, cells):
            figure.draw_without_rendering()
            boxes = [(text.get_window_extent(), text.get_text()) for text in written_on(figure)]
            for box, text in boxes:
                assert box.x0 >= -1, text
                assert box.x1 <= figure.bbox.x1 + 1, text
            for (first, one), (second, other) in itertools.combinations(boxes, 2):
                assert not first.shrunk(0.9, 0.85).overlaps(second), (one, other)


def written_on(figure: Figure) -> list[Text]:
    """All texts that are seen: labels of ticks beyond the ends of their axis are not."""
    beyond = set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
        beyond |= {id(tick.label1) for tick in ticks if not low <= tick.get_loc() <= high}
    found = figure.findobj(Text)
    return [text for text in found if text.get_text().strip() and text.get_visible() and id(text) not in beyond]


# --- points that cannot be compared ------------------------------------------------------------------------


def test_points_that_cannot_be_compared_stand_apart_from_the_curve(tmp_path: Path) -> None:
    mean = np.asarray([30.0, 1.0, 20.0])
    given: dict[str, Any] = {"parameter": "p", "metric": "m (min)", "scenario": "s", "replications": 3, "seed": 1}
    figure = response_curve([3, 1, 2], mean, mean - 1, mean + 1, marked=np.asarray([False, True, False]), **given)
    (ax,) = panels(figure)
    curve, apart = (line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(xs(curve), [2, 3])
    np.testing.assert_allclose((xs(apart), ys(apart)), ([1], [1]))
    assert apart.get_markerfacecolor() == "white"
    assert "1 point: another share of the vehicles is cleared than in the base, so not to be compared" in texts(figure)
    style.save(figure, tmp_path / "curve.png")
    assert "unfinished" not in texts(response_curve([3, 1, 2], mean, mean - 1, mean + 1, **given))


def test_cells_that_cannot_be_compared_have_no_colour(tmp_path: Path) -> None:
    mean = np.asarray([[1.0, 50.0], [60.0, 70.0]])
    marked = np.asarray([[True, False], [True, False]])
    given: dict[str, Any] = {"x_parameter": "p", "y_parameter": "q", "metric": "m (min)", "scenario": "s"}
    figure = heat_map([1, 2], [1, 2], mean, replications=3, seed=1, marked=marked, **given)
    ax, bar = panels(figure)
    assert bar.get_ylim() == (50.0, 70.0)
    hatched = [patch.get_xy() for patch in ax.patches if patch.get_hatch()]
    assert hatched == [(0, 0), (0, 1)]
    assert "2 points: another share of the vehicles is cleared than in the base, so not to be compared" in texts(figure)
    style.save(figure, tmp_path / "map.png")


def test_cells_without_room_leave_their_values_to_the_table() -> None:
    mean = np.linspace(1000.0, 2000.0, 60).reshape(2, 30)
    given: dict[str, Any] = {"x_parameter": "p", "y_parameter": "q", "metric": "m (min)", "scenario": "s"}
    figure = heat_map(range(30), [1, 2], mean, low=mean - 9, high=mean + 9, replications=3, seed=1, **given)
    assert "which are in the table" in texts(figure)
    assert not any(text.get_text() for text in panels(figure)[0].texts)


def test_rates_along_the_frontier_do_not_touch() -> None:
    with style.style():
        figure = detection_against_delay(frontier())
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in panels(figure)[0].texts]
    assert 3 <= len(boxes) <= 7
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))
