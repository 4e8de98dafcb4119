"""Names that point at nothing, and routes that cannot be driven: what no single model can see.

Each check takes a valid scenario and yields ``(path, message)`` with the path of the models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from borderport.loading.tree import MOST_FOUND, KeyPath, suggest
from borderport.scenario import Effect, Flow, Policy, PolicyUse, Port, Route, Scenario, Station, Step

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


def check_policies(scenario: Scenario, catalogue: Mapping[str, Policy]) -> list[tuple[KeyPath, str]]:
    """Policies in force that do not exist, and variants that they do not have."""
    found: list[tuple[KeyPath, str]] = []
    for name, use in scenario.policies.items():
        path: KeyPath = ("policies", name)
        if name not in catalogue:
            found.append((path, f"unknown policy '{name}'{suggest(name, catalogue)}"))
        else:
            found += _variant(path, use, catalogue[name])
    return found


def check_policy(scenario: Scenario, policy: Policy, catalogue: Mapping[str, Policy]) -> list[tuple[KeyPath, str]]:
    """Names in a policy's file that the scenario and the catalogue lack; paths in the policy."""
    found: list[tuple[KeyPath, str]] = [
        (("after", index), f"unknown policy '{name}'{suggest(name, catalogue)}")
        for index, name in enumerate(policy.after)
        if name not in catalogue
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
        if name == "payload":
            yield here, "a station cannot be called 'payload', which names the draws of loads"
        yield from _known((*here, "pace"), station.pace, port.paces, "pace")
        for index, resource in enumerate(station.needs):
            yield from _known((*here, "needs", index), resource, port.resources, "resource")
            if resource in station.needs[:index]:
                yield (*here, "needs", index), f"needs '{resource}' twice"


def _route(scenario: Scenario, port: str, name: str) -> Found:
    """What is wrong with a route whatever flow takes it."""
    route = scenario.ports[port].routes[name]
    here: KeyPath = ("ports", port, "routes", name)
    visited: dict[str, int] = {}
    for index, step in enumerate(route.steps):
        path = (*here, "steps", index, "name")
        if step.kind == "visit":
            yield from _target(scenario, port, path, step.name, "station")
            full = _full(port, step.name)
            if full in visited:
                yield path, f"visits '{step.name}' a second time; give each visit a station of its own"
            visited.setdefault(full, index)
        elif step.kind in ("enter", "leave"):
            yield from _target(scenario, port, path, step.name, "resource")
            yield from _not_a_station(scenario, port, path, step)
    yield from _one_declaration(scenario, port, here, route)
    if all(step.kind in ("leave", "signal") for step in route.steps):
        yield (*here, "steps"), "needs a step that takes time: a station, a yard to enter, or a signal to wait for"
    yield from _holds(here, port, route)
    yield from _passage(here, scenario.ports[port], port, route, visited)


def _one_declaration(scenario: Scenario, port: str, here: KeyPath, route: Route) -> Found:
    """A consignment declares once: at one station of a route."""
    shared = []
    for index, step in enumerate(route.steps):
        owner, _, name = _full(port, step.name).partition(".")
        station = scenario.ports[owner].stations.get(name) if owner in scenario.ports else None
        if step.kind == "visit" and station is not None and station.once_per == "consignment":
            shared.append((index, step.name))
    for index, name in shared[1:]:
        yield (
            (*here, "steps", index, "name"),
            f"'{name}' is once_per consignment, as '{shared[0][1]}' is already; only one may be",
        )


def _full(port: str, reference: str) -> str:
    return reference if "." in reference else f"{port}.{reference}"


def _target(scenario: Scenario, port: str, path: KeyPath, reference: str, kind: str) -> Found:
    """A station or resource by the name that a route uses for it."""
    owner, _, name = _full(port, reference).partition(".")
    if owner not in scenario.ports:
        yield path, f"unknown port '{owner}'{suggest(owner, scenario.ports)}"
        return
    known: Collection[str] = getattr(scenario.ports[owner], f"{kind}s")
    if name not in known:
        yield path, f"port '{owner}' has no {kind} '{name}'{suggest(name, known)}"


def _not_a_station(scenario: Scenario, port: str, path: KeyPath, step: Step) -> Found:
    """What is entered and what is visited are told apart by their names, in tables and in ``patience``."""
    owner, _, name = _full(port, step.name).partition(".")
    if step.kind == "enter" and owner in scenario.ports and name in scenario.ports[owner].stations:
        yield path, f"port '{owner}' has a station '{name}' too; what is entered needs a name of its own"


def _holds(here: KeyPath, port: str, route: Route) -> Found:
    reached = [(index, step) for index, step in enumerate(route.steps) if step.kind in ("visit", "enter")]
    last = {_full(port, step.name): index for index, step in reached}
    for index, step in enumerate(route.steps):
        if step.holds_until is None or last.get(_full(port, step.holds_until), -1) > index:
            continue
        later = [other.name for place, other in reached if place > index]
        message = f"no later step visits or enters '{step.holds_until}'{suggest(step.holds_until, later)}"
        yield (*here, "steps", index, "holds_until"), message


def _passage(here: KeyPath, owner: Port, port: str, route: Route, visited: Mapping[str, int]) -> Found:
    span = route.passage
    if span is None:
        return
    yield from _known((*here, "passage", "clock"), span.clock, owner.calendars, "calendar")
    ends = {"from": _full(port, span.from_), "to": _full(port, span.to)}
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
        yield from _known((*here, "hours", "calendar"), flow.hours.calendar, port.calendars, "calendar")
    for load, payload in flow.payload.items():
        path = (*here, "payload", load, "if")
        yield from _known(path, payload.if_, scenario.marks(flow), f"mark of flow '{name}':")
    if flow.patience is not None and flow.route in port.routes:
        queues = [step.name for step in port.routes[flow.route].steps if step.kind in ("visit", "enter")]
        for index, place in enumerate(flow.patience.at):
            if place not in queues:
                message = f"route '{flow.route}' does not visit or enter '{place}'{suggest(place, queues)}"
                yield (*here, "patience", "at", index), message
    yield from _inspects(here, scenario, flow)
    yield from _companion(here, port, name, flow)
    yield from _diversion(scenario, here, port_name, flow)
    yield from _diverted(scenario, here, port_name, flow)


def _diversion(scenario: Scenario, here: KeyPath, port: str, flow: Flow) -> Found:
    """Where diverted vehicles go expects them, and the calendars that must be shut exist."""
    rule = flow.diversion
    if rule is None:
        return
    path = (*here, "diversion")
    own = _full(port, str(here[-1]))
    flows = scenario.flows()
    target = _full(port, rule.to)
    if target not in flows:
        expecting = [name for name, other in flows.items() if other.diverted_from is not None]
        yield (*path, "to"), f"unknown flow '{target}'{suggest(target, expecting or list(flows))}"
    elif _full(target.partition(".")[0], flows[target].diverted_from or "") != own:
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
    path, own, flows = (*here, "diverted_from"), _full(port, str(here[-1])), scenario.flows()
    source = _full(port, flow.diverted_from)
    if source not in flows:
        sending = [name for name, other in flows.items() if other.diversion is not None]
        yield path, f"unknown flow '{source}'{suggest(source, sending or list(flows))}"
        return
    rule = flows[source].diversion
    if rule is None or _full(source.partition(".")[0], rule.to) != own:
        yield path, f"'{source}' diverts nobody to '{own}'; write 'diversion: {{to: {own}, ...}}' there"


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
    """For each route: how many of those who travel together take each step, for each party that takes it.

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
    steps = scenario.ports[port].routes[route].steps if route in scenario.ports[port].routes else ()
    for index, step in enumerate(steps):
        for key, mark in (("if", step.if_), ("unless", step.unless)):
            if mark is not None:
                yield ("ports", port, "routes", route, "steps", index, key), mark
        owner, station = _visited(scenario, port, step)
        for name, task in station.tasks.items() if station is not None else ():
            if task.if_ is not None:
                yield (*owner, "tasks", name, "if"), task.if_


def _visited(scenario: Scenario, port: str, step: Step) -> tuple[KeyPath, Station | None]:
    owner, _, name = _full(port, step.name).partition(".")
    if step.kind != "visit" or owner not in scenario.ports:
        return (), None
    return ("ports", owner, "stations", name), scenario.ports[owner].stations.get(name)


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
