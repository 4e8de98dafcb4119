"""Response of one metric to one parameter, or to two."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, YAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from borderport.distributions import Array
from borderport.figures import scales, style
from borderport.figures.labels import decimals_of, number
from borderport.figures.style import shown

Points = Sequence[float] | Sequence[str] | Array
Marks = NDArray[np.bool_]
CURVE_MM = 80.0
ROW_MM, MOST_ROWS_MM = 9.0, 190.0
# Length of the axis of a curve, and of the axes of a map, that values are written along.
ROOM_MM, MAP_MM = 150.0, 118.0
LETTER_MM, TICK_LINE_MM = 1.45, 3.2
MOST_LINES, FEWEST_LETTERS, LONGEST_TICK = 3, 8, 28
CELL_LETTER_MM, CELL_LINE_MM = 1.25, 2.6
MARKED = "#9A9A9A"


def response_curve(
    values: Points,
    mean: Array,
    low: Array,
    high: Array,
    *,
    parameter: str,
    metric: str,
    scenario: str,
    replications: int,
    seed: int,
    base: float | str | None = None,
    marked: Marks | None = None,
) -> Figure:
    """One metric over one parameter, with its interval at every design point.

    Shows how much of a resource is worth having, and where more of it does nothing.

    Parameters
    ----------
    values : sequence of float or str, shape (points,)
        Values of the parameter. Numbers are drawn to scale; texts (``"30 min"``) one after the other.
    mean, low, high : float arrays, shape (points,)
        NaN where there is no value or no interval.
    parameter : str
        Its path, with the unit of ``values``.
    metric : str
        The response, with its unit.
    scenario : str
        Name of the scenario that is varied.
    replications, seed : int
    base : float or str, optional
        The parameter's value in the scenario itself.
    marked : bool array, shape (points,), optional
        Points at which so much larger or smaller a share is cleared that they must not be compared with the
        others: drawn apart from the curve, open and grey.

    Returns
    -------
    Figure
    """
    with style.style():
        title = f"{_capital(shown(metric))} by {shown(parameter)}: {shown(scenario)}"
        whiskers = "whiskers: 95 % intervals" if replications > 1 else ""
        places, order = _places(values)
        mean, low, high = (np.asarray(column, dtype=np.float64)[order] for column in (mean, low, high))
        apart = np.zeros(len(values), dtype=bool) if marked is None else np.asarray(marked, dtype=bool)[order]
        texts, upright, below_mm = _names(values, ROOM_MM) if _texts(values) else ([], False, 0.0)
        keys: list[style.LegendEntry] = [(_open(), _not_compared(apart))] if apart.any() else []
        figure = style.sheet(title, [_basis(scenario, replications, seed), whiskers], CURVE_MM + below_mm, keys)
        ax = figure.subplots()
        _points(ax, places, mean, low, high, apart, joined=not _texts(values))
        if texts:
            _place(ax.xaxis, 0.0, texts, ROOM_MM, upright)
        elif all(float(value).is_integer() for value in values):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        _mark_base(ax, values, base)
        ax.set_xlabel(style.broken(shown(parameter), int(ROOM_MM / LETTER_MM)))
        ax.set_ylabel(textwrap.fill(shown(metric), int(CURVE_MM / LETTER_MM)))
        scales.write_numbers(ax.yaxis)
        return figure


def _basis(scenario: str, replications: int, seed: int) -> str:
    return f"scenario {shown(scenario)} · {style.basis(replications, seed)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _texts(values: Points) -> bool:
    return any(isinstance(value, str) for value in values)


def _places(values: Points) -> tuple[Array, list[int]]:
    """Places of points on an axis, ascending, and the number of the point at each."""
    if _texts(values):
        return np.arange(len(values), dtype=np.float64), list(range(len(values)))
    numbers = np.asarray(values, dtype=np.float64)
    order = np.argsort(numbers, kind="stable")
    return numbers[order], order.tolist()


def _points(ax: Axes, places: Array, mean: Array, low: Array, high: Array, apart: Marks, joined: bool) -> None:
    """Points that can be compared, joined by a curve if they are drawn to scale, and the others apart from it."""
    look: dict[str, Any] = {"marker": "o", "markersize": 3.5, "elinewidth": 0.9}
    reach = np.stack([mean - low, high - mean])
    line = "-" if joined else " "
    ax.errorbar(places[~apart], mean[~apart], yerr=reach[:, ~apart], color=style.colour_of(0), fmt=line, **look)
    if apart.any():
        ax.errorbar(
            places[apart], mean[apart], yerr=reach[:, apart], color=MARKED, fmt=" ", markerfacecolor="white", **look
        )


def _open() -> Line2D:
    return Line2D([], [], linestyle="none", marker="o", markersize=3.5, color=MARKED, markerfacecolor="white")


def _not_compared(marked: Marks) -> str:
    count = int(marked.sum())
    why = "another share of the vehicles is cleared than in the base, so not to be compared"
    return f"{count} point{'' if count == 1 else 's'}: {why}"


def _mark_base(ax: Axes, values: Points, base: float | str | None) -> None:
    place: float | None = None
    if isinstance(base, str):
        names = [str(value) for value in values]
        place = float(names.index(base)) if base in names else None
    elif base is not None and not _texts(values):
        place = float(base)
    if place is None:
        return
    name = _tick(base) if base is not None else ""
    ax.axvline(place, color="black", linestyle="--", linewidth=0.8)
    ax.annotate(
        f"as in the scenario: {name}",
        (place, 1),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
    )


def _names(values: Points, room_mm: float) -> tuple[list[str], bool, float]:
    """Values to be written along x, in lines as wide as their places; upright where these are too narrow.

    Returns
    -------
    list of str, bool, float
        The texts, whether they stand upright, and how many mm they take below the axis.
    """
    texts = [_tick(value) for value in values]
    letters = max(1, int(room_mm / len(texts) / LETTER_MM) - 1)
    wrapped = [textwrap.fill(text, letters) for text in texts]
    lines = max(text.count("\n") + 1 for text in wrapped)
    if lines <= MOST_LINES and (lines == 1 or letters >= FEWEST_LETTERS):
        return wrapped, False, TICK_LINE_MM * lines
    short = [textwrap.shorten(text, LONGEST_TICK, placeholder="…") or text[:LONGEST_TICK] for text in texts]
    return short, True, LETTER_MM * max(len(text) for text in short)


def _place(axis: Axis, first: float, texts: Sequence[str], room_mm: float, upright: bool) -> None:
    """Write texts along an axis from ``first`` on, 1 apart; only some of them where there is no room for all."""
    lines_mm = TICK_LINE_MM if upright or isinstance(axis, YAxis) else 0.0
    step = max(1, ceil(lines_mm / (room_mm / len(texts))))
    places = [first + number for number in range(len(texts))]
    axis.set_ticks(places[::step], list(texts)[::step], rotation="vertical" if upright else "horizontal")


def heat_map(
    x_values: Points,
    y_values: Points,
    mean: Array,
    *,
    x_parameter: str,
    y_parameter: str,
    metric: str,
    scenario: str,
    replications: int,
    seed: int,
    low: Array | None = None,
    high: Array | None = None,
    base: tuple[float | str, float | str] | None = None,
    marked: Marks | None = None,
) -> Figure:
    """One metric over two parameters; cells carry their value and, if given, its interval, as far as there is room.

    Shows whether two measures help or hinder one another.

    Parameters
    ----------
    x_values, y_values : sequences of float or str, shapes (columns,) and (rows,)
        Drawn one after the other, the first at the left and at the bottom.
    mean : float array, shape (rows, columns)
        NaN where there is no value: drawn grey.
    x_parameter, y_parameter : str
        Paths, with the units of the values.
    metric : str
        The response, with its unit.
    scenario : str
    replications, seed : int
    low, high : float arrays, shape (rows, columns), optional
    base : pair of float or str, optional
        The parameters' values in the scenario itself; the cell is framed.
    marked : bool array, shape (rows, columns), optional
        Points at which so much larger or smaller a share is cleared that they must not be compared with the
        others: drawn without colour, hatched.

    Returns
    -------
    Figure
    """
    with style.style():
        values = np.asarray(mean, dtype=np.float64)
        apart = np.zeros(values.shape, dtype=bool) if marked is None else np.asarray(marked, dtype=bool)
        rows_mm = min(max(ROW_MM * len(y_values), 50.0), MOST_ROWS_MM)
        texts, written = _written(values, low, high, MAP_MM / len(x_values), rows_mm / len(y_values))
        title = f"{_capital(shown(metric))} by {shown(x_parameter)} and {shown(y_parameter)}: {shown(scenario)}"
        note = " ".join([written, *(["Framed: as in the scenario."] if base is not None else [])])
        keys: list[style.LegendEntry] = [(Patch(**_hatched()), _not_compared(apart))] if apart.any() else []
        names, upright, below_mm = _names(x_values, MAP_MM)
        body_mm = rows_mm + below_mm + style.AROUND_MM
        figure = style.sheet(title, [_basis(scenario, replications, seed), note], body_mm, keys)
        ax = figure.subplots()
        ax.grid(visible=False)
        ax.set_facecolor("#CCCCCC")
        coloured = np.ma.masked_where(apart | ~np.isfinite(values), values)
        _colours(figure, ax, coloured, apart, textwrap.fill(shown(metric), int(rows_mm / LETTER_MM)))
        _cells(ax, coloured, texts)
        _frame(ax, x_values, y_values, base)
        _place(ax.xaxis, 0.5, names, MAP_MM, upright)
        _place(ax.yaxis, 0.5, [_tick(value) for value in y_values], rows_mm, upright=False)
        ax.tick_params(length=0)
        ax.set_xlabel(style.broken(shown(x_parameter), int(MAP_MM / LETTER_MM)))
        ax.set_ylabel(style.broken(shown(y_parameter), int(rows_mm / LETTER_MM)))
        return figure


def _hatched() -> dict[str, Any]:
    return {"facecolor": "white", "edgecolor": "#CCCCCC", "hatch": "////", "linewidth": 0}


def _tick(value: float | str) -> str:
    return shown(value) if isinstance(value, str) else f"{value:g}".replace("-", "−")


def _written(
    values: Array, low: Array | None, high: Array | None, width_mm: float, height_mm: float
) -> tuple[list[list[str]], str]:
    """Texts of the cells, by row and column, if there is room for all of them; and the footer's remark on them."""
    half = np.full(values.shape, np.nan) if low is None or high is None else (np.asarray(high) - np.asarray(low)) / 2
    both = [[_cell(*pair, lines=2) for pair in zip(*line, strict=True)] for line in zip(values, half, strict=True)]
    means = [[_cell(*pair, lines=1) for pair in zip(*line, strict=True)] for line in zip(values, half, strict=True)]
    for texts, words in (
        (both, "Cells: mean ± half of its 95 % interval." if np.isfinite(half).any() else "Cells: mean."),
        (means, "Cells: mean."),
    ):
        longest = max(len(line) for row in texts for text in row for line in text.split("\n"))
        lines = max(text.count("\n") + 1 for row in texts for text in row)
        if CELL_LETTER_MM * (longest + 1) <= width_mm and CELL_LINE_MM * lines <= height_mm:
            return texts, words
    return [["" for _ in row] for row in means], "Cells are too small for their values, which are in the table."


