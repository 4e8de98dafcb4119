"""Loads that are cleared at a station of their own, before or after the end of the passage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from borderport.manifest import FlowManifest, Mask
from borderport.metrics.tally.counts import FlowRules, VehicleCounts
from borderport.network import ABANDONED, EXITED, UNFINISHED
from borderport.timeline import Timeline
from borderport.units import MS_PER_DAY

Numbers = NDArray[np.float64]


def value_of(tonnes: Numbers, drawn: FlowManifest) -> Numbers:
    """Value of some of the goods of each vehicle, CNY: it goes by the mass."""
    share = np.divide(tonnes, drawn.payload_t, out=np.zeros(tonnes.size), where=drawn.payload_t > 0)
    return np.asarray(drawn.value_cny * share)


def count_apart(number: int, timeline: Timeline, drawn: FlowManifest, rules: FlowRules, counts: VehicleCounts) -> None:
    """Add the loads of one flow that are cleared apart to ``counts``; few flows have any, so it is not compiled.

    Such a load counts in the month in which the vehicle is done with its station, whether or not it comes to the end
    of its passage. Who gives up later loses it no more.

    Parameters
    ----------
    number : int
        Of the flow, in the order of the network.
    timeline : Timeline
    drawn : FlowManifest
    rules : FlowRules
    counts : VehicleCounts
        Added to.
    """
    layout, network = timeline.network.flows[number], timeline.network
    moments, vehicle = timeline.of(layout), layout.vehicle
    outcome, standing = timeline.outcome[vehicle], timeline.standing[vehicle]
    end = np.where(outcome == UNFINISHED, network.horizon_ms, timeline.exit_ms[vehicle])
    days = np.maximum(end - drawn.arrival_ms - rules.spoils_after, 0) / MS_PER_DAY
    sound = 1.0 - np.minimum(rules.spoilage * days, 1.0)
    lost = (outcome == ABANDONED) & ~_beyond(layout.passage[1], moments, outcome, standing)
    for station, tonnes in drawn.apart_t.items():
        stop = 1 + max(place for place, column in enumerate(layout.columns) if column.station == station)
        cleared = _beyond(stop, moments, outcome, standing) & (drawn.arrival_ms >= network.lead_in_ms)
        cleared_ms = np.maximum(moments[:, :stop].max(axis=1), drawn.arrival_ms)[cleared]
        month = np.maximum(np.searchsorted(rules.month_edges, cleared_ms, side="right") - 1, 0)
        months = counts.tonnes_by_month.shape[0]
        value = value_of(tonnes, drawn)
        counts.tonnes_cleared[number] += tonnes[cleared].sum()
        counts.value_cleared[number] += value[cleared].sum()
        counts.tonnes_by_month[:, number] += np.bincount(month, tonnes[cleared], minlength=months)
        counts.value_given_up[number] -= (value * sound)[cleared & lost].sum()


def _beyond(stop: int, moments: NDArray[np.int64], outcome: NDArray[np.uint8], standing: NDArray[np.int64]) -> Mask:
    """Which vehicles are done with all columns before ``stop``: they are out, stand beyond, or gave up there."""
    gave_up = (outcome == ABANDONED) & (moments[:, stop:] >= 0).any(axis=1)
    return np.asarray((outcome == EXITED) | (standing >= stop) | gave_up)
