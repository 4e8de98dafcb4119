"""Rates of cost of hours, litres, goods and officers in a scenario, by flow and by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.metrics.tally import Columns
from borderport.network import FlowPlan, NetworkPlan
from borderport.scenario import Costs, Ref, Scenario
from borderport.units import LENGTH_M, MS_PER_HOUR


@dataclass(frozen=True)
class CostRates:
    """Rates. Those by flow are its own before the scenario's, which do not hold for persons.

    Attributes
    ----------
    officers, inspecting : int64 arrays, shape (places,)
        Officers who are busy with a vehicle in service at a column of `Columns`; the same at stations that inspect,
        and 0 at others.
    idling_l : float64 array, shape (places,)
        Litres burnt in one ms of waiting or being blocked there; higher ports burn more.
    hour_cny : float64 array, shape (flows,)
        Cost of an hour of one vehicle.
    lost : float64 array, shape (flows,)
        Share of their value that goods lose by being given up.
    co2_t, litre_cny, officer_cny : float
        CO2 and price of a litre, cost of an officer's hour.
    infrastructure : float
        Cost of the policies in force in the reported period, in CNY.
    """

    officers: Times
    inspecting: Times
    idling_l: Array
    hour_cny: Array
    lost: Array
    co2_t: float
    litre_cny: float
    officer_cny: float
    infrastructure: float


def plan_rates(scenario: Scenario, network: NetworkPlan, columns: Columns) -> CostRates:
    """Rates of each flow and each of its columns."""
    costs, flows = scenario.costs or Costs(), [plan.flow for plan in network.flows]
    places = columns.clock.size
    officers, inspecting, idling = np.zeros(places, np.int64), np.zeros(places, np.int64), np.zeros(places)
    for number, plan in enumerate(network.flows):
        here = slice(columns.of(number).start, columns.of(number).stop - 1)
        officers[here] = [officers_of(scenario, c.station) * (c.kind == "service") for c in plan.columns]
        inspecting[here] = officers[here] * [_inspects(scenario, c.station) for c in plan.columns]
        idling[here] = _idling(scenario, costs, plan)
    time = costs.time.rate if costs.time is not None else 0.0
    hours = [flow.time_cost if flow.time_cost is not None else time * (flow.counts == "vehicles") for flow in flows]
    return CostRates(
        officers=officers,
        inspecting=inspecting,
        idling_l=idling,
        hour_cny=np.asarray(hours, dtype=np.float64),
        lost=np.asarray([flow.patience.loses if flow.patience is not None else 0.0 for flow in flows]),
        co2_t=0.0 if costs.co2 is None else costs.co2.per_litre,
        litre_cny=0.0 if costs.fuel is None else costs.fuel.price,
        officer_cny=0.0 if costs.officers is None else costs.officers.rate,
        infrastructure=sum(scenario.policy_costs.values()) * scenario.horizon.years(),
    )


def officers_of(scenario: Scenario, place: Ref) -> int:
    """Officers of a station; 0 for a yard that is entered."""
    station = scenario.ports[place.port].stations.get(place.name)
    return 0 if station is None else station.officers


def _inspects(scenario: Scenario, place: Ref) -> bool:
    station = scenario.ports[place.port].stations.get(place.name)
    return station is not None and station.inspection


def _idling(scenario: Scenario, costs: Costs, plan: FlowPlan) -> list[float]:
    """Litres burnt in one ms at each column of a flow."""
    litres = costs.idling.rate if plan.flow.counts == "vehicles" and costs.idling is not None else 0.0
    litres = litres if plan.flow.idling is None else plan.flow.idling
    litres *= 1.0 if costs.idling is None else costs.idling.share
    extra = 0.0 if costs.altitude is None else costs.altitude.extra_per_km
    heights = [scenario.ports[column.station.port].altitude or 0.0 for column in plan.columns]
    return [litres / MS_PER_HOUR * (1 + extra * metres / LENGTH_M["km"]) for metres in heights]
