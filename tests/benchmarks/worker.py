"""One process for one implementation and one workload: ``python -m tests.benchmarks.worker TOOL WORKLOAD N FOLDER``.

Says ``ready`` when the inputs are converted, then answers each line ``run`` with the CPU seconds of one simulation.
At the end of its input it saves what it found as ``TOOL-WORKLOAD-N.npz`` and says how much memory it took at most.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.tools import Outcome, Prepared, prepare

SHORTEST_S = 0.1  # a run is repeated until so much CPU time is spent


def peak_mib() -> float:
    """Most memory this process ever held. ``VmHWM`` starts anew in each program, ``ru_maxrss`` does not."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def timed(prepared: Prepared, shortest_s: float) -> tuple[float, Outcome]:
    """CPU seconds of one simulation, the mean of as many as take ``shortest_s`` together."""
    runs = 0
    begin = time.process_time()
    while True:
        outcome = prepared.simulate()
        runs += 1
        spent = time.process_time() - begin
        if spent >= shortest_s:
            return spent / runs, outcome


def say(**values: Any) -> None:
    """One line of JSON to the driver."""
    print(json.dumps(values), flush=True)


def main(tool: str, workload: str, vehicles: str, folder: str) -> None:
    """Obey the driver."""
    prepared = prepare(tool, workload, int(vehicles), Path(folder))
    say(ready=True)
    outcome: Outcome = {}
    for _ in sys.stdin:
        # The first run warms up and shows how long starting takes, so it is not repeated.
        spent, outcome = timed(prepared, SHORTEST_S if outcome else 0.0)
        say(cpu_s=spent)
    np.savez(Path(folder) / f"{tool}-{workload}-{vehicles}.npz", **outcome)
    say(peak_mib=peak_mib(), vehicles=prepared.vehicles, events=prepared.events(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
