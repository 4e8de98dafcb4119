"""Rates of cost of time, fuel and people."""

from __future__ import annotations

from pydantic import model_validator

from borderport.scenario.quantities import Consumption, Emission, Entry, Factor, Hourly, Model, Price, Share


class TimeCost(Entry):
    """Cost of an hour of one vehicle with its driver, day or night."""

    rate: Hourly


class Idling(Entry):
    """Consumption of an idling engine, and the share of the time in queues and blocked that it idles."""

    rate: Consumption
    share: Share = 1.0


class Altitude(Entry):
    """Additional consumption of an engine for each km above the sea."""

    extra_per_km: Factor


class Fuel(Entry):
    """Price of a litre of fuel."""

    price: Price


class Emissions(Entry):
    """Emissions of a litre of fuel, burnt."""

    per_litre: Emission


class OfficerCost(Entry):
    """Cost of an hour of one officer."""

    rate: Hourly


class Costs(Model):
    """Rates of cost, each with its own source; a rate left out is 0."""

    time: TimeCost | None = None
    idling: Idling | None = None
    altitude: Altitude | None = None
    fuel: Fuel | None = None
    co2: Emissions | None = None
    officers: OfficerCost | None = None

    @model_validator(mode="after")
    def _engines(self) -> Costs:
        given = [name for name in ("altitude", "fuel", "co2") if getattr(self, name) is not None]
        if given and self.idling is None:
            raise ValueError(f"{given[0]} needs idling: what an engine burns, and for which share of the time")
        return self
