"""Savings of the same vehicles, port by port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.comparing import Comparison, VehicleEffect
from borderport.figures import scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import (
    HOUR,
    MINUTE,
    duration_interval,
    listed,
    percent,
    port_label,
    ports_of,
    scenario_names,
    whiskers,
)
from borderport.metrics import GRID

PANEL_MM = 34.0
# Room for each scenario's mean below the curves: in units of the share axis, and on paper.
MEAN_SHARE, MEAN_MM = 7.0, 2.3
CLOCKS = {"wall": "passage time", "service": "time in service"}
LINEAR_TO = HOUR
ROOM_MM = 70.0
WRAP = 52


def paired_saving(comparison: Comparison) -> Figure:
    """Distribution of the saving per vehicle against the base, with its mean and interval.

    Shows who gains and who loses by how much, and whether what is saved in service comes out at the other end or is
    lost in the next queue. Time runs on an axis that is linear up to an hour either way, and logarithmic beyond.
    Vehicles that passed in one of the two scenarios only are counted beside.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Figure
    """
    with style.style():
        samples, names = comparison.samples, scenario_names(comparison.samples)
        present = [port for port in ports_of(samples) if _has(comparison, port)]
        ports = [port for port in present if _changes(comparison, port)]
        others = max(len(names) - 1, 1)
        note = (
            "The same vehicles, with the same luck, in both scenarios; vehicles per replication. The saving is the "
            f"time in {names[0]} less that in the other scenario: passage on the clock on the wall, and what of it is "
            "service. "
            f"Markers below 0 %, and above: means{with_intervals(samples, ' with 95 % intervals')}."
        )
        row_mm = style.AROUND_MM + PANEL_MM + (MEAN_MM + 2 * style.LINE_MM) * others
        if still := [port_label(samples, port) for port in present if port not in ports]:
            note += f" No vehicle is faster or slower at {listed(still)}."
        body_mm = row_mm * max(len(ports), 1)
        figure = frame("Saving per vehicle", samples, note, body_mm, style.line_key, against_first=True)
        if not ports:
            style.nothing(
                figure, "no vehicle is faster or slower" if present else "no vehicle passed in both scenarios"
            )
            return figure
        axes = figure.subplots(len(ports), len(CLOCKS), squeeze=False, sharex="row", sharey="row")
        for row, port in zip(axes, ports, strict=True):
            for ax, clock in zip(row, CLOCKS, strict=True):
                _panel(figure, ax, port, clock, comparison)
            _axes(row, port, comparison)
        return figure


def _has(comparison: Comparison, port: str) -> bool:
    return any((port, "wall") in grid and not np.isnan(grid[port, "wall"]).all() for grid in comparison.saving_grid)


def _changes(comparison: Comparison, port: str) -> bool:
    """True if any vehicle is faster or slower in any of the other scenarios."""
    found = [_effect(effects, port, clock) for effects in comparison.effects for clock in CLOCKS]
    return any(effect is not None and (effect.better.mean > 0 or effect.worse.mean > 0) for effect in found)


def _effect(effects: Iterable[VehicleEffect], port: str, clock: str) -> VehicleEffect | None:
    wanted = (port, "all", "passage", clock)
    return next((e for e in effects if (e.port, e.flow, e.span, e.clock) == wanted and e.pairs), None)


def _panel(figure: Figure, ax: Axes, port: str, clock: str, comparison: Comparison) -> None:
    """One port's saving on one clock, a curve for each other scenario; its mean below."""
    entries: list[style.LegendEntry] = []
    for i, (grid, effects) in enumerate(zip(comparison.saving_grid, comparison.effects, strict=True), start=1):
        effect = _effect(effects, port, clock)
        if effect is None:
            entries.append((style.line_key(i), "no vehicle in both"))
            continue
        ax.plot(grid[port, clock], 100 * GRID, **style.line_look(i))
        ax.errorbar(
            effect.saving.mean,
            -MEAN_SHARE * i,
            xerr=whiskers([effect.saving]),
            color=style.colour_of(i),
            marker=style.marker_of(i),
            markersize=3.5,
            elinewidth=0.9,
        )
        entries.append((style.line_key(i, style.marker_of(i)), _words(effect)))
    style.head(figure, ax, f"{port_label(comparison.samples, port)}: {CLOCKS[clock]}", entries, WRAP)


def _words(effect: VehicleEffect) -> str:
    shares = f"{percent(effect.better.mean)} faster, {percent(effect.worse.mean)} slower"
    text = f"{duration_interval(effect.saving)}, {shares}"
    if effect.clock != "wall":
        return text
    only = f"{effect.only_base:,.0f} in base only, {effect.only_other:,.0f} in other only"
    return f"{text}\n{effect.pairs:,.0f} in both, {only}"


def _axes(row: Sequence[Axes], port: str, comparison: Comparison) -> None:
    """Give both panels of a port the same axes."""
    low, high = _reach(port, comparison)
    others = len(comparison.effects)
    for ax in row:
        scales.differences(ax, low, high, LINEAR_TO, "← slower    saving per vehicle    faster →", ROOM_MM)
        ax.axvspan(low, 0, color="#F3F3F3", zorder=0)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.axhline(0, color="black", linewidth=0.6)
        ax.set_ylim(-MEAN_SHARE * (others + 1), 100)
        ax.set_yticks([0, 25, 50, 75, 100])
    row[0].set_ylabel("share of vehicles (%)")


def _reach(port: str, comparison: Comparison) -> tuple[float, float]:
    """The least and the greatest minutes on a port's axes, with some room; 0 lies well between them."""
    ends = [-MINUTE, MINUTE]
    for grid, effects in zip(comparison.saving_grid, comparison.effects, strict=True):
        for clock in CLOCKS:
            effect = _effect(effects, port, clock)
            if effect is not None:
                ends += [*grid[port, clock][[0, -1]], effect.saving.mean, effect.saving.low, effect.saving.high]
    present = [float(value) for value in ends if isfinite(value)]
    low, high = 1.15 * min(present), 1.15 * max(present)
    return min(low, -0.05 * high), max(high, -0.05 * low)
