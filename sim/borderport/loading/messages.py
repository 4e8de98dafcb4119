"""Findings of pydantic in the words of a scenario file."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from borderport.distributions import Law
from borderport.loading.tree import MOST_FOUND, Finding, KeyPath, Node, locate, suggest
from borderport.scenario import NAME_PATTERN, Scenario

# Keys that a file of the model has beside its fields, and fields that no file may give.
EXTRA_KEYS: dict[str, tuple[str, ...]] = {"Scenario": ("extends", "overlays"), "Station": ("service",)}
INTERNAL_KEYS: dict[str, tuple[str, ...]] = {
    "Scenario": ("name", "traces", "adoptions", "amendments", "policy_costs"),
    "Step": ("kind", "name"),
}

# Fields that take values of several kinds: (collection, field) → what they take.
_UNIONS = {
    ("flows", "months"): "must be twelve numbers or the name of a profile",
    ("flows", "hours"): "must be 24 numbers, or {calendar: ..., first: ..., share: ...}",
    ("flows", "arrivals"): "must be poisson, fixed or {trace: FILE.csv}",
    ("closures", "stops"): "must be 'all' or a list of calendars",
}
_UNION_DEPTH = 4
_NAME_RULE = "is not a name; use lower-case letters, digits, - and _, beginning with a letter"
_PATTERNS = {NAME_PATTERN: _NAME_RULE}
_OTHER_PATTERN = "is not written as it must be"

Error = Mapping[str, Any]


def findings_of(error: ValidationError, model: type[BaseModel], root: Node) -> list[Finding]:
    """Translate what pydantic found wrong in a tree.

    Parameters
    ----------
    error : ValidationError
        Raised when ``model`` was validated from ``root``.
    model : type
        Names the keys that there are.
    root : Node
        The tree, for the places.
    """
    given = error.errors(include_url=False)[:MOST_FOUND]
    errors = _without_branches([dict(item) for item in given], root)
    places = [item["loc"] for item in errors]
    found = []
    for item in errors:
        deeper = any(len(loc) > len(item["loc"]) and loc[: len(item["loc"])] == item["loc"] for loc in places)
        if deeper and item["type"] in ("too_short", "too_long"):
            continue  # the items that are wrong are missing from the count
        found.append(_finding(item, model, root))
    return found


def _finding(error: Error, model: type[BaseModel], root: Node) -> Finding:
    loc: KeyPath = error["loc"]
    at_key = bool(loc) and loc[-1] == "[key]"
    path, node = locate(root, loc[:-1] if at_key else loc)
    if error["type"] == "missing":
        return Finding(node.at, (*path, loc[-1]), "is missing")
    if error["type"] == "extra_forbidden":
        hint = suggest(str(loc[-1]), known_keys(model_at(model, loc[:-1])))
        return Finding(node.key, path, f"unknown key '{str(loc[-1])[:60]}'{hint}")
    return Finding(node.key if at_key else node.at, path, _words(error, node))


def _words(error: Error, node: Node) -> str:
    translate = _TRANSLATIONS.get(error["type"])
    if translate is None:
        return str(error["msg"])
    return translate(error.get("ctx") or {}, error, node)


def _value_error(ctx: Mapping[str, Any], error: Error, node: Node) -> str:
    return str(ctx.get("error", error["msg"]))


def _literal(ctx: Mapping[str, Any], error: Error, node: Node) -> str:
    expected = str(ctx.get("expected", ""))
    close = difflib.get_close_matches(str(error["input"])[:60], re.findall(r"'([^']*)'", expected), n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"must be {expected}{hint}"


def _pattern(ctx: Mapping[str, Any], error: Error, node: Node) -> str:
    pattern = str(ctx.get("pattern"))
    text = f"'{str(error['input'])[:60]}'"
    if pattern.startswith("^(0[1-9]"):
        return f'{text} is not a day of the year; write it like "02-09"'
    return f"{text} {_PATTERNS.get(pattern, _NAME_RULE if 'a-z' in pattern else _OTHER_PATTERN)}"


def _length(ctx: Mapping[str, Any], error: Error, node: Node) -> str:
    wanted = ctx.get("min_length", ctx.get("max_length"))
    given = f", got {len(node.value)}" if isinstance(node.value, list) else ""
    if wanted == 1:
        return "must not be empty"
    return f"must have {wanted} items{given}"


def _at_least(ctx: Mapping[str, Any], error: Error, node: Node) -> str:
    if ctx.get("ge") == 0:
        return f"must not be negative, got {_short(error)}"
    return f"must be at least {ctx['ge']:,.12g}, got {_short(error)}"


def _short(error: Error) -> str:
    return str(error["input"])[:60]


def _fixed(words: str) -> Callable[[Mapping[str, Any], Error, Node], str]:
    return lambda ctx, error, node: words


_WHOLE = _fixed("must be a whole number")
_NUMBER = _fixed("must be a number")
_MAPPING = _fixed("must be a mapping (key: value)")
_LIST = _fixed("must be a list")
_BOOL = _fixed("must be true or false")
_TRANSLATIONS: dict[str, Callable[[Mapping[str, Any], Error, Node], str]] = {
    "value_error": _value_error,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "string_type": lambda ctx, error, node: (
        "must be text"
        if isinstance(error["input"], dict | tuple)
        else f'must be text; write it in quotes: "{_short(error)}"'
    ),
    "string_too_long": lambda ctx, error, node: f"must have at most {ctx.get('max_length')} characters",
    "too_short": _length,
    "too_long": _length,
    "greater_than_equal": _at_least,
    "less_than_equal": lambda ctx, error, node: f"must be at most {ctx['le']:,.12g}, got {_short(error)}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _fixed("must be a finite number"),
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "mapping_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
}


def _without_branches(errors: list[dict[str, Any]], root: Node) -> list[dict[str, Any]]:
    """Keep the errors of the kind that is meant, or one error, for a field with several kinds of value."""
    kept: list[dict[str, Any]] = []
    fields: dict[KeyPath, list[dict[str, Any]]] = {}
    for error in errors:
        field = _union_field(error["loc"])
        if field is None:
            kept.append(error)
        else:
            fields.setdefault(field, []).append(error)
    for field, group in fields.items():
        _, node = locate(root, field)
        meant = [error for error in group if _is_meant(str(error["loc"][len(field)]), node)]
        words = _UNIONS[str(field[2]), str(field[4])]
        whole = {**group[0], "loc": field, "type": "value_error", "ctx": {"error": words}}
        kept += meant or [whole]
    return kept


def _union_field(loc: KeyPath) -> KeyPath | None:
    """The part of a location that ends at a field with several kinds of value, None if there is none."""
    if len(loc) > _UNION_DEPTH + 1 and loc[0] == "ports" and (loc[2], loc[_UNION_DEPTH]) in _UNIONS:
        return loc[: _UNION_DEPTH + 1]
    return None


def _is_meant(branch: str, node: Node) -> bool:
    if isinstance(node.value, dict):
        return branch == "HourProfile"
    return isinstance(node.value, list) and "tuple" in branch


def model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that validates what is at a location below ``model``, None if none does."""
    return next((kind for kind in _kinds_at(model, loc) if _is_model(kind)), None)


