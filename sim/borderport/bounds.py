"""The largest numbers a scenario may hold: one bound for each kind, chosen by its meaning; here and nowhere else.

A number beyond its bound is a slip of the pen, and would end in numbers that do not fit their bits. Quantities that
files write with units have a `Bound`; plain numbers, a constant. Bounds that depend on several numbers at once, such as
the number of vehicles that fit one run, are at the end.
"""

from __future__ import annotations

from typing import NamedTuple

_DAY_MS = 86_400_000


class Bound(NamedTuple):
    """The most of a quantity.

    Attributes
    ----------
    most : float
        In the program's unit (ms, t, CNY, m, ...).
    text : str
        As a scenario file writes it.
    why : str
        A comparison in words: more than what.
    """

    most: float
    text: str
    why: str


DURATION = Bound(1_000_000 * _DAY_MS, "1,000,000 d", "more than 2,700 years")
SHARE = Bound(1, "100 %", "all there are")
FACTOR = Bound(1_000, "100,000 %", "a thousand times as much")
MONEY = Bound(1e14, "100,000 bn CNY", "more than a year of any country's foreign trade")
HOUR_COST = Bound(1e6, "1 M CNY/h", "more than any vehicle or officer costs")
FUEL_PRICE = Bound(1e5, "100,000 CNY/l", "more than any fuel costs")
CONSUMPTION = Bound(1e5, "100,000 l/h", "more than the largest ship burns")
EMISSION = Bound(0.1, "100 kg/l", "many times what any fuel gives off")
LOSS = Bound(1_000, "100,000 %/d", "the whole value within two minutes")
LIFETIME = Bound(1_000, "1,000 years", "longer than anything bought lasts")
LENGTH = Bound(1e6, "1,000 km", "longer than any queue")
ALTITUDE = Bound(9_000, "9 km", "higher than any mountain")
LOAD = Bound(1e6, "1,000 kt", "more than the largest ship carries")
MASS = Bound(1e11, "100,000,000 kt", "more than the whole world trades in years")
VOLUME = Bound(1e11, "100,000,000,000 vehicles or t", "more than ten times as many as there are people")
CONVOY = Bound(10_000, "10,000 vehicles", "more than come together anywhere")
ITEMS = Bound(1e7, "10,000,000 items", "more than any load holds")

SHORTEST_LIFETIME = 0.001  # years: less than nine hours
SLOWEST_PACE = 0.001  # of normal, if not 0: engines count paces in whole per mille
MOST_WEIGHT, LEAST_WEIGHT = 1e6, 1e-6  # the relative weight of a month, weekday or hour, and the least for one of them
LEAST_CV, MOST_CV = 1e-3, 100.0  # a spread below a thousandth is none, one of a hundred is rare events, not times
LEAST_SHAPE, MOST_SHAPE = 1e-3, 100.0  # of a beta law: beyond, everything lies at an end, or at one place
LEAST_MEAN_LOAD = 1e-9  # t: a milligram; a volume in tonnes is divided by it
MOST_SERVERS = 1_000_000  # places of the largest yard
MOST_CHOICES = 48  # conditional steps of one route: the answers of a vehicle are bits of one number

LONGEST_HORIZON_DAYS = 40_000  # lead-in included: more than a century, and its milliseconds fit 42 bits
# Work this long ends within no horizon, not even at the fastest pace; cut there, sums and products of work fit 64 bits.
ENDLESS_MS = 1 << 52
# Moments, tasks and signals of all vehicles of a replication: a run holds a few arrays of so many, each 1 GB.
MOST_MOMENTS = 1 << 27
# Figures that all replications of all scenarios of one call keep: 2 GB.
MOST_FIGURES = 1 << 28
