"""Names that point at nothing, and routes that cannot be driven: what no single model can see.

Each check takes a valid scenario and yields ``(path, message)`` with the path of the models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice

from borderport.bounds import LEAST_MEAN_LOAD
from borderport.loading.tree import MOST_FOUND, KeyPath, suggest
from borderport.scenario import (
    WEEKDAYS,
    Effect,
    Flow,
    Patience,
    Policy,
    PolicyUse,
    Port,
    Ref,
    Route,
    Scenario,
    Step,
    overlapping,
    visits_of,
)

Found = Iterator[tuple[KeyPath, str]]


def check_references(scenario: Scenario) -> list[tuple[KeyPath, str]]:
    """All that is wrong with the names in a scenario, apart from its policies'.

    Returns
    -------
    list of tuple
        Path in the models, e.g. ``("ports", "zhangmu", "routes", "export", "steps", 2, "name")``, and what is
        wrong, with the name that was probably meant.
    """
    return list(islice(_all(scenario), MOST_FOUND))


def check_policies(
    scenario: Scenario, catalogue: Mapping[str, Policy], unknown: Callable[[str], str]
) -> list[tuple[KeyPath, str]]:
    """Policies in force that do not exist (``unknown`` says what to say), and variants that they do not have."""
    found: list[tuple[KeyPath, str]] = []
    for name, use in scenario.policies.items():
        path: KeyPath = ("policies", name)
        if name not in catalogue:
            found.append((path, unknown(name)))
        else:
            found += _variant(path, use, catalogue[name])
    return found


def check_policy(
    scenario: Scenario, policy: Policy, catalogue: Mapping[str, Policy], unknown: Callable[[str], str]
) -> list[tuple[KeyPath, str]]:
    """Names in a policy's file that the scenario and the catalogue lack; paths in the policy."""
    found: list[tuple[KeyPath, str]] = [
        (("after", index), unknown(name)) for index, name in enumerate(policy.after) if name not in catalogue
    ]
    lists: dict[KeyPath, tuple[Effect, ...]] = {("effects",): policy.effects}
    lists |= {("variants", name): effects for name, effects in policy.variants.items()}
    for path, effects in lists.items():
        for index, effect in enumerate(effects):
            found += _inland((*path, index, "inland"), scenario, effect)
    return found


def _all(scenario: Scenario) -> Found:
    if not scenario.flows():
        yield ("ports",), "there are no flows, so nothing would happen"
    for name, port in scenario.ports.items():
        where: KeyPath = ("ports", name)
        yield from _resources(where, port)
        yield from _stations(where, port)
        for route in port.routes:
            yield from _route(scenario, name, route)
        for flow in port.flows:
            yield from _flow(scenario, name, flow)
        yield from _marks(scenario, name)
        yield from _yards(scenario, name)
    yield from _groups(scenario)
    yield from _reported(scenario)


def _known(path: KeyPath, name: str | None, known: Collection[str], kind: str) -> Found:
    if name is not None and name not in known:
        yield path, f"unknown {kind} '{name}'{suggest(name, known)}"


def _resources(where: KeyPath, port: Port) -> Found:
    for name, resource in port.resources.items():
        yield from _known((*where, "resources", name, "calendar"), resource.calendar, port.calendars, "calendar")
    for name, closure in port.closures.items():
        for index, calendar in enumerate(closure.stops if closure.stops != "all" else ()):
            yield from _known((*where, "closures", name, "stops", index), calendar, port.calendars, "calendar")


def _stations(where: KeyPath, port: Port) -> Found:
    for name, station in port.stations.items():
        here = (*where, "stations", name)
        yield from _known((*here, "pace"), station.pace, port.paces, "pace")
        for index, resource in enumerate(station.needs):
            yield from _known((*here, "needs", index), resource, port.resources, "resource")
            if resource in station.needs[:index]:
                yield (*here, "needs", index), f"needs '{resource}' twice"


