"""Horizontal bars of several scenarios side by side: rows of names, one slot per scenario."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sim.distributions import Array
from sim.figures import style

FILLED = 0.8


def slots(rows: int, scenario: int, scenarios: int) -> tuple[Array, float]:
    """Heights of the centres of one scenario's bars, top row 0, and the thickness of a bar."""
    thickness = FILLED / scenarios
    return np.arange(rows) - FILLED / 2 + (scenario + 0.5) * thickness, thickness


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Write the rows' names, the first on top, without lines between them."""
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0, pad=9)
    ax.grid(visible=False, axis="y")


def mark_scenarios(ax: Axes, rows: int, scenarios: int) -> None:
    """Put each scenario's colour at the left of its bars, for bars whose own colours mean something else."""
    for scenario in range(scenarios):
        centres, thickness = slots(rows, scenario, scenarios)
        for centre in centres:
            ax.add_artist(
                Rectangle(
                    (-0.022, centre - thickness / 2),
                    0.016,
                    thickness,
                    color=style.colour_of(scenario),
                    linewidth=0,
                    transform=ax.get_yaxis_transform(),
                    clip_on=False,
                )
            )
