"""Scenario + policies → Scenario, pure, in the order in which the scenario lists them.

World effects (more servers, other hours, a pace, a closure, more traffic) change the scenario itself. Vehicle effects
become `Amendment`s, one for each flow they touch, which the manifest and the network apply to the vehicles that adopt
the policy by their own draw.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from borderport.scenario import (
    VEHICLE_EFFECTS,
    Amendment,
    CapacityPeriod,
    Closure,
    Effect,
    Flow,
    Pace,
    Policy,
    PolicyUse,
    Port,
    Scenario,
    Selector,
)

Problems = list[tuple[str, str]]


def apply_policies(scenario: Scenario, catalogue: Mapping[str, Policy]) -> tuple[Scenario, Problems]:
    """Put a scenario's policies in force.

    Parameters
    ----------
    scenario : Scenario
        As loaded; ``adoptions``, ``amendments`` and ``policy_costs`` empty.
    catalogue : mapping of str to Policy
        Every policy the scenario names must be in it.

    Returns
    -------
    Scenario
        With world effects made, ``adoptions``, ``amendments`` and ``policy_costs`` filled in.
    list of (path, message)
        What is wrong: a policy that selects nothing, two that set the same thing without ``after``, a world effect
        with partial adoption. The scenario must not be used unless it is empty.
    """
    problems: Problems = []
    owners: dict[tuple[str, str, str], str] = {}
    for name, use in scenario.policies.items():
        policy = catalogue[name]
        adoption = policy.adoption if use.adoption is None else use.adoption
        scenario = scenario.model_copy(update={"adoptions": {**scenario.adoptions, name: adoption}})
        cost = use.cost or policy.cost
        if cost is not None:
            scenario = scenario.model_copy(update={"policy_costs": {**scenario.policy_costs, name: cost.yearly}})
        for effect in _effects(policy, use):
            scenario, touched = _apply(scenario, policy, use, effect, adoption, problems)
            _claim(policy, touched, owners, problems)
    return scenario, list(dict.fromkeys(problems))


def _effects(policy: Policy, use: PolicyUse) -> tuple[Effect, ...]:
    variant = use.variant or policy.variant
    return policy.effects + (policy.variants[variant] if variant else ())


def _claim(
    policy: Policy, touched: list[tuple[str, str, str]], owners: dict[tuple[str, str, str], str], problems: Problems
) -> None:
    """Note who set what; two policies may set the same thing only if the later names the earlier."""
    for key in touched:
        owner = owners.get(key)
        if owner is not None and owner != policy.name and owner not in policy.after:
            kind, where, target = key
            message = (
                f"sets the {kind} of '{target}' of {where}, which '{owner}' sets too; "
                f"leave one out, or add 'after: [{owner}]' to policy '{policy.name}'"
            )
            problems.append((f"policies.{policy.name}", message))
        owners[key] = policy.name


def _apply(
    scenario: Scenario, policy: Policy, use: PolicyUse, effect: Effect, adoption: float, problems: Problems
) -> tuple[Scenario, list[tuple[str, str, str]]]:
    path = f"policies.{policy.name}"
    if effect.kind in VEHICLE_EFFECTS:
        amendments = tuple(_amendments(scenario, policy.name, use, effect))
        if not amendments:
            problems.append((path, f"effect '{effect.kind}' on {_words(effect.on)} selects nothing in this scenario"))
        changed = scenario.model_copy(update={"amendments": scenario.amendments + amendments})
        family = {"scale": "service", "scale_share": "share", "inland": "place", "skip": "place"}
        return changed, [(family.get(effect.kind, effect.kind), a.flow, a.target) for a in amendments]
    if adoption < 1:
        problems.append((path, f"effect '{effect.kind}' changes the port for everybody: adoption must be 100 %"))
    changed, touched = _change_world(scenario, policy.name, effect)
    if not touched:
        problems.append((path, f"effect '{effect.kind}' on {_words(effect.on)} selects nothing in this scenario"))
    return changed, touched


def _words(on: Selector) -> str:
    parts = [f"{key} {', '.join(names)}" for key, names in on.model_dump(exclude_none=True).items()]
    return "; ".join(parts) or "everything"


def _chosen(names: tuple[str, ...] | None, name: str) -> bool:
    return names is None or name in names


def _selected_flows(scenario: Scenario, on: Selector) -> Iterator[tuple[str, str]]:
    for port_name, port in scenario.ports.items():
        for flow_name in port.flows:
            if _chosen(on.port, port_name) and _chosen(on.flow, flow_name):
                yield port_name, flow_name


def _amendments(scenario: Scenario, policy: str, use: PolicyUse, effect: Effect) -> Iterator[Amendment]:
    """One amendment for each flow, and each task, station or mark of it, that a vehicle effect touches."""
    kind = effect.kind
    for port_name, flow_name in _selected_flows(scenario, effect.on):
        flow = scenario.ports[port_name].flows[flow_name]
        for target in _targets(scenario, port_name, flow, effect):
            yield Amendment(
                policy=policy,
                kind=kind,
                flow=f"{port_name}.{flow_name}",
                target=target,
                law=effect.service,
                number=None if kind in ("service", "skip", "inland", "once_per") else float(getattr(effect, kind)),
                text=effect.inland,
                strength=use.strength,
                first_day=effect.first_day,
                last_day=effect.last_day,
            )


def _targets(scenario: Scenario, port: str, flow: Flow, effect: Effect) -> Iterator[str]:
    """What an effect changes of one flow: tasks, stations, marks, or the vehicle itself."""
    if effect.kind in ("service", "scale"):
        yield from _tasks(scenario, port, flow.route, effect.on)
    elif effect.kind in ("skip", "inland", "once_per"):
        yield from _stations(scenario, port, flow.route, effect.on)
    elif effect.kind in ("share", "scale_share"):
        yield from (mark for mark in flow.marks if effect.on.mark is not None and mark in effect.on.mark)
    elif flow.companion_of is None and not (effect.kind == "cap_payload" and flow.diverted_from):
        yield "vehicle"


def _stations(scenario: Scenario, port: str, route: str, on: Selector) -> Iterator[str]:
    for step in scenario.ports[port].routes[route].steps:
        if step.kind == "visit" and on.station is not None and step.name.rpartition(".")[2] in on.station:
            yield scenario.station(port, step.name)[0]


def _tasks(scenario: Scenario, port: str, route: str, on: Selector) -> Iterator[str]:
    if on.station is None and on.task is None:
        return
    for step in scenario.ports[port].routes[route].steps:
        if step.kind == "visit" and _chosen(on.station, step.name.rpartition(".")[2]):
            full, station = scenario.station(port, step.name)
            yield from (f"{full}.{task}" for task in station.tasks if _chosen(on.task, task))


def _change_world(scenario: Scenario, policy: str, effect: Effect) -> tuple[Scenario, list[tuple[str, str, str]]]:
    touched: list[tuple[str, str, str]] = []
    ports: dict[str, Port] = {}
    for name, port in scenario.ports.items():
        ports[name] = port
        if _chosen(effect.on.port, name):
            ports[name], targets = _WORLD[effect.kind](port, policy, effect)
            touched += [(effect.kind, name, target) for target in targets]
    return scenario.model_copy(update={"ports": ports}), touched


def _add_servers(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [
        n
        for n, r in port.resources.items()
        if effect.on.resource and n in effect.on.resource and r.capacity is not None
    ]
    resources = dict(port.resources)
    for name in chosen:
        before, added = resources[name], effect.add_servers or 0
        if effect.first_day is None or effect.last_day is None:
            resources[name] = before.model_copy(update={"capacity": max(0, (before.capacity or 0) + added)})
            continue
        days = [(effect.first_day, effect.last_day, before.capacity or 0)]
        days += [(p.first_day, p.last_day, p.capacity) for p in before.periods]
        periods = []
        for first, last, servers in days:
            first, last = max(first, effect.first_day), min(last, effect.last_day)
            if first <= last:
                given = {"first_day": str(first), "last_day": str(last), "capacity": max(0, servers + added)}
                periods.append(CapacityPeriod.model_validate(given))
        resources[name] = before.model_copy(update={"periods": (*before.periods, *periods)})
    return port.model_copy(update={"resources": resources}), chosen


def _open(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [n for n in port.calendars if effect.on.calendar and n in effect.on.calendar]
    calendars = {n: c.model_copy(update={"open": effect.open}) if n in chosen else c for n, c in port.calendars.items()}
    return port.model_copy(update={"calendars": calendars}), chosen


def _set_pace(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [n for n in port.stations if effect.on.station is None or n in effect.on.station]
    name = _own_name(policy, port.paces)
    stations = {n: s.model_copy(update={"pace": name}) if n in chosen else s for n, s in port.stations.items()}
    paces = {**port.paces, name: Pace.model_validate({"factor": f"{(effect.pace or 0) * 100} %"})}
    return port.model_copy(update={"stations": stations, "paces": paces}), chosen


def _close(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [n for n in port.calendars if effect.on.calendar is None or n in effect.on.calendar]
    if not chosen or effect.close is None:
        return port, []
    closure = Closure.model_validate(
        {
            "stops": chosen,
            "first_day": str(effect.close.first_day),
            "last_day": str(effect.close.last_day),
            "assumed": f"policy {policy}",
        }
    )
    closures = {**port.closures, _own_name(policy, port.closures): closure}
    return port.model_copy(update={"closures": closures}), chosen


def _own_name(policy: str, taken: Mapping[str, object]) -> str:
    """A name for what an effect adds to a port: none that a file can write, nor of another effect."""
    return next(name for number in itertools.count(1) if (name := f"{policy} {number}") not in taken)


def _group(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [
        n for n, f in port.flows.items() if _chosen(effect.on.flow, n) and not (f.companion_of or f.diverted_from)
    ]
    flows = {
        n: f.model_copy(update={"consignment": effect.consignment}) if n in chosen else f for n, f in port.flows.items()
    }
    return port.model_copy(update={"flows": flows}), chosen


def _scale_volume(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    flows, chosen = dict(port.flows), []
    for name, flow in port.flows.items():
        if flow.volume is not None and _chosen(effect.on.flow, name):
            amount, period = flow.volume
            flows[name] = flow.model_copy(update={"volume": (amount * (effect.scale_volume or 0.0), period)})
            chosen.append(name)
    return port.model_copy(update={"flows": flows}), chosen


_WORLD = {
    "add_servers": _add_servers,
    "open": _open,
    "pace": _set_pace,
    "close": _close,
    "consignment": _group,
    "scale_volume": _scale_volume,
}
