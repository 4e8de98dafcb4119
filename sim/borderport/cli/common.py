"""Options that commands share, progress, and what scenarios and ports are called."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from borderport.cli.terminal import say_aside
from borderport.units import parse_share
from borderport.workers import EXECUTORS

if TYPE_CHECKING:
    from borderport.scenario import Scenario
    from borderport.store import RunFolder

F = TypeVar("F", bound=Callable[..., Any])
Advance = Callable[[int, int], None]
SECONDS_BEFORE_LINES = 1.0
SECONDS_BETWEEN_LINES = 10.0
LONGEST_NAME = 32  # columns that the name of a scenario may take in a table
RESULTS = Path("results")
CALIBRATION = Path("calibration")  # where the user is: an installed program does not write into itself


class Percentages(click.ParamType[tuple[float, ...]]):
    """Shares such as ``0,5,10%`` on the command line, in ascending order."""

    name = "percent,..."

    def __init__(self, low: float) -> None:
        self.low = low

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read ``5%,10%`` or ``5,10%`` as (0.05, 0.1)."""
        if isinstance(value, tuple):
            return value
        try:
            shares = sorted({parse_share(part if "%" in part else f"{part} %") for part in str(value).split(",")})
        except ValueError:
            shares = []
        if not shares or "%" not in str(value) or shares[0] < self.low:
            self.fail(
                f"'{value}' is not a list of shares from {self.low:.0%} to 100%; write it like 60,80%", param, ctx
            )
        return tuple(shares)


class Folder(click.Path):
    """A folder for results; an empty name, as of a shell variable that is not set, is refused."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a path."""
        if not str(value).strip():
            self.fail("the name of a folder is empty", param, ctx)
        if "\0" in str(value):
            self.fail("the name of a folder cannot have a NUL in it", param, ctx)
        return super().convert(value, param, ctx)


class ScenarioName(click.ParamType[str]):
    """A scenario's name or file; where it is missing, the message says where names are."""

    name = "scenario"

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """The text that follows "Missing argument"."""
        return "It is a YAML file or a built-in scenario: `borderport list scenarios` names these."


def loading_options(options: dict[str, Any]) -> dict[str, Any]:
    """The `scenario_options` of a command as `borderport.loading.load_scenario` takes them."""
    return {
        "sets": options["sets"],
        "with_policies": options["with_"],
        "without_policies": options["without"],
        "policies": options["policies"],
    }


def scenario_options(command: F) -> F:
    """Options that change a scenario before it is used."""
    for option in reversed(
        (
            click.option(
                "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Change one value of the scenario."
            ),
            click.option("--with", "with_", multiple=True, metavar="POLICY", help="Put a policy in force."),
            click.option("--without", "without", multiple=True, metavar="POLICY", help="Leave a policy out."),
            click.option("--policies", type=Folder(), metavar="DIR", help="A folder with policies of your own."),
        )
    ):
        command = option(command)
    return command


def run_options(reps: int | None) -> Callable[[F], F]:
    """Options of commands that simulate; ``reps`` is the default number of replications, None if the input says it."""

    def decorate(command: F) -> F:
        for option in reversed(
            (
                click.option(
                    "--reps",
                    type=click.IntRange(1, 1_000_000),
                    default=reps,
                    show_default=True if reps else "as the recipe says",
                    help="Replications.",
                ),
                click.option("--seed", type=int, default=1, show_default=True, help="Root of all random numbers."),
                click.option(
                    "--engine", type=click.Choice(["compiled", "simpy"]), default="compiled", show_default=True
                ),
                click.option(
                    "--jobs", type=click.IntRange(1, 1024), help="Worker processes; by default as many as pay."
                ),
                click.option("--executor", type=click.Choice(list(EXECUTORS)), help="Where replications run."),
                click.option("--out", type=Folder(), help="Folder of the results."),
                click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
                click.option("--quiet", is_flag=True, help="No progress, no tables."),
            )
        ):
            command = option(command)
        return command

    return decorate


# What a command is asked that its scenarios say, or that changes no result.
_NOT_TOLD_APART = frozenset(
    (
        "scenario",
        "scenarios",
        "base",
        "others",
        "sets",
        "with_",
        "without",
        "jobs",
        "executor",
        "as_json",
        "quiet",
        "out",
    )
)


def results_folder(words: str, scenarios: Sequence[Scenario]) -> RunFolder:
    """The folder of the command that runs: the one it is told, or one in ``results/``.

    The name there is ``words`` and a short digest of the scenarios and of all options that change results.
    """
    from borderport.experiment import scenario_hash
    from borderport.store import RunFolder, safe_name, short_digest

    context = click.get_current_context()
    if context.params["out"] is not None:
        return RunFolder(context.params["out"])
    asked = {name: value for name, value in sorted(context.params.items()) if name not in _NOT_TOLD_APART}
    digest = short_digest([context.command.name, asked, [(s.name, scenario_hash(s)) for s in scenarios]])
    return RunFolder(RESULTS / f"{safe_name(words)}-{digest}")


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Advance]:
    """Show progress on standard error: a bar on a terminal, else a line after a second and then every ten seconds."""
    if quiet:
        yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_interactive:  # a terminal of which nothing is known
        yield _lines(label)
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(label: str) -> Advance:
    due = time.monotonic() + SECONDS_BEFORE_LINES

    def advance(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + SECONDS_BETWEEN_LINES
            say_aside(f"{label}: {done}" + (f" of {total}" if total else ""))

    return advance


def short_names(names: Sequence[str]) -> list[str]:
    """The names, a number in brackets in place of each that is too long for a table."""
    from borderport.cli.tables import length

    numbers = itertools.count(1)
    return [name if length(name) <= LONGEST_NAME else f"[{next(numbers)}]" for name in names]


def port_labels(scenarios: Sequence[Scenario]) -> dict[str, str]:
    """Each port's label in tables, with its name if another port has the same label; ``all`` for the total."""
    labels = {name: port.label.en for scenario in reversed(scenarios) for name, port in scenario.ports.items()}
    taken = [*labels.values(), "all"]
    told = {name: label if taken.count(label) == 1 else f"{label} ({name})" for name, label in labels.items()}
    return {**told, "all": "all"}
