"""The frozen models a scenario file is read into. No input or output here, and no port's name.

A scenario is data: ports with calendars, resources, stations, routes and flows; the policies in force; named
groups of flows. `borderport.loading` reads it from YAML, `borderport.policies` applies the policies,
`borderport.manifest` and `borderport.network` turn it into arrays.
"""

from borderport.scenario.costs import Costs
from borderport.scenario.flow import Flow, HourProfile, Spoilage
from borderport.scenario.inspection import Inspection
from borderport.scenario.policy import (
    EFFECT_KINDS,
    VEHICLE_EFFECTS,
    Amendment,
    Effect,
    Policy,
    PolicyCost,
    PolicyUse,
    Selector,
)
from borderport.scenario.port import (
    STEP_KINDS,
    Calendar,
    CapacityPeriod,
    Closure,
    Pace,
    Port,
    Quota,
    RandomDays,
    Resource,
    Route,
    Season,
    Station,
    Step,
)
from borderport.scenario.quantities import (
    MINUTES_PER_DAY,
    NAME_PATTERN,
    WEEKDAYS,
    Duration,
    Entry,
    Factor,
    ForReaders,
    Mass,
    Name,
    Share,
    for_readers,
)
from borderport.scenario.scenario import Horizon, Reported, Scenario

__all__ = [
    "EFFECT_KINDS",
    "MINUTES_PER_DAY",
    "NAME_PATTERN",
    "STEP_KINDS",
    "VEHICLE_EFFECTS",
    "WEEKDAYS",
    "Amendment",
    "Calendar",
    "CapacityPeriod",
    "Closure",
    "Costs",
    "Duration",
    "Effect",
    "Entry",
    "Factor",
    "Flow",
    "ForReaders",
    "Horizon",
    "HourProfile",
    "Inspection",
    "Mass",
    "Name",
    "Pace",
    "Policy",
    "PolicyCost",
    "PolicyUse",
    "Port",
    "Quota",
    "RandomDays",
    "Reported",
    "Resource",
    "Route",
    "Scenario",
    "Season",
    "Selector",
    "Share",
    "Spoilage",
    "Station",
    "Step",
    "for_readers",
]
