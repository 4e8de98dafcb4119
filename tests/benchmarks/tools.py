"""The implementations that are compared, what each can express, and whether it can run here."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from borderport.loading import load_scenario
from borderport.network import Network
from borderport.timeline import Timeline
from tests.benchmarks.workload import VARIANTS, Times, Workload, load, network_of, scenario

BUILT_IN = "2024"
Outcome = dict[str, Times]


@dataclass(frozen=True)
class Tool:
    """One implementation.

    Attributes
    ----------
    label : str
        As printed.
    workloads : tuple of str
        Workloads that it can express.
    needs : str or None
        Python package, or command, without which it cannot run.
    slow : bool
        True if it is given fewer vehicles, so as to be done within minutes.
    """

    label: str
    workloads: tuple[str, ...]
    needs: str | None = None
    slow: bool = False


TOOLS: dict[str, Tool] = {
    "compiled": Tool("compiled engine", (*VARIANTS, BUILT_IN)),
    "c": Tool("C, same algorithm", (*VARIANTS, BUILT_IN), needs="cc"),
    "reference": Tool("reference engine (SimPy)", (*VARIANTS, BUILT_IN)),
    "idiomatic": Tool("idiomatic SimPy", VARIANTS),
    "simmer": Tool("simmer (R)", VARIANTS, needs="simmer"),
    "ciw": Tool("Ciw", ("w24", "wcal"), needs="ciw", slow=True),
    "salabim": Tool("salabim", VARIANTS, needs="salabim", slow=True),
}


@dataclass(frozen=True)
class Prepared:
    """A tool with a workload converted to its inputs: all that is not timed is done.

    Attributes
    ----------
    simulate : callable
        Simulates and records; returns arrays to compare, among them ``exit_ms``, shape (vehicles,).
    vehicles : int
    events : callable
        Arrivals and ends of service, given what ``simulate`` returned.
    """

    simulate: Callable[[], Outcome]
    vehicles: int
    events: Callable[[Outcome], int]


@cache
def missing(name: str) -> str | None:
    """Reason why a tool cannot run here, or None if it can."""
    needs = TOOLS[name].needs
    if needs is None:
        return None
    if needs == "cc":
        return None if shutil.which("cc") else "no C compiler (cc)"
    if needs == "simmer":
        command = ["Rscript", "-e", "library(simmer)"]
        if shutil.which("Rscript") and subprocess.run(command, capture_output=True).returncode == 0:
            return None
        return "not installed"
    return None if importlib.util.find_spec(needs) else "not installed"


def prepare(name: str, workload: str, vehicles: int, folder: Path) -> Prepared:
    """Convert a workload to a tool's inputs.

    Parameters
    ----------
    name : str
        Of a tool that runs in Python.
    workload : str
        A variant of the reference workload, or `BUILT_IN`.
    vehicles : int
        Size of the drawn workload in ``folder``; of no meaning for `BUILT_IN`.
    folder : Path
    """
    if workload == BUILT_IN:
        return _engine(name, network_of(load_scenario(BUILT_IN).scenario))
    drawn = load(folder / f"{vehicles}.npz", next(variant for variant in VARIANTS if variant == workload))
    if name in ("compiled", "reference", "c"):
        return _engine(name, network_of(scenario(drawn)))
    exits = _model(name, drawn)
    return Prepared(lambda: {"exit_ms": exits()}, drawn.vehicles, lambda _: drawn.events)


def _engine(name: str, network: Network) -> Prepared:
    run: Callable[[Network], Timeline]
    if name == "compiled":
        from borderport.engines import compiled

        run = compiled.run
    elif name == "reference":
        from borderport.engines import reference

        run = reference.run
    else:
        from tests.benchmarks import c_kernel

        run = c_kernel.build()

    def simulate() -> Outcome:
        timeline = run(network)
        return {field.name: getattr(timeline, field.name) for field in fields(Timeline) if field.name != "network"}

    def events(outcome: Outcome) -> int:
        total = network.arrival_ms.size
        for flow in network.flows:
            size = flow.vehicle.size * len(flow.columns)
            moments = outcome["moments"][flow.first_record : flow.first_record + size].reshape(-1, len(flow.columns))
            services = [i for i, column in enumerate(flow.columns) if column.kind == "service"]
            total += int(np.count_nonzero(moments[:, services] >= 0))
        return total

    return Prepared(simulate, network.arrival_ms.size, events)


def _model(name: str, workload: Workload) -> Callable[[], Times]:
    if name == "idiomatic":
        from tests.benchmarks import idiomatic

        return idiomatic.prepare(workload)
    if name == "ciw":
        from tests.benchmarks import ciw_model

        return ciw_model.prepare(workload)
    from tests.benchmarks import salabim_model

    return salabim_model.prepare(workload)
