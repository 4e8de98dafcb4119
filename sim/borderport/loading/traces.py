"""The CSV files of flows whose vehicles were observed."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from borderport.loading.tree import Finding, Node, Origin, locate
from borderport.scenario import Scenario
from borderport.trace import Trace, read_trace


def read_traces(scenario: Scenario, root: Node) -> tuple[dict[str, Trace], list[Finding]]:
    """Read the trace of every flow that has one.

    Its path is relative to the file that names it, or to where the user is if ``--set`` does.

    Returns
    -------
    dict of str to Trace
        By ``port.flow``.
    list of Finding
        With the line of the CSV file.
    """
    traces: dict[str, Trace] = {}
    findings: list[Finding] = []
    for full, flow in scenario.flows().items():
        if not isinstance(flow.arrivals, dict):
            continue
        port, name = full.split(".")
        path = ("ports", port, "flows", name, "arrivals", "trace")
        found, node = locate(root, path)
        folder = Path(node.at.file).parent if node.at.line else Path()  # an option's path starts where the user is
        file = folder / flow.arrivals["trace"]
        if not file.is_file():
            what = "is not a file" if file.exists() else "does not exist"
            findings.append(Finding(node.at, found, f"the file with the vehicles, '{file}', {what}"))
            continue
        trace, wrong = _read(scenario, port, name, file)
        findings += [Finding(Origin(str(file), line, 1), found, message) for line, message in wrong]
        if trace is not None:
            traces[full] = trace
    return traces, findings


def _read(scenario: Scenario, port: str, name: str, file: Path) -> tuple[Trace | None, list[tuple[int, str]]]:
    flow, horizon = scenario.ports[port].flows[name], scenario.horizon
    steps = scenario.ports[port].routes[flow.route].steps
    tasks: dict[str, str] = {}
    for step in steps:
        if step.kind == "visit":
            full, station = scenario.station(port, step.name)
            for task in station.tasks:
                tasks[step.name if task == "service" else f"{step.name}.{task}"] = f"{full.split('.')[1]}.{task}"
    marks = frozenset(scenario.marks(flow)) | {f"{step.name}.visited" for step in steps if step.share is not None}
    zone = scenario.ports[port].zone or horizon.zone
    start, end = (moment.replace(tzinfo=ZoneInfo(horizon.zone)) for moment in (horizon.start, horizon.end))
    trace, wrong = read_trace(file, start=start, end=end, zone=zone, marks=marks, tasks=tasks)
    apart = [f"'{load}'" for load, payload in flow.payload.items() if payload.cleared_after is not None]
    if apart and trace is not None and trace.payload_t is not None:
        told = f"it cannot say how much of it is {' and '.join(apart)}, which 'cleared_after' clears apart"
        wrong.append((1, f"payload_t is all that a vehicle carries: {told}; leave out one of the two"))
    return trace, wrong
