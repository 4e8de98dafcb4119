"""Histories of the vehicles of one replication as two tables: their visits, and the vehicles themselves.

Times are ms since the start of the reported period, so they are negative in a lead-in; beside them stand dates and
times of day local to the port. What has not happened is None, an empty cell of a CSV file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borderport import calendars
from borderport.calendars import NEVER, Times
from borderport.distributions import Array
from borderport.manifest import FlowManifest, Manifest, port_zone
from borderport.network import ABANDONED, EXITED, FlowLayout
from borderport.scenario import Scenario
from borderport.timeline import Timeline, arrivals_of, counted, visits_of

Columns = dict[str, NDArray[np.generic]]

MOMENTS_OF_VISITS = ("joined", "started", "left")
MOMENTS_OF_VEHICLES = ("ready", "arrived", "began", "cleared", "exited", "gave_up")


@dataclass(frozen=True)
class Table:
    """Columns by name, all of one length; None where there is nothing."""

    columns: dict[str, list[object]]

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Row by row."""
        return zip(*self.columns.values(), strict=True)


def visit_table(scenario: Scenario, manifest: Manifest, timeline: Timeline) -> Table:
    """Every visit: flow by flow, station by station, in the order of the vehicles.

    Returns
    -------
    Table
        ``vehicle`` (number in its flow), ``flow`` and ``station`` (``port.name``), and when the vehicle ``joined`` the
        station, was ``started`` on and ``left`` it, in ms (``joined_ms``) and local to the station's port (``joined``).
    """
    visits = visits_of(timeline, {name: flow.index for name, flow in manifest.flows.items()})
    columns: Columns = {"vehicle": visits.vehicle, "flow": visits.flow, "station": visits.station}
    moments = {name: getattr(visits, f"{name}_ms") for name in MOMENTS_OF_VISITS}
    return _table(scenario, columns, moments, visits.station)


def vehicle_table(scenario: Scenario, manifest: Manifest, timeline: Timeline) -> Table:
    """Every vehicle that was to come, and what became of it: flow by flow, in the order of the vehicles.

    Returns
    -------
    Table
        ``vehicle`` (number in its flow), ``flow`` (``port.name``), ``port``; ``outcome``: ``cleared``, ``abandoned``,
        ``unfinished``, ``held_back`` or ``diverted``; ``counted``: whether figures count it, as in
        `borderport.timeline.counted`, and not if it is a companion; ``payload_t`` and ``value_cny``, None if it was
        held back; ``left_behind_t``, of that what its driver left behind for a later truck; and when its goods were
        ``ready``, it ``arrived`` (or was due, if it never came), its passage ``began``, it was ``cleared``, it
        ``exited`` or ``gave_up``, in ms (``arrived_ms``) and local to its port (``arrived``). Later trucks that never
        set out are not among them.
    """
    lead_in, flows = timeline.network.lead_in_ms, scenario.flows()
    parts: list[Columns] = []
    for layout in timeline.network.flows:
        drawn = manifest.flows[layout.name]
        for part in (_came(layout, drawn, timeline), *_stayed_away(drawn, lead_in)):
            size = part["vehicle"].size
            names = {"flow": np.full(size, layout.name), "port": np.full(size, layout.name.port)}
            counts = np.asarray(part["counted"], dtype=bool) & (flows[layout.name].companion_of is None)
            parts.append({**part, **names, "counted": counts})
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    told = ("vehicle", "flow", "port", "outcome", "counted", "payload_t", "value_cny", "left_behind_t")
    moments = {name: np.where(whole[name] == NEVER, NEVER, whole[name] - lead_in) for name in MOMENTS_OF_VEHICLES}
    return _table(scenario, {name: whole[name] for name in told}, moments, whole["flow"])


def _came(layout: FlowLayout, drawn: FlowManifest, timeline: Timeline) -> Columns:
    """Histories of those who set out; moments since time 0, `NEVER` for events that have not happened."""
    matrix, vehicle, (first, after) = timeline.of(layout), layout.vehicle, layout.passage
    arrived, counts = arrivals_of(timeline, layout, drawn), counted(timeline, layout, drawn)
    standing, ended, exit_ms = timeline.standing[vehicle], timeline.outcome[vehicle], timeline.exit_ms[vehicle]
    reached = np.maximum.accumulate(np.column_stack([arrived, matrix]), axis=1)
    exited, gave_up = ended == EXITED, ended == ABANDONED
    began = exited | (matrix[:, first:] >= 0).any(axis=1) | (standing >= first)
    cleared = exited | (gave_up & (matrix[:, after:] >= 0).any(axis=1)) | (standing >= after)
    columns: Columns = {
        "vehicle": drawn.index,
        "counted": counts,
        "outcome": np.select([cleared, gave_up], ["cleared", "abandoned"], "unfinished"),
        "payload_t": drawn.payload_t,
        "value_cny": drawn.value_cny,
        "left_behind_t": drawn.waiting_t * gave_up,
        "ready": drawn.ready_ms,
        "arrived": arrived,
        "began": np.where(began, reached[:, first], NEVER),
        "cleared": np.where(cleared, reached[:, after], NEVER),
        "exited": np.where(exited, exit_ms, NEVER),
        "gave_up": np.where(gave_up, exit_ms, NEVER),
    }
    return {name: column[arrived < NEVER] for name, column in columns.items()}


def _stayed_away(drawn: FlowManifest, lead_in_ms: int) -> Iterator[Columns]:
    """Those who did not come here; when they would have come counts as the arrival."""
    none, left = np.full(drawn.held_back.size, np.nan), drawn.diverted
    yield _absent("held_back", drawn.held_back_index, drawn.held_back, none, none, lead_in_ms)
    if left is not None:
        yield _absent("diverted", left.index, left.arrival_ms, left.payload_t, left.value_cny, lead_in_ms)


def _absent(outcome: str, index: Times, due: Times, payload_t: Array, value_cny: Array, lead_in_ms: int) -> Columns:
    """Vehicles that were due at some moments and did not come."""
    return {
        "vehicle": index,
        "counted": due >= lead_in_ms,
        "outcome": np.full(index.size, outcome),
        "payload_t": payload_t,
        "value_cny": value_cny,
        "left_behind_t": np.zeros(index.size),
        "ready": due,
        "arrived": due,
        **{name: np.full(index.size, NEVER) for name in MOMENTS_OF_VEHICLES[2:]},
    }


def _table(scenario: Scenario, columns: Columns, moments: dict[str, Times], owner: NDArray[np.generic]) -> Table:
    """Columns, then the moments in ms, then the moments as local dates and times of the port before the owner's dot."""
    written: dict[str, list[object]] = {name: column.tolist() for name, column in columns.items()}
    for name, times in moments.items():
        written[f"{name}_ms"] = [None if time == NEVER else time for time in times.tolist()]
    ports = np.asarray([full.partition(".")[0] for full in owner.tolist()], dtype=object)
    for name, times in moments.items():
        texts = np.full(times.shape, None, dtype=object)
        for port in scenario.ports:
            here = (ports == port) & (times != NEVER)
            zone = port_zone(scenario, port)
            texts[here] = calendars.local_texts(zone, scenario.horizon, times[here] + scenario.horizon.lead_in)
        written[name] = texts.tolist()
    return Table(written)