def _route(scenario: Scenario, port: str, name: str) -> Found:
    """Faults of a route that do not depend on the flow that takes it."""
    route = scenario.ports[port].routes[name]
    here: KeyPath = ("ports", port, "routes", name)
    visited: dict[Ref, int] = {}
    for index, step in enumerate(route.steps):
        path = (*here, "steps", index, "name")
        if step.kind == "visit":
            yield from _target(scenario, port, path, step.name, "station")
            full = Ref.seen_from(port, step.name)
            if full in visited:
                yield path, f"visits '{step.name}' a second time; give each visit a station of its own"
            visited.setdefault(full, index)
        elif step.kind in ("enter", "leave"):
            yield from _target(scenario, port, path, step.name, "resource")
    yield from _one_declaration(scenario, port, here, name)
    if all(step.kind in ("leave", "signal") for step in route.steps):
        yield (*here, "steps"), "needs a step that takes time: a station, a yard to enter, or a signal to wait for"
    yield from _holds(here, port, route)
    yield from _passage(here, scenario.ports[port], port, route, visited)


def _one_declaration(scenario: Scenario, port: str, here: KeyPath, route: str) -> Found:
    """A consignment declares once: at one station of a route."""
    visits = enumerate(visits_of(scenario, port, route))
    shared = [(index, visit.name) for index, visit in visits if visit.station.once_per == "consignment"]
    for index, name in shared[1:]:
        message = f"'{name}' is once_per consignment, as '{shared[0][1]}' is already; only one may be"
        yield (*here, "steps", index, "name"), message


def _target(scenario: Scenario, port: str, path: KeyPath, reference: str, kind: str) -> Found:
    """A station or resource by the name that a route uses for it."""
    owner, name = Ref.seen_from(port, reference).port, Ref.seen_from(port, reference).name
    if owner not in scenario.ports:
        yield path, f"unknown port '{owner}'{suggest(owner, scenario.ports)}"
        return
    known: Collection[str] = getattr(scenario.ports[owner], f"{kind}s")
    if name not in known:
        yield path, f"port '{owner}' has no {kind} '{name}'{suggest(name, known)}"


def _holds(here: KeyPath, port: str, route: Route) -> Found:
    reached = [(index, step) for index, step in enumerate(route.steps) if step.kind in ("visit", "enter")]
    last = {Ref.seen_from(port, step.name): index for index, step in reached}
    for index, step in enumerate(route.steps):
        if step.holds_until is None or last.get(Ref.seen_from(port, step.holds_until), -1) > index:
            continue
        later = [other.name for place, other in reached if place > index]
        message = f"no later step visits or enters '{step.holds_until}'{suggest(step.holds_until, later)}"
        yield (*here, "steps", index, "holds_until"), message


def _passage(here: KeyPath, owner: Port, port: str, route: Route, visited: Mapping[Ref, int]) -> Found:
    span = route.passage
    if span is None:
        return
    yield from _known((*here, "passage", "clock"), span.clock, owner.calendars, "calendar")
    ends = {"from": Ref.seen_from(port, span.from_), "to": Ref.seen_from(port, span.to)}
    stations = [step.name for step in route.steps if step.kind == "visit"]
    for key, station in ends.items():
        if station not in visited:
            short = span.from_ if key == "from" else span.to
            yield (*here, "passage", key), f"the route does not visit '{short}'{suggest(short, stations)}"
    if set(ends.values()) <= visited.keys() and visited[ends["to"]] < visited[ends["from"]]:
        yield (*here, "passage"), f"'{span.to}' comes before '{span.from_}' on the route"


def _flow(scenario: Scenario, port_name: str, name: str) -> Found:
    port = scenario.ports[port_name]
    flow = port.flows[name]
    here: KeyPath = ("ports", port_name, "flows", name)
    yield from _known((*here, "route"), flow.route, port.routes, "route")
    if isinstance(flow.months, str):
        yield from _known((*here, "months"), flow.months, scenario.profiles, "profile")
    if flow.hours is not None and not isinstance(flow.hours, tuple):
        yield from _hours((*here, "hours", "calendar"), flow.hours.calendar, port)
    for load, payload in flow.payload.items():
        path = (*here, "payload", load, "if")
        yield from _known(path, payload.if_, scenario.marks(flow), f"mark of flow '{name}':")
        if payload.cleared_after is not None and flow.route in port.routes:
            visited = [step.name for step in port.routes[flow.route].steps if step.kind == "visit"]
            if payload.cleared_after not in visited:
                message = f"route '{flow.route}' does not visit '{payload.cleared_after}'"
                yield (*here, "payload", load, "cleared_after"), message + suggest(payload.cleared_after, visited)
    yield from _mass_volume(here, flow)
    if flow.patience is not None and flow.route in port.routes:
        queues = [step.name for step in port.routes[flow.route].steps if step.kind in ("visit", "enter")]
        for index, place in enumerate(flow.patience.at):
            if place not in queues:
                message = f"route '{flow.route}' does not visit or enter '{place}'{suggest(place, queues)}"
                yield (*here, "patience", "at", index), message
    if flow.patience is not None:
        yield from _goods(here, port, name, flow.patience)
    yield from _inspects(here, scenario, flow)
    yield from _companion(here, port, name, flow)
    yield from _diversion(scenario, here, port_name, flow)
    yield from _diverted(scenario, here, port_name, flow)


