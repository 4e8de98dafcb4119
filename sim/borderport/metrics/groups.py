"""Groups that are reported together: flows, ports, named groups and the total, and the stations they pass."""

from __future__ import annotations

from dataclasses import dataclass

from borderport.metrics.names import ALL
from borderport.metrics.rates import officers_of
from borderport.network import FlowPlan
from borderport.scenario import Ref, Scenario


@dataclass(frozen=True)
class Group:
    """A flow, a port's vehicles, a named group or the total: its members, and the stations its parts are given for.

    ``manned`` are those at which officers are busy with a vehicle in service.
    """

    port: str
    flow: str
    members: tuple[Ref, ...]
    stations: dict[str, tuple[Ref, ...]]
    manned: tuple[Ref, ...]
    inspects: bool

    @property
    def is_total(self) -> bool:
        """True if these are all vehicles of the scenario."""
        return (self.port, self.flow) == (ALL, ALL)


def groups_of(scenario: Scenario) -> list[tuple[str, str, tuple[Ref, ...]]]:
    """(port, flow or group, members) for every flow, port, the total and named groups.

    Persons are in totals only where a scenario has nothing else.
    """
    flows = {name: flow for name, flow in scenario.flows().items() if flow.companion_of is None}
    vehicles = [name for name, flow in flows.items() if flow.counts == "vehicles"] or list(flows)
    groups: list[tuple[str, str, tuple[Ref, ...]]] = []
    groups += [(name.port, name.name, (name,)) for name in flows]
    for port in scenario.ports:
        members = tuple(name for name in vehicles if name.port == port)
        if members:
            groups.append((port, ALL, members))
    groups.append((ALL, ALL, tuple(vehicles)))
    named = {name: tuple(m for m in scenario.members(name) if m in flows) for name in scenario.groups}
    return groups + [(ALL, name, members) for name, members in named.items() if members]


def plan_groups(scenario: Scenario, flows: tuple[FlowPlan, ...]) -> tuple[Group, ...]:
    """Groups with their stations, in the order of the table."""
    by_name = {flow.name: flow for flow in flows}
    return tuple(_group(scenario, of, [by_name[name] for name in of[2]]) for of in groups_of(scenario))


def _group(scenario: Scenario, of: tuple[str, str, tuple[Ref, ...]], flows: list[FlowPlan]) -> Group:
    stations = _stations(flows)
    manned = tuple(name for name in stations["total"] if officers_of(scenario, name))
    scheduled = scenario.flows()
    return Group(*of, stations, manned, any(scheduled[name].inspection for name in of[2]))


def _stations(flows: list[FlowPlan]) -> dict[str, tuple[Ref, ...]]:
    """Stations by span, in the order of the routes."""
    passage = [column.station for flow in flows for column in flow.columns[flow.passage[0] : flow.passage[1]]]
    total = [column.station for flow in flows for column in flow.columns if column.kind != "goods"]
    return {"passage": tuple(dict.fromkeys(passage)), "total": tuple(dict.fromkeys(total))}


def gridded(groups: tuple[Group, ...]) -> list[Group]:
    """The groups whose distribution of passage times is kept: all vehicles of a port, or of all ports."""
    return [group for group in groups if group.flow == ALL]
