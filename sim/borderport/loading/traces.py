"""The CSV files of flows whose vehicles were observed."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from borderport.loading.files import Source, file_within
from borderport.loading.tree import Finding, Node, Origin, locate
from borderport.scenario import Ref, Scenario, visits_of
from borderport.trace import Trace, read_trace


def read_traces(scenario: Scenario, root: Node) -> tuple[dict[str, Trace], list[Finding]]:
    """Read the trace of every flow that has one.

    It lies in the folder of the file that names it, as do files that one extends; or where the user is, if ``--set``
    names it.

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
        try:
            file = _file(node.at, flow.arrivals["trace"])
        except ValueError as error:
            findings.append(Finding(node.at, found, str(error)))
            continue
        trace, wrong = _read(scenario, full, file.path)
        findings += [Finding(Origin(file.shown, line, 1), found, message) for line, message in wrong]
        if trace is not None:
            traces[full] = trace
    return traces, findings


def _file(at: Origin, name: str) -> Source:
    """The file that is named at a place, or ValueError saying why it may not be."""
    if not at.line:
        return file_within(Source("", Path.cwd().resolve()), name, "that you are in")
    return file_within(Source(str(Path(at.file).parent), Path(at.file).resolve().parent), name)


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
    trace, wrong = read_trace(file, start=start, end=end, zone=zone, marks=marks, tasks=tasks)
    apart = [f"'{load}'" for load, payload in flow.payload.items() if payload.cleared_after is not None]
    along = [f"'{load}'" for load in (flow.patience.goes_along if flow.patience is not None else ())]
    for loads, what in ((apart, "which 'cleared_after' clears apart"), (along, "which 'goes_along' with the driver")):
        if loads and trace is not None and trace.payload_t is not None:
            told = f"it cannot say how much of it is {' and '.join(loads)}, {what}"
            wrong.append((1, f"payload_t is all that a vehicle carries: {told}; leave out one of the two"))
    return trace, wrong
