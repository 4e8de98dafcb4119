"""``frontier``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from borderport.cli.common import (
    Percentages,
    ScenarioName,
    loading_options,
    progress,
    results_folder,
    run_options,
    scenario_options,
)
from borderport.cli.tables import print_table, print_text
from borderport.cli.terminal import say, say_json
from borderport.wording import bracketed, interval_note, percent, plus_minus

if TYPE_CHECKING:
    from pathlib import Path

    from borderport.frontiers import Frontier


@click.command(short_help="Contraband found against time spent.")
@click.argument("scenario", type=ScenarioName())
@click.option(
    "--rates",
    type=Percentages(0.0),
    default="0,2,5,10,15,20,30,50%",
    show_default=True,
    help="Shares of every inspected flow that are selected.",
)
@click.option(
    "--targeting",
    type=Percentages(0.5),
    default="50,65,80%",
    show_default=True,
    help="How well carriers are told from others: 50% is blind, 100% knows them all.",
)
@scenario_options
@run_options(reps=20)
def frontier(scenario: str, rates: tuple[float, ...], targeting: tuple[float, ...], **options: Any) -> None:
    """Trace detection against delay over the rate of selection and the quality of targeting.

    SCENARIO needs flows with an `inspection`. Every point meets the same vehicles with the same luck; which points no
    other dominates is judged by paired differences.
    """
    from borderport.errors import UsageError
    from borderport.frontiers import settings_of, trace_frontier
    from borderport.loading import load_scenario
    from borderport.results import FrontierResult
    from borderport.workers import open_workers

    if options["reps"] < 2:
        raise UsageError("--reps: a frontier is judged by intervals, which take at least 2 replications")
    loaded = load_scenario(scenario, **loading_options(options)).scenario
    folder = results_folder(f"{loaded.name}-frontier", [loaded])
    tasks = options["reps"] * (1 + len(settings_of(rates, targeting)))
    workers = open_workers(options["executor"], options["jobs"], tasks)
    with progress("replications", options["quiet"]) as advance, workers:
        result = trace_frontier(
            loaded,
            rates,
            targeting,
            replications=options["reps"],
            seed=options["seed"],
            engine=options["engine"],
            workers=workers,
            progress=advance,
        )
    FrontierResult(result).save(folder.path)
    _report_frontier(folder.path, result, options)


def _report_frontier(folder: Path, result: Frontier, options: dict[str, Any]) -> None:
    """Print one line for each point, as text or as JSON."""
    from borderport.comparing import MOST_APART
    from borderport.documents import frontier_document
    from borderport.frontiers import FEWEST_FINDS
    from borderport.statistics import t_interval
    from borderport.store import json_text

    if options["as_json"]:
        about = {"scenario": result.scenario.name, "replications": result.replications, "seed": result.seed}
        say_json(json_text({**about, "points": frontier_document(result)}))
        return
    if options["quiet"]:
        return
    rows = []
    for index, point in enumerate(result.points):
        other = result.dominated_by[index]
        targeted = point.targeting is not None and point.rate not in (0, 1)
        rows.append(
            [
                str(index) + " *" * result.marked[index],
                point.label,
                percent(point.targeting or 0) if targeted else "",
                plus_minus(t_interval(point.found)),
                bracketed(point.detection()),
                plus_minus(result.delay[index]),
                plus_minus(t_interval(point.officer_hours)),
                bracketed(result.cost[index]),
                percent(t_interval(point.not_cleared).mean),
                "no" if other is None else f"by {other}",
            ]
        )
    values = ["finds", "detection", "vehicle-hours", "officer-hours", "hours per find", "not cleared", "dominated"]
    note = (
        f"{interval_note(result.replications)}, or the interval in brackets\n"
        "vehicle-hours: more than with nobody selected\n"
        "hours per find: vehicle-hours for one more find than at the next lower rate\n"
        "dominated: paired differences, Holm's correction, 5 %"
    )
    if any(result.marked):
        apart = f"{100 * MOST_APART:g} percentage point"
        note += f"\n* the share not cleared is more than {apart} from that with nobody selected: other vehicles"
    print_table(
        f"Detection against delay: {result.scenario.name}",
        ["point", "selected", "targeting", *values],
        rows,
        note,
        keys=3,
    )
    if result.rare:
        print_text(f"fewer than {FEWEST_FINDS} finds were seen at every point: run more replications")
    say(f"Table and figure are in {folder}")
