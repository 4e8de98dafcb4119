"""Queues by hour of the day."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.experiment import Sample
from borderport.figures import scales, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import interval_of, plus_minus, port_label, ports_of, resource_label

MOST_QUEUES = 3
PANEL_MM = 20.0
LEAST = 0.05


def queue_by_hour(samples: Sequence[Sample]) -> Figure:
    """Mean queue in each local hour of the day, for the resources of each port with the longest queues.

    Shows when of the day a queue builds up, and so when another shift or an appointment would help. A row of panels for
    each port: queues of one port may differ a hundredfold, so each has its own scale.

    Parameters
    ----------
    samples : sequence of Sample
        Run with ``detail``.

    Returns
    -------
    Figure
    """
    with style.style():
        table = {port: _longest(samples, port) for port in ports_of(samples)}
        table = {port: resources for port, resources in table.items() if resources}
        note = (
            "Mean over all days of the reported period, closed ones included; above each panel the day's mean"
            f"{with_intervals(samples, ' ± half of its 95 % interval')}. "
            f"Each port's longest queues, from a mean of {LEAST:g} vehicles; scales differ between panels."
        )
        body = (style.AROUND_MM + PANEL_MM + style.LINE_MM + style.head_mm(len(samples))) * max(len(table), 1)
        figure = frame("Queue by hour of day", samples, note, body, style.line_key)
        if not table:
            style.nothing(figure, f"no mean queue of {LEAST:g} vehicles or more")
            return figure
        columns = max(len(resources) for resources in table.values())
        axes = figure.subplots(len(table), columns, squeeze=False)
        for row, (port, resources) in zip(axes, table.items(), strict=True):
            for ax in row[len(resources) :]:
                ax.remove()
            for ax, resource in zip(row, resources, strict=False):
                _panel(figure, ax, port, resource, samples)
            row[0].set_ylabel(f"{textwrap.fill(port_label(samples, port), 24)}\nvehicles waiting")
        return figure


def _longest(samples: Sequence[Sample], port: str) -> list[str]:
    """The port's resources with the longest mean queue in any scenario, the longest first."""
    means: dict[str, float] = {}
    for sample in samples:
        for full, queue in sample.queue_by_hour.items():
            home, resource = full.split(".")
            if home == port:
                means[resource] = max(means.get(resource, 0.0), float(np.nan_to_num(queue).mean()))
    found = sorted((name for name in means if means[name] >= LEAST), key=lambda name: (-means[name], name))
    return found[:MOST_QUEUES]


def _panel(figure: Figure, ax: Axes, port: str, resource: str, samples: Sequence[Sample]) -> None:
    entries: list[style.LegendEntry] = []
    for i, sample in enumerate(samples):
        queue = sample.queue_by_hour.get(f"{port}.{resource}", np.full(24, np.nan))
        ax.plot(np.arange(25), np.append(queue, queue[-1]), drawstyle="steps-post", **style.line_look(i))
        mean = plus_minus(interval_of(sample, port, "queue_mean", resource))
        entries.append((style.line_key(i), mean if len(samples) > 3 else f"mean {mean} vehicles"))
    ax.set_xlim(0, 24)
    ax.set_xticks(range(0, 25, 6))
    scales.write_numbers(ax.yaxis)
    ax.set_ylim(0, ax.get_ylim()[1] * 1.1)
    ax.set_xlabel("local hour of day")
    title = textwrap.fill(resource_label(samples, port, resource), 34)
    style.head(figure, ax, title, entries, columns=style.head_columns(len(samples)))
