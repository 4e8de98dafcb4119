"""Figures of each kind of result: a new one is a module of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from borderport.comparing import Comparison
from borderport.experiment import Sample
from borderport.figures.costs import costs, has_costs
from borderport.figures.ecdf import passage_ecdf
from borderport.figures.frontier import detection_against_delay
from borderport.figures.months import tonnes_by_month
from borderport.figures.parts import time_by_station
from borderport.figures.queue import queue_by_hour
from borderport.figures.saving import paired_saving
from borderport.figures.utilisation import utilisation
from borderport.frontiers import Frontier

# By the name of the file; those of a run are drawn of a comparison's scenarios too.
OF_RUNS: dict[str, Callable[[Sequence[Sample]], Figure]] = {
    "passage-time": passage_ecdf,
    "time-by-station": time_by_station,
    "tonnes-by-month": tonnes_by_month,
    "queue-by-hour": queue_by_hour,
    "utilisation": utilisation,
    "costs": costs,
}
OF_COMPARISONS: dict[str, Callable[[Comparison], Figure]] = {"saving-per-vehicle": paired_saving}
OF_FRONTIERS: dict[str, Callable[[Frontier], Figure]] = {"frontier": detection_against_delay}
# What is left out where there is nothing to show; each of the others says so in its place.
ONLY_IF: dict[str, Callable[[Sequence[Sample]], bool]] = {"costs": has_costs}


def figures_of_run(samples: Sequence[Sample]) -> dict[str, Figure]:
    """Every figure of a run by name; none of a single replication, which has no intervals to show."""
    if samples[0].replications == 1:
        return {}
    return {name: draw(samples) for name, draw in OF_RUNS.items() if name not in ONLY_IF or ONLY_IF[name](samples)}


def figures_of_comparison(comparison: Comparison) -> dict[str, Figure]:
    """Every figure of a comparison by name: those of a run of its scenarios, and its own."""
    if comparison.samples[0].replications == 1:
        return {}
    own = {name: draw(comparison) for name, draw in OF_COMPARISONS.items()}
    return {**figures_of_run(comparison.samples), **own}


def figures_of_frontier(frontier: Frontier) -> dict[str, Figure]:
    """Every figure of a frontier by name."""
    return {name: draw(frontier) for name, draw in OF_FRONTIERS.items()}
