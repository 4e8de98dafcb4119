"""Utilisation of every resource, scenarios side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from borderport.experiment import Sample
from borderport.figures import bars, style
from borderport.figures.frame import frame, with_intervals
from borderport.figures.labels import interval_of, percent_mean, port_label, ports_of, resource_label

ROW_MM = 4.3
TITLE_MM = 8.0
PERCENT = 0.01


def utilisation(samples: Sequence[Sample]) -> Figure:
    """Share of their open time for which resources are held, by port, the busiest first.

    Shows which resource is the bottleneck, and where capacity lies idle. Resources that no vehicle used and daily
    quotas are left out, and so are each port's least busy ones where many scenarios stand side by side.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Figure
    """
    with style.style():
        used = {port: found for port in ports_of(samples) if (found := _used(samples, port))}
        most = bars.most_rows(len(samples))
        table = {port: resources[:most] for port, resources in used.items()}
        heights = [bars.row_mm(len(samples), ROW_MM) * len(found) + TITLE_MM for found in table.values()]
        note = (
            "Held time / open time; may pass 100 %, as begun service is finished after closing. Unused resources and "
        )
        note += "daily quotas are left out"
        if any(len(found) > most for found in used.values()):
            note += f", and all but the {most} busiest resources of a port"
        note += "." + with_intervals(samples, " Whiskers: 95 % interval.")
        figure = frame("Utilisation by resource", samples, note, max(sum(heights), 20) + style.AROUND_MM)
        if not table:
            style.nothing(figure, "no resource was used")
            return figure
        axes = figure.subplots(len(table), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        rows = zip(axes, table.items(), strict=True)
        longest = [_panel(ax, port, resources, samples) for ax, (port, resources) in rows]
        axes[-1].set_xlim(0, max(112.0, *(end * 1.12 for end in longest)))
        axes[-1].set_xlabel("share of open time in use (%)")
        return figure


def _used(samples: Sequence[Sample], port: str) -> list[str]:
    """The port's resources that any vehicle used, the busiest first."""
    keys = (key for sample in samples for key in sample.keys)
    resources = dict.fromkeys(key[2] for key in keys if key[0] == port and key[3] == "utilisation")
    most = {}
    for resource in resources:
        means = [interval_of(sample, port, "utilisation", resource).mean for sample in samples]
        most[resource] = max((mean for mean in means if mean == mean), default=0.0)
    return sorted((name for name in resources if most[name] > 0), key=lambda name: -most[name])


def _panel(ax: Axes, port: str, resources: Sequence[str], samples: Sequence[Sample]) -> float:
    """Draw one port; returns the right end of the longest bar or whisker, in percent."""
    ends: list[float] = []
    for i, sample in enumerate(samples):
        found = [interval_of(sample, port, "utilisation", resource) for resource in resources]
        centres, thickness = bars.slots(len(resources), i, len(samples))
        width = np.nan_to_num([interval.mean / PERCENT for interval in found])
        ax.barh(centres, width, 0.92 * thickness, **style.bar_look(i))
        bars.finish(ax, centres, found, PERCENT, percent_mean)
        ends += [bars.end_of(interval) / PERCENT for interval in found]
    bars.name_rows(ax, [resource_label(samples, port, resource) for resource in resources])
    ax.tick_params(axis="y", pad=3)
    ax.axvline(100, color="black", linewidth=0.8)
    ax.set_title(port_label(samples, port))
    return max(ends)
