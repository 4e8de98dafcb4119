"""Figures: what is plotted, that everything has a unit, that nothing is missing, and that bytes repeat."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from borderport.compare import Comparison, VehicleEffect
from borderport.distributions import Array
from borderport.experiment import Sample
from borderport.figures import labels, style
from borderport.figures.ecdf import passage_ecdf
from borderport.figures.months import tonnes_by_month
from borderport.figures.parts import time_by_station
from borderport.figures.queue import queue_by_hour
from borderport.figures.response import heat_map, response_curve
from borderport.figures.saving import paired_saving
from borderport.figures.utilisation import utilisation
from borderport.metrics import GRID
from borderport.scenario import Scenario
from borderport.statistics import Interval

MONTHS = ("2024-01", "2024-02", "2024-03")
STATIONS = {"gate": (30.0, 10.0, 0.0, 600.0), "hall": (6.0, 12.0, 3.0, 0.0)}
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


def scenario(name: str = "base", title: str = "As it was", ports: tuple[str, ...] = ("east", "west")) -> Scenario:
    given = {"east": port("East", "东口岸"), "west": port("West", None)}
    return Scenario.model_validate(
        {
            "name": name,
            "title": title,
            "horizon": {"start": "2024-01-01", "end": "2024-04-01"},
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
    )


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
        found.append(ax.get_title(loc="left") or (legend.get_title().get_text() if legend else ""))
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
        [sample(f"scenario_{i}", 1 + i / 10) for i in range(9)],
        [sample("same"), sample("same", 2.0)],
        [sample(ports=("east",)), sample("b", ports=("west",))],
        [sample("$dear$", title="costs $5_000$ and {\\more} 中文 བོད་ 🚚\nsecond line " + "very long " * 40)],
    ],
    ids=["one scenario", "one port", "one replication", "nine", "same name", "other ports", "odd texts"],
)
def test_draws_without_warnings(samples: list[Sample], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, figure in enumerate(drawn(samples)):
            style.save(figure, tmp_path / f"{number}.png")


def test_one_replication_says_that_there_is_no_interval() -> None:
    figure = utilisation([sample(replications=1)])
    assert "1 replication, no interval, seed 7" in texts(figure)


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


def test_missing_values_leave_gaps(tmp_path: Path) -> None:
    full, holey = sample(), sample("holey")
    holey.values[:] = np.nan
    holey.passage_grid["east"][:] = np.nan
    holey.queue_by_hour["east.lane"][:] = np.nan
    for figure in drawn([full, holey]):
        style.save(figure, tmp_path / "gaps.png")
    assert "holey: no vehicle cleared" in texts(passage_ecdf([full, holey]))


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
def test_without_a_chinese_font_no_glyph_is_missing(tmp_path: Path) -> None:
    made = sample("口岸", title="樟木 as it was")
    assert heads(passage_ecdf([made])) == ["East", "West"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in drawn([made]):
            assert "??: ?? as it was" in texts(figure)
            style.save(figure, tmp_path / "plain.png")


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
        "base: median 1.7 h, 95 % within 17 h",
        "b: median 50 min, 95 % within 8.3 h",
    ]


def test_ecdf_ticks_carry_their_units() -> None:
    ax = panels(passage_ecdf([sample()]))[0]
    ticks = ax.xaxis.get_major_formatter().format_ticks(list(ax.xaxis.get_major_locator()()))
    assert {"10 min", "1 h", "6 h"} <= set(ticks)


def test_saving_shows_curves_mean_interval_and_who_is_worse_off() -> None:
    figure = paired_saving(comparison(sample("b")))
    ax = panels(figure)[0]
    np.testing.assert_allclose(xs(ax.lines[0]), np.linspace(-60, 180, GRID.size))
    assert ax.get_xscale() == "symlog"
    means_drawn = [xs(line)[0] for line in ax.lines if line.get_marker() in ("o", "s")]
    assert means_drawn == [30.0, 30.0]
    written = texts(figure)
    assert "75 % faster, 20 % slower" in written
    assert "mean 30 min (−10 to 70)" in written
    assert "1,000 vehicles in both only base 11, only b 22" in written
    assert "slower than base" in ax.get_xlabel()


def test_parts_are_stacked_in_the_port_s_unit_and_closed_time_stands_apart() -> None:
    left, right, *_ = panels(time_by_station([sample()]))
    waiting, service, blocked = ([bar.get_width() for bar in bars(left, part)] for part in range(3))
    np.testing.assert_allclose(waiting, [30, 6])
    np.testing.assert_allclose(service, [10, 12])
    np.testing.assert_allclose(blocked, [0, 3])
    np.testing.assert_allclose([bar.get_x() for bar in bars(left, 1)], [30, 6])
    np.testing.assert_allclose([bar.get_width() for bar in bars(right, 0)], [10, 0])
    assert (left.get_xlabel(), right.get_xlabel()) == ("minutes per vehicle", "hours per vehicle")
    assert [label.get_text() for label in left.get_yticklabels()] == ["the gate", "hall"]


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
    level = next(line for line in everywhere.lines if len(xs(line)) == 2)
    np.testing.assert_allclose(ys(level), [2, 2])
    np.testing.assert_allclose(xs(level), [-0.5, 2.5])
    assert "reported 6.00 kt, Jan–Mar 2024 (simulated 9.0 ± 0.2; 18.0 ± 0.4)" in texts(figure)
    assert "reported 0.900 kt, Jan 2024" in texts(figure)


def test_small_ports_have_their_tonnes_in_tonnes() -> None:
    assert panels(tonnes_by_month([sample(scale=0.001)]))[1].get_ylabel() == "t cleared per month"


def test_queue_shows_the_longest_queues_only() -> None:
    figure = queue_by_hour([sample()])
    east, west = panels(figure)
    np.testing.assert_allclose(ys(east.lines[0])[:24], np.arange(24))
    assert heads(figure) == ["truck lane", "truck lane"]
    assert west.get_ylabel() == "West\nvehicles waiting"
    assert east.get_xlabel() == "local hour of day"
    assert "mean 2.00 ± 0.05 vehicles" in texts(figure)


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
    assert written == ["1.0 ± 0.5", "2.0 ± 0.5", "3.0 ± 0.5", "4.0 ± 0.5", "no value", "6.0 ± 0.5"]
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
    assert labels.plus_minus(Interval(262.34, 260.1, 264.58)) == "262 ± 2"
    assert labels.plus_minus(Interval(262.34, float("nan"), float("nan"))) == "262"
    assert labels.duration_interval(Interval(95.5, -28.1, 219.1)) == "1.6 h (−0.5 to 3.7)"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0004, "<0.1 %"), (0.052, "5.2 %"), (0.85, "85 %"), (0.9999, ">99.9 %"), (1.0, "100 %")],
)
def test_shares_never_round_to_none_or_all(share: float, text: str) -> None:
    assert labels.percent(share) == text


@pytest.mark.parametrize(("low", "high"), [(0.01, 1e6), (40.0, 60.0), (61.0, 62.0), (1e-2, 2e-2)])
def test_time_axes_have_at_least_two_ticks(low: float, high: float) -> None:
    ticks = labels.time_ticks(low, high)
    assert len(ticks) >= 2
    assert all(low <= tick <= high for tick in ticks)
