"""Scenario + policies → Scenario, pure, in the order in which the scenario lists them.

World effects (more servers, other hours, a pace, a closure, more traffic) change the scenario itself. Vehicle effects
become `Amendment`s, one for each flow they touch, which the manifest and the network apply to the vehicles that adopt
the policy by their own draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar, assert_never

from borderport.bounds import FACTOR, MOST_SERVERS, VOLUME
from borderport.scenario import (
    Amendment,
    CapacityPeriod,
    CapPayload,
    Closure,
    DeclareTogether,
    Effect,
    FlowAmendments,
    HourProfile,
    MoveInland,
    Pace,
    Policy,
    PolicyUse,
    Port,
    Prioritise,
    Ref,
    Rescale,
    Retime,
    ScaleRate,
    Scenario,
    Selector,
    SetRate,
    Skip,
    VehicleKind,
    WorldKind,
    claim,
    visits_of,
)

T = TypeVar("T")

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
        Faults: a policy that selects nothing, two that set the same thing without ``after``, a world effect
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
    problems += _beyond_bounds(scenario)
    return scenario, list(dict.fromkeys(problems))


def _beyond_bounds(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Numbers that policies make larger than a scenario may say, though each effect by itself does not."""
    for port_name, port in scenario.ports.items():
        for name, resource in port.resources.items():
            most = max([resource.capacity or 0, *(period.capacity for period in resource.periods)])
            if most > MOST_SERVERS:
                message = f"becomes {most:,} by the policies in force; at most {MOST_SERVERS:,}"
                yield f"ports.{port_name}.resources.{name}.capacity", message
        for name, flow in port.flows.items():
            if flow.volume is not None and flow.volume[0] > VOLUME.most:
                message = f"becomes {flow.volume[0]:.6g} by the policies in force; at most {VOLUME.text}, {VOLUME.why}"
                yield f"ports.{port_name}.flows.{name}.volume", message
            for mark, share in flow.marks.items():
                rates = FlowAmendments.of(scenario.amendments, Ref(port_name, name)).rates.get(mark, ())
                most_of_all = _largest_rate(scenario, rates, share)
                if most_of_all > 1 + 1e-9:
                    message = f"becomes {most_of_all:.4%} by the policies in force; a share is at most 100 %"
                    yield f"ports.{port_name}.flows.{name}.marks.{mark}", message.replace("%", " %", 1)
    for flow_name in scenario.flows():
        for task, changes in FlowAmendments.of(scenario.amendments, flow_name).work.items():
            scaled = _longest(scenario, changes)
            if scaled > FACTOR.most:
                message = f"makes the time of '{task}' {scaled:,.6g} times as long; at most {FACTOR.text}"
                yield f"policies.{changes[-1].policy}", message


def _largest_rate(scenario: Scenario, changes: tuple[SetRate | ScaleRate, ...], before: float) -> float:
    """The largest share that policies make of one for any vehicle."""
    largest = before
    for change in changes:
        after = change.rate if isinstance(change, SetRate) else change.factor * largest
        largest = after if scenario.adoptions[change.policy] >= 1 else max(largest, after)
    return largest


def _longest(scenario: Scenario, changes: tuple[Retime | Rescale, ...]) -> float:
    """The largest factor that policies make of a law's time for any vehicle; a law of its own begins anew."""
    largest = 1.0
    for change in changes:
        after = 1.0 if isinstance(change, Retime) else change.factor * largest
        largest = after if scenario.adoptions[change.policy] >= 1 else max(largest, after)
    return largest


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
    match effect.kind:
        case "add_servers" | "open" | "pace" | "close" | "consignment" | "scale_volume" as kind:
            if adoption < 1:
                problems.append((path, f"effect '{kind}' changes the port for everybody: adoption must be 100 %"))
            changed, touched = _change_world(scenario, policy.name, kind, effect)
        case kind:
            amendments = tuple(_amendments(scenario, policy.name, use.strength, kind, effect))
            changed = scenario.model_copy(update={"amendments": scenario.amendments + amendments})
            touched = [claim(amendment) for amendment in amendments]
    if not touched:
        problems.append((path, f"effect '{kind}' on {_words(effect.on)} selects nothing in this scenario"))
    if effect.open == ():
        problems += [(path, message) for message in _stranded(changed, touched)]
    return changed, touched


def _stranded(scenario: Scenario, closed: list[tuple[str, str, str]]) -> Iterator[str]:
    """Flows whose vehicles come in the hours of a calendar that has none any more."""
    for _, port, calendar in closed:
        for name, flow in scenario.ports[port].flows.items():
            if isinstance(flow.hours, HourProfile) and flow.hours.calendar == calendar:
                yield f"leaves no hours to calendar '{calendar}', in which '{port}.{name}' comes; use close instead"


def _words(on: Selector) -> str:
    parts = [f"{key} {', '.join(names)}" for key, names in on.model_dump(exclude_none=True).items()]
    return "; ".join(parts) or "everything"


def _chosen(names: tuple[str, ...] | None, name: str) -> bool:
    return names is None or name in names


