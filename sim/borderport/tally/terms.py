"""The numbers behind the names: spans, clocks, parts, tables, and what is counted."""

from __future__ import annotations

import numpy as np

from borderport.units import MS_PER_HOUR

WAITING, SERVICE, BLOCKED, CLOSED = range(4)
PASSAGE, TOTAL = range(2)
ON_SERVICE, ON_OPEN, ON_WALL = range(3)
NO_CLOCK = -1
PART_OF_KIND = {"wait": WAITING, "signal": WAITING, "service": SERVICE, "blocked": BLOCKED}
# One table of times for vehicles that completed the route, one for those that completed the passage only, one for the
# rest, one for what all of them spend between their last moment and the horizon, and one that nobody reads.
WHOLE, PASSAGE_ONLY, NEITHER, TO_HORIZON, NOT_COUNTED = range(5)
BEFORE_PASSAGE, WITHIN_PASSAGE, AFTER_PASSAGE = range(3)
# What is counted of vehicles, and added up of their goods.
ARRIVED, HELD_BACK, DIVERTED, CLEARED, GAVE_UP, NOT_FINISHED, BEYOND_LINE = range(7)
TONNES_ARRIVED, TONNES_CLEARED, VALUE_CLEARED, VALUE_SPOILED, VALUE_GIVEN_UP = range(5)
INSPECTION_MARKS = ("selected", "opened", "contraband", "found")
TABLES, PARTS = 5, 4
# Unsigned, so that numba leaves out its test for negative indices. Where each table begins among a column's own:
AT_WHOLE, AT_PASSAGE_ONLY, AT_NEITHER, AT_TO_HORIZON, AT_NOT_COUNTED = np.arange(TABLES, dtype=np.uint64) * PARTS
# What there is to look at in a column: service, service that is noted, a queue, a clock.
SERVES, NOTED, QUEUES, CLOCKED = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
# The row of days follows those of the 24 hours.
ONE, HOUR, DAYS = np.uint64(1), np.uint64(MS_PER_HOUR), np.uint64(24)
