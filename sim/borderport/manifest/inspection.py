"""Contraband, selection, opened loads and finds, drawn vehicle by vehicle."""

from __future__ import annotations

import numpy as np

from borderport import detection
from borderport.calendars import Times
from borderport.distributions import Array
from borderport.manifest.drawing_plan import DrawingPlan, InspectionPlan, items_of
from borderport.manifest.draws import Draws, Rates
from borderport.manifest.manifest import Mask
from borderport.scenario import Inspection


def draw_carriers(flow_plan: DrawingPlan, plan: InspectionPlan, draws: Draws) -> dict[str, Mask]:
    """Each vehicle's class of traders, and whether it carries contraband."""
    observed = flow_plan.trace.marks
    place = np.full(draws.index.size, plan.shares.size - 1)
    if plan.rule.traders:
        trader, place = draws.uniform("trader"), np.zeros(draws.index.size, dtype=np.int64)
        for edge in np.cumsum(plan.shares)[:-1].tolist():
            place += trader >= edge
    marks = {name: place == number for number, name in enumerate(plan.rule.traders)}
    marks |= {name: observed[name][draws.index] for name in plan.rule.traders if name in observed}
    if "contraband" in observed:
        return {**marks, "contraband": observed["contraband"][draws.index]}
    carrying = np.asarray(draws.uniform("contraband") < plan.carrying[_classes(plan, marks, draws.index.size)])
    if plan.rule.contraband.bad_share is not None:
        loaded = np.flatnonzero(carrying)
        carrying[loaded] = _bad_items(plan.rule, draws, draws.index[loaded])[1] > 0
    return {**marks, "contraband": carrying}


def _classes(plan: InspectionPlan, marks: dict[str, Mask], vehicles: int) -> Times:
    """Number of each vehicle's class of traders; everybody else comes last."""
    place = np.full(vehicles, plan.shares.size - 1)
    for number, name in enumerate(plan.rule.traders):
        np.copyto(place, number, where=marks[name])
    return place


def by_risk(plan: InspectionPlan, rates: Rates, marks: dict[str, Mask]) -> Array:
    """Each vehicle's rate of selection: the overall rate it is subject to, spread by who it is and what it carries."""
    carries = marks["contraband"]
    place = 2 * _classes(plan, marks, carries.size) + carries
    if rates.level is not None:
        place += 2 * plan.shares.size * rates.level
    tables = [np.stack(plan.selection(level), axis=1).ravel() for level in rates.levels]
    return np.concatenate(tables).take(place)


def _bad_items(rule: Inspection, draws: Draws, index: Times) -> tuple[Times, Times]:
    """Items in the loads of the vehicles with these numbers, and how many of them are bad."""
    given = rule.contraband
    items = items_of(rule, draws.luck("inspection.items", index))
    if given.bad_share is not None:
        share = np.clip(given.bad_share.at(draws.luck("inspection.bad_share", index)), 0.0, 1.0)
        return items, detection.bad_items(items, share, draws.luck("inspection.bad", index))
    if given.bad_items is None:
        return items, items
    bad = np.rint(given.bad_items.at(draws.luck("inspection.bad", index)))
    return items, np.clip(bad, 1, items).astype(np.int64)


def draw_finds(flow_plan: DrawingPlan, plan: InspectionPlan, draws: Draws, marks: dict[str, Mask]) -> dict[str, Mask]:
    """Marks of the selected vehicles that are opened, and of those in which the contraband is found."""
    rule, observed = plan.rule, flow_plan.trace.marks
    selected, carries = marks["selected"], marks["contraband"]
    opened = selected.copy()
    if rule.scan is not None:
        who = np.flatnonzero(selected)
        alarms = np.where(carries[who], rule.scan.sensitivity, rule.scan.false_alarms)
        opened[who] = draws.uniform("inspection.scan", draws.index[who]) < alarms
    if "opened" in observed:
        opened = observed["opened"][draws.index]
    found = opened & carries
    who = np.flatnonzero(found)
    if rule.sample is not None and who.size:
        items, bad = _bad_items(rule, draws, draws.index[who])
        sample = np.minimum(rule.sample.items or items, items)
        if rule.sample.level is not None:
            sample = detection.sample_size(items, rule.sample.level, rule.sample.confidence or 0.0)
        chance = detection.chance_to_find(items, bad, sample)
        found[who] = draws.uniform("inspection.sample", draws.index[who]) < chance
    if "found" in observed:
        found = observed["found"][draws.index]
    return {"opened": opened, "found": found}
