"""How one metric responds to one parameter, or to two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from borderport.compare import MOST_APART
from borderport.distributions import Array
from borderport.figures import style
from borderport.figures.labels import number, plus_minus
from borderport.figures.style import shown
from borderport.statistics import Interval

Points = Sequence[float] | Sequence[str] | Array
CURVE_MM = 95.0
MOST_CELLS_WRITTEN = 120
OTHERS = f"more than {100 * MOST_APART:g} percentage point off the base's share not cleared, so not to be compared."


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
    marked: Array | None = None,
) -> Figure:
    """One metric over one parameter, with its interval at every design point.

    Parameters
    ----------
    values : sequence of float or str, shape (points,)
        What the parameter is set to. Numbers are drawn to scale; texts (``"30 min"``) one after the other.
    mean, low, high : float arrays, shape (points,)
        NaN where there is no value or no interval.
    parameter : str
        Its path, with the unit of ``values``.
    metric : str
        What responds, with its unit.
    scenario : str
        Name of the scenario that is varied.
    replications, seed : int
    base : float or str, optional
        The parameter's value in the scenario itself.
    marked : bool array, shape (points,), optional
        Points whose vehicles are not those of the base, drawn open.

    Returns
    -------
    Figure
    """
    with style.style():
        figure = style.new_figure(CURVE_MM)
        title = f"{_capital(shown(metric))} by {shown(parameter)}: {shown(scenario)}"
        marks = np.zeros(len(values), dtype=bool) if marked is None else np.asarray(marked, dtype=bool)
        note = f"Open: {OTHERS}" if marks.any() else ""
        style.caption(figure, title, [f"scenario {shown(scenario)} · {style.basis(replications, seed)}", note])
        ax = figure.subplots()
        places, order = _places(values)
        mean, low, high = (np.asarray(column, dtype=np.float64)[order] for column in (mean, low, high))
        reach = [mean - low, high - mean]
        ax.errorbar(places, mean, yerr=reach, color=style.colour_of(0), marker="o", markersize=3.5, elinewidth=0.9)
        open_ = marks[order]
        ax.plot(
            places[open_], mean[open_], "o", color=style.colour_of(0), markerfacecolor="white", markersize=4, zorder=5
        )
        if _texts(values):
            ax.set_xticks(places, [shown(str(value)) for value in values])
        _mark_base(ax, values, base)
        if not _texts(values) and all(float(value).is_integer() for value in values):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel(shown(parameter))
        ax.set_ylabel(shown(metric))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        return figure


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _texts(values: Points) -> bool:
    return any(isinstance(value, str) for value in values)


def _places(values: Points) -> tuple[Array, list[int]]:
    """Where points lie on an axis, ascending, and which comes when."""
    if _texts(values):
        return np.arange(len(values), dtype=np.float64), list(range(len(values)))
    numbers = np.asarray(values, dtype=np.float64)
    order = np.argsort(numbers, kind="stable")
    return numbers[order], order.tolist()


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
    marked: Array | None = None,
) -> Figure:
    """One metric over two parameters; cells carry their value and, if given, its interval.

    Parameters
    ----------
    x_values, y_values : sequences of float or str, shapes (columns,) and (rows,)
        Drawn one after the other, the first at the left and at the bottom.
    mean : float array, shape (rows, columns)
        NaN where there is no value: drawn grey.
    x_parameter, y_parameter : str
        Paths, with the units of the values.
    metric : str
        What responds, with its unit.
    scenario : str
    replications, seed : int
    low, high : float arrays, shape (rows, columns), optional
    base : pair of float or str, optional
        The parameters' values in the scenario itself; the cell is framed.
    marked : bool array, shape (rows, columns), optional
        Cells whose vehicles are not those of the base: crossed out.

    Returns
    -------
    Figure
    """
    with style.style():
        figure = style.new_figure(min(max(60.0 + 9.0 * len(y_values), 95.0), 230.0))
        title = f"{_capital(shown(metric))} by {shown(x_parameter)} and {shown(y_parameter)}: {shown(scenario)}"
        note = "Framed: as in the scenario." if base is not None else ""
        marks = np.zeros(np.shape(mean), dtype=bool) if marked is None else np.asarray(marked, dtype=bool)
        note += f" Crossed out: {OTHERS}" if marks.any() else ""
        style.caption(figure, title, [f"scenario {shown(scenario)} · {style.basis(replications, seed)}", note])
        ax = figure.subplots()
        ax.grid(visible=False)
        ax.set_facecolor("#CCCCCC")
        values = np.asarray(mean, dtype=np.float64)
        mesh = ax.pcolormesh(np.ma.masked_invalid(values), cmap="cividis", edgecolors="white", linewidth=0.5)
        if np.isfinite(values).any():
            figure.colorbar(mesh, ax=ax, label=shown(metric))
        for row, column in np.argwhere(marks).tolist():
            ax.plot([column, column + 1], [row, row + 1], color="white", linewidth=1.5)
            ax.plot([column, column + 1], [row, row + 1], color="black", linewidth=0.7)
        _cells(ax, values, low, high)
        _frame(ax, x_values, y_values, base)
        ax.set_xticks(np.arange(len(x_values)) + 0.5, [_tick(value) for value in x_values])
        ax.set_yticks(np.arange(len(y_values)) + 0.5, [_tick(value) for value in y_values])
        ax.tick_params(length=0)
        ax.set_xlabel(shown(x_parameter))
        ax.set_ylabel(shown(y_parameter))
        return figure


def _tick(value: float | str) -> str:
    return shown(value) if isinstance(value, str) else f"{value:g}".replace("-", "−")


def _cells(ax: Axes, values: Array, low: Array | None, high: Array | None) -> None:
    """Write every value into its cell, if there is room."""
    if values.size > MOST_CELLS_WRITTEN:
        return
    found = values[np.isfinite(values)]
    middle = (found.min() + found.max()) / 2 if found.size else 0.0
    for (row, column), value in np.ndenumerate(values):
        text, colour = "no value", "black"
        if np.isfinite(value):
            text = number(value)
            if low is not None and high is not None:
                text = plus_minus(Interval(value, float(low[row, column]), float(high[row, column])))
            colour = "black" if value > middle else "white"
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=6, color=colour)


def _frame(ax: Axes, x_values: Points, y_values: Points, base: tuple[float | str, float | str] | None) -> None:
    columns, rows = list(x_values), list(y_values)
    if base is not None and base[0] in columns and base[1] in rows:
        corner = (columns.index(base[0]), rows.index(base[1]))
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#D55E00", linewidth=2, zorder=5))
