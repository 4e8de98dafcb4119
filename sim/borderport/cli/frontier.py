"""``frontier``."""

from __future__ import annotations

import functools
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
    from borderport.frontier import Frontier
    from borderport.store import RunFolder


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
    from borderport.frontier import settings_of, trace_frontier
    from borderport.loading import load_scenario
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
    with folder.one_run():
        _write_frontier(folder, result)
    _report_frontier(folder, result, options)


def _frontier_rows(result: Frontier) -> list[dict[str, Any]]:
    """What is known of each point, by name."""
    from borderport.statistics import t_interval

    return [
        {
            "rate": point.rate,
            "targeting": point.targeting,
            "found": vars(t_interval(point.found)),
            "detection": vars(point.detection()),
            "delay_vehicle_hours": vars(delay),
            "officer_hours": vars(t_interval(point.officer_hours)),
            "vehicle_hours_per_find": vars(cost),
            "dominated_by": other,
            "not_cleared": t_interval(point.not_cleared).mean,
            "marked": marked,
        }
        for point, delay, cost, other, marked in zip(
            result.points, result.delay, result.cost, result.dominated_by, result.marked, strict=True
        )
    ]


def _write_frontier(folder: RunFolder, result: Frontier) -> None:
    """Write the table and draw the figure."""
    from borderport.figures.frontier import detection_against_delay
    from borderport.figures.style import save
    from borderport.store import provenance

    rows = _frontier_rows(result)
    header = [
        f"{name}_{part}" if isinstance(value, dict) else name
        for name, value in rows[0].items()
        for part in (value if isinstance(value, dict) else ("",))
    ]
    lines = [
        tuple(
            number
            for value in row.values()
            for number in (value.values() if isinstance(value, dict) else ["" if value is None else value])
        )
        for row in rows
    ]
    folder.write_csv("frontier.csv", ("point", *header), [(i, *line) for i, line in enumerate(lines)])
    folder.place("figures/frontier.png", functools.partial(save, detection_against_delay(result)))
    about = {"scenario": result.scenario.name, "replications": result.replications, "seed": result.seed}
    folder.finish({**about, "versions": provenance()})


def _report_frontier(folder: RunFolder, result: Frontier, options: dict[str, Any]) -> None:
    """Print one line for each point, as text or as JSON."""
    from borderport.compare import MOST_APART
    from borderport.frontier import FEWEST_FINDS
    from borderport.statistics import t_interval
    from borderport.store import json_text

    if options["as_json"]:
        about = {"scenario": result.scenario.name, "replications": result.replications, "seed": result.seed}
        say_json(json_text({**about, "points": _frontier_rows(result)}))
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
    say(f"Table and figure are in {folder.path}")
