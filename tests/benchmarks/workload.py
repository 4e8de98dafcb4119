"""The reference workload: the same vehicles, with every draw made beforehand, for every simulator.

Four independent ports with eight stations in a row. Each port has a quarter of the vehicles, 10,000 a year, that come
at random over the 24 hours of the day. One vehicle in five is inspected. Queues are first come, first served. Times are
whole milliseconds, arrivals are distinct over all ports, so no simulator's own order of ties matters.

Three variants: ``w24`` is always open; in ``wcal`` a service may begin only between 10:00 and 18:30, and one begun is
finished; in ``wyard`` each port also has a yard of 12 places, taken before the yard gate and given back after
transshipment, which makes the network cyclic.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from borderport.manifest import draw_manifest, plan_manifest
from borderport.network import Network, build_network, plan_network
from borderport.scenario import Scenario
from borderport.trace import Trace

Variant = Literal["w24", "wcal", "wyard"]
Times = NDArray[np.int64]

VARIANTS: tuple[Variant, ...] = get_args(Variant)
SEED = 20240601
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS
VEHICLES_PER_YEAR = 40_000
DRAIN_DAYS = 60  # simulated after the last arrival, so that everybody leaves
START = datetime(2001, 1, 1)

OPEN_MS, CLOSE_MS = 10 * HOUR_MS, 18 * HOUR_MS + HOUR_MS // 2
YARD_PLACES = 12
PORT_SCALES = (0.97, 1.00, 1.02, 1.05)
PORTS = tuple(f"port{i}" for i in range(len(PORT_SCALES)))
INSPECTED_SHARE = 0.20


@dataclass(frozen=True)
class Station:
    """One station: servers, mean service and its coefficient of variation."""

    name: str
    servers: int
    mean_h: float
    cv: float


STATIONS = (
    Station("yard_gate", 1, 0.10, 0.30),
    Station("declaration", 2, 0.40, 0.50),
    Station("review", 2, 0.45, 0.50),
    Station("weighbridge", 1, 0.20, 0.30),
    Station("inspection", 2, 2.00, 0.60),
    Station("transshipment", 6, 1.50, 0.50),
    Station("bridge", 1, 0.22, 0.30),
    Station("exit_gate", 1, 0.10, 0.30),
)
INSPECTION = 4
LEAVES_YARD_AFTER = 5


@dataclass(frozen=True)
class Workload:
    """All vehicles in order of arrival; a vehicle's number is its place.

    Attributes
    ----------
    variant : str
    arrival_ms : int64 array, shape (vehicles,)
        Ascending and distinct.
    port : int64 array, shape (vehicles,)
    inspected : bool array, shape (vehicles,)
    work_ms : int64 array, shape (vehicles, stations)
        Also drawn for the inspection that a vehicle does not have.
    """

    variant: Variant
    arrival_ms: Times
    port: Times
    inspected: NDArray[np.bool_]
    work_ms: Times

    @property
    def vehicles(self) -> int:
        """Number of vehicles."""
        return int(self.arrival_ms.size)

    @property
    def events(self) -> int:
        """Arrivals and ends of service, whatever a simulator does inside."""
        return self.vehicles * len(STATIONS) + int(self.inspected.sum())

    @property
    def has_hours(self) -> bool:
        """True if the stations close at night."""
        return self.variant != "w24"

    @property
    def has_yard(self) -> bool:
        """True if each port has a yard of `YARD_PLACES` places."""
        return self.variant == "wyard"

    @property
    def horizon_days(self) -> int:
        """Days from the first midnight until everybody has left."""
        return _arrival_span_ms(self.vehicles) // DAY_MS + 1 + DRAIN_DAYS

    def routes(self) -> list[list[int]]:
        """Stations of each vehicle, in order."""
        everyone = list(range(len(STATIONS)))
        plain = [station for station in everyone if station != INSPECTION]
        return [everyone if inspected else plain for inspected in self.inspected.tolist()]

    def save(self, path: Path) -> None:
        """Write the arrays where `load` finds them."""
        np.savez(path, arrival_ms=self.arrival_ms, port=self.port, inspected=self.inspected, work_ms=self.work_ms)


def load(path: Path, variant: Variant) -> Workload:
    """Read what `Workload.save` wrote; the variants share one file."""
    with np.load(path) as arrays:
        return Workload(variant, **{name: arrays[name] for name in arrays.files})


def draw(vehicles: int, variant: Variant) -> Workload:
    """Draw the workload; its variants differ in nothing that is drawn.

    Parameters
    ----------
    vehicles : int
        In all ports together; the horizon grows with them, the load stays the same.
    variant : str
    """
    purposes = 2 + len(STATIONS)
    seeds = np.random.SeedSequence(SEED).spawn(len(PORTS) * purposes)
    span = _arrival_span_ms(vehicles)
    parts: list[tuple[Times, Times, NDArray[np.bool_], Times]] = []
    for number, scale in enumerate(PORT_SCALES):
        here = vehicles // len(PORTS) + (number < vehicles % len(PORTS))
        streams = [np.random.Generator(np.random.Philox(seed)) for seed in seeds[number * purposes :][:purposes]]
        arrival = np.sort(np.floor(streams[0].random(here) * span).astype(np.int64))
        inspected = streams[1].random(here) < INSPECTED_SHARE
        work = np.stack(
            [_services(rng, station, scale, here) for rng, station in zip(streams[2:], STATIONS, strict=True)], axis=1
        )
        parts.append((arrival, np.full(here, number), inspected, work))
    arrival, port, inspected, work = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(arrival, kind="stable")
    place = np.arange(vehicles)
    distinct = np.maximum.accumulate(arrival[order] - place) + place
    return Workload(variant, distinct, port[order], inspected[order], work[order])


def _arrival_span_ms(vehicles: int) -> int:
    return vehicles * YEAR_MS // VEHICLES_PER_YEAR


def _services(rng: np.random.Generator, station: Station, scale: float, n: int) -> Times:
    """Lognormal service times, rounded to whole ms, at least 1."""
    sigma = np.sqrt(np.log(1 + station.cv**2))
    mean = station.mean_h * scale * HOUR_MS
    drawn = mean * np.exp(sigma * rng.standard_normal(n) - sigma**2 / 2)
    return np.asarray(np.maximum(np.rint(drawn), 1), dtype=np.int64)


# --- as a scenario -----------------------------------------------------------------------------------------


def document(workload: Workload) -> dict[str, Any]:
    """The workload's scenario as it stands in a YAML file; ``PORT.csv`` beside it holds each port's vehicles."""
    hours = {"calendar": "hours"} if workload.has_hours else {}
    steps: list[Any] = [station.name for station in STATIONS]
    steps[INSPECTION] = {STATIONS[INSPECTION].name: {"if": "selected"}}
    if workload.has_yard:
        steps.insert(LEAVES_YARD_AFTER + 1, {"leave": "yard"})
        steps.insert(0, {"enter": "yard"})
    resources = {station.name: {"capacity": station.servers, **hours} for station in STATIONS}
    if workload.has_yard:
        resources["yard"] = {"capacity": YARD_PLACES}
    return {
        "title": f"Reference workload {workload.variant}",
        "horizon": {
            "start": START.isoformat(" "),
            "end": (START + timedelta(days=workload.horizon_days)).isoformat(" "),
            "zone": "UTC",
        },
        "ports": {
            name: {
                "label": {"en": name},
                "calendars": {"hours": {"open": ["10:00-18:30"]}},
                "resources": resources,
                "stations": {
                    station.name: {"needs": [station.name], "service": f"{station.mean_h} h"} for station in STATIONS
                },
                "routes": {"export": {"steps": steps}},
                "flows": {
                    "trucks": {"route": "export", "arrivals": {"trace": f"{name}.csv"}, "marks": {"selected": "20 %"}}
                },
            }
            for name in PORTS
        },
    }


def traces(workload: Workload) -> dict[str, Trace]:
    """Each port's vehicles, by ``port.flow``."""
    found = {}
    for number, name in enumerate(PORTS):
        here = workload.port == number
        work = workload.work_ms[here]
        found[f"{name}.trucks"] = Trace(
            arrival_ms=workload.arrival_ms[here],
            marks={"selected": workload.inspected[here]},
            work_ms={f"{station.name}.service": work[:, i] for i, station in enumerate(STATIONS)},
        )
    return found


def scenario(workload: Workload) -> Scenario:
    """The workload as a scenario, without a detour over files."""
    plain = Scenario.model_validate({**document(workload), "name": workload.variant})
    return plain.model_copy(update={"traces": traces(workload)})


class _Dumper(yaml.SafeDumper):
    """Writes what is shared in full: the loader reads no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_scenario(workload: Workload, folder: Path) -> Path:
    """Write the scenario and its traces for the public loader; returns the scenario's file."""
    for number, name in enumerate(PORTS):
        here = workload.port == number
        columns = [workload.arrival_ms[here], workload.inspected[here].astype(np.int64), *workload.work_ms[here].T]
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["arrival_ms", "selected", *(f"{station.name}_ms" for station in STATIONS)])
            table.writerows(np.stack(columns, axis=1).tolist())
    path = folder / f"{workload.variant}.yaml"
    path.write_text(yaml.dump(document(workload), Dumper=_Dumper, sort_keys=False), encoding="utf-8")
    return path


def network_of(scenario: Scenario, replication: int = 0) -> Network:
    """One replication laid out as arrays, as the engines are given it."""
    return build_network(plan_network(scenario), draw_manifest(plan_manifest(scenario), SEED, replication))
