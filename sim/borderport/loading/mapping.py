"""A mapping of Python → nodes, by the rules that a file keeps to: a scenario of a program's own."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import date

from borderport.loading.tree import Finding, KeyPath, Node, Origin
from borderport.loading.yaml import MAX_DEPTH

MAPPING = "mapping"  # what messages call it, in place of a file's name
_AT = Origin(MAPPING)


def read_python(value: object, path: KeyPath = ()) -> tuple[Node, list[Finding]]:
    """Read plain data as if a file held it.

    Parameters
    ----------
    value : object
        Text, a number, true or false, None, a date or datetime, or lists, tuples and mappings (whose keys are text or
        whole numbers) of these.
    path : tuple of str and int
        Place at which it stands.

    Returns
    -------
    Node, list of Finding
        All of it has `MAPPING` as its origin, so files that it names are looked for where the user is.
    """
    if len(path) > MAX_DEPTH:
        return Node(None, _AT, _AT), [Finding(_AT, path[:3], f"is nested more than {MAX_DEPTH} levels deep")]
    findings: list[Finding] = []
    if isinstance(value, Mapping):
        items: dict[str, Node] = {}
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, str | int):
                findings.append(Finding(_AT, path, f"has the key {key!r}; a key must be text"))
                continue
            items[str(key)], more = read_python(item, (*path, str(key)))
            findings += more
        return Node(items, _AT, _AT), findings
    if isinstance(value, list | tuple):
        entries = []
        for index, item in enumerate(value):
            node, more = read_python(item, (*path, index))
            entries.append(node)
            findings += more
        return Node(entries, _AT, _AT), findings
    return _read_scalar(value, path)


def _read_scalar(value: object, path: KeyPath) -> tuple[Node, list[Finding]]:
    if isinstance(value, date):
        value = str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return Node(None, _AT, _AT), [Finding(_AT, path, f"must be a finite number, got {value}")]
    if value is None or isinstance(value, bool | int | float):
        return Node(value, _AT, _AT), []
    if isinstance(value, str):
        return Node(unicodedata.normalize("NFC", value), _AT, _AT), []
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return Node(None, _AT, _AT), [Finding(_AT, path, f"must be text, a number, a list or a mapping, got {kind}")]