def _hours(path: KeyPath, name: str, port: Port) -> Found:
    """Arrivals come in the open time of a calendar that has some, each minute of it once."""
    yield from _known(path, name, port.calendars, "calendar")
    calendar = port.calendars.get(name)
    if calendar is None:
        return
    if not calendar.open or len(set(calendar.closed_on)) == len(WEEKDAYS):
        yield path, f"calendar '{name}' never opens, so nobody could come"
    elif overlapping(calendar.open):
        yield (
            path,
            f"calendar '{name}' has windows that overlap, so it is not clear when how many come; join them to one",
        )


def _goods(here: KeyPath, port: Port, name: str, patience: Patience) -> Found:
    """Goods that wait have loads, and vehicles that travel alone."""
    path, flow = (*here, "patience"), port.flows[name]
    for index, load in enumerate(patience.goes_along):
        yield from _known((*path, "goes_along", index), load, flow.payload, f"load of flow '{name}':")
    if patience.goods != "wait":
        return
    companions = [other for other, companion in port.flows.items() if companion.companion_of == name]
    if companions or flow.companion_of is not None:
        who = f"'{companions[0]}' accompanies this flow" if companions else "this flow accompanies another"
        message = f"{who}, and a later truck would come alone; goods: lost is possible"
        yield (*path, "goods"), message
    if flow.counts == "persons":
        yield (*path, "goods"), "a person takes the goods along; goods: lost is possible"


def _diversion(scenario: Scenario, here: KeyPath, port: str, flow: Flow) -> Found:
    """Faults of a diversion: its flow must expect diverted vehicles, and the calendars that must be shut exist."""
    rule = flow.diversion
    if rule is None:
        return
    path = (*here, "diversion")
    own = Ref(port, str(here[-1]))
    flows = scenario.flows()
    target = Ref.seen_from(port, rule.to)
    if target not in flows:
        expecting = [name for name, other in flows.items() if other.diverted_from is not None]
        yield (*path, "to"), f"unknown flow '{target}'{suggest(target, expecting or list(flows))}"
    elif Ref.seen_from(target.port, flows[target].diverted_from or "") != own:
        yield (*path, "to"), f"'{target}' does not expect these vehicles; write 'diverted_from: {own}' there"
    route = scenario.ports[port].routes.get(flow.route)
    if rule.while_ is None and route is not None and (route.passage is None or route.passage.clock is None):
        message = f"needs 'while: [calendar, ...]', as the passage of route '{flow.route}' has no clock"
        yield path, message
    for index, reference in enumerate(rule.while_ or ()):
        yield from _target(scenario, port, (*path, "while", index), reference, "calendar")


def _diverted(scenario: Scenario, here: KeyPath, port: str, flow: Flow) -> Found:
    """The flow that vehicles are diverted from sends them here."""
    if flow.diverted_from is None:
        return
    path, own, flows = (*here, "diverted_from"), Ref(port, str(here[-1])), scenario.flows()
    source = Ref.seen_from(port, flow.diverted_from)
    if source not in flows:
        sending = [name for name, other in flows.items() if other.diversion is not None]
        yield path, f"unknown flow '{source}'{suggest(source, sending or list(flows))}"
        return
    rule = flows[source].diversion
    if rule is None or Ref.seen_from(source.port, rule.to) != own:
        yield path, f"'{source}' diverts nobody to '{own}'; write 'diversion: {{to: {own}, ...}}' there"


