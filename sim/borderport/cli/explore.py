"""``sweep`` and ``calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderport.cli.common import (
    CALIBRATION,
    RESULTS,
    ScenarioName,
    loading_options,
    progress,
    results_folder,
    run_options,
    scenario_options,
)
from borderport.cli.tables import print_table, print_text
from borderport.cli.terminal import say, say_json
from borderport.wording import interval_note, number, percent, plus_minus

if TYPE_CHECKING:
    from borderport.calibrating import Calibration
    from borderport.distributions import Array
    from borderport.metrics import Key
    from borderport.scenario import Scenario
    from borderport.sweeping import Design, Response, Sweep


@click.command(short_help="Run SCENARIO over a grid of values.")
@click.argument("scenario", type=ScenarioName())
@click.option("--vary", multiple=True, required=True, metavar="PATH=SPEC", help="SPEC: 1..4, or 0.5,1,2, or 0.1:0.9.")
@scenario_options
@run_options(reps=10)
@click.option("--metric", default="passage_time_mean", show_default=True, help="What the figure and table show.")
@click.option("--port", default="all", show_default=True, help="Port of that metric.")
@click.option("--flow", default="all", show_default=True, help="Flow or group of that metric.")
@click.option(
    "--station", default="all", show_default=True, help="Resource of that metric, such as PORT.inspection_bay."
)
def sweep(
    scenario: str, vary: tuple[str, ...], metric: str, port: str, flow: str, station: str, **options: Any
) -> None:
    """Run SCENARIO over a grid of values, paired to SCENARIO as it is.

    Finished replications are kept in results/store.sqlite, or in the folder of --out, so the same command goes on where
    it was interrupted. A policy is varied with --vary policies.NAME=on,off.
    """
    from borderport.errors import UsageError
    from borderport.results import SweepResult
    from borderport.store import ResultStore
    from borderport.sweeping import parse_variation, plan_sweep, run_sweep
    from borderport.workers import open_workers

    variations = [parse_variation(text) for text in vary]
    with progress("points checked", options["quiet"]) as advance:
        design = plan_sweep(
            scenario,
            variations,
            progress=advance,
            **loading_options(options),
        )
    key = _key_of(design.base, (port, flow, station, metric))
    folder = results_folder(f"{design.base.name}-sweep", [design.base])
    workers = open_workers(options["executor"], options["jobs"], options["reps"] * len(design))
    store = ResultStore((options["out"] or RESULTS) / "store.sqlite")  # its keys tell sweeps apart
    try:
        with progress("replications", options["quiet"]) as advance, workers:
            result = run_sweep(
                design,
                store,
                replications=options["reps"],
                seed=options["seed"],
                engine=options["engine"],
                workers=workers,
                progress=advance,
            )
        if key not in result.keys:
            none = f"no vehicle or resource gave '{key[3]}' of port {key[0]}, flow {key[1]}, station {key[2]}"
            raise UsageError(none)
        response = result.response(key)
        with progress("points written", options["quiet"]) as advance:
            SweepResult(result, key).save(folder.path, progress=advance)
    finally:
        store.close()
    _report_sweep((folder.path, store.path), result, response, key, options)


def _key_of(scenario: Scenario, asked: Key) -> Key:
    """The metric that is shown; refused before anything runs if there is none of that name."""
    from borderport.errors import UsageError
    from borderport.loading.tree import suggest
    from borderport.metrics import METRICS, OF_RESOURCES, PARTS, groups_of

    port, flow, station, metric = asked
    if metric not in METRICS:
        raise UsageError(f"--metric {metric}: unknown metric{suggest(metric, METRICS)}; see borderport list metrics")
    groups = [(p, f) for p, f, _ in groups_of(scenario)]
    if (port, flow) not in groups:
        known = ", ".join(f"--port {p} --flow {f}" for p, f in groups if p == port or f == flow)
        known = known or ", ".join(f"--port {p}" for p in (*scenario.ports, "all"))
        raise UsageError(f"no flow or group '{flow}' of port '{port}'; there are {known}")
    if metric in OF_RESOURCES:
        if port not in scenario.ports:
            raise UsageError(f"--metric {metric} is of one port: --port {', '.join(scenario.ports)}")
        resources = scenario.ports[port].resources
        if station not in resources or flow != "all":
            raise UsageError(f"--metric {metric} is of one resource: --station{suggest(station, resources)}")
    elif station != "all":
        stations = [f"{p}.{name}" for p in scenario.ports if port in (p, "all") for name in scenario.ports[p].stations]
        station = f"{port}.{station}" if f"{port}.{station}" in stations else station
        if station not in stations:
            raise UsageError(f"--station {station}: unknown station{suggest(station, stations)}")
        if flow != "all" or not any(metric.endswith(f"_{part}_mean") for part in PARTS):
            raise UsageError(f"--station {station}: only the parts of times, over all flows, are kept by station")
    return port, flow, station, metric


def _report_sweep(
    places: tuple[Path, Path], result: Sweep, response: Response, key: Key, options: dict[str, Any]
) -> None:
    """Print the response, its paired difference to the base, who was cleared, and where the rest is."""
    from borderport.comparing import MOST_APART
    from borderport.metrics import unit_of
    from borderport.store import json_text

    design = result.design
    paths = [v.path for v in design.variations]
    base, *points = _response_documents(design, response)
    if options["as_json"]:
        document = {
            "base": design.base.name,
            **dict(zip(("port", "flow", "station", "metric"), key, strict=True)),
            "unit": unit_of(key[3]),
            "marked_above": MOST_APART,
            "base_point": base,
            "points": points,
        }
        say_json(json_text(document))
    elif not options["quiet"]:
        rows = _response_rows([base, *points], len(paths))
        where = f"port {key[0]}, flow {key[1]}" + (f", {key[2]}" if key[2] != "all" else "")
        title = f"{key[3]} ({unit_of(key[3])}), {where}; varied: {', '.join(paths)}"
        header = ["point", *(path.rpartition(".")[2] for path in paths), "response", "difference"]
        note = f"{interval_note(result.replications)}; difference to the base, paired by replication"
        if response.marked.any():
            apart = f"{100 * MOST_APART:g} percentage point"
            note += (
                f"\n* the share not cleared is more than {apart} from the base's: other vehicles, not to be compared"
            )
        print_table(title, [*header, "cleared", "unfinished", "not cleared"], rows, note, keys=1 + len(paths))
        rest = "the rest was in the store, or another point is the same"
        print_text(f"{result.computed} of {len(design) * result.replications} replications were computed; {rest}")
        folder, store = places
        if store.parent == folder:
            say(f"Table, figure and store are in {folder}")
        else:
            say(f"Table and figure are in {folder}, the store is {store}")


def _response_documents(design: Design, response: Response) -> list[dict[str, Any]]:
    """One document for each point, the base first."""
    from borderport.statistics import Interval, t_intervals

    def told(low: Array, mean: Array, high: Array) -> list[Interval]:
        return [Interval(m, lo, hi) for lo, m, hi in zip(low.tolist(), mean.tolist(), high.tolist(), strict=True)]

    columns = {
        "response": told(*response.intervals()),
        "difference": told(*response.differences()),
        "cleared": told(*t_intervals(response.cleared.T)),
        "unfinished": told(*t_intervals(response.unfinished.T)),
    }
    shares = t_intervals(response.not_cleared.T)[1].tolist()
    paths = [v.path for v in design.variations]
    return [
        {
            "values": dict(zip(paths, values, strict=False)),
            **{name: vars(intervals[number]) for name, intervals in columns.items()},
            "not_cleared": shares[number],
            "marked": bool(response.marked[number]),
        }
        for number, values in enumerate(design.points())
    ]


def _response_rows(points: list[dict[str, Any]], parameters: int) -> list[list[str]]:
    """Lines of the table; the base has no values and no difference."""
    from borderport.statistics import Interval

    rows = []
    for index, point in enumerate(points):
        head = [str(index) + " *" * point["marked"], *point["values"].values()]
        rows.append(
            [
                *(head if index else ["base", *[""] * parameters]),
                plus_minus(Interval(**point["response"])),
                plus_minus(Interval(**point["difference"])) if index else "",
                plus_minus(Interval(**point["cleared"])),
                plus_minus(Interval(**point["unfinished"])),
                percent(point["not_cleared"]),
            ]
        )
    return rows


@click.command(short_help="Fit free parameters to targets.")
@click.argument("recipe", default="recipe-2024")
@run_options(reps=None)
@click.option("--write/--no-write", default=True, show_default=True, help="Write the fitted overlays.")
def calibrate(recipe: str, write: bool, **options: Any) -> None:
    """Fit the free parameters of RECIPE to its targets; write them as overlays that scenarios lay over."""
    from borderport.calibrating import MOST_STEPS, load_recipe
    from borderport.calibrating import calibrate as fit
    from borderport.results import CalibrationResult
    from borderport.store import RunFolder
    from borderport.workers import open_workers

    loaded = load_recipe(recipe)
    folder = RunFolder(options["out"] or CALIBRATION) if write else None
    reps = options["reps"] or loaded.replications
    workers = open_workers(options["executor"], options["jobs"], 2 * reps * MOST_STEPS)
    with progress("evaluations", options["quiet"]) as advance, workers:
        result = fit(
            loaded,
            seed=options["seed"],
            replications=options["reps"],
            engine=options["engine"],
            workers=workers,
            progress=advance,
        )
    if folder is not None:
        CalibrationResult(result, recipe).save(folder.path)
    _report_calibration(result, recipe, options)
    if folder is not None and not options["as_json"] and not options["quiet"]:
        say(f"Overlays are in {folder.path}")


def _report_calibration(result: Calibration, recipe: str, options: dict[str, Any]) -> None:
    """Print fitted values, and target, simulated value with interval, and deviation."""
    from borderport.store import json_text

    if options["as_json"]:
        targets = [
            {
                "name": r.name,
                "unit": r.unit,
                "target": r.value,
                "simulated": vars(r.simulated),
                "deviation": r.deviation,
                "tolerance": r.tolerance,
                "fitted": r.fitted,
                "met": r.met,
            }
            for r in result.results
        ]
        say_json(json_text({"recipe": recipe, "values": result.values, "targets": targets}))
    elif not options["quiet"]:
        values = [[name, f"{value:.4f}"] for name, value in result.values.items()]
        print_table("Fitted values", ["parameter", "value"], values)
        rows = [
            [
                r.name,
                "fitted" if r.fitted else "checked",
                f"{number(r.value)} {r.unit}",
                plus_minus(r.simulated),
                f"{100 * r.deviation / r.value:+.1f} %",
                f"± {100 * r.tolerance / r.value:.1f} %",
                "yes" if r.met else "no",
            ]
            for r in result.results
        ]
        reps = options["reps"] or result.recipe.replications
        note = f"{reps} replications that the fit has not seen; {result.evaluations} evaluations"
        print_table(
            "Targets", ["target", "role", "value", "simulated", "deviation", "tolerance", "met"], rows, note, keys=2
        )
