"""A name or file, ``--set``, ``--with`` and ``--without`` → a valid scenario with its policies applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from borderport.loading.catalogue import Catalogue, find_policies
from borderport.loading.files import Source, find_scenario, is_path, read_scenario
from borderport.loading.mapping import MAPPING, read_python
from borderport.loading.merge import merged, with_item, with_value
from borderport.loading.messages import INTERNAL_KEYS, findings_of, internal_findings
from borderport.loading.reasons import OPTIONS, Written
from borderport.loading.references import check_policies, check_policy, check_references
from borderport.loading.traces import read_traces
from borderport.loading.tree import (
    Finding,
    KeyPath,
    Node,
    Origin,
    dotted,
    locate,
    option_node,
    raise_if_any,
)
from borderport.loading.yaml import read_value
from borderport.policies import apply_policies
from borderport.scenario import Policy, Scenario


@dataclass(frozen=True)
class Loaded:
    """A scenario, and where each of its values comes from.

    Attributes
    ----------
    scenario : Scenario
        With its policies applied.
    plain : Scenario
        Before; its ``policies`` are those asked for.
    origins : dict of str to Origin
        Dotted path → where the value was written. A value that is given in a short form, such as ``service``,
        is found under its long path too; one that is left out is not in here.
    catalogue : dict of str to Policy
        All policies that the scenario could use.
    written : Written
        The content of each file and of the options, from which the reasons of values are taken.
    policies_written : dict of str to Written
        The same for each policy of the catalogue.
    """

    scenario: Scenario
    plain: Scenario
    origins: dict[str, Origin]
    catalogue: dict[str, Policy]
    written: Written
    policies_written: dict[str, Written]


def load_scenario(
    reference: str | Mapping[str, object],
    *,
    sets: Sequence[str] = (),
    with_policies: Sequence[str] = (),
    without_policies: Sequence[str] = (),
    policies: Path | None = None,
    overlays: bool = True,
) -> Loaded:
    """Read and check a scenario.

    Parameters
    ----------
    reference : str or mapping
        Name of a built-in scenario, or a file: it has a separator or ends in ``.yaml`` or ``.yml``. Or what such a file
        would hold, as if it lay where the user is; its ``title`` is its name too.
    sets : sequence of str
        ``PATH=VALUE``, e.g. ``ports.zhangmu.resources.inspection_bay.capacity=3``; the value is read as YAML.
        Applied last, in order; a policy given by ``with_policies`` can be set.
    with_policies, without_policies : sequence of str
        Names of policies to add at the end, if not there, and then to take away.
    policies : Path or None
        A folder of policy files, beside those built in and those in ``policies/`` beside the scenario; its own win.
    overlays : bool
        True to lay fitted values over; calibration starts without.

    Returns
    -------
    Loaded

    Raises
    ------
    UsageError
        There is no such scenario, or no such folder of policies.
    ScenarioInvalid
        With every problem found in the files and the options, not only the first.
    """
    name, source, given, found = _found(reference)
    root, layers, findings = read_scenario(source, overlays, given)
    findings = [*found, *findings]
    if root is None:
        raise_if_any(findings)
    assert root is not None
    catalogue, more = find_policies(source, isinstance(reference, str) and not is_path(reference), policies)
    findings += more
    root, more = _changed(root, catalogue, sets, with_policies, without_policies)
    findings += more
    plain, more = _validated(root, name)
    raise_if_any([*findings, *more])
    assert plain is not None
    raise_if_any(_reference_findings(plain, root, catalogue))
    traces, more = read_traces(plain, root)
    raise_if_any(more)
    plain = plain.model_copy(update={"traces": traces})
    known = {key: entry.policy for key, entry in catalogue.entries.items()}
    scenario, problems = apply_policies(plain, known)
    raise_if_any([_placed(root, tuple(path.split(".")), message) for path, message in problems])
    layers[OPTIONS] = _options_layer(sets)
    written = {key: Written(e.root, {e.root.at.file: e.root}) for key, e in catalogue.entries.items()}
    return Loaded(scenario, plain, _origins(root), known, Written(root, layers), written)


def _found(reference: str | Mapping[str, object]) -> tuple[str, Source, Node | None, list[Finding]]:
    """Name of a scenario, its file, and the content a program gave in place of one, with what is wrong with that."""
    if not isinstance(reference, str):
        given, findings = read_python(reference)
        title = given.child("title")
        name = title.value if title is not None and isinstance(title.value, str) and title.value else MAPPING
        return name, Source(MAPPING, Path.cwd().resolve() / MAPPING), given, findings
    source = find_scenario(reference)
    name = Path(reference).stem.encode(errors="replace").decode() if is_path(reference) else reference
    return name, source, None, []


def _changed(
    root: Node,
    catalogue: Catalogue,
    sets: Sequence[str],
    added: Sequence[str],
    removed: Sequence[str],
) -> tuple[Node, list[Finding]]:
    """The tree as the command-line options change it."""
    findings: list[Finding] = []
    for name in added:
        root, more = _with_policy(root, name, catalogue)
        findings += more
    for name in removed:
        root, more = _without_policy(root, name, catalogue)
        findings += more
    for text in sets:
        root, more = _set(root, text)
        findings += more
    return root, findings


def _with_policy(root: Node, name: str, catalogue: Catalogue) -> tuple[Node, list[Finding]]:
    option = f"--with {name}"
    policies = root.child("policies") or option_node({}, option)
    if name not in catalogue.entries:
        return root, [Finding(Origin(option), (), catalogue.unknown(name))]
    if policies.child(name) is not None or not isinstance(policies.value, dict):
        return root, []
    return with_item(root, "policies", with_item(policies, name, option_node({}, option))), []


def _without_policy(root: Node, name: str, catalogue: Catalogue) -> tuple[Node, list[Finding]]:
    at = Origin(f"--without {name}")
    policies = root.child("policies")
    if policies is not None and isinstance(policies.value, dict) and name in policies.value:
        return with_item(root, "policies", with_item(policies, name, None)), []
    if name not in catalogue.entries:
        return root, [Finding(at, (), catalogue.unknown(name))]
    in_force = policies.value if policies is not None and isinstance(policies.value, dict) else {}
    return root, [Finding(at, (), f"policy '{name}' is not in force; in force: {', '.join(in_force) or 'none'}")]


def _set(root: Node, text: str) -> tuple[Node, list[Finding]]:
    option = f"--set {text}"
    path, equals, given = text.partition("=")
    parts = [part.strip() for part in path.split(".")]
    if not equals or not path.strip():
        return root, [Finding(Origin(option), (), "must be PATH=VALUE, such as horizon.end=2025-01-01")]
    value, findings = read_value(given, option)
    if value is None:
        return root, findings
    if value.value is None and len(parts) == 2 and parts[0] == "policies":
        value = value._replace(value={})  # a policy without options, as in a file
    try:
        return with_value(root, parts, value), []
    except KeyError as error:
        return root, [error.args[0]]


def _options_layer(sets: Sequence[str]) -> Node:
    """All ``--set`` options together, as a file would say them."""
    layer = option_node({}, OPTIONS)
    for text in sets:
        path, _, given = text.partition("=")
        value, _ = read_value(given, f"--set {text}")
        assert value is not None  # it has been read before
        for part in reversed(path.split(".")):
            value = Node({part.strip(): value}, value.at, value.at)
        layer = merged(layer, value)
    return layer


def _validated(root: Node, name: str) -> tuple[Scenario | None, list[Finding]]:
    """The tree as a model, and what is wrong with it."""
    findings = internal_findings(root)
    # Strict, so that true is no number and "1" no count; strict models want tuples.
    given = {key: value for key, value in root.plain(tuple).items() if key not in INTERNAL_KEYS["Scenario"]}
    try:
        return Scenario.model_validate({**given, "name": name}, strict=True), findings
    except ValidationError as error:
        return None, [*findings, *findings_of(error, Scenario, root)]


def _reference_findings(scenario: Scenario, root: Node, catalogue: Catalogue) -> list[Finding]:
    known = {name: entry.policy for name, entry in catalogue.entries.items()}
    found = [*check_references(scenario), *check_policies(scenario, known, catalogue.unknown)]
    findings = [_placed(root, path, message) for path, message in found]
    for name in scenario.policies:
        if name in known:
            entry = catalogue.entries[name]
            wrong = check_policy(scenario, entry.policy, known, catalogue.unknown)
            findings += [_placed(entry.root, path, message) for path, message in wrong]
    return findings


def _placed(root: Node, path: KeyPath, message: str) -> Finding:
    found, node = locate(root, path)
    return Finding(node.at, found, message)


def _origins(root: Node) -> dict[str, Origin]:
    """The place where each value was written, by dotted path; the short forms by their long paths too."""
    origins = {dotted(path): node.at for path, node in root.walk() if path}
    for port, port_node in _items(root.child("ports")):
        for name, station in _items(port_node.child("stations")):
            service = station.child("service")
            if service is not None:
                origins[f"ports.{port}.stations.{name}.tasks.service.service"] = service.at
        for name, flow in _items(port_node.child("flows")):
            payload = flow.child("payload")
            if payload is not None:
                origins.setdefault(f"ports.{port}.flows.{name}.payload.cargo.law", payload.at)
    return origins


def _items(node: Node | None) -> list[tuple[str, Node]]:
    return list(node.value.items()) if node is not None and isinstance(node.value, dict) else []
