"""What waiting, service, idling and lost goods cost, by flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from borderport.calendars import Times
from borderport.distributions import Array
from borderport.metrics.groups import officers_of
from borderport.network import FlowPlan, NetworkPlan
from borderport.scenario import Costs, Scenario
from borderport.tally import Columns, VehicleCounts
from borderport.tally.terms import BLOCKED, CLOSED, SERVICE, VALUE_GIVEN_UP, VALUE_SPOILED, WAITING
from borderport.units import LENGTH_M, MS_PER_HOUR


@dataclass(frozen=True)
class CostPlan:
    """Rates. Those by flow are its own before the scenario's, which do not hold for persons.

    Attributes
    ----------
    officers : int64 array, shape (places,)
        Officers who are busy with a vehicle in service at a column of `borderport.tally.Columns`.
    idling_l : float64 array, shape (places,)
        Litres burnt in one ms of waiting or being blocked there; higher ports burn more.
    flow : int64 array, shape (places,)
        Number of the flow whose column it is.
    hour_cny : float64 array, shape (flows,)
        Cost of an hour of one vehicle.
    spoilage : tuple of (float, int)
        By flow: share of the value that goods lose in a day inside, and the ms inside after which it begins.
    lost : float64 array, shape (flows,)
        Share of their value that goods lose by being given up.
    co2, litre_cny, officer_cny : float
        CO2 and price of a litre, cost of an officer's hour.
    infrastructure : float
        What the policies in force cost in the reported period, in CNY.
    """

    officers: Times
    idling_l: Array
    flow: Times
    hour_cny: Array
    spoilage: tuple[tuple[float, int], ...]
    lost: Array
    co2: float
    litre_cny: float
    officer_cny: float
    infrastructure: float

    def by_flow(self, columns: Columns, spent: Times, counts: VehicleCounts) -> Array:
        """`COSTS` of each flow, shape (flows, 8); ``spent`` is that of `Tally`."""
        idle_l = (spent[:, WAITING] + spent[:, BLOCKED]) * self.idling_l
        litres = np.bincount(self.flow, idle_l, minlength=self.hour_cny.size)
        hours = np.add.reduceat(spent, columns.first[:-1], axis=0) / MS_PER_HOUR
        officer_hours = np.add.reduceat(spent[:, SERVICE] * self.officers, columns.first[:-1]) / MS_PER_HOUR
        return np.column_stack(
            [
                litres,
                litres * self.co2,
                (hours[:, WAITING] + hours[:, BLOCKED] + hours[:, CLOSED]) * self.hour_cny,
                hours[:, SERVICE] * self.hour_cny,
                litres * self.litre_cny,
                counts.goods[:, VALUE_SPOILED],
                counts.goods[:, VALUE_GIVEN_UP] * self.lost,
                officer_hours * self.officer_cny,
            ]
        )


def plan_costs(scenario: Scenario, network: NetworkPlan, columns: Columns) -> CostPlan:
    """Rates of each flow and each of its columns."""
    costs, flows = scenario.costs or Costs(), [plan.flow for plan in network.flows]
    officers, idling = np.zeros(columns.clock.size, dtype=np.int64), np.zeros(columns.clock.size)
    for number, plan in enumerate(network.flows):
        here = slice(int(columns.first[number]), int(columns.first[number + 1]) - 1)
        officers[here] = [officers_of(scenario, c.station) * (c.kind == "service") for c in plan.columns]
        idling[here] = _idling(scenario, costs, plan)
    time = costs.time.rate if costs.time is not None else 0.0
    hours = [flow.time_cost if flow.time_cost is not None else time * (flow.counts == "vehicles") for flow in flows]
    return CostPlan(
        officers,
        idling,
        np.repeat(np.arange(len(flows)), np.diff(columns.first)),
        np.asarray(hours, dtype=np.float64),
        tuple((0.0, 0) if flow.spoilage is None else (flow.spoilage.rate, flow.spoilage.after) for flow in flows),
        np.asarray([flow.patience.loses if flow.patience is not None else 0.0 for flow in flows]),
        0.0 if costs.co2 is None else costs.co2.per_litre,
        0.0 if costs.fuel is None else costs.fuel.price,
        0.0 if costs.officers is None else costs.officers.rate,
        sum(scenario.policy_costs.values()) * scenario.horizon.years(),
    )


def _idling(scenario: Scenario, costs: Costs, plan: FlowPlan) -> list[float]:
    """Litres burnt in one ms at each column of a flow."""
    litres = costs.idling.rate if plan.flow.counts == "vehicles" and costs.idling is not None else 0.0
    litres = litres if plan.flow.idling is None else plan.flow.idling
    litres *= 1.0 if costs.idling is None else costs.idling.share
    extra = 0.0 if costs.altitude is None else costs.altitude.extra_per_km
    heights = [scenario.ports[column.station.split(".")[0]].altitude or 0.0 for column in plan.columns]
    return [litres / MS_PER_HOUR * (1 + extra * metres / LENGTH_M["km"]) for metres in heights]
