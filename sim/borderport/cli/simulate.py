"""``run`` and ``compare``."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from borderport.cli.common import (
    Percentage,
    bracketed,
    distinct,
    percent,
    plus_minus,
    port_label,
    print_table,
    progress,
    results_folder,
    run_options,
    scenario_options,
    workers,
)

if TYPE_CHECKING:
    from borderport.compare import Comparison, VehicleEffect
    from borderport.experiment import EngineName, Sample
    from borderport.scenario import Scenario
    from borderport.store import RunFolder

SUMMARY = (
    ("vehicles", "vehicles_arrived", 0),
    ("cleared", "vehicles_cleared", 0),
    ("tonnes cleared", "tonnes_cleared", 0),
    ("passage mean, min", "passage_time_mean", 0),
    ("passage p95, min", "passage_time_p95", 0),
    ("overnight stays", "overnight_stays", 0),
    ("unfinished", "unfinished", 0),
)


COSTS = (
    ("vehicles delayed", "delay_cost", 1e6, 2),
    ("vehicles in service", "service_cost", 1e6, 2),
    ("fuel of idling", "fuel_cost", 1e6, 2),
    ("spoilage", "spoilage_cost", 1e6, 2),
    ("goods given up", "giving_up_cost", 1e6, 2),
    ("officers", "officer_cost", 1e6, 2),
    ("policies", "infrastructure_cost", 1e6, 2),
    ("total", "total_cost", 1e6, 2),
    ("CO2 of idling", "idling_co2", 1.0, 0),
)


@click.command(short_help="Run replications; write tables and figures.")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@scenario_options
@run_options(reps=20)
@click.option("--precision", type=Percentage(), help="Go on until the mean passage time is known to this, e.g. 1%.")
@click.option("--timeline", is_flag=True, help="Also write every visit of every vehicle.")
def run(scenarios: tuple[str, ...], timeline: bool, **options: Any) -> None:
    """Run replications of each SCENARIO; write tables, figures and run.json."""
    from borderport.cli.documents import sample_document
    from borderport.experiment import run_scenarios
    from borderport.store import json_text

    loaded = _told_apart([_load(name, options) for name in scenarios])
    folder = results_folder("-".join(s.name for s in loaded), loaded)
    with progress("replications", options["quiet"]) as advance:
        samples = run_scenarios(loaded, precision=options["precision"], progress=advance, **_how(options))
    with folder.one_run():
        _write_samples(folder, samples)
        if timeline:
            _write_timelines(folder, loaded, samples[0].replications, options["seed"], options["engine"])
        drawn = _draw(folder, samples, None)
        folder.finish(_about(samples))
    documents = [sample_document(sample) for sample in samples]
    if options["as_json"]:
        click.echo(json_text(documents[0] if len(documents) == 1 else {"scenarios": documents}), nl=False)
    elif not options["quiet"]:
        print_summary(samples)
        print_costs(samples)
        click.echo(_where(folder, drawn))


@click.command(short_help="Compare scenarios on the same vehicles.")
@click.argument("base")
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
@scenario_options
@run_options(reps=20)
@click.option("--precision", type=Percentage(), help="Go on until the mean passage time is known to this, e.g. 1%.")
def compare(base: str, others: tuple[str, ...], **options: Any) -> None:
    """Compare each OTHER scenario with BASE on the same vehicles with the same luck.

    --set changes all of them; --with and --without change the others only.
    """
    from borderport.cli.documents import comparison_document
    from borderport.compare import compare_scenarios
    from borderport.store import json_text

    plain = {**options, "with_": (), "without": ()}
    loaded = _told_apart([_load(base, plain), *(_load(name, options) for name in others)])
    folder = results_folder("-vs-".join(s.name for s in loaded), loaded)
    with progress("replications", options["quiet"]) as advance:
        comparison = compare_scenarios(loaded, precision=options["precision"], progress=advance, **_how(options))
    with folder.one_run():
        _write_samples(folder, comparison.samples)
        _write_comparison(folder, comparison)
        drawn = _draw(folder, comparison.samples, comparison)
        folder.finish(_about(comparison.samples))
    if options["as_json"]:
        click.echo(json_text(comparison_document(comparison)), nl=False)
    elif not options["quiet"]:
        print_summary(comparison.samples)
        for sample, effects in zip(comparison.samples[1:], comparison.effects, strict=True):
            print_effects(comparison.samples[0], sample, effects)
        print_costs(comparison.samples, paired=True)
        click.echo(_where(folder, drawn))


def _load(name: str, options: dict[str, Any]) -> Scenario:
    """Load a scenario with its options; what they change shows in its name, and so in tables, figures and folders."""
    from borderport.loading import load_scenario

    loaded = load_scenario(
        name, sets=options["sets"], with_policies=options["with_"], without_policies=options["without"]
    )
    changes = [f"+{p}" for p in options["with_"]] + [f"-{p}" for p in options["without"]]
    for text in options["sets"]:
        path, _, value = text.partition("=")
        changes.append("+" + re.sub(r"[^\w.%-]+", "_", f"{path.strip().rpartition('.')[2]}-{value.strip()}"))
    suffix = "".join(changes)
    return loaded.scenario.model_copy(update={"name": loaded.scenario.name + suffix})


def _told_apart(scenarios: list[Scenario]) -> list[Scenario]:
    names = distinct([scenario.name for scenario in scenarios])
    return [s.model_copy(update={"name": name}) for s, name in zip(scenarios, names, strict=True)]


def _how(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "replications": options["reps"],
        "seed": options["seed"],
        "engine": options["engine"],
        "jobs": workers(options["jobs"], options["executor"]),
    }


def print_summary(samples: Sequence[Sample]) -> None:
    """Print the table by port and in total: means over replications with 95 % half-widths."""
    from borderport.statistics import t_interval

    first = samples[0]
    ports = dict.fromkeys(port for sample in samples for port in sample.scenario.ports)
    rows = []
    for port in (*ports, "all"):
        for sample in samples:
            if (port, "all", "all", "vehicles_arrived") not in sample.keys:
                continue  # not a port of this scenario, or one for persons only
            cells = [plus_minus(t_interval(sample.of(port, "all", metric)), digits) for _, metric, digits in SUMMARY]
            rows.append([port_label(sample.scenario, port), sample.scenario.name, *cells])
    header = ["port", "scenario", *(title for title, _, _ in SUMMARY)]
    print_table(
        "Vehicles, goods and time by port",
        header,
        rows,
        f"mean of {first.replications} replications ± half of the 95 % interval; passage: the customs-controlled steps",
    )


def print_effects(base: Sample, other: Sample, effects: Sequence[VehicleEffect]) -> None:
    """Print the paired effect on the same vehicles, by port, in total and for the scenario's groups."""
    from borderport.compare import come_otherwise

    found = {(e.port, e.flow, e.span, e.clock): e for e in effects}
    groups = [(port, "all") for port in (*base.scenario.ports, "all")] + [("all", g) for g in base.scenario.groups]
    rows = []
    for port, flow in groups:
        wall = found.get((port, flow, "passage", "wall"))
        if wall is None or not wall.pairs:
            continue
        name = port_label(base.scenario, port) if flow == "all" else f"group {flow}"
        spans = [("passage", "service", 1), ("passage", "open", 0), ("passage", "wall", 0), ("total", "wall", 0)]
        savings = [bracketed(found[port, flow, span, clock].saving, digits) for span, clock, digits in spans]
        one_world = f"{wall.only_base:,.0f} / {wall.only_other:,.0f}"
        rows.append([name, f"{wall.pairs:,.0f}", *savings, percent(wall.better), percent(wall.worse), one_world])
    if not rows:
        click.echo(f"{other.scenario.name} and {base.scenario.name} have no vehicles in common")
        return
    header = [
        "same vehicles",
        "pairs",
        "in service",
        "passage, open",
        "passage, wall",
        "arrival to exit",
        "better",
        "worse",
        "one only",
    ]
    print_table(
        f"Minutes saved per vehicle: {other.scenario.name} against {base.scenario.name}",
        header,
        rows,
        "mean saving, 95 % interval; better, worse: by passage, wall; one only: cleared in base only / in other only",
    )
    moved = come_otherwise(base.scenario, other.scenario)
    if moved:
        which = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
        click.echo(f"vehicles of {which} come at other times than in {base.scenario.name}: compare means, not vehicles")


