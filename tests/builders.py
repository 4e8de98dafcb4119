"""Small scenarios for tests: YAML text with one port, vehicles at given moments, and what became of them."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from borderport.calendars import Windows
from borderport.engines import compiled, reference
from borderport.experiment import EngineName, Study, prepare, simulate
from borderport.loading import load_scenario
from borderport.manifest import Manifest
from borderport.metrics import Measures, measure
from borderport.network import ColumnKind, FlowLayout, build_network
from borderport.scenario import Scenario
from borderport.scenario.quantities import Model
from borderport.timeline import Timeline
from borderport.trace import Trace
from borderport.units import MS_PER_MINUTE

DAY = 1440  # minutes


@dataclass(frozen=True)
class OpenClock:
    """A clock that runs only in sorted, disjoint windows, shape (windows, 2): a second way to what the walk adds up."""

    windows: Windows

    def reading(self, time: int) -> int:
        """Open ms before a moment."""
        return int(np.clip(time - self.windows[:, 0], 0, self.windows[:, 1] - self.windows[:, 0]).sum())


def read(text: str, *, policies: Mapping[str, str] | None = None, with_policies: Sequence[str] = ()) -> Scenario:
    """Load a scenario from YAML text, with policies beside it, by the way every user's file goes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.yaml"
        file.write_text(text, encoding="utf-8")
        for name, policy in (policies or {}).items():
            (Path(folder) / "policies").mkdir(exist_ok=True)
            head = "title: {en: A measure}\ndescription: A measure.\nassumed: for a test\n"
            (Path(folder) / "policies" / f"{name}.yaml").write_text(head + textwrap.dedent(policy), encoding="utf-8")
        return load_scenario(str(file), with_policies=[*(policies or {}), *with_policies]).scenario


def models(below: type[Model] = Model) -> list[type[Model]]:
    """Every model that files are read into."""
    return [model for direct in below.__subclasses__() for model in (direct, *models(direct))]


def scenario_text(
    body: str,
    *,
    start: str = "2024-01-01",
    end: str = "2024-01-11",
    zone: str = "UTC",
    lead_in: str = "0 s",
    others: str = "",
    top: str = "",
) -> str:
    """YAML of a scenario with the port ``east``, whose keys are ``body``, and ``others``: further ports."""
    return (
        f"title: A case\nhorizon: {{start: {start}, end: {end}, zone: {zone}, lead_in: {lead_in}}}\n"
        + textwrap.dedent(top)
        + "ports:\n  east:\n    label: {en: East}\n"
        + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        + "\n"
        + textwrap.indent(textwrap.dedent(others).strip("\n"), "  ")
        + "\n"
    )


def port(
    body: str,
    *,
    start: str = "2024-01-01",
    end: str = "2024-01-11",
    zone: str = "UTC",
    lead_in: str = "0 s",
    others: str = "",
    top: str = "",
    policies: Mapping[str, str] | None = None,
) -> Scenario:
    """A scenario with the port ``east``; ten days of January 2024 in UTC unless said otherwise."""
    text = scenario_text(body, start=start, end=end, zone=zone, lead_in=lead_in, others=others, top=top)
    return read(text, policies=policies)


def at_minutes(
    scenario: Scenario,
    flow: str,
    minutes: Sequence[float],
    *,
    payload_t: Sequence[float] | None = None,
    **marks: Sequence[int],
) -> Scenario:
    """The scenario with the vehicles of ``flow`` coming at these minutes after the start; ``a__visited`` marks too."""
    trace = Trace(
        arrival_ms=np.asarray([round(m * MS_PER_MINUTE) for m in minutes], dtype=np.int64),
        payload_t=None if payload_t is None else np.asarray(payload_t, dtype=np.float64),
        marks={name.replace("__", "."): np.asarray(values, dtype=bool) for name, values in marks.items()},
    )
    full = flow if "." in flow else f"east.{flow}"
    return scenario.model_copy(update={"traces": {**scenario.traces, full: trace}})


@dataclass(frozen=True)
class Run:
    """One replication with what was drawn, what happened and what was measured; times in minutes since time 0."""

    study: Study
    manifest: Manifest
    timeline: Timeline
    measures: Measures

    def layout(self, flow: str) -> FlowLayout:
        """Layout of the moments of ``flow``."""
        full = flow if "." in flow else f"east.{flow}"
        return next(layout for layout in self.timeline.network.flows if layout.name == full)

    def done(self, flow: str, station: str, kind: ColumnKind = "service") -> list[float | None]:
        """Moments at which vehicles were done with this part of a station; None for those that never were."""
        layout = self.layout(flow)
        full = station if "." in station else f"east.{station}"
        columns = [i for i, c in enumerate(layout.columns) if (c.station, c.kind) == (full, kind)]
        assert len(columns) == 1, [(c.station, c.kind) for c in layout.columns]
        return _minutes(self.timeline.of(layout)[:, columns[0]].tolist())

    def granted(self, flow: str, resource: str) -> list[float | None]:
        """Moments at which vehicles got their unit of a resource."""
        layout, names = self.layout(flow), self.timeline.network.resources
        full = resource if "." in resource else f"east.{resource}"
        columns = [i for i, c in enumerate(layout.columns) if c.resource >= 0 and names[c.resource] == full]
        assert len(columns) == 1, columns
        return _minutes(self.timeline.of(layout)[:, columns[0]].tolist())

    def exits(self, flow: str) -> list[float | None]:
        """Moments at which vehicles left; None for those still inside."""
        return _minutes(self.timeline.exit_ms[self.layout(flow).vehicle].tolist())

    def outcomes(self, flow: str) -> list[int]:
        """UNFINISHED, EXITED or ABANDONED of each vehicle."""
        return [int(outcome) for outcome in self.timeline.outcome[self.layout(flow).vehicle]]

    def value(self, metric: str, flow: str = "all", station: str = "all", port: str = "east") -> float:
        """One metric."""
        return self.measures.values[port, flow, station, metric]


def _minutes(times: list[int]) -> list[float | None]:
    return [None if time < 0 else time / MS_PER_MINUTE for time in times]


def run(
    scenario: Scenario,
    engine: EngineName = "compiled",
    seed: int = 1,
    replication: int = 0,
    *,
    broken: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> Run:
    """Simulate one replication; ``broken`` puts breakdowns, in minutes, in the place of those drawn."""
    study = prepare(scenario)
    manifest, timeline = simulate(study, seed, replication, engine)
    if broken is not None:
        windows = {name: np.rint(np.asarray(times) * MS_PER_MINUTE).astype(np.int64) for name, times in broken.items()}
        manifest = replace(manifest, broken=windows)
        engines = {"compiled": compiled.run, "simpy": reference.run}
        timeline = engines[engine](build_network(study.network, manifest))
    return Run(study, manifest, timeline, measure(study.metrics, manifest, timeline))
