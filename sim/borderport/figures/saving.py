"""What the same vehicles save, port by port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.compare import Comparison, VehicleEffect
from borderport.figures import style
from borderport.figures.labels import (
    DAY,
    HOUR,
    duration_interval,
    label_times,
    listed,
    percent,
    port_label,
    ports_of,
    scenario_names,
    whiskers,
)
from borderport.metrics import GRID

PANEL_MM = 46.0
CLOCKS = ("wall", "service")
CLOCK_WORDS = {"wall": "passage time", "service": "service time"}
CLOCK_DASHES: dict[str, style.Dashes] = {"wall": "-", "service": "--"}
LINEAR_MIN = 10.0
TICKS = (10.0, 2 * HOUR, DAY, 7 * DAY, 60 * DAY, 365 * DAY)


def paired_saving(comparison: Comparison) -> Figure:
    """Distribution of the saving per vehicle against the base, with its mean and interval.

    Time runs on a symmetric log axis: linear up to ten minutes either way, logarithmic beyond. Vehicles that passed in
    one of the two scenarios only are counted beside.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Figure
    """
    with style.style():
        samples, names = comparison.samples, scenario_names(comparison.samples)
        ports = [port for port in ports_of(samples) if _has(comparison, port)]
        others = max(len(names) - 1, 1)
        figure = style.new_figure(30 + (PANEL_MM + 25 * (others - 1)) * max(len(ports), 1))
        note = (
            "The same vehicles, with the same luck, in both scenarios; vehicles per replication. The saving is passage "
            f"time (wall clock) in {names[0]} less that in the other scenario. Markers below 0: mean and its interval."
        )
        style.dress(figure, f"Saving per vehicle against {names[0]}: {listed(names[1:])}", samples, note)
        if not ports:
            style.nothing(figure, "no vehicle passed in both scenarios")
            return figure
        for ax, port in zip(style.panels(figure, len(ports), columns=1), ports, strict=True):
            _panel(ax, port, comparison, names)
        return figure


def _has(comparison: Comparison, port: str) -> bool:
    return any((port, "wall") in grid and not np.isnan(grid[port, "wall"]).all() for grid in comparison.saving_grid)


def _effect(effects: Iterable[VehicleEffect], port: str, clock: str) -> VehicleEffect | None:
    wanted = (port, "all", "passage", clock)
    return next((e for e in effects if (e.port, e.flow, e.span, e.clock) == wanted and e.pairs), None)


def _panel(ax: Axes, port: str, comparison: Comparison, names: Sequence[str]) -> None:
    ax.set_xscale("symlog", linthresh=LINEAR_MIN, linscale=0.8)
    entries: list[style.Key] = []
    rows, ends = 0, [LINEAR_MIN]
    for i, (grid, effects) in enumerate(zip(comparison.saving_grid, comparison.effects, strict=True), start=1):
        for clock in CLOCKS:
            effect = _effect(effects, port, clock)
            if effect is None:
                continue
            rows += 1
            key = style.line_key(style.colour_of(i), CLOCK_DASHES[clock], "o" if clock == "wall" else "s")
            saving = grid[port, clock]
            ax.plot(saving, 100 * GRID, color=style.colour_of(i), linestyle=CLOCK_DASHES[clock])
            _mean(ax, effect, i, clock, -7.0 * rows)
            ends += [abs(float(v)) for v in (*saving[[0, -1]], effect.saving.low, effect.saving.high) if v == v]
            entries.append((key, _words(effect, names[i], names[0])))
    _axes(ax, max(ends) * 1.3, rows, names[0])
    _beside(ax, port_label(comparison.samples, port), entries)


def _mean(ax: Axes, effect: VehicleEffect, number: int, clock: str, height: float) -> None:
    ax.errorbar(
        effect.saving.mean,
        height,
        xerr=whiskers([effect.saving]),
        color=style.colour_of(number),
        marker="o" if clock == "wall" else "s",
        markersize=3.5,
    )


def _words(effect: VehicleEffect, name: str, base: str) -> str:
    text = (
        f"{name}, {CLOCK_WORDS[effect.clock]}\n"
        f"{percent(effect.better.mean)} faster, {percent(effect.worse.mean)} slower\n"
        f"mean {duration_interval(effect.saving)}"
    )
    if effect.clock != "wall":
        return text
    only = f"only {base} {effect.only_base:,.0f}, only {name} {effect.only_other:,.0f}"
    return f"{text}\n{effect.pairs:,.0f} vehicles in both\n{only}"


def _axes(ax: Axes, limit: float, rows: int, base: str) -> None:
    ax.set_xlim(-limit, limit)
    ticks = [tick for tick in TICKS if tick <= limit]
    label_times(ax.xaxis, [-tick for tick in reversed(ticks)] + [0.0, *ticks])
    ax.axvspan(-limit, 0, color="#F3F3F3", zorder=0)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_ylim(-7.0 * (rows + 1), 100)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_xlabel(f"← slower than {base}      saving per vehicle      faster →")
    ax.set_ylabel("share of vehicles (%)")


def _beside(ax: Axes, title: str, entries: Sequence[style.Key]) -> None:
    ax.set_title(title)
    ax.legend(
        [key for key, _ in entries],
        [text for _, text in entries],
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        labelspacing=0.8,
        handlelength=2.6,
        fontsize=6.5,
    )
