"""YAML text → nodes, by the rules of YAML 1.2's core and some stricter ones.

A plain YAML loader reads ``22:30`` as 1350 and ``NO`` as false, keeps the last of two equal keys, follows
references that explode, and dies of deep nesting. Here the parser's *events* are read one by one and the tree
is built with a stack of our own: no depth that a file can have reaches the machine's stack. Only what a
scenario needs is taken: one document; no anchors, aliases, tags or merge keys.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from borderport.loading.tree import Finding, KeyPath, Node, Origin, Scalar

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 200_000
_MAX_DIGITS = 18
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Stop(Exception):
    """The file cannot be read further; the finding says why."""

    def __init__(self, at: Origin, message: str, path: KeyPath = ()) -> None:
        super().__init__(message)
        self.finding = Finding(at, path, message)


def read_yaml(content: bytes, file: str) -> tuple[Node | None, list[Finding]]:
    """Read one YAML document.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without byte order mark, lines ended by LF or CRLF.
    file : str
        Its name in messages and origins.

    Returns
    -------
    tuple of Node or None, and list of Finding
        The document, None if it cannot be read to its end; all that is wrong with it. Text is
        NFC-normalised; numbers are finite.
    """
    builder = _Builder(file)
    try:
        text = _decode(content, file)
        for event in _events(text, file):
            builder.take(event)
    except _Stop as stop:
        return None, [*builder.findings, stop.finding]
    start = Origin(file, 1, 1)
    return builder.root or Node(None, start, start), builder.findings


def read_value(text: str, option: str) -> tuple[Node | None, list[Finding]]:
    """Read one value given on the command line by the same rules; all of it has the option as its origin."""
    node, findings = read_yaml(text.encode("utf-8", "surrogatepass"), option)
    at = Origin(option)
    if node is None or findings:
        return None, [Finding(at, (), finding.message) for finding in findings]
    return _moved(node, at), []


def _moved(node: Node, at: Origin) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _moved(item, at) for key, item in node.value.items()}, at, at)
    if isinstance(node.value, list):
        return Node([_moved(item, at) for item in node.value], at, at)
    return Node(node.value, at, at)


def _decode(content: bytes, file: str) -> str:
    start = Origin(file, 1, 1)
    if len(content) > MAX_BYTES:
        raise _Stop(start, f"is longer than {MAX_BYTES // 1_000_000} MB, the most that is read")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Stop(start, "is UTF-16 text; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte {content[error.start]:#04x}); save it as UTF-8"
        raise _Stop(Origin(file, line, 1), message) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        raise _Stop(Origin(file, line, column), f"holds the control character U+{ord(bad[0]):04X}; remove it")
    return text


def _events(text: str, file: str) -> Iterator[Any]:
    events: Iterable[Any] = yaml.parse(text, Loader=_PARSER)
    try:
        yield from events
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Origin(file, mark.line + 1, mark.column + 1) if mark else Origin(file, 1, 1)
        raise _Stop(at, f"is not YAML: {error.problem or error.context}{_hint(text, at)}") from None
    except yaml.YAMLError as error:
        raise _Stop(Origin(file, 1, 1), f"is not YAML: {error}") from None


def _hint(text: str, at: Origin) -> str:
    lines = text.split("\n")
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "; indent with spaces, not tabs"
    if line[at.column - 1 : at.column] in ("@", "`", "%", "*", "&", "!"):
        return "; put the text in quotes"
    return ""


@dataclass
class _Open:
    """A collection whose end has not come yet; ``key`` is the key whose value is awaited."""

    items: dict[str, Node] | list[Node]
    at: Origin
    at_key: Origin
    key: str | None = None
    key_at: Origin | None = None
    ignored: bool = False


@dataclass
class _Builder:
    """Puts events together to nodes; notes what is wrong but can be passed over."""

    file: str
    stack: list[_Open] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    root: Node | None = None
    nodes: int = 0
    documents: int = 0

    def take(self, event: Any) -> None:
        """Go one event further."""
        if isinstance(event, yaml.ScalarEvent):
            self._begin(event)
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self.stack.pop()
            self._put(Node(done.items, done.at, done.at_key))
        elif isinstance(event, yaml.AliasEvent):
            raise _Stop(self._at(event), "aliases (*name) are not read; put the text in quotes, or write it out")
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _Stop(self._at(event), "a second document begins here; a file holds one")

    def _begin(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _Stop(self._at(event), f"holds more than {MAX_NODES:,} values, the most that is read")
        if event.anchor is not None:
            raise _Stop(self._at(event), "anchors (&name) are not read; use extends to share settings")
        if event.tag is not None:
            raise _Stop(self._at(event), f"tags such as '{event.tag[:40]}' are not read; put the text in quotes")

    def _open(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _Stop(self._at(event), f"is nested deeper than {MAX_DEPTH} levels, the most that is read")
        at = self._at(event)
        if self.stack:
            top = self.stack[-1]
            if isinstance(top.items, dict) and top.key is None:
                raise _Stop(at, "a key must be a name, not a list or a mapping; text in braces needs quotes")
            at = top.key_at or at
        self.stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], at, at))

    def _scalar(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        at = self._at(event)
        if top is not None and isinstance(top.items, dict) and top.key is None:
            self._key(top, event.value, at)
            return
        key_at = top.key_at if top is not None else None
        value = self._value(event, at)
        if not event.value and key_at is not None:
            at = key_at  # nothing is written: the parser would place it after the key, or a line further
        self._put(Node(value, at, key_at or at))

    def _key(self, top: _Open, text: str, at: Origin) -> None:
        assert isinstance(top.items, dict)
        name = _normalised(text)
        if name == "<<":
            self.findings.append(Finding(at, self._path(), "merge keys (<<) are not read; use extends"))
        elif not name:
            self.findings.append(Finding(at, self._path(), "a key is missing before ':'"))
        elif name in top.items:
            message = f"'{name}' is given twice; the first is in line {top.items[name].key.line}"
            self.findings.append(Finding(at, (*self._path(), name), message))
        top.ignored = name == "<<" or not name or name in top.items
        top.key, top.key_at = name, at

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.items, list):
            top.items.append(node)
            return
        assert top.key is not None
        if not top.ignored:
            top.items[top.key] = node
        top.key = top.key_at = None

    def _value(self, event: Any, at: Origin) -> Scalar:
        # The C parser gives '' as the style of plain text, the other one None.
        if event.style:
            return _normalised(event.value)
        try:
            return read_scalar(event.value)
        except ValueError as error:
            self.findings.append(Finding(at, self._path(), str(error)))
            return None

    def _path(self) -> KeyPath:
        parts = (len(open_.items) if isinstance(open_.items, list) else open_.key for open_ in self.stack)
        return tuple(part for part in parts if part is not None)

    def _at(self, event: Any) -> Origin:
        return Origin(self.file, event.start_mark.line + 1, event.start_mark.column + 1)


def _normalised(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def read_scalar(text: str) -> Scalar:
    """Read plain (unquoted) text by the YAML 1.2 core schema.

    Raises
    ------
    ValueError
        Infinite, not a number, or an integer of more than 18 digits.

    Examples
    --------
    >>> [read_scalar(text) for text in ("NO", "22:30", "1e3", "010", "2026-01-02", "true", "~")]
    ['NO', '22:30', 1000.0, 10, '2026-01-02', True, None]
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return _whole(text, 10)
    if _BASED.fullmatch(text):
        return _whole(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"must be a finite number, got '{text}'")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"must be a finite number, '{text[:40]}' is too large")
        return number + 0.0  # -0.0 becomes 0.0
    return _normalised(text)


def _whole(digits: str, base: int) -> int:
    if len(digits.lstrip("+-")) > _MAX_DIGITS:
        raise ValueError(f"has more than {_MAX_DIGITS} digits")
    return int(digits, base)