def print_costs(samples: Sequence[Sample], paired: bool = False) -> None:
    """Print what the period cost in total and, if ``paired``, how that differs from the first scenario; if costed."""
    from borderport.statistics import Interval, t_interval

    if any(sample.scenario.costs is None for sample in samples):
        return
    base, *others = samples
    header = ["cost", "unit", *(sample.scenario.name for sample in samples)]
    header += [f"change: {sample.scenario.name}" for sample in others if paired]
    rows = []
    for title, metric, scale, digits in COSTS:
        values = [sample.of("all", "all", metric) / scale for sample in samples]
        cells = [plus_minus(t_interval(value), digits) for value in values]
        cells += [bracketed(t_interval(value - values[0]), digits) for value in values[1:] if paired]
        rows.append([title, "M CNY" if scale > 1 else "t", *cells])
    years = base.scenario.horizon.years()
    notes = [f"all vehicles, persons left out; {years:.3g} year{'' if years == 1 else 's'}"]
    for sample in others if paired else ():
        paid = sample.of("all", "all", "infrastructure_cost") - base.of("all", "all", "infrastructure_cost")
        change = sample.of("all", "all", "total_cost") - base.of("all", "all", "total_cost")
        if (paid > 0).all():
            saved: Interval = t_interval((paid - change) / paid)
            notes.append(
                f"{sample.scenario.name} saves {bracketed(saved, 2)} CNY for each CNY more that its policies cost"
            )
    print_table("What the period cost", header, rows, "\n".join(notes))


