"""Numbers and the reasons given for them: those of the same file, never that of a value it replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from pydantic import BaseModel

from borderport.distributions import Law
from borderport.loading.tree import KeyPath, Node, Origin, dotted, locate
from borderport.scenario import Entry, Season

KINDS = ("source", "assumed")
MOST_NAMED = 4  # numbers of one reason; if fewer others are not covered, these are named
OPTIONS = ""  # all options of a command together are one layer


@dataclass(frozen=True)
class Written:
    """A tree, and the layers it was merged from: one for each file, and one for all options.

    Attributes
    ----------
    root : Node
        Short for what is in force: the last layer that says a thing counts.
    layers : mapping of str to Node
        By the file that `Origin` names; by `OPTIONS` those of the command.
    """

    root: Node
    layers: Mapping[str, Node]

    def layer(self, at: Origin) -> Node | None:
        """The layer that a value was written in."""
        return self.layers.get(at.file if at.line else OPTIONS)


class Reason(NamedTuple):
    """The reason that a file gives for the numbers below a path: ``source``, ``assumed`` or both, with their places."""

    path: KeyPath
    texts: tuple[tuple[str, str, Origin], ...]


class Number(NamedTuple):
    """A number, or several written as one value, and why it is what it is.

    Attributes
    ----------
    path : tuple
        In the models.
    thing : tuple
        Path of the named thing that it belongs to, such as a resource: no reason further up covers it.
    at : Origin
        The place where it was written; if only a part of it has no reason, where that was.
    reasons : tuple of Reason
        Several if a law's parameters were written in several files; empty if any of them has none.
    """

    path: KeyPath
    thing: KeyPath
    at: Origin
    reasons: tuple[Reason, ...]


def numbers_of(model: BaseModel, written: Written) -> list[Number]:
    """Every number of a scenario or policy that stands where a reason can, in the order of the models.

    A reason covers the mapping that it stands in and what is below, in its own file, down to things with a name of
    their own: that of a port covers its altitude, not its resources.
    """
    entries = frozenset(path for path, _ in _entries(model, ()))
    return [_number(path, thing, written, entries) for path, thing in _paths(model, (), (), False)]


class Said(NamedTuple):
    """A ``source`` or ``assumed`` of one mapping: its text, where it was written, and what it is of, if not of all."""

    kind: str
    text: str
    at: Origin
    of: str


def said_of(model: BaseModel, written: Written, numbers: list[Number]) -> dict[KeyPath, list[Said]]:
    """Reasons given by each mapping of a scenario or policy, except those that cover no number there any more.

    Parameters
    ----------
    model, written
        As for `numbers_of`.
    numbers : list of Number
        The numbers that `numbers_of` found.
    """
    found: dict[KeyPath, list[Said]] = {}
    covered: dict[Reason, list[Number]] = {}
    for number in numbers:
        for reason in number.reasons:
            covered.setdefault(reason, []).append(number)
    for reason, those in covered.items():
        below = [number for number in numbers if number.thing == those[0].thing and _begins(number.path, reason.path)]
        others = [number for number in below if number not in those]
        of = "" if not others else named(those, reason.path)
        if len(those) > MOST_NAMED >= len(others):
            of = f"all but {named(others, reason.path)}"
        found.setdefault(reason.path, []).extend(Said(*text, of) for text in reason.texts)
    for path, entry in _entries(model, ()):
        if not any(_begins(number.path, path) for number in numbers):
            _, node = locate(written.root, path)
            given = [(kind, node.child(kind), getattr(entry, kind)) for kind in KINDS]
            found[path] = [Said(kind, text, item.at, "") for kind, item, text in given if item and text]
    return found


def _entries(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Entry]]:
    """Everything below a value that may give a reason."""
    if isinstance(value, Entry):
        yield path, value
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        items = [
            (field.alias or name, getattr(value, name)) for name, field in fields if name in value.model_fields_set
        ]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, tuple):
        items = list(enumerate(value))
    for key, item in items:
        yield from _entries(item, (*path, key))


def _begins(path: KeyPath, start: KeyPath) -> bool:
    return path[: len(start)] == start


def _paths(value: Any, path: KeyPath, thing: KeyPath, covered: bool) -> Iterator[tuple[KeyPath, KeyPath]]:
    """Paths of the numbers below a value, each with the path of the named thing that it belongs to."""
    if isinstance(value, Season) or (not isinstance(value, BaseModel) and _is_number(value)):
        if covered:
            yield path, thing
    elif isinstance(value, BaseModel):
        covered = covered or isinstance(value, Entry)
        for name, field in type(value).model_fields.items():
            if name in value.model_fields_set:
                yield from _paths(getattr(value, name), (*path, field.alias or name), thing, covered)
    elif isinstance(value, dict):
        for key, item in value.items():
            below = (*path, key)
            yield from _paths(item, below, below if isinstance(item, Entry) else thing, covered)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index), thing, covered)


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_is_number(item) for item in value)
    return isinstance(value, int | float | date | Law) and not isinstance(value, bool)


def _number(path: KeyPath, thing: KeyPath, written: Written, entries: frozenset[KeyPath]) -> Number:
    found, node = locate(written.root, path)
    parts = [(below, item.at) for below, item in node.walk(found) if not isinstance(item.value, dict | list)]
    reasons = []
    for below, at in parts or [(found, node.at)]:
        reason = _reason(below, len(thing), written.layer(at), entries)
        if reason is None:
            return Number(path, thing, at, ())
        reasons.append(reason)
    return Number(path, thing, node.at, tuple(dict.fromkeys(reasons)))


def _reason(path: KeyPath, least: int, layer: Node | None, entries: frozenset[KeyPath]) -> Reason | None:
    """The nearest reason above a value in the layer that it was written in, not above the thing it belongs to.

    Only ``entries`` give reasons: elsewhere ``assumed`` is what a user calls something.
    """
    above = [layer]
    for part in path[:-1]:
        above.append(above[-1].child(part) if above[-1] is not None else None)
    for depth in range(len(above) - 1, least - 1, -1):
        node = above[depth] if path[:depth] in entries else None
        given = [(kind, node.child(kind)) for kind in KINDS] if node is not None else []
        texts = tuple((kind, item.value, item.at) for kind, item in given if item and isinstance(item.value, str))
        if texts:
            return Reason(path[:depth], texts)
    return None


def named(numbers: list[Number], below: KeyPath) -> str:
    """Names of the numbers below a path, for a message."""
    return ", ".join(dict.fromkeys(dotted(number.path[len(below) :]) for number in numbers))