def _mass_volume(here: KeyPath, flow: Flow) -> Found:
    """A volume in mass is divided by the mean load: there must be one, known before anything is drawn."""
    if flow.volume is None or not flow.volume[1].endswith(" t"):
        return
    by_inspection = [load.if_ for load in flow.payload.values() if load.if_ and load.if_ not in flow.marks]
    if by_inspection:
        message = (
            f"is a mass, which is divided by the mean load, but '{by_inspection[0]}' is not a mark of the flow's own"
        )
        yield (*here, "volume"), message
        return
    mean = flow.mean_payload()
    if mean <= 0:
        yield (*here, "volume"), "is a mass, which is divided by the mean load, but this flow's vehicles carry none"
    elif mean < LEAST_MEAN_LOAD:
        least = f"at least {LEAST_MEAN_LOAD:g} t, a milligram"
        yield (*here, "volume"), f"is a mass, which is divided by the mean load: that is {mean:g} t, not {least}"


def _inspects(here: KeyPath, scenario: Scenario, flow: Flow) -> Found:
    """A flow that is inspected says how many are selected, and has no marks that inspection gives."""
    yield from _known((*here, "inspection"), flow.inspection, scenario.inspections, "inspection")
    if flow.inspection not in scenario.inspections or flow.inspection is None:
        return
    if "selected" not in flow.marks:
        yield (*here, "marks"), "inspection needs a mark 'selected': the share of the vehicles that are inspected"
    for mark in scenario.inspections[flow.inspection].marks():
        if mark in flow.marks:
            yield (*here, "marks", mark), f"'{mark}' is given by inspection '{flow.inspection}'; choose another name"


def _companion(here: KeyPath, port: Port, name: str, flow: Flow) -> Found:
    if flow.companion_of is None:
        return
    path = (*here, "companion_of")
    others = [other for other in port.flows if other != name]
    if flow.companion_of not in others:
        yield path, f"unknown flow '{flow.companion_of}'{suggest(flow.companion_of, others)}"
    elif port.flows[flow.companion_of].companion_of is not None:
        yield path, f"'{flow.companion_of}' is a companion itself; name the flow that it accompanies"
    if flow.consignment != 1:
        yield (*here, "consignment"), "a companion has no consignments of its own"
    for key in ("time_cost", "idling", "spoilage"):
        if getattr(flow, key) is not None:
            yield (*here, key), "a companion is not counted, so it costs nothing"


def _parties(port: Port) -> dict[str, list[Counter[tuple[str, str]]]]:
    """Numbers in a party that take each step, by route and by party that takes it.

    A party is a flow's vehicle with its companions.
    """
    steps = {name: {(step.kind, step.name) for step in route.steps} for name, route in port.routes.items()}
    counted: dict[str, Counter[tuple[str, str]]] = {}
    routes: dict[str, dict[str, Counter[tuple[str, str]]]] = {}
    for name, flow in port.flows.items():
        leader = flow.companion_of or name
        party = counted.setdefault(leader, Counter())
        party.update(steps.get(flow.route, ()))
        routes.setdefault(flow.route, {})[leader] = party
    return {route: list(parties.values()) for route, parties in routes.items()}


def _marks(scenario: Scenario, port_name: str) -> Found:
    """Marks that a step or task asks for, but a flow that comes there lacks."""
    port = scenario.ports[port_name]
    lacking: dict[tuple[KeyPath, str], list[str]] = {}
    for path, mark, name in islice(_lacking(scenario, port_name), 10 * MOST_FOUND):
        lacking.setdefault((path, mark), []).append(name)
    for (path, mark), names in lacking.items():
        marks = [known for name in names for known in scenario.marks(port.flows[name])]
        yield path, f"{_flows(names)} no mark '{mark}'{suggest(mark, marks)}"


def _lacking(scenario: Scenario, port: str) -> Iterator[tuple[KeyPath, str, str]]:
    for name, flow in scenario.ports[port].flows.items():
        for path, mark in _asked(scenario, port, flow.route):
            if mark not in scenario.marks(flow):
                yield path, mark, name


def _flows(names: list[str]) -> str:
    if len(names) == 1:
        return f"flow '{names[0]}' has"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"flows {', '.join(names[:3])}{more} have"


def _asked(scenario: Scenario, port: str, route: str) -> Iterator[tuple[KeyPath, str]]:
    """Marks that a route asks for, with the paths of the steps and tasks that do."""
    if route not in scenario.ports[port].routes:
        return
    steps = scenario.ports[port].routes[route].steps
    for index, (step, visit) in enumerate(zip(steps, visits_of(scenario, port, route), strict=True)):
        for key, mark in (("if", step.if_), ("unless", step.unless)):
            if mark is not None:
                yield ("ports", port, "routes", route, "steps", index, key), mark
        for task in visit.tasks:
            if task.mark is not None:
                yield ("ports", visit.ref.port, "stations", visit.ref.name, "tasks", task.name, "if"), task.mark


