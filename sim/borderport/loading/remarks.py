"""Remarks on a scenario that is right: numbers without a reason, days that change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from borderport.errors import Problem
from borderport.loading.load import Loaded
from borderport.loading.reasons import Number, Written, named, numbers_of
from borderport.loading.tree import MOST_PRINTED, KeyPath, dotted, locate
from borderport.scenario import Horizon

PAIRS = (("first_day", "last_day"), ("active_from", "active_until"))


def remarks(loaded: Loaded) -> list[Problem]:
    """Remarks on a scenario, and on its policies in force.

    Returns
    -------
    list of Problem
        At most `MOST_PRINTED`, and then how many more.
    """
    models: list[tuple[BaseModel, Written]] = [(loaded.plain, loaded.written)]
    models += [(loaded.catalogue[name], loaded.policies_written[name]) for name in loaded.plain.policies]
    found = [
        problem
        for model, written in models
        for problem in (*_outside(model, written, loaded.plain.horizon), *_without_reason(model, written))
    ]
    if len(found) > MOST_PRINTED:
        found[MOST_PRINTED:] = [Problem("", "", f"… and {len(found) - MOST_PRINTED} more")]
    return found


def _without_reason(model: BaseModel, written: Written) -> Iterator[Problem]:
    """Numbers that no ``source`` or ``assumed`` of their own file covers, by the thing that they belong to and file."""
    groups: dict[tuple[KeyPath, str], list[Number]] = {}
    for number in numbers_of(model, written):
        if not number.reasons:
            groups.setdefault((number.thing, number.at.file), []).append(number)
    for (thing, _), numbers in groups.items():
        how = "write source: or assumed: beside it, in the same file"
        if not numbers[0].at.line:
            how = f"give one with --set {dotted(thing)}.assumed=REASON"
        message = f"no reason given for {named(numbers, thing)}; {how}"
        yield Problem(str(numbers[0].at), dotted(thing), message)


def _outside(model: BaseModel, written: Written, horizon: Horizon) -> Iterator[Problem]:
    """Days that the horizon has nothing of."""
    first, last = horizon.origin().date(), (horizon.end - timedelta(microseconds=1)).date()
    for path, (start, stop) in _days(model, ()):
        if (stop is not None and stop < first) or (start is not None and start > last):
            _, node = locate(written.root, path)
            days = " to ".join(str(day) for day in (start, stop) if day is not None)
            message = f"{days} lies outside the horizon, {first} to {last} with its lead-in, so it changes nothing"
            yield Problem(str(node.at), dotted(path), message)


def _days(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, tuple[date | None, date | None]]]:
    """Every pair of days below a value, with the path of the first that is given."""
    items: Sequence[tuple[str | int, Any]] = ()
    if isinstance(value, BaseModel):
        for pair in PAIRS:
            days = {name: getattr(value, name, None) for name in pair}
            given = [name for name in pair if days[name] is not None]
            if given:
                first, last = (_date(day) for day in days.values())
                yield (*path, given[0]), (first, last)
        items = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, tuple):
        items = list(enumerate(value))
    for key, item in items:
        yield from _days(item, (*path, key))


def _date(day: date | datetime | None) -> date | None:
    return day.date() if isinstance(day, datetime) else day
