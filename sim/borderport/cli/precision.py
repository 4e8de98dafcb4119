"""``--precision`` and ``--of``: what is asked, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from borderport.cli.terminal import say_aside

if TYPE_CHECKING:
    from borderport.distributions import Array
    from borderport.scenario import Scenario
    from borderport.statistics import Outlook, Precision

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Goal:
    """A precision that the options ask for, and the figure it is wanted of.

    Attributes
    ----------
    asked : str
        As it was given.
    precision : Precision
    metric : str or None
        The watched metric; None for the saving per vehicle.
    figure : str
        The same in words.
    unit : str
    """

    asked: str
    precision: Precision
    metric: str | None
    figure: str
    unit: str

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for the functions that simulate."""
        return {"precision": self.precision, "watched": self.metric}


def precision_options(what: str) -> Callable[[F], F]:
    """The options; ``what`` is watched unless ``--of`` says otherwise."""

    def decorate(command: F) -> F:
        of = click.option("--of", metavar="METRIC", help="The metric that --precision is about instead.")
        said = f"Go on until {what} is known to this: 1%, or '0.5 min'."
        return click.option("--precision", metavar="PRECISION", help=said)(of(command))

    return decorate


def goal_of(
    options: dict[str, Any], scenarios: Sequence[Scenario], flow: str, metric: str | None, figure: str
) -> Goal | None:
    """The goal that the options set; refused before anything is simulated. None if no precision is asked.

    Raises
    ------
    UsageError
        The precision cannot be read, or a scenario has no such metric for this flow or group.
    """
    from borderport.errors import UsageError
    from borderport.experiment import check_watched
    from borderport.metrics import unit_of
    from borderport.statistics import parse_precision

    asked, of = options["precision"], options["of"]
    if of is not None:
        for scenario in scenarios:
            check_watched(scenario, flow, of)
    if asked is None:
        if of is not None:
            raise UsageError(f"--of {of}: says what --precision is about; give --precision too, such as 1%")
        return None
    unit = "min" if metric is None else unit_of(metric)
    try:
        return Goal(asked, parse_precision(asked, unit), metric, figure, unit)
    except ValueError as error:
        raise UsageError(f"--precision {asked}: {error}") from None


def report_precision(goal: Goal | None, names: Sequence[str], watched: Array) -> dict[str, Any] | None:
    """Say on standard error what was not reached; return what ``run.json`` keeps.

    Parameters
    ----------
    goal : Goal or None
    names : sequence of str, shape (scenarios,)
    watched : float array, shape (replications, scenarios)
    """
    from borderport.statistics import outlook

    if goal is None:
        return None
    figures = []
    for name, column in zip(names, watched.T, strict=True):
        found = outlook(column, goal.precision)
        if not found.reached:
            say_aside(f"precision not reached: {_why(goal, name, found)}")
        figures.append(
            {
                "scenario": name,
                **vars(found.interval),
                "half_width_wanted": found.wanted,
                "reached": found.reached,
                "replications_needed": found.needed,
            }
        )
    return {"asked": goal.asked, "of": goal.figure, "unit": goal.unit, "figures": figures}


def _why(goal: Goal, name: str, found: Outlook) -> str:
    """The distance from a goal that was not reached, and the way to reach it."""
    from borderport.statistics import ABSOLUTE, MOST_REPLICATIONS

    what = f"{goal.figure}, {name}"
    if found.values < 2:
        return f"{what}: {found.values} of {found.done} replications have a value, which gives no interval"
    mean, half, wanted = (_rounded(x) for x in (found.interval.mean, found.interval.half_width, found.wanted))
    state = f"{what}: {mean} ± {half} {goal.unit} after {found.done:,} replications, ± {wanted} was asked for"
    if found.needed == float("inf"):
        takes = "no number of replications reaches a share of 0"
    else:
        about = f"{float(f'{found.needed:.2g}'):,.0f}"
        takes = f"about {about} would reach it, and at most {MOST_REPLICATIONS:,} are run"
    if not goal.precision.relative or goal.unit not in ABSOLUTE:
        return f"{state}; {takes}"
    return f"{state}; {takes}; a figure near 0 is better asked in its unit, such as '{ABSOLUTE[goal.unit][1]}'"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
