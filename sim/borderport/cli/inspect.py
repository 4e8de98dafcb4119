"""``check``, ``show``, ``list`` and ``schema``: what there is, without simulating."""

from __future__ import annotations

from typing import Any

import click

from borderport.cli.common import scenario_options


@click.command(short_help="Name every problem of scenario files.")
@click.argument("files", nargs=-1, required=True, metavar="SCENARIO...")
@scenario_options
def check(files: tuple[str, ...], sets: tuple[str, ...], with_: tuple[str, ...], without: tuple[str, ...]) -> None:
    """Check scenarios and name every problem: file, line, column, path, what would be right."""
    from borderport.errors import ScenarioInvalid, SimError, UsageError
    from borderport.loading import load_scenario

    wrong: list[SimError] = []
    for name in files:
        try:
            load_scenario(name, sets=sets, with_policies=with_, without_policies=without)
        except (ScenarioInvalid, UsageError) as error:
            wrong.append(error)
        else:
            click.echo(f"{name}: valid")
    if any(isinstance(error, UsageError) for error in wrong):
        raise UsageError("\n".join(map(str, wrong)))
    if wrong:
        raise ScenarioInvalid([p for error in wrong if isinstance(error, ScenarioInvalid) for p in error.problems])


@click.command(short_help="Print every value and where it was written.")
@click.argument("scenario")
@scenario_options
@click.option("--assumptions", is_flag=True, help="Only what is assumed, with the reason, here or by a policy.")
def show(
    scenario: str, sets: tuple[str, ...], with_: tuple[str, ...], without: tuple[str, ...], assumptions: bool
) -> None:
    """Print the resolved scenario: every value, and where it was written."""
    from borderport.loading import load_scenario

    loaded = load_scenario(scenario, sets=sets, with_policies=with_, without_policies=without)
    if assumptions:
        found = _assumed(loaded.plain)
        for name in loaded.plain.policies:
            found += _assumed(loaded.catalogue[name], f"policies/{name}.yaml")
        for path, text in found:
            click.echo(f"{path}: {text}")
        return
    for path, value in _leaves(loaded.plain.model_dump(mode="json", by_alias=True, exclude_defaults=True)):
        origin = loaded.origins.get(path) or _nearest(loaded.origins, path)
        click.echo(f"{path}: {value}" + (f"  # {origin}" if origin is not None else ""))


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}" if path else str(key))]
    return [(path, value)]


def _nearest(origins: dict[str, Any], path: str) -> Any:
    while path:
        path = path.rpartition(".")[0]
        if path in origins:
            return origins[path]
    return None


def _assumed(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Every reason for what is assumed, with the path of what it stands beside."""
    from pydantic import BaseModel

    from borderport.scenario import Entry

    items: dict[Any, Any] = {}
    if isinstance(value, BaseModel):
        items = dict(value)
    elif isinstance(value, dict):
        items = value
    elif isinstance(value, list | tuple):
        items = dict(enumerate(value))
    own = [(path, value.assumed)] if isinstance(value, Entry) and value.assumed is not None else []
    return own + [pair for key, item in items.items() for pair in _assumed(item, f"{path}.{key}" if path else str(key))]


@click.command("list", short_help="List scenarios, policies or metrics.")
@click.argument("what", type=click.Choice(["scenarios", "policies", "metrics"]))
def list_(what: str) -> None:
    """List built-in scenarios or policies, or the metrics with unit and formula."""
    if what == "metrics":
        from borderport.metrics import METRICS

        rows = [[m.name, m.unit, m.formula] for m in METRICS.values()]
        print_plain(rows)
        return
    from borderport.loading import builtin_names, load_policies, load_scenario

    if what == "scenarios":
        print_plain([[name, load_scenario(name).scenario.title] for name in builtin_names()])
    else:
        print_plain([[name, p.title.en, p.source or f"assumed: {p.assumed}"] for name, p in load_policies().items()])


def print_plain(rows: list[list[str]]) -> None:
    """Print rows as columns that line up, nothing cut."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        start = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        click.echo(f"{start}  {row[-1]}")


@click.command(short_help="Print the JSON Schema, for editors.")
@click.argument("of", type=click.Choice(["scenario", "policy"]), default="scenario")
def schema(of: str) -> None:
    """Print the JSON Schema of scenario or policy files, for editors."""
    from borderport.loading import policy_schema, scenario_schema, schema_text

    click.echo(schema_text(scenario_schema() if of == "scenario" else policy_schema()), nl=False)
