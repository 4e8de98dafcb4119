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
from borderport.manifest import FlowManifest, Manifest, port_zone
from borderport.network import ABANDONED, EXITED, FlowLayout
from borderport.scenario import Scenario
from borderport.timeline import Timeline, visits_of

Columns = dict[str, NDArray[np.generic]]

MOMENTS_OF_VISITS = ("joined", "started", "left")
MOMENTS_OF_VEHICLES = ("arrived", "began", "cleared", "exited", "gave_up")


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
        ``unfinished``, ``held_back`` or ``diverted``; ``counted``: whether figures count it, which is due in the
        reported period and no companion; ``payload_t`` and ``value_cny``, None if it was held back; and when it
        ``arrived`` (or was due, if it never came), its passage ``began``, it was ``cleared``, it ``exited`` or
        ``gave_up``, in ms (``arrived_ms``) and local to its port (``arrived``).
    """
    lead_in, flows = timeline.network.lead_in_ms, scenario.flows()
    parts: list[Columns] = []
    for layout in timeline.network.flows:
        drawn = manifest.flows[layout.name]
        for part in (_came(layout, drawn, timeline), *_stayed_away(drawn)):
            size = part["vehicle"].size
            names = {"flow": np.full(size, layout.name), "port": np.full(size, layout.name.port)}
            due = np.asarray(part["arrived"] >= np.int64(lead_in))
            parts.append({**part, **names, "counted": due & (flows[layout.name].companion_of is None)})
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    told = ("vehicle", "flow", "port", "outcome", "counted", "payload_t", "value_cny")
    moments = {name: np.where(whole[name] == NEVER, NEVER, whole[name] - lead_in) for name in MOMENTS_OF_VEHICLES}
    return _table(scenario, {name: whole[name] for name in told}, moments, whole["flow"])


def _came(layout: FlowLayout, drawn: FlowManifest, timeline: Timeline) -> Columns:
    """Histories of those who set out; moments since time 0, `NEVER` for events that have not happened."""
    matrix, vehicle, (first, after) = timeline.of(layout), layout.vehicle, layout.passage
    standing, ended, exit_ms = timeline.standing[vehicle], timeline.outcome[vehicle], timeline.exit_ms[vehicle]
    reached = np.maximum.accumulate(np.column_stack([drawn.arrival_ms, matrix]), axis=1)
    exited, gave_up = ended == EXITED, ended == ABANDONED
    began = exited | (matrix[:, first:] >= 0).any(axis=1) | (standing >= first)
    cleared = exited | (gave_up & (matrix[:, after:] >= 0).any(axis=1)) | (standing >= after)
    return {
        "vehicle": drawn.index,
        "outcome": np.select([cleared, gave_up], ["cleared", "abandoned"], "unfinished"),
        "payload_t": drawn.payload_t,
        "value_cny": drawn.value_cny,
        "arrived": drawn.arrival_ms,
        "began": np.where(began, reached[:, first], NEVER),
        "cleared": np.where(cleared, reached[:, after], NEVER),
        "exited": np.where(exited, exit_ms, NEVER),
        "gave_up": np.where(gave_up, exit_ms, NEVER),
    }


def _stayed_away(drawn: FlowManifest) -> Iterator[Columns]:
    """Histories of those who did not come here; the moment they would have come at counts as the arrival."""
    never = dict.fromkeys(MOMENTS_OF_VEHICLES[1:], NEVER)
    held = drawn.held_back.size
    yield {
        "vehicle": drawn.held_back_index,
        "outcome": np.full(held, "held_back"),
        "payload_t": np.full(held, np.nan),
        "value_cny": np.full(held, np.nan),
        "arrived": drawn.held_back,
        **{name: np.full(held, time) for name, time in never.items()},
    }
    left = drawn.diverted
    if left is not None:
        yield {
            "vehicle": left.index,
            "outcome": np.full(left.index.size, "diverted"),
            "payload_t": left.payload_t,
            "value_cny": left.value_cny,
            "arrived": left.arrival_ms,
            **{name: np.full(left.index.size, time) for name, time in never.items()},
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
