"""Scenario + Manifest → Network: resources, calendars, and a program of the five operations for each vehicle.

A route is compiled once for every combination of choices its vehicles make (which steps they visit, who declares,
what priority they have); each vehicle points to its program. Every SEIZE, DELAY and WAIT of a flow's route has
a *column*; when it is done, the moment is written to the vehicle's row at that column. So one flow's moments are
a matrix of vehicles by columns, and a vehicle's parts add up to its total by construction.
"""

from borderport.network.building import build_network
from borderport.network.flow_plan import FlowPlan, NetworkPlan, plan_network
from borderport.network.network import (
    ABANDONED,
    ARGUMENT,
    CODE,
    COLUMN,
    DELAY,
    END,
    ESCAPE,
    EXITED,
    LEVEL,
    RELEASE,
    SEIZE,
    SIGNAL,
    UNFINISHED,
    WAIT,
    Column,
    ColumnKind,
    FlowLayout,
    Network,
    Ops,
)
from borderport.network.size import check_size

__all__ = [
    "ABANDONED",
    "ARGUMENT",
    "CODE",
    "COLUMN",
    "DELAY",
    "END",
    "ESCAPE",
    "EXITED",
    "LEVEL",
    "RELEASE",
    "SEIZE",
    "SIGNAL",
    "UNFINISHED",
    "WAIT",
    "Column",
    "ColumnKind",
    "FlowLayout",
    "FlowPlan",
    "Network",
    "NetworkPlan",
    "Ops",
    "build_network",
    "check_size",
    "plan_network",
]