def _yards(scenario: Scenario, port_name: str) -> Found:
    """Places entered but never left, or the other way round; waits for signals that nobody gives."""
    port = scenario.ports[port_name]
    parties = _parties(port)
    for name, route in port.routes.items():
        here: KeyPath = ("ports", port_name, "routes", name, "steps")
        yield from _repetitions(here, route)
        for index in _unmatched(route, parties.get(name, [Counter()])):
            step = route.steps[index]
            if step.kind != "wait" and any(_target(scenario, port_name, (), step.name, "resource")):
                continue  # there is no such place, which is said already
            partner, words = _PARTNERS[step.kind]
            names = {named for party in parties.get(name, []) for kind, named in party if kind == partner}
            hint = suggest(step.name, sorted(names - {step.name})) if names else ""
            yield (*here, index, "name"), words.format(step.name) + hint


_PARTNERS = {
    "enter": ("leave", "enters '{}', but neither this route nor a companion's leaves it later"),
    "leave": ("enter", "leaves '{}', but neither this route nor a companion's enters it before"),
    "wait": ("signal", "waits for '{}', but no vehicle that it travels with signals it"),
}


def _unmatched(route: Route, parties: list[Counter[tuple[str, str]]]) -> Iterator[int]:
    """Steps without a partner on their own route or, in each party, on the route of another vehicle."""
    first: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], int] = {}
    for index, step in enumerate(route.steps):
        first.setdefault((step.kind, step.name), index)
        last[step.kind, step.name] = index
    for index, step in enumerate(route.steps):
        if step.kind not in _PARTNERS:
            continue
        wanted = (_PARTNERS[step.kind][0], step.name)
        left = step.kind == "enter" and last.get(wanted, -1) > index
        entered = step.kind == "leave" and first.get(wanted, index) < index
        own = 1 if wanted in first else 0
        if not (left or entered or all(party[wanted] > own for party in parties)):
            yield index


def _repetitions(here: KeyPath, route: Route) -> Found:
    """Places that every vehicle enters or leaves twice in a row."""
    previous: dict[str, Step] = {}
    for index, step in enumerate(route.steps):
        if step.kind not in ("enter", "leave"):
            continue
        before = previous.get(step.name)
        optional = _is_optional(step) or (before is not None and _is_optional(before))
        if before is not None and before.kind == step.kind and not optional:
            yield (*here, index, "name"), f"{step.kind}s '{step.name}' a second time"
        previous[step.name] = step


def _is_optional(step: Step) -> bool:
    return step.if_ is not None or step.unless is not None or step.share is not None


def _groups(scenario: Scenario) -> Found:
    flows = scenario.flows()
    for name, members in scenario.groups.items():
        for index, member in enumerate(members):
            if member not in flows:
                message = f"unknown flow '{member}' (write port.flow){suggest(member, flows)}"
                yield ("groups", name, index), message


def _reported(scenario: Scenario) -> Found:
    for name, figure in scenario.reported.items():
        here: KeyPath = ("reported", name)
        if figure.port != "all" and figure.port not in scenario.ports:
            yield (*here, "port"), f"unknown port '{figure.port}'{suggest(figure.port, scenario.ports)}"
            continue
        ports = scenario.ports.values() if figure.port == "all" else [scenario.ports[figure.port]]
        known = ["all", *scenario.groups, *(flow for port in ports for flow in port.flows)]
        yield from _known((*here, "flow"), figure.flow, known, "flow or group")


def _variant(path: KeyPath, use: PolicyUse, policy: Policy) -> Found:
    if use.variant is not None and use.variant not in policy.variants:
        yield (
            (*path, "variant"),
            f"policy '{policy.name}' has no variant '{use.variant}'{suggest(use.variant, policy.variants)}",
        )


def _inland(path: KeyPath, scenario: Scenario, effect: Effect) -> Found:
    """The station that an effect moves work to exists in a port that it is about."""
    if effect.inland is None:
        return
    owner, _, station = effect.inland.rpartition(".")
    ports = [owner] if owner else effect.on.port or tuple(scenario.ports)
    known = {name for port in ports if port in scenario.ports for name in scenario.ports[port].stations}
    if station not in known:
        yield path, f"unknown station '{effect.inland}'{suggest(station, sorted(known))}"
