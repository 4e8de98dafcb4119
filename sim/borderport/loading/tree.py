"""Plain data that still knows where it was written: what a YAML file is read into."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from borderport.errors import Problem, ScenarioInvalid

Scalar = str | int | float | bool | None
KeyPath = tuple[str | int, ...]
MOST_PRINTED = 20
MOST_FOUND = 200  # of one stage: a file may hold 100,000 mistakes, and each wants a suggestion
_MOST_NAMES = 12
_MOST_COMPARED = 500
_LONGEST_MESSAGE = 400


class Origin(NamedTuple):
    """The place where a value was written; ``line`` 0 means ``file`` is a command-line option, not a file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Node(NamedTuple):
    """One value of a file.

    Attributes
    ----------
    value : str, int, float, bool, None, dict of Node or list of Node
    at : Origin
        The place of the value in its file: the scalar itself; of a mapping or list, its key.
    key : Origin
        The place of the key; of the items of a list, that of the value.
    """

    value: Scalar | dict[str, Node] | list[Node]
    at: Origin
    key: Origin

    def plain(self, sequence: type[list[Any]] | type[tuple[Any, ...]] = list) -> Any:
        """The value without its origins; lists as ``sequence``."""
        if isinstance(self.value, dict):
            return {key: item.plain(sequence) for key, item in self.value.items()}
        if isinstance(self.value, list):
            return sequence(item.plain(sequence) for item in self.value)
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value under a key or at an index, None if there is none."""
        below: Node | None = None
        if isinstance(self.value, dict):
            below = self.value.get(str(part))
        elif isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            below = self.value[part]
        return below

    def walk(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
        """The node and all below it, with their paths."""
        yield path, self
        if isinstance(self.value, dict):
            for key, item in self.value.items():
                yield from item.walk((*path, key))
        elif isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield from item.walk((*path, index))


class Finding(NamedTuple):
    """One thing wrong, before it becomes a `borderport.errors.Problem`: findings can be sorted by place."""

    at: Origin
    path: KeyPath
    message: str

    def problem(self) -> Problem:
        """The same in words, cut to a length that can be read."""
        message = self.message
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + " …"
        return Problem(str(self.at), dotted(self.path)[:_LONGEST_MESSAGE], message)


def option_node(value: object, option: str) -> Node:
    """A node for a value that a command-line option gave, e.g. ``--with express``."""
    at = Origin(option)
    if isinstance(value, dict):
        return Node({key: option_node(item, option) for key, item in value.items()}, at, at)
    if isinstance(value, list):
        return Node([option_node(item, option) for item in value], at, at)
    assert value is None or isinstance(value, str | int | float | bool)
    return Node(value, at, at)


def dotted(path: KeyPath) -> str:
    """``("ports", "zhangmu")`` → ``"ports.zhangmu"``."""
    return ".".join(map(str, path))


def locate(root: Node, path: KeyPath) -> tuple[KeyPath, Node]:
    """The node that a path of the models means, and its path as the file has it.

    The models know more levels than a file: short forms (``service`` for one task, a law as ``payload``, a
    step's name as its key) and the branches of unions. What the file lacks is skipped, so the answer is the
    value itself or the nearest thing above it.
    """
    found: KeyPath = ()
    node = root
    for part in path:
        child = node.child(part)
        if child is None and found and isinstance(found[-1], int):
            child, found = _inside_step(node, part, found)
        elif child is not None:
            found = (*found, part)
        node = child or node
    return found, node


def _inside_step(node: Node, part: str | int, found: KeyPath) -> tuple[Node | None, KeyPath]:
    """Look for an option of a step, ``{inspection: {if: selected}}``, below the step's name."""
    if isinstance(node.value, dict) and len(node.value) == 1:
        name, options = next(iter(node.value.items()))
        if part == "name":
            return options, (*found, name)
        child = options.child(part)
        if child is not None:
            return child, (*found, name, part)
    return None, found


def suggest(name: str, known: Iterable[str]) -> str:
    """An addition to "unknown ...": the name that was probably meant, or those there are.

    Examples
    --------
    >>> suggest("zhangmoo", ["gyirong", "zhangmu"]), suggest("x", ["gyirong", "zhangmu"])
    ("; did you mean 'zhangmu'?", '; there are gyirong, zhangmu')
    """
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name[:80], names[:_MOST_COMPARED], n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    if not names:
        return "; there are none"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"; there are {', '.join(names[:_MOST_NAMES])}{more}"


def raise_if_any(findings: Sequence[Finding]) -> None:
    """Raise all findings together, file by file and from top to bottom; do nothing if there are none."""
    if not findings:
        return
    files = {finding.at.file: order for order, finding in reversed(list(enumerate(findings)))}
    ordered = sorted(dict.fromkeys(findings), key=lambda f: (files[f.at.file], f.at.line, f.at.column))
    problems = [finding.problem() for finding in ordered]
    more = len(problems) - MOST_PRINTED
    if more > 0:
        least = "at least " if len(findings) >= MOST_FOUND else ""
        problems = [*problems[:MOST_PRINTED], Problem("", "", f"… and {least}{more} more")]
    raise ScenarioInvalid(problems)
