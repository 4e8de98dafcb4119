"""Shares of the cleared vehicles that come by each station of their passage: means by station are over all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from borderport.manifest import Mask
from borderport.metrics.groups import Group
from borderport.metrics.names import ALL
from borderport.network import FlowLayout
from borderport.timeline import Timeline

# Numbers of cleared vehicles, by ``port.flow`` and ``port.station``.
Visitors = dict[tuple[str, str], int]


def count_visitors(timeline: Timeline, layout: FlowLayout, cleared: Mask) -> Visitors:
    """Number of one flow's cleared vehicles that come by each station of its passage, however often.

    Parameters
    ----------
    timeline : Timeline
    layout : FlowLayout
    cleared : bool array, shape (vehicles,)
        True for vehicles that count.

    Returns
    -------
    dict of int
        By flow and station.
    """
    first, stop = layout.passage
    happened = timeline.of(layout)[cleared, first:stop] >= 0
    columns: dict[str, list[int]] = {}
    for number, column in enumerate(layout.columns[first:stop]):
        columns.setdefault(column.station, []).append(number)
    return {(layout.name, s): int(happened[:, own].any(axis=1).sum()) for s, own in columns.items()}


def shares_visiting(
    groups: tuple[Group, ...], visitors: Visitors, cleared: Mapping[str, int]
) -> dict[tuple[str, str], float]:
    """Share of each port's cleared vehicles that come by each station, 0 to 1.

    Parameters
    ----------
    groups : tuple of Group
        Those of single ports are looked at.
    visitors : dict of int
        By flow and station.
    cleared : dict of int
        Cleared vehicles by flow.

    Returns
    -------
    dict of float
        By port and station (``port.station``, of another port too); NaN where nobody was cleared.
    """
    found: dict[tuple[str, str], float] = {}
    for group in groups:
        if group.flow != ALL or group.is_total:
            continue
        whole = sum(cleared[name] for name in group.members)
        for station in group.stations["passage"]:
            number = sum(visitors.get((name, station), 0) for name in group.members)
            found[group.port, station] = number / whole if whole else np.nan
    return found
