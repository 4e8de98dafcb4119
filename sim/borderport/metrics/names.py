"""The words that keys, tables and figures are made of."""

from __future__ import annotations

import numpy as np

# (port, flow or group, station or resource, metric)
Key = tuple[str, str, str, str]

ALL = "all"
PARTS = ("waiting", "service", "blocked", "closed")
SPANS = ("passage", "total")
CLOCKS = ("service", "open", "wall")
# From when goods were ready to their exit, whichever truck takes them: a span of loads, not of vehicles.
GOODS = "goods"
# What pairs are compared on.
PAIRED = (*((span, clock) for span in SPANS for clock in CLOCKS), (GOODS, "wall"))
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
# Shares at which the distribution of passage times is kept for figures.
GRID = np.linspace(0.0025, 0.9975, 200)