def _write_samples(folder: RunFolder, samples: Sequence[Sample]) -> None:
    from borderport.cli.documents import sample_document
    from borderport.store import TIDY_HEADER, tidy_rows

    rows = [row for sample in samples for row in tidy_rows(sample.scenario.name, sample.keys, sample.values)]
    folder.write_csv("replications.csv.gz", TIDY_HEADER, rows)
    fields = ("port", "flow", "station", "metric", "unit", "mean", "low", "high")
    summary = [
        (sample.scenario.name, *(metric[name] for name in fields))
        for sample in samples
        for metric in sample_document(sample)["metrics"]
    ]
    folder.write_csv("metrics.csv", ("scenario", *fields), summary)


def _about(samples: Sequence[Sample]) -> dict[str, Any]:
    """What ``run.json`` says: what was run, how, and with which versions."""
    from borderport.experiment import scenario_hash
    from borderport.store import provenance

    scenarios = [
        {"name": s.scenario.name, "hash": scenario_hash(s.scenario), "resolved": s.scenario.model_dump(mode="json")}
        for s in samples
    ]
    first = samples[0]
    return {
        "seed": first.seed,
        "replications": first.replications,
        "engine": first.engine,
        "versions": provenance(),
        "scenarios": scenarios,
    }


def _write_comparison(folder: RunFolder, comparison: Comparison) -> None:
    from borderport.cli.documents import comparison_document

    documents = comparison_document(comparison)["scenarios"][1:]
    rows = [
        (d["scenario"], v["port"], v["flow"], v["span"], v["clock"], *v["saving"].values(), v["better"], v["worse"])
        + (v["pairs"], v["only_base"], v["only_other"])
        for d in documents
        for v in d["vehicles"]
    ]
    header = ("scenario", "port", "flow", "span", "clock", "saving_min", "low_min", "high_min", "better", "worse")
    folder.write_csv("vehicles.csv", (*header, "pairs", "only_base", "only_other"), rows)
    differences = [
        (d["scenario"], *(m[name] for name in ("port", "flow", "station", "metric", "unit")), *m["difference"].values())
        for d in documents
        for m in d["metrics"]
        if "difference" in m
    ]
    names = ("scenario", "port", "flow", "station", "metric", "unit", "mean", "low", "high", "p_holm", "variance_saved")
    folder.write_csv("differences.csv", names, differences)


def _write_timelines(
    folder: RunFolder, scenarios: Sequence[Scenario], reps: int, seed: int, engine: EngineName
) -> None:
    """Write every visit, one file for each scenario and replication."""
    from borderport.experiment import prepare, simulate
    from borderport.store import safe_name
    from borderport.timeline import visits_of

    header = ("vehicle", "flow", "station", "joined_ms", "started_ms", "left_ms")
    for scenario in scenarios:
        study = prepare(scenario)
        for replication in range(reps):
            manifest, timeline = simulate(study, seed, replication, engine)
            timeline.check()
            visits = visits_of(timeline, {name: flow.index for name, flow in manifest.flows.items()})
            columns = (visits.vehicle, visits.flow, visits.station, visits.joined_ms, visits.started_ms, visits.left_ms)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            folder.write_csv(f"timeline/{safe_name(scenario.name)}-{replication:04d}.csv", header, rows)


def _draw(folder: RunFolder, samples: list[Sample], comparison: Comparison | None) -> bool:
    """Draw every figure into the folder; none of a single replication, which has no intervals to show."""
    if samples[0].replications == 1:
        return False
    from borderport.figures.costs import costs, has_costs
    from borderport.figures.ecdf import passage_ecdf
    from borderport.figures.months import tonnes_by_month
    from borderport.figures.parts import time_by_station
    from borderport.figures.queue import queue_by_hour
    from borderport.figures.saving import paired_saving
    from borderport.figures.style import save
    from borderport.figures.utilisation import utilisation

    figures: dict[str, Callable[[], Any]] = {
        "passage-time": lambda: passage_ecdf(samples),
        "time-by-station": lambda: time_by_station(samples),
        "tonnes-by-month": lambda: tonnes_by_month(samples),
        "queue-by-hour": lambda: queue_by_hour(samples),
        "utilisation": lambda: utilisation(samples),
    }
    if has_costs(samples):
        figures["costs"] = lambda: costs(samples)
    if comparison is not None:
        figures["saving-per-vehicle"] = lambda: paired_saving(comparison)
    for name, draw in figures.items():
        figure = draw()
        folder.place(f"figures/{name}.png", functools.partial(save, figure))
    return True


def _where(folder: RunFolder, drawn: bool) -> str:
    if drawn:
        return f"Tables, figures and run.json are in {folder.path}"
    return f"Tables and run.json are in {folder.path}; figures are drawn from two replications on"
