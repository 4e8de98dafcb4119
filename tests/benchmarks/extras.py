"""Measurements of this simulator alone; each in its own process: ``python -m tests.benchmarks.extras NAME``."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from borderport.experiment import prepare, replicate, run_scenarios
from borderport.loading import load_scenario
from borderport.manifest import draw_manifest
from borderport.metrics import measure
from borderport.network import build_network
from borderport.scenario import Scenario
from borderport.workers import open_workers
from tests.benchmarks.tools import BUILT_IN
from tests.benchmarks.worker import peak_mib

Values = dict[str, float]

PIPELINE_ROUNDS = 15
FEW, MANY = 24, 120
WORKER_ROUNDS = 3
START_UPS = 5
LARGE_VEHICLES = 10_000_000
SEED = 1


def pipeline() -> Values:
    """CPU time of one replication and of its stages, as multiples of the kernel's; medians over replications."""
    from borderport.engines import compiled

    study = prepare(load_scenario(BUILT_IN).scenario)
    replicate(study, SEED, 0)
    stages = ("draws", "layout", "kernel", "checks", "metrics", "pipeline")
    times: dict[str, list[float]] = {stage: [] for stage in stages}
    for replication in range(PIPELINE_ROUNDS):
        marks = [time.process_time()]
        manifest = draw_manifest(study.manifest, SEED, replication)
        marks.append(time.process_time())
        network = build_network(study.network, manifest)
        marks.append(time.process_time())
        timeline = compiled.run(network)
        marks.append(time.process_time())
        timeline.check()
        marks.append(time.process_time())
        measure(study.metrics, manifest, timeline)
        marks.append(time.process_time())
        replicate(study, SEED, replication)
        marks.append(time.process_time())
        for stage, begin, end in zip(stages, marks, marks[1:], strict=False):
            times[stage].append(end - begin)
    medians = {stage: statistics.median(values) for stage, values in times.items()}
    return {stage: medians[stage] / medians["kernel"] for stage in stages if stage != "kernel"}


def workers() -> Values:
    """Speed-up of two workers over one once they are there: wall time of `MANY` replications less `FEW`.

    The median of rounds in which both take turns.
    """
    scenario = load_scenario(BUILT_IN).scenario

    def spent(jobs: int, replications: int) -> float:
        begin = time.monotonic()
        with open_workers(jobs=jobs) as opened:
            run_scenarios([scenario], replications=replications, seed=SEED, workers=opened, detail=False)
        return time.monotonic() - begin

    spent(1, 1)
    ratios = []
    for _ in range(WORKER_ROUNDS):
        one, two = (spent(jobs, MANY) - spent(jobs, FEW) for jobs in (1, 2))
        ratios.append(one / two)
    return {"speed_up": statistics.median(ratios)}


def start_up() -> Values:
    """Wall seconds of ``borderport run 2024 --reps 1`` from a fresh process, caches warm; median."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(START_UPS + 1):
            begin = time.monotonic()
            command = [sys.executable, "-m", "borderport", "run", BUILT_IN, "--reps", "1", "--out", f"results/{number}"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            times.append(time.monotonic() - begin)
    return {"seconds": statistics.median(times[1:])}


def large() -> Values:
    """Peak memory in GiB of one replication with ten million vehicles of a small route, draws and metrics included."""
    study = prepare(_small_route(LARGE_VEHICLES))
    begin = time.process_time()
    measures = replicate(study, SEED, 0, detail=False)
    spent = time.process_time() - begin
    cleared = measures.values["port", "trucks", "all", "vehicles_cleared"]
    return {"gib": peak_mib() / 1024, "cpu_s": spent, "cleared": cleared}


def _small_route(vehicles: int) -> Scenario:
    """One gate with enough lanes, for ten years."""
    return Scenario.model_validate(
        {
            "name": "large",
            "title": "A small route with many vehicles",
            "horizon": {"start": "2001-01-01", "end": "2011-01-01"},
            "ports": {
                "port": {
                    "label": {"en": "port"},
                    "resources": {"gate": {"capacity": 24}},
                    "stations": {"gate": {"needs": ["gate"], "service": {"lognormal": {"mean": "10 min", "cv": 0.5}}}},
                    "routes": {"export": {"steps": ["gate"]}},
                    "flows": {
                        "trucks": {
                            "route": "export",
                            "volume": f"{vehicles // 10} trucks per year",
                            "arrivals": "fixed",
                        }
                    },
                }
            },
        }
    )


EXTRAS: dict[str, Callable[[], Values]] = {
    "pipeline": pipeline,
    "workers": workers,
    "start_up": start_up,
    "large": large,
}


def run(name: str, environment: dict[str, str], folder: Path) -> Values | None:
    """Measure one of `EXTRAS` in a fresh process; None if it failed, whose message is shown."""
    command = [sys.executable, "-m", "tests.benchmarks.extras", name]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return None
    values: Values = json.loads(done.stdout.splitlines()[-1])
    return values


if __name__ == "__main__":
    print(json.dumps(EXTRAS[sys.argv[1]]()))
