"""What time, fuel and people cost."""

from __future__ import annotations

from pydantic import model_validator

from borderport.scenario.quantities import Consumption, Emission, Entry, Factor, Hourly, Model, Price, Share


class TimeCost(Entry):
    """What an hour of one vehicle with its driver costs, day or night."""

    rate: Hourly


class Idling(Entry):
    """What an engine burns while it idles, and for which share of the time in queues and blocked it does."""

    rate: Consumption
    share: Share = 1.0


class Altitude(Entry):
    """How much more an engine burns for each km above the sea."""

    extra_per_km: Factor


class Fuel(Entry):
    """What a litre of fuel costs."""

    price: Price


class Emissions(Entry):
    """What a litre of fuel gives off, burnt."""

    per_litre: Emission


class OfficerCost(Entry):
    """What an hour of one officer costs."""

    rate: Hourly


class Costs(Model):
    """What things cost, each rate with its own source; what is left out costs nothing."""

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
