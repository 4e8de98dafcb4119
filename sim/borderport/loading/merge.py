"""One tree over another: what ``extends``, overlays and ``--set`` have in common."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields

from borderport.distributions import LAW_NAMES
from borderport.loading.messages import known_keys, model_at, takes_law
from borderport.loading.tree import Finding, KeyPath, Node, Origin, dotted, suggest
from borderport.scenario import Scenario

# Names in files of the parameters of the laws of `borderport.distributions`.
_PARAMETERS = {
    name: {"mean" if field.name == "mean_value" else field.name for field in fields(law)}
    for name, law in LAW_NAMES.items()
}


def merged(below: Node, above: Node, path: KeyPath = ()) -> Node:
    """Lay one tree over another; ``path`` is where in a scenario both stand.

    Mappings merge key by key; lists and scalars replace; ``null`` above removes what is below; a law replaces
    and is replaced as a whole unless both are the same law, whose parameters then merge. Every value keeps
    the origin of the file it was written in. ``key`` is what both stand below.
    """
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    if law_name(below) != law_name(above) and takes_law(path):
        return above
    items = dict(below.value)
    for key, item in above.value.items():
        if key not in items:
            items[key] = item
        elif item.value is None:
            del items[key]
        else:
            items[key] = merged(items[key], item, (*path, key))
    return above._replace(value=items)


def law_name(node: Node) -> str | None:
    """Name of the law that a mapping is, None if it is none.

    A flow may call one of its loads ``normal``: a law's parameters tell them apart.
    """
    if not isinstance(node.value, dict) or len(node.value) != 1:
        return None
    name, given = next(iter(node.value.items()))
    if name not in LAW_NAMES:
        return None
    if isinstance(given.value, dict) and not given.value.keys() <= _PARAMETERS[name]:
        return None
    return name


def without_empty_policies(root: Node) -> Node:
    """Read ``policies: {name: null}`` as a policy without options, where there is nothing that null removes."""
    policies = root.child("policies")
    if policies is None or not isinstance(policies.value, dict):
        return root
    filled = {
        key: item._replace(value={}, at=item.key) if item.value is None else item
        for key, item in policies.value.items()
    }
    return with_item(root, "policies", policies._replace(value=filled))


def with_item(node: Node, part: str | int, item: Node | None) -> Node:
    """The same mapping or list with one item added, replaced or, if None, removed."""
    if isinstance(node.value, dict):
        items = {**node.value, str(part): item}
        return node._replace(value={key: value for key, value in items.items() if value is not None})
    assert isinstance(node.value, list) and isinstance(part, int)
    replaced = [item if index == part else old for index, old in enumerate(node.value)]
    return node._replace(value=[value for value in replaced if value is not None])


def with_value(root: Node, parts: list[str], value: Node) -> Node:
    """Put a value at a dotted path; ``null`` removes what is there.

    Raises
    ------
    KeyError
        Carries a `Finding`: an element of the path before the last one, or an index, does not exist.
    """
    return _with_value(root, parts, (), value)


def _with_value(node: Node, parts: list[str], walked: KeyPath, value: Node) -> Node:
    part = _part(node, parts[0], walked, value.at, last=len(parts) == 1)
    below = node.child(part)
    if len(parts) == 1:
        return with_item(node, part, None if value.value is None and below is not None else value)
    assert below is not None
    return with_item(node, part, _with_value(below, parts[1:], (*walked, part), value))


def _part(node: Node, part: str, walked: KeyPath, at: Origin, *, last: bool) -> str | int:
    """One element of a path as a key or index of ``node``, checked."""
    path = (*walked, part)
    if isinstance(node.value, list):
        if part.isascii() and part.isdigit() and int(part[:9]) < len(node.value):
            return int(part[:9])
        raise KeyError(Finding(at, path, f"must be an index from 0 to {len(node.value) - 1}"))
    if not isinstance(node.value, dict):
        raise KeyError(Finding(at, path, f"there is nothing below '{node.value}'"))
    if not part or (part not in node.value and not last):
        raise KeyError(Finding(at, path, _absent(path, node.value)))
    return part


def _absent(path: KeyPath, siblings: Iterable[str]) -> str:
    """The message on an element of a path that leads on but is not there."""
    *walked, part = path
    if path[0] == "policies" and len(path) <= 2:  # named by the option, whether or not others are in force
        close = difflib.get_close_matches(str(part), siblings, n=1) if walked else []
        return "is not in force" + (
            f"; did you mean '{close[0]}'?" if close else "; --with NAME puts a policy in force"
        )
    keys = known_keys(model_at(Scenario, walked))
    if part == "tasks" and "service" in siblings:
        return f"is written in its short form, {dotted((*walked, 'service'))}"
    if part in keys:
        below = known_keys(model_at(Scenario, path))
        inside = f"; its keys are {', '.join(below)}" if below else ""
        return f"is left out in this scenario, so give it as a whole: {dotted(path)}={{...}}{inside}"
    return f"does not exist{suggest(str(part), [*siblings, *keys])}"
