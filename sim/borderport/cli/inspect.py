"""``check``, ``show``, ``list`` and ``schema``: what there is, without simulating."""

from __future__ import annotations

from typing import Any

import click

from borderport.cli.common import ScenarioName, loading_options, scenario_options
from borderport.cli.tables import print_list, print_setting
from borderport.cli.terminal import say, say_aside, say_json


@click.command(short_help="Name every problem of scenario files.")
@click.argument("files", type=ScenarioName(), nargs=-1, required=True, metavar="SCENARIO...")
@scenario_options
def check(files: tuple[str, ...], **options: Any) -> None:
    """Check scenarios and name every problem: file, line, column, path, what would be right.

    Warns of numbers without a reason, and of days outside the horizon.
    """
    from borderport.errors import ScenarioInvalid, SimError, UsageError
    from borderport.loading import load_scenario, remarks

    wrong: list[SimError] = []
    for name in files:
        try:
            loaded = load_scenario(name, **loading_options(options))
        except (ScenarioInvalid, UsageError) as error:
            wrong.append(error)
        else:
            say(f"{name}: valid")
            for remark in remarks(loaded):
                say_aside(f"warning: {remark}")
    if any(isinstance(error, UsageError) for error in wrong):
        raise UsageError("\n".join(map(str, wrong)))
    if wrong:
        raise ScenarioInvalid([p for error in wrong if isinstance(error, ScenarioInvalid) for p in error.problems])


@click.command(short_help="Print every value and where it was written.")
@click.argument("scenario", type=ScenarioName())
@scenario_options
@click.option("--assumptions", is_flag=True, help="Only what is assumed, with the reason, here or by a policy.")
def show(scenario: str, assumptions: bool, **options: Any) -> None:
    """Print the resolved scenario: every value, where it was written and where it is from."""
    from borderport.loading import load_scenario, numbers_of, said_of

    loaded = load_scenario(scenario, **loading_options(options))
    numbers = numbers_of(loaded.plain, loaded.written)
    said = said_of(loaded.plain, loaded.written, numbers)
    if assumptions:
        _print_assumed("", said, numbers)
        for name in loaded.plain.policies:
            model, written = loaded.catalogue[name], loaded.policies_written[name]
            own = numbers_of(model, written)
            _print_assumed(f"policies/{name}.yaml", said_of(model, written, own), own)
        return
    bare = {path for number in numbers if not number.reasons for path in _beginnings(number.path)}
    reasoned = {path for number in numbers for path in _beginnings(number.path)}
    for path, value in _leaves(loaded.plain.model_dump(mode="json", by_alias=True, exclude_defaults=True)):
        for above in _beginnings(path):
            for kind, text, at, of in said.pop(above, ()):
                print_setting(_dotted((*above, kind)), text, f"{at}" + (f"; of {of}" if of else ""))
        if path[-1] in ("source", "assumed") and path not in reasoned:
            continue  # said above, if it is said of a number
        origin = loaded.origins.get(_dotted(path)) or _nearest(loaded.origins, _dotted(path))
        notes = [str(origin)] * (origin is not None) + ["no reason given"] * (path in bare)
        print_setting(_dotted(path), str(value), "; ".join(notes))


def _print_assumed(file: str, said: dict[Any, Any], numbers: list[Any]) -> None:
    """Every ``assumed`` with the path of what it stands beside, then the numbers without a reason."""
    for path, texts in said.items():
        for kind, text, _, of in texts:
            if kind == "assumed":
                print_setting(_dotted((file, *path)), text + (f" (of {of})" if of else ""))
    for number in numbers:
        if not number.reasons:
            print_setting(_dotted((file, *number.path)), f"no reason given ({number.at})")


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path if part != "")


def _beginnings(path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The path and everything above it, from the top."""
    return [path[:depth] for depth in range(len(path) + 1)]


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [(path, value)]


def _nearest(origins: dict[str, Any], path: str) -> Any:
    while path:
        path = path.rpartition(".")[0]
        if path in origins:
            return origins[path]
    return None


@click.command("list", short_help="List scenarios, policies or metrics.")
@click.argument("what", type=click.Choice(["scenarios", "policies", "metrics"]))
def list_(what: str) -> None:
    """List built-in scenarios or policies, or the metrics with unit and formula."""
    if what == "metrics":
        from borderport.metrics import METRICS

        rows = [[m.name, m.unit, m.formula] for m in METRICS.values()]
        print_list(rows)
        return
    from borderport.loading import builtin_names, load_policies, load_scenario

    if what == "scenarios":
        print_list([[name, load_scenario(name).scenario.title] for name in builtin_names()])
    else:
        print_list([[name, p.title.en, p.source or f"assumed: {p.assumed}"] for name, p in load_policies().items()])


@click.command(short_help="Print the JSON Schema, for editors.")
@click.argument("of", type=click.Choice(["scenario", "policy"]), default="scenario")
def schema(of: str) -> None:
    """Print the JSON Schema of scenario or policy files, for editors."""
    from borderport.loading import policy_schema, scenario_schema, schema_text

    say_json(schema_text(scenario_schema() if of == "scenario" else policy_schema()))
