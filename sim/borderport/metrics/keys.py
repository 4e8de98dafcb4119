"""Where each figure stands: in the table, and in what is worked out, a kind of figure at a time."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

import numpy as np

from borderport.calendars import Times
from borderport.metrics.definitions import (
    ALL,
    COSTS,
    COUNTS,
    INSPECTION_METRICS,
    PARTS,
    RESOURCE_METRICS,
    SPAN_METRICS,
    SPANS,
    Key,
)
from borderport.metrics.groups import Group


def table_keys(
    groups: tuple[Group, ...], months: tuple[str, ...], resources: tuple[str, ...], costed: bool
) -> Iterator[Key]:
    """Keys of all figures, in the order of the table."""
    for group in groups:
        for metric in (*COUNTS, *months):
            yield group.port, group.flow, ALL, metric
        for metric in INSPECTION_METRICS if group.inspects else ():
            yield group.port, group.flow, ALL, metric
        for span in SPANS:
            for metric in SPAN_METRICS:
                yield group.port, group.flow, ALL, intern(f"{span}_{metric}")
            for station in group.stations[span]:
                for part in PARTS:
                    yield group.port, group.flow, station, intern(f"{span}_{part}_mean")
        for station in (ALL, *group.manned) if group.manned else ():
            yield group.port, group.flow, station, "officer_hours"
        for metric in COSTS if costed else ():
            yield group.port, group.flow, ALL, metric
        if costed and group.is_total:
            yield ALL, ALL, ALL, "infrastructure_cost"
        if costed:
            yield group.port, group.flow, ALL, "total_cost"
    for full in resources:
        port, name = full.split(".")
        for metric in RESOURCE_METRICS:
            yield port, ALL, name, metric


def worked_keys(groups: tuple[Group, ...], months: tuple[str, ...], resources: tuple[str, ...]) -> Iterator[Key]:
    """Keys of all figures that `measure` works out, in its order; not all of them are in the table."""

    def of_groups(*metrics: str) -> Iterator[Key]:
        for group in groups:
            for metric in metrics:
                yield group.port, group.flow, ALL, metric

    yield from of_groups(*COUNTS, *months)
    yield from of_groups(*INSPECTION_METRICS)
    for span in SPANS:
        yield from of_groups(*(f"{span}_{metric}" for metric in SPAN_METRICS))
    for group in groups:
        for span in SPANS:
            for station in group.stations[span]:
                for part in PARTS:
                    yield group.port, group.flow, station, f"{span}_{part}_mean"
    yield from of_groups("officer_hours")
    for group in groups:
        for station in group.manned:
            yield group.port, group.flow, station, "officer_hours"
    yield from of_groups(*COSTS)
    yield from of_groups("infrastructure_cost")
    yield from of_groups("total_cost")
    for full in resources:
        port, name = full.split(".")
        for metric in RESOURCE_METRICS:
            yield port, ALL, name, metric


def places(table: tuple[Key, ...], worked: Iterator[Key]) -> Times:
    """Where each figure of the table is among those worked out."""
    place = {key: number for number, key in enumerate(worked)}
    return np.asarray([place[key] for key in table], dtype=np.int64)
