"""Compiled passes over hundreds of thousands of moments: what metrics add up, added up fast.

One walk over a flow's moments, row by row, takes the place of dozens of passes with numpy; so does one pass over its
vehicles, one over all changes of capacity, and one over all times in order. What they add up is defined, and read more
easily, in `borderport.metrics.plain`, to which the tests hold them.
"""

from borderport.metrics.tally.capacity import follow_capacity
from borderport.metrics.tally.counts import FlowRules, VehicleCounts
from borderport.metrics.tally.layout import Clocks, Columns, FlowMoments, FlowTally, QueueCounts, Tally
from borderport.metrics.tally.ranking import TimeSets
from borderport.metrics.tally.vehicles import count_vehicles
from borderport.metrics.tally.walk import tally_flow

__all__ = [
    "Clocks",
    "Columns",
    "FlowMoments",
    "FlowRules",
    "FlowTally",
    "QueueCounts",
    "Tally",
    "TimeSets",
    "VehicleCounts",
    "count_vehicles",
    "follow_capacity",
    "tally_flow",
]
