"""The CSV files of flows whose vehicles were observed."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from borderport.loading.tree import Finding, Node, Origin, locate
from borderport.scenario import Ref, Scenario, visits_of
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
        path = ("ports", full.port, "flows", full.name, "arrivals", "trace")
        found, node = locate(root, path)
        folder = Path(node.at.file).parent if node.at.line else Path()  # an option's path starts where the user is
        file = folder / flow.arrivals["trace"]
        if not file.is_file():
            what = "is not a file" if file.exists() else "does not exist"
            findings.append(Finding(node.at, found, f"the file with the vehicles, '{file}', {what}"))
            continue
        trace, wrong = _read(scenario, full, file)
        findings += [Finding(Origin(str(file), line, 1), found, message) for line, message in wrong]
        if trace is not None:
            traces[full] = trace
    return traces, findings


def _read(scenario: Scenario, name: Ref, file: Path) -> tuple[Trace | None, list[tuple[int, str]]]:
    flow, horizon = scenario.flows()[name], scenario.horizon
    visits = visits_of(scenario, name.port, flow.route)
    tasks = {
        visit.name if task.name == "service" else f"{visit.name}.{task.name}": task.local_key
        for visit in visits
        for task in visit.tasks
    }
    marks = frozenset(scenario.marks(flow)) | {visit.visited for visit in visits if visit.share is not None}
    zone = scenario.ports[name.port].zone or horizon.zone
    start, end = (moment.replace(tzinfo=ZoneInfo(horizon.zone)) for moment in (horizon.start, horizon.end))
    return read_trace(file, start=start, end=end, zone=zone, marks=marks, tasks=tasks)
