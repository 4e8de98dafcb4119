"""``sweep`` and ``calibrate``."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderport.cli.common import (
    RESULTS,
    bracketed,
    print_table,
    progress,
    results_folder,
    run_options,
    scenario_options,
    workers,
)

OF_RESOURCES = ("queue_mean", "queue_max", "tail_back_max", "utilisation")

if TYPE_CHECKING:
    from borderport.calibrate import Calibration
    from borderport.metrics import Key
    from borderport.scenario import Scenario
    from borderport.store import RunFolder
    from borderport.sweep import Sweep, Variation


@click.command(short_help="Run SCENARIO over a grid of values.")
@click.argument("scenario")
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
    from borderport.executors import default_jobs
    from borderport.store import ResultStore
    from borderport.sweep import parse_variation, plan_sweep, run_sweep

    variations = [parse_variation(text) for text in vary]
    points = plan_sweep(
        scenario,
        variations,
        sets=options["sets"],
        with_policies=options["with_"],
        without_policies=options["without"],
    )
    key = _key_of(points[0].scenario, (port, flow, station, metric))
    folder = results_folder(f"{points[0].scenario.name}-sweep", [points[0].scenario])
    jobs = workers(options["jobs"], options["executor"]) or default_jobs(options["reps"] * len(points))
    store = ResultStore((options["out"] or RESULTS) / "store.sqlite")  # its keys tell sweeps apart
    try:
        with progress("replications", options["quiet"]) as advance:
            result = run_sweep(
                variations,
                points,
                store,
                replications=options["reps"],
                seed=options["seed"],
                engine=options["engine"],
                jobs=jobs,
                progress=advance,
            )
    finally:
        store.close()
    if key not in result.keys:
        raise UsageError(f"no vehicle or resource gave '{key[3]}' of port {key[0]}, flow {key[1]}, station {key[2]}")
    with folder.one_run():
        _write_sweep(folder, result, key)
    _report_sweep((folder.path, store.path), result, key, options)


def _key_of(scenario: Scenario, asked: Key) -> Key:
    """The metric that is shown; refused before anything runs if there is none of that name."""
    from borderport.errors import UsageError
    from borderport.loading.tree import suggest
    from borderport.metrics import METRICS, PARTS, groups_of

    port, flow, station, metric = asked
    if metric not in METRICS:
        raise UsageError(f"--metric {metric}: unknown metric{suggest(metric, METRICS)}")
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


def _write_sweep(folder: RunFolder, result: Sweep, key: Key) -> None:
    """Write the tidy table and draw the response."""
    from borderport.figures.style import save
    from borderport.metrics import unit_of
    from borderport.statistics import t_intervals
    from borderport.store import provenance

    paths = [v.path for v in result.variations]
    rows = []
    for number, point in enumerate(result.points):
        low, mean, high = t_intervals(result.values[number])
        low_d, mean_d, high_d = t_intervals(result.values[number] - result.values[0])
        columns = zip(result.keys, *(c.tolist() for c in (mean, low, high, mean_d, low_d, high_d)), strict=True)
        given = point.values or ("base",) * len(paths)
        rows += [(number, *given, *of, unit_of(of[3]), *numbers) for of, *numbers in columns]
    header = ("point", *paths, "port", "flow", "station", "metric", "unit", "mean", "low", "high")
    folder.write_csv("sweep.csv", (*header, "difference", "difference_low", "difference_high"), rows)
    if len(paths) <= 2:
        folder.place("figures/response.png", functools.partial(save, _figure(result, key)))
    folder.finish(
        {
            "base": result.points[0].scenario.name,
            "vary": {v.path: list(v.values) for v in result.variations},
            "replications": int(result.values.shape[1]),
            "seed": result.seed,
            "versions": provenance(),
        }
    )


def _to_scale(variation: Variation) -> tuple[list[float] | list[str], str]:
    """Values to be drawn to scale, and the path with their unit, if all are numbers of one unit; else the texts."""
    found = [re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(\D*)", value) for value in variation.values]
    parts = [match.groups() for match in found if match]
    units = {unit for _, unit in parts}
    if len(parts) < len(found) or len(units) > 1:
        return list(variation.values), variation.path
    (unit,) = units
    return [float(number) for number, _ in parts], f"{variation.path} ({unit})" if unit else variation.path


def _figure(result: Sweep, key: Key) -> Any:
    """A curve for one parameter, a heat map for two."""
    from borderport.figures.response import heat_map, response_curve
    from borderport.metrics import unit_of

    low, mean, high = result.response(key)
    where = " ".join(part for part in key[:3] if part != "all") or "all ports"
    texts: dict[str, Any] = {
        "metric": f"{key[3].replace('_', ' ')} ({unit_of(key[3])}), {where}",
        "scenario": result.points[0].scenario.name,
        "replications": int(result.values.shape[1]),
        "seed": result.seed,
    }
    scales = [_to_scale(variation) for variation in result.variations]
    if len(scales) == 1:
        ((values, parameter),) = scales
        return response_curve(values, mean, low, high, parameter=parameter, **texts)
    (x_values, x_parameter), (y_values, y_parameter) = scales
    shape = (len(x_values), len(y_values))
    return heat_map(
        x_values,
        y_values,
        mean.reshape(shape).T,
        low=low.reshape(shape).T,
        high=high.reshape(shape).T,
        x_parameter=x_parameter,
        y_parameter=y_parameter,
        **texts,
    )


def _report_sweep(places: tuple[Path, Path], result: Sweep, key: Key, options: dict[str, Any]) -> None:
    """Print the response and its paired difference to the base at each point, and where the rest is."""
    from borderport.metrics import unit_of
    from borderport.statistics import Interval, t_interval
    from borderport.store import json_text

    responses = [Interval(m, lo, hi) for lo, m, hi in zip(*(c.tolist() for c in result.response(key)), strict=True)]
    changes = [Interval(m, lo, hi) for lo, m, hi in zip(*(c.tolist() for c in result.difference(key)), strict=True)]
    points = list(zip(result.points[1:], responses, changes, strict=True))
    paths = [v.path for v in result.variations]
    if options["as_json"]:
        document = {
            "base": result.points[0].scenario.name,
            **dict(zip(("port", "flow", "station", "metric"), key, strict=True)),
            "unit": unit_of(key[3]),
            "points": [
                {
                    "values": dict(zip(paths, point.values, strict=True)),
                    "response": vars(response),
                    "difference": vars(change),
                }
                for point, response, change in points
            ],
        }
        click.echo(json_text(document), nl=False)
    elif not options["quiet"]:
        base = t_interval(result.values[0, :, result.keys.index(key)])
        digits = 3 if unit_of(key[3]) == "1" else 1
        rows = [["base", *[""] * len(paths), bracketed(base, digits), ""]]
        for number, (point, response, change) in enumerate(points, 1):
            rows.append([str(number), *point.values, bracketed(response, digits), bracketed(change, digits)])
        where = f"port {key[0]}, flow {key[1]}" + (f", {key[2]}" if key[2] != "all" else "")
        title = f"{key[3]} ({unit_of(key[3])}), {where}; varied: {', '.join(paths)}"
        header = ["point", *(path.rpartition(".")[2] for path in paths), "response", "difference"]
        print_table(title, header, rows, "mean with 95 % interval; difference to the base, paired by replication")
        total = result.values.shape[0] * result.values.shape[1]
        rest = "the rest was in the store, or another point is the same"
        click.echo(f"{result.computed} of {total} replications were computed; {rest}")
        folder, store = places
        if store.parent == folder:
            click.echo(f"Table, figure and store are in {folder}")
        else:
            click.echo(f"Table and figure are in {folder}, the store is {store}")


@click.command(short_help="Fit free parameters to targets.")
@click.argument("recipe", default="recipe-2024")
@run_options(reps=None)
@click.option("--write/--no-write", default=True, show_default=True, help="Write the fitted overlays.")
def calibrate(recipe: str, write: bool, **options: Any) -> None:
    """Fit the free parameters of RECIPE to its targets; write them as overlays that scenarios lay over."""
    from borderport.calibrate import calibrate as fit
    from borderport.calibrate import load_recipe, overlay_texts
    from borderport.loading import builtin_folder
    from borderport.store import RunFolder

    loaded = load_recipe(recipe)
    folder = RunFolder(options["out"] or builtin_folder("calibration")) if write else None
    with progress("evaluations", options["quiet"]) as advance:
        result = fit(
            loaded,
            seed=options["seed"],
            replications=options["reps"],
            engine=options["engine"],
            jobs=workers(options["jobs"], options["executor"]),
            progress=advance,
        )
    if folder is not None:
        for name, text in overlay_texts(result, recipe).items():
            folder.write(f"{name}.yaml", text.encode(errors="replace"))
    _report_calibration(result, recipe, options)
    if folder is not None and not options["as_json"] and not options["quiet"]:
        click.echo(f"Overlays are in {folder.path}")


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
        click.echo(json_text({"recipe": recipe, "values": result.values, "targets": targets}), nl=False)
    elif not options["quiet"]:
        values = [[name, f"{value:.4f}"] for name, value in result.values.items()]
        print_table("Fitted values", ["parameter", "value"], values)
        rows = [
            [
                r.name,
                "fitted" if r.fitted else "checked",
                f"{r.value:,.2f} {r.unit}",
                bracketed(r.simulated, 2),
                f"{r.deviation:+,.2f} ({r.deviation / r.value:+.1%})",
                f"±{r.tolerance:,.2f}",
                "yes" if r.met else "no",
            ]
            for r in result.results
        ]
        reps = options["reps"] or result.recipe.replications
        note = f"{reps} replications that the fit has not seen; {result.evaluations} evaluations"
        print_table("Targets", ["target", "", "value", "simulated", "deviation", "tolerance", "met"], rows, note)
