"""``run`` and ``compare``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from borderport.cli.common import (
    ScenarioName,
    loading_options,
    port_labels,
    progress,
    results_folder,
    run_options,
    scenario_options,
    short_names,
)
from borderport.cli.precision import goal_of, precision_options, report_precision
from borderport.cli.tables import INDENT, print_table, print_text
from borderport.cli.terminal import say, say_json
from borderport.wording import bracketed, interval_note, number, plus_minus

if TYPE_CHECKING:
    from borderport.cli.precision import Goal
    from borderport.comparing import VehicleEffect
    from borderport.errors import Problem
    from borderport.experiment import Sample
    from borderport.scenario import Scenario
    from borderport.store import RunFolder

SUMMARIES = (
    (
        "Vehicles and goods by port",
        (("vehicles", "vehicles_arrived"), ("cleared", "vehicles_cleared"), ("tonnes cleared", "tonnes_cleared")),
        "",
    ),
    (
        "Time by port",
        (
            ("passage mean, min", "passage_time_mean"),
            ("passage p95, min", "passage_time_p95"),
            ("overnight stays", "overnight_stays"),
            ("unfinished", "unfinished"),
        ),
        "\npassage: the customs-controlled steps",
    ),
)
MONEY, MASS = ("M CNY", 1e6), ("t", 1.0)
SAVINGS = (
    ("in service", "passage", "service"),
    ("passage, open hours", "passage", "open"),
    ("passage, wall clock", "passage", "wall"),
    ("arrival to exit, wall clock", "total", "wall"),
)
SAVING_OF_GOODS = ("goods ready to exit, wall clock", "goods", "wall")  # where goods may wait for their truck


@click.command(short_help="Run replications; write tables and figures.")
@click.argument("scenarios", type=ScenarioName(), nargs=-1, required=True, metavar="SCENARIO...")
@scenario_options
@run_options(reps=20)
@precision_options("the mean passage time")
@click.option("--timeline", is_flag=True, help="Also write every visit and the outcome of every vehicle.")
def run(scenarios: tuple[str, ...], timeline: bool, **options: Any) -> None:
    """Run replications of each SCENARIO; write tables, figures and run.json."""
    from borderport.api import run as run_scenarios
    from borderport.documents import sample_document
    from borderport.experiment import PASSAGE_MEAN, watched_values
    from borderport.loading import told_apart
    from borderport.store import json_text

    loaded = told_apart(_load_all([_Side(name, options) for name in scenarios], "run them apart"))
    metric = options["of"] or PASSAGE_MEAN
    goal = goal_of(options, loaded, "all", metric, metric)
    folder = results_folder("-".join(s.name for s in loaded), loaded)
    with progress("replications", options["quiet"]) as advance:
        result = run_scenarios(*loaded, progress=advance, **_how(options, goal))
    samples = result.samples
    reached = report_precision(goal, *watched_values(samples, metric))
    result.save(folder.path, timeline=timeline, precision=reached)
    documents = [sample_document(sample) for sample in samples]
    if options["as_json"]:
        say_json(json_text(documents[0] if len(documents) == 1 else {"scenarios": documents}))
    elif not options["quiet"]:
        print_names(samples)
        print_summary(samples)
        print_costs(samples)
        say(_where(folder, samples[0]))


@click.command(short_help="Compare scenarios on the same vehicles.")
@click.argument("base", type=ScenarioName())
@click.argument("others", type=ScenarioName(), nargs=-1, required=True, metavar="OTHER...")
@scenario_options
@click.option("--set-base", multiple=True, metavar="PATH=VALUE", help="As --set, for BASE only.")
@click.option("--set-other", multiple=True, metavar="PATH=VALUE", help="As --set, for the others only.")
@run_options(reps=20)
@precision_options("the passage time saved by the first named group")
def compare(
    base: str, others: tuple[str, ...], set_base: tuple[str, ...], set_other: tuple[str, ...], **options: Any
) -> None:
    """Compare each OTHER scenario with BASE on the same vehicles with the same luck.

    --set changes all of them, --set-base and --set-other one side; --with and --without change the others only.
    """
    from borderport.api import compare as compare_scenarios
    from borderport.comparing import headline_group
    from borderport.documents import comparison_document
    from borderport.loading import told_apart
    from borderport.store import json_text

    plain = {**options, "with_": (), "without": ()}
    sides = [_Side(base, plain, "--set-base", set_base), *(_Side(n, options, "--set-other", set_other) for n in others)]
    loaded = told_apart(_load_all(sides, "--set-base and --set-other change one side"))
    group = headline_group(loaded[0])
    what = f"saving of {group} in passage, wall" if options["of"] is None else f"change of {options['of']}, {group}"
    goal = goal_of(options, loaded, group, options["of"], what)
    folder = results_folder("-vs-".join(s.name for s in loaded), loaded)
    with progress("replications", options["quiet"]) as advance:
        result = compare_scenarios(*loaded, progress=advance, **_how(options, goal))
    comparison = result.comparison
    reached = report_precision(goal, [scenario.name for scenario in loaded[1:]], comparison.watched)
    result.save(folder.path, precision=reached)
    if options["as_json"]:
        say_json(json_text(comparison_document(comparison)))
    elif not options["quiet"]:
        print_names(comparison.samples)
        print_summary(comparison.samples)
        base_name, *names = _names(comparison.samples)
        for sample, effects, name in zip(comparison.samples[1:], comparison.effects, names, strict=True):
            print_effects(comparison.samples[0], sample, effects, (base_name, name))
        print_costs(comparison.samples, paired=True)
        say(_where(folder, comparison.samples[0]))


class _Side(NamedTuple):
    """A scenario that was asked for, the options of all, and what an option of its own sets."""

    name: str
    options: dict[str, Any]
    option: str = "--set"
    sets: tuple[str, ...] = ()


def _load_all(sides: Sequence[_Side], instead: str) -> list[Scenario]:
    """Load scenarios, or name the problems of all; of a ``--set`` that fits only some, ``instead`` says what to do."""
    from borderport.api import load
    from borderport.errors import ScenarioInvalid

    loaded: list[Scenario] = []
    fits: list[str] = []
    refused: list[tuple[_Side, Problem]] = []
    for side in sides:
        try:
            own = {**loading_options(side.options), "sets": (*side.options["sets"], *side.sets)}
            loaded.append(load(side.name, **own))
        except ScenarioInvalid as error:
            refused += [(side, problem) for problem in error.problems]
        else:
            fits.append(side.name)
    if not refused:
        return loaded
    problems = []
    for side, problem in refused:
        text = problem.where.removeprefix("--set ")
        if text in side.sets:
            problem = replace(problem, where=f"{side.option} {text}")
        elif text in side.options["sets"] and fits:
            why = f"--set changes every scenario, but this fits {', '.join(fits)} and not {side.name}: {instead}"
            problem = replace(problem, message=f"{problem.message} ({why})")
        problems.append(problem)
    raise ScenarioInvalid(list(dict.fromkeys(problems)))


def _how(options: dict[str, Any], goal: Goal | None) -> dict[str, Any]:
    """Settings of a run, as the library takes them."""
    named = ("seed", "engine", "jobs", "executor")
    return {
        "replications": options["reps"],
        **{name: options[name] for name in named},
        **(goal.arguments if goal else {}),
    }


def print_names(samples: Sequence[Sample]) -> None:
    """Print what stands for the names that are too long for a table, if there are any."""
    names = [sample.scenario.name for sample in samples]
    long = [f"{short}: {name}" for short, name in zip(short_names(names), names, strict=True) if short != name]
    if long:
        say(*long, "")


def _names(samples: Sequence[Sample]) -> list[str]:
    return short_names([sample.scenario.name for sample in samples])


def print_summary(samples: Sequence[Sample]) -> None:
    """Print the tables by port and in total: means over replications with 95 % half-widths."""
    from borderport.statistics import t_interval

    ports = dict.fromkeys(port for sample in samples for port in sample.scenario.ports)
    rows = [
        (port, sample, name)
        for port in (*ports, "all")
        for sample, name in zip(samples, _names(samples), strict=True)
        # Not if it is no port of this scenario, or one for persons only.
        if (port, "all", "all", "vehicles_arrived") in sample.keys
    ]
    labels, means = port_labels([sample.scenario for sample in samples]), interval_note(samples[0].replications)
    for title, columns, note in SUMMARIES:
        cells = [
            [labels[port], name, *(plus_minus(t_interval(sample.of(port, "all", metric))) for _, metric in columns)]
            for port, sample, name in rows
        ]
        print_table(title, ["port", "scenario", *(heading for heading, _ in columns)], cells, f"{means}{note}", keys=2)


def print_effects(base: Sample, other: Sample, effects: Sequence[VehicleEffect], names: tuple[str, str]) -> None:
    """Print the paired effect on the same vehicles, by port, in total and for the base's groups.

    ``names`` are those of the two scenarios, as `short_names` gives them.
    """
    from borderport.comparing import MOST_APART, come_otherwise

    found = {(e.port, e.flow, e.span, e.clock): e for e in effects}
    spans: tuple[tuple[str, str, str], ...] = SAVINGS
    if any(flow.goods_may_wait for scenario in (base.scenario, other.scenario) for flow in scenario.flows().values()):
        spans = (*SAVINGS, SAVING_OF_GOODS)
    groups = [(port, "all") for port in (*base.scenario.ports, "all")] + [("all", g) for g in base.scenario.groups]
    labels = port_labels([base.scenario])
    savings, lots = [], []
    for port, flow in groups:
        wall = found.get((port, flow, "passage", "wall"))
        if wall is None or not wall.pairs:
            continue
        label = (labels[port] if flow == "all" else INDENT + flow) + " *" * wall.marked
        savings.append([label, *(plus_minus(found[port, flow, span, clock].saving) for _, span, clock in spans)])
        pairs, *only = (number(round(vehicles)) for vehicles in (wall.pairs, wall.only_base, wall.only_other))
        shares = [plus_minus(share, scale=0.01) for share in (wall.better, wall.worse)]
        lots.append([label, pairs, *shares, *only, plus_minus(wall.hours_saved)])
    if not savings:
        print_text(f"{names[1]} and {names[0]} have no vehicles in common")
        return
    against = f"{names[1]} against {names[0]}"
    header = ["same vehicles", *(heading for heading, _, _ in spans)]
    print_table(f"Minutes saved per vehicle: {against}", header, savings, interval_note(other.replications))
    header = ["same vehicles", "pairs", "better, %", "worse, %", "cleared in base only", "cleared in other only"]
    header.append("hours saved by all who arrived")
    note = f"better, worse: shares of the pairs, by passage on the wall clock; {interval_note(other.replications)}"
    if any(wall[0].endswith("*") for wall in lots):
        apart = f"{100 * MOST_APART:g} percentage point"
        note += f"\n* the shares not cleared are more than {apart} apart: those who passed in both do not tell"
    print_table(f"Who gains and who loses: {against}", header, lots, note)
    moved = come_otherwise(base.scenario, other.scenario)
    if moved:
        which = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
        print_text(f"vehicles of {which} come at other times than in {names[0]}: compare means, not vehicles")


def print_costs(samples: Sequence[Sample], paired: bool = False) -> None:
    """Print what the period cost in total and, if ``paired``, how that differs from the first scenario; if costed."""
    from borderport.metrics import COST_WORDS
    from borderport.statistics import Interval, t_interval

    if any(sample.scenario.costs is None for sample in samples):
        return
    base, *others = samples
    names = _names(samples)
    header = ["cost", "unit", *names, *(f"change: {name}" for name in names[1:] if paired)]
    rows = []
    money = [(words, metric, MONEY) for metric, words in {**COST_WORDS, "total_cost": "total"}.items()]
    for title, metric, (unit, scale) in (*money, ("CO2 of idling", "idling_co2", MASS)):
        values = [sample.of("all", "all", metric) for sample in samples]
        values += [value - values[0] for value in values[1:] if paired]
        rows.append([title, unit, *(plus_minus(t_interval(value), scale) for value in values)])
    years = base.scenario.horizon.years()
    notes = [
        interval_note(base.replications),
        f"all vehicles, persons left out; {years:.3g} year{'' if years == 1 else 's'}",
    ]
    for sample, name in zip(others, names[1:], strict=True) if paired else ():
        paid = sample.of("all", "all", "infrastructure_cost") - base.of("all", "all", "infrastructure_cost")
        change = sample.of("all", "all", "total_cost") - base.of("all", "all", "total_cost")
        if (paid > 0).all():
            saved: Interval = t_interval((paid - change) / paid)
            notes.append(f"{name} saves {bracketed(saved)} CNY for each CNY more that its policies cost")
    print_table("What the period cost", header, rows, "\n".join(notes), keys=2)


def _where(folder: RunFolder, sample: Sample) -> str:
    if sample.replications > 1:
        return f"Tables, figures and run.json are in {folder.path}"
    return f"Tables and run.json are in {folder.path}; figures are drawn from two replications on"