def _amendments(
    scenario: Scenario, policy: str, strength: float, kind: VehicleKind, effect: Effect
) -> Iterator[Amendment]:
    """One amendment for each flow, and each task, station or mark of it, that a vehicle effect touches."""
    for flow in scenario.flows():
        if _chosen(effect.on.port, flow.port) and _chosen(effect.on.flow, flow.name):
            yield from _amend_flow(scenario, policy, strength, kind, effect, flow)


def _amend_flow(
    scenario: Scenario, policy: str, strength: float, kind: VehicleKind, effect: Effect, flow: Ref
) -> Iterator[Amendment]:
    match kind:
        case "service":
            law = _given(effect.service)
            for task in _tasks(scenario, flow, effect.on):
                yield Retime(policy=policy, flow=flow, task=task, law=law, strength=strength)
        case "scale":
            factor = _given(effect.scale)
            for task in _tasks(scenario, flow, effect.on):
                yield Rescale(policy=policy, flow=flow, task=task, factor=factor, strength=strength)
        case "skip":
            for station in _stations(scenario, flow, effect.on):
                yield Skip(policy=policy, flow=flow, station=station)
        case "inland":
            to = Ref.seen_from(flow.port, _given(effect.inland))
            for station in _stations(scenario, flow, effect.on):
                yield MoveInland(policy=policy, flow=flow, station=station, to=to)
        case "once_per":
            for station in _stations(scenario, flow, effect.on):
                yield DeclareTogether(policy=policy, flow=flow, station=station)
        case "share":
            for mark in _marks(scenario, flow, effect.on):
                yield SetRate(policy=policy, flow=flow, mark=mark, rate=_given(effect.share))
        case "scale_share":
            for mark in _marks(scenario, flow, effect.on):
                yield ScaleRate(policy=policy, flow=flow, mark=mark, factor=_given(effect.scale_share))
        case "priority":
            if _leads(scenario, flow):
                yield Prioritise(policy=policy, flow=flow, priority=_given(effect.priority))
        case "cap_payload":
            if _leads(scenario, flow) and not scenario.flow(flow).diverted_from:
                most, first, last = _given(effect.cap_payload), effect.first_day, effect.last_day
                yield CapPayload(policy=policy, flow=flow, most_t=most, first_day=first, last_day=last)
        case _:
            assert_never(kind)


def _given(value: T | None) -> T:
    """The value of the one key of an effect that is given."""
    assert value is not None
    return value


def _leads(scenario: Scenario, flow: Ref) -> bool:
    return scenario.flow(flow).companion_of is None


def _marks(scenario: Scenario, flow: Ref, on: Selector) -> list[str]:
    return [mark for mark in scenario.flow(flow).marks if on.mark is not None and mark in on.mark]


def _stations(scenario: Scenario, flow: Ref, on: Selector) -> list[Ref]:
    visits = visits_of(scenario, flow.port, scenario.flow(flow).route)
    return [v.ref for v in visits if v.kind == "visit" and on.station is not None and v.ref.name in on.station]


def _tasks(scenario: Scenario, flow: Ref, on: Selector) -> list[str]:
    if on.station is None and on.task is None:
        return []
    visits = visits_of(scenario, flow.port, scenario.flow(flow).route)
    chosen = [visit for visit in visits if _chosen(on.station, visit.ref.name)]
    return [task.key for visit in chosen for task in visit.tasks if _chosen(on.task, task.name)]


def _change_world(
    scenario: Scenario, policy: str, kind: WorldKind, effect: Effect
) -> tuple[Scenario, list[tuple[str, str, str]]]:
    touched: list[tuple[str, str, str]] = []
    ports: dict[str, Port] = {}
    for name, port in scenario.ports.items():
        ports[name] = port
        if _chosen(effect.on.port, name):
            ports[name], targets = _WORLD[kind](port, policy, effect)
            touched += [(kind, name, target) for target in targets]
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
                # Not validated here: `_beyond_bounds` says what is too much, and whose it is.
                capacity = max(0, servers + added)
                periods.append(CapacityPeriod.model_construct(first_day=first, last_day=last, capacity=capacity))
        resources[name] = before.model_copy(update={"periods": (*before.periods, *periods)})
    return port.model_copy(update={"resources": resources}), chosen


def _open(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [n for n in port.calendars if effect.on.calendar and n in effect.on.calendar]
    calendars = {n: c.model_copy(update={"open": effect.open}) if n in chosen else c for n, c in port.calendars.items()}
    return port.model_copy(update={"calendars": calendars}), chosen


def _set_pace(port: Port, policy: str, effect: Effect) -> tuple[Port, list[str]]:
    chosen = [n for n in port.stations if effect.on.station is None or n in effect.on.station]
    name = f"{policy}+{len(port.paces)}"  # which no file can write, and no other effect has
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
    name = f"{policy}+{len(port.closures)}"  # which no file can write, and no other effect has
    return port.model_copy(update={"closures": {**port.closures, name: closure}}), chosen


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


_WORLD: dict[WorldKind, Callable[[Port, str, Effect], tuple[Port, list[str]]]] = {
    "add_servers": _add_servers,
    "open": _open,
    "pace": _set_pace,
    "close": _close,
    "consignment": _group,
    "scale_volume": _scale_volume,
}
