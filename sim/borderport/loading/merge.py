"""One tree over another: what ``extends``, overlays and ``--set`` have in common."""

from __future__ import annotations

from dataclasses import fields

from borderport.distributions import LAW_NAMES
from borderport.loading.tree import Finding, KeyPath, Node, Origin, suggest

# What the laws of `borderport.distributions` call their parameters in files.
_PARAMETERS = {
    name: {"mean" if field.name == "mean_value" else field.name for field in fields(law)}
    for name, law in LAW_NAMES.items()
}

# Keys that a law stands below, the short forms of a task and a load included. Elsewhere `exponential: {}` is something
# that a user calls so, such as a policy.
LAW_KEYS = frozenset(("service", "law", "payload", "size", "length", "items", "bad_items", "bad_share"))


def merged(below: Node, above: Node, key: str | None = None) -> Node:
    """Lay one tree over another.

    Mappings merge key by key; lists and scalars replace; ``null`` above removes what is below; a law replaces
    and is replaced as a whole unless both are the same law, whose parameters then merge. Every value keeps
    the origin of the file it was written in. ``key`` is what both stand below.
    """
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    if key in LAW_KEYS and law_name(below) != law_name(above):
        return above
    items = dict(below.value)
    for name, item in above.value.items():
        if name not in items:
            items[name] = item
        elif item.value is None:
            del items[name]
        else:
            items[name] = merged(items[name], item, name)
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
        raise KeyError(Finding(at, path, f"does not exist{suggest(part, node.value)}"))
    return part
