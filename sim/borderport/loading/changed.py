"""Names of scenarios that options changed: one must not bear the name and title of another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from borderport.scenario import Scenario


def named_after_changes(
    scenario: Scenario, sets: Sequence[str], with_policies: Sequence[str], without_policies: Sequence[str]
) -> Scenario:
    """The scenario, with what was changed in its name and title, and so wherever it is named.

    Parameters
    ----------
    sets, with_policies, without_policies : sequence of str
        As `borderport.loading.load_scenario` took them.
    """
    changes = [f"+{name}" for name in with_policies] + [f"-{name}" for name in without_policies]
    words = [f"with {name}" for name in with_policies] + [f"without {name}" for name in without_policies]
    for text in sets:
        path, _, value = (part.strip() for part in text.partition("="))
        changes.append("+" + re.sub(r"[^\w.%-]+", "_", f"{path.rpartition('.')[2]}-{value}"))
        words.append(f"{path}={value}")
    title = ", ".join([scenario.title, *words])
    return scenario.model_copy(update={"name": scenario.name + "".join(changes), "title": title})


def distinct(names: Sequence[str]) -> list[str]:
    """The names, those that came before with a number: what is called the same could not be told apart."""
    out: list[str] = []
    for name in names:
        number, free = 2, name
        while free in out:
            number, free = number + 1, f"{name}-{number}"
        out.append(free)
    return out


def told_apart(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios, with names that differ."""
    names = distinct([scenario.name for scenario in scenarios])
    return [s.model_copy(update={"name": name}) for s, name in zip(scenarios, names, strict=True)]
