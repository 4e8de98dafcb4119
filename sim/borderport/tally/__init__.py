"""What metrics need of hundreds of thousands of moments, added up in compiled passes over arrays.

One walk over a flow's moments, row by row, takes the place of dozens of passes with numpy; so does one pass over its
vehicles, one over all changes of capacity, and one over all times in order. Everything that defines a metric stays in
`borderport.metrics`.
"""

from borderport.tally.capacity import follow_capacity
from borderport.tally.layout import Clocks, Columns, FlowTally, QueueCounts, Tally
from borderport.tally.ranking import TimeSets
from borderport.tally.vehicles import VehicleCounts, count_vehicles
from borderport.tally.walk import tally_flow

__all__ = [
    "Clocks",
    "Columns",
    "FlowTally",
    "QueueCounts",
    "Tally",
    "TimeSets",
    "VehicleCounts",
    "count_vehicles",
    "follow_capacity",
    "tally_flow",
]
