"""Costs of officers, delay, idling, lost goods and policies, over all who arrived, whatever became of them."""

from __future__ import annotations

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.metrics.blocks.block import (
    Block,
    Measured,
    Metric,
    Rows,
    Setting,
    Walked,
    added,
    every_group,
    rows_by_station,
    rows_of,
)
from borderport.metrics.tally.terms import BLOCKED, CLOSED, SERVICE, WAITING
from borderport.units import MS_PER_HOUR

_STAY = "over arrived vehicles, to the exit, giving up or the end of the horizon"


def _hours(w: Walked, *parts: int) -> Array:
    """Hours of each flow's vehicles in some parts of their time."""
    return np.asarray(w.tally.columns.by_flow(w.spent[:, parts].sum(axis=1)) / MS_PER_HOUR)


def _officer_ms(w: Walked) -> Times:
    """Milliseconds of officers who are busy with a vehicle, by column."""
    return np.asarray(w.spent[:, SERVICE] * w.rates.officers)


OFFICER_HOURS = Metric(
    "officer_hours",
    "h",
    f"sum of the time in service x `officers` of the station, {_STAY}",
    lambda m: np.asarray(m.of_columns(_officer_ms(m.walked)) / MS_PER_HOUR),
)
IDLING_FUEL = added(
    "idling_fuel",
    "l",
    f"sum of (waiting + blocked) x share of idling x litres an hour x (1 + extra per km x altitude), {_STAY}",
    lambda w: w.tally.columns.by_flow((w.spent[:, WAITING] + w.spent[:, BLOCKED]) * w.rates.idling_l),
)
IDLING_CO2 = Metric(
    "idling_co2",
    "t",
    "idling_fuel x CO2 per litre",
    lambda m: np.asarray(IDLING_FUEL.of(m) * m.walked.rates.co2_t),
)
DELAY_COST = added(
    "delay_cost",
    "CNY",
    f"sum of (waiting + blocked + closed) x cost of an hour, {_STAY}",
    lambda w: _hours(w, WAITING, BLOCKED, CLOSED) * w.rates.hour_cny,
)
SERVICE_COST = added(
    "service_cost",
    "CNY",
    f"sum of the time in service x cost of an hour, {_STAY}",
    lambda w: _hours(w, SERVICE) * w.rates.hour_cny,
)
FUEL_COST = Metric(
    "fuel_cost",
    "CNY",
    "idling_fuel x price of a litre",
    lambda m: np.asarray(IDLING_FUEL.of(m) * m.walked.rates.litre_cny),
)
SPOILAGE_COST = added(
    "spoilage_cost",
    "CNY",
    "sum of value x min(1, rate x days beyond the free time), over loads of arrived vehicles, from when they are ready "
    "to their exit, to giving up or to the end of the horizon",
    lambda w: w.counts.value_spoiled,
)
GIVING_UP_COST = added(
    "giving_up_cost",
    "CNY",
    "sum of (value - spoilage) x share lost by giving up, over goods that leave with abandoned vehicles, not cleared",
    lambda w: w.counts.value_given_up * w.rates.lost,
)
OFFICER_COST = added(
    "officer_cost",
    "CNY",
    "officer_hours x cost of an hour",
    lambda w: w.tally.columns.by_flow(_officer_ms(w)) / MS_PER_HOUR * w.rates.officer_cny,
)
INFRASTRUCTURE_COST = Metric(
    "infrastructure_cost",
    "CNY",
    "sum over policies in force of (once / life + per year) x years of the period",
    lambda m: np.full(m.rows.groups.size, m.walked.rates.infrastructure),
)
# Costs of a vehicle, or of a flow of vehicles: the parts of the total that all groups have.
OF_VEHICLES = (DELAY_COST, SERVICE_COST, FUEL_COST, SPOILAGE_COST, GIVING_UP_COST, OFFICER_COST)
# Names in tables and figures of the parts of the total, in their order.
COST_WORDS = {
    DELAY_COST.name: "vehicles delayed",
    SERVICE_COST.name: "vehicles in service",
    FUEL_COST.name: "fuel of idling",
    SPOILAGE_COST.name: "spoilage",
    GIVING_UP_COST.name: "goods given up",
    OFFICER_COST.name: "officers",
    INFRASTRUCTURE_COST.name: "policies",
}


def _total(m: Measured) -> Array:
    """All costs of each group; those of infrastructure are part of the grand total only."""
    parts = np.sum([part.of(m) for part in OF_VEHICLES], axis=0)
    return np.asarray(parts + m.walked.rates.infrastructure * m.rows.is_total)


TOTAL_COST = Metric(
    "total_cost", "CNY", "sum of all costs in CNY; infrastructure under port and flow `all` only", _total
)


def _manned(setting: Setting) -> Rows:
    """Rows of groups that pass officers: one for all stations and one for each that is manned."""
    return rows_by_station(setting, lambda group: bool(group.manned), lambda group: group.manned)


def _costed(setting: Setting) -> Rows:
    """One row for each group, if the scenario says what things cost."""
    return every_group(setting) if setting.scenario.costs is not None else rows_of(setting, lambda group: False)


def _total_only(setting: Setting) -> Rows:
    """One row for the grand total, if the scenario says what things cost."""
    return rows_of(setting, lambda group: group.is_total and setting.scenario.costs is not None)


COSTS_OF_STAY = (
    Block(_manned, (OFFICER_HOURS,)),
    Block(_costed, (IDLING_FUEL, IDLING_CO2, *OF_VEHICLES)),
    Block(_total_only, (INFRASTRUCTURE_COST,)),
    Block(_costed, (TOTAL_COST,)),
)