def takes_law(path: KeyPath) -> bool:
    """True if a path of a scenario file may hold a law, in a short form too."""
    if len(path) == 5 and (path[2], path[4]) in (("stations", "service"), ("flows", "payload")):
        return True
    return Law in _kinds_at(Scenario, path)


def _kinds_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[Any]:
    """The types that what is at a location below ``model`` may have."""
    kinds: list[Any] = [model]
    for part in loc:
        kinds = [below for kind in kinds for below in _below(kind, str(part))]
    return kinds


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _below(kind: Any, part: str) -> Iterator[Any]:
    """Types that a part of a location may lead to from a type; the branches of unions lead to themselves."""
    if _is_model(kind):
        if part == kind.__name__:
            yield kind
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                yield from _members(field.annotation)
        return
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (dict, tuple) and arguments:
        yield from _members(arguments[1] if typing.get_origin(kind) is dict else arguments[0])


def _members(annotation: Any) -> Iterator[Any]:
    """The types in an annotation, without ``Annotated``, and one by one if it is a union."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def known_keys(model: type[BaseModel] | None) -> list[str]:
    """Keys that a file may give for a model."""
    if model is None:
        return []
    internal = INTERNAL_KEYS.get(model.__name__, ())
    fields = [field.alias or name for name, field in model.model_fields.items() if name not in internal]
    return [*EXTRA_KEYS.get(model.__name__, ()), *fields]


def internal_findings(root: Node) -> list[Finding]:
    """Faults of keys in a scenario file that only the program may give."""
    found = []
    for key in INTERNAL_KEYS["Scenario"]:
        node = root.child(key)
        if node is not None:
            why = "; a scenario is named by its file" if key == "name" else suggest(key, known_keys(Scenario))
            found.append(Finding(node.key, (key,), f"unknown key '{key}'{why}"))
    return found