def _cell(value: float, half: float, lines: int) -> str:
    """A mean, and half of its interval below it if there are two lines and an interval."""
    if not np.isfinite(value):
        return "none"
    decimals = decimals_of(float(half))
    text = number(float(value), decimals)
    return f"{text}\n± {number(float(half), decimals)}" if lines == 2 and decimals is not None else text


def _colours(figure: Figure, ax: Axes, coloured: np.ma.MaskedArray[Any, Any], apart: Marks, label: str) -> None:
    """Colour the cells that can be compared, hatch those that cannot, and say what the colours mean."""
    mesh = ax.pcolormesh(coloured, cmap="cividis", edgecolors="white", linewidth=0.5)
    if coloured.count():
        scales.write_numbers(figure.colorbar(mesh, ax=ax, label=label).ax.yaxis)
    for row, column in np.argwhere(apart):
        ax.add_patch(Rectangle((column, row), 1, 1, **_hatched()))


def _cells(ax: Axes, coloured: np.ma.MaskedArray[Any, Any], texts: Sequence[Sequence[str]]) -> None:
    """Write texts into their cells, light on dark."""
    middle = (coloured.min() + coloured.max()) / 2 if coloured.count() else 0.0
    for (row, column), masked in np.ndenumerate(np.ma.getmaskarray(coloured)):
        colour = "black" if masked or coloured[row, column] > middle else "white"
        ax.text(column + 0.5, row + 0.5, texts[row][column], ha="center", va="center", fontsize=6, color=colour)


def _frame(ax: Axes, x_values: Points, y_values: Points, base: tuple[float | str, float | str] | None) -> None:
    columns, rows = list(x_values), list(y_values)
    if base is not None and base[0] in columns and base[1] in rows:
        corner = (columns.index(base[0]), rows.index(base[1]))
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#D55E00", linewidth=2, zorder=5))
