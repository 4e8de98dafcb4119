"""The numbers behind the names: spans, clocks, parts of time, tables of times, and what there is to look at."""

from __future__ import annotations

import numpy as np

from borderport.units import MS_PER_HOUR

WAITING, SERVICE, BLOCKED, CLOSED = range(4)
PASSAGE, TOTAL = range(2)
ON_SERVICE, ON_OPEN, ON_WALL = range(3)
NO_CLOCK = -1
# Nobody spends time in a column of goods left behind: the later truck sets out when it ends.
PART_OF_KIND = {"wait": WAITING, "signal": WAITING, "service": SERVICE, "blocked": BLOCKED, "goods": WAITING}
# One table of times for vehicles that completed the route, one for those that completed the passage only, one for the
# rest and for what all of them spend between their last moment and the horizon, and one that nobody reads.
WHOLE, PASSAGE_ONLY, NEITHER, NOT_COUNTED = range(4)
BEFORE_PASSAGE, WITHIN_PASSAGE, AFTER_PASSAGE = range(3)
# Sums of a column that is noted: vehicles served, and their time in service.
TIMES_SERVED, SERVED_MS = range(2)
# Sums of the waits for a resource: their time in ms, and their number.
WAITED_MS, WAITS = range(2)
# Sums of an hour of the day: waits that ended less those that began, and the same of their ms into the hour.
MORE_ENDS, MS_INTO_HOUR = range(2)
TABLE_COUNT, PART_COUNT, SPAN_COUNT, CLOCK_COUNT = 4, 4, 2, 3
# Places at which each table begins among a column's own; unsigned, so that numba does not test for negative indices.
AT_WHOLE, AT_PASSAGE_ONLY, AT_NEITHER, AT_NOT_COUNTED = np.arange(TABLE_COUNT, dtype=np.uint64) * PART_COUNT
# Kinds of columns: service, service that is noted, a queue, a clock.
SERVES, NOTED, QUEUES, CLOCKED = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
# The row of days follows those of the 24 hours.
ONE, HOUR, DAYS = np.uint64(1), np.uint64(MS_PER_HOUR), np.uint64(24)
