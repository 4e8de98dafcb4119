"""Options that commands share, progress, and how results look on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from borderport.scenario import Scenario
    from borderport.statistics import Interval
    from borderport.store import RunFolder

F = TypeVar("F", bound=Callable[..., Any])
Advance = Callable[[int, int], None]
SECONDS_BETWEEN_LINES = 10.0
WIDEST = 100_000
RESULTS = Path("results")


class Percentage(click.ParamType[float]):
    """A share such as ``1%`` on the command line."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read ``1%``, ``1 %`` as 0.01."""
        if isinstance(value, float):
            return value
        try:
            share = float(str(value).replace("%", "").strip()) / 100
        except ValueError:
            share = -1.0
        if not 0 < share < 1 or "%" not in str(value):
            self.fail(f"'{value}' is not a precision; write it like 1%", param, ctx)
        return share


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
            shares = sorted({float(part.replace("%", "").strip()) / 100 for part in str(value).split(",")})
        except ValueError:
            shares = []
        if not shares or "%" not in str(value) or not all(self.low <= share <= 1 for share in shares):
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


def scenario_options(command: F) -> F:
    """Options that change a scenario before it is used."""
    for option in reversed(
        (
            click.option(
                "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Change one value of the scenario."
            ),
            click.option("--with", "with_", multiple=True, metavar="POLICY", help="Put a policy in force."),
            click.option("--without", "without", multiple=True, metavar="POLICY", help="Leave a policy out."),
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
                click.option("--executor", type=click.Choice(["serial", "processes"]), help="Where replications run."),
                click.option("--out", type=Folder(), help="Folder of the results."),
                click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
                click.option("--quiet", is_flag=True, help="No progress, no tables."),
            )
        ):
            command = option(command)
        return command

    return decorate


def workers(jobs: int | None, executor: str | None) -> int | None:
    """Number of workers asked for; None leaves it to the library."""
    import os

    if executor == "serial":
        return 1
    return (jobs or os.cpu_count() or 1) if executor == "processes" else jobs


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
    """Show progress on standard error: a bar on a terminal, else a line every ten seconds."""
    if quiet:
        yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(label: str) -> Advance:
    last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            click.echo(f"{label}: {done}" + (f" of {total}" if total else ""), err=True)

    return advance


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print one table on standard output; numbers stand to the right, the first two columns to the left."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    class Quiet(Console):
        """Leaves a reader that has gone to `borderport.cli`."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    table = Table(box=SIMPLE_HEAD, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(Text(name), justify="left" if number < 2 else "right", no_wrap=True, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Quiet(highlight=False, soft_wrap=False)
    needed = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    if not sys.stdout.isatty() or needed > console.width:
        console.width = max(needed, 1)  # a terminal wraps what is too wide; nothing is cut
    click.echo(title)
    console.print(table, crop=False)
    if note:
        click.echo(note)


def plus_minus(interval: Interval, digits: int = 0) -> str:
    """``260,012 ± 340``; without the half-width if there is one replication only, a dash if there is no value."""
    if interval.mean != interval.mean:
        return "-"
    mean = f"{interval.mean:,.{digits}f}"
    half = interval.half_width
    return mean if half != half else f"{mean} ± {half:,.{digits}f}"


def bracketed(interval: Interval, digits: int = 1) -> str:
    """``30.1 [29.8, 30.4]``."""
    if interval.mean != interval.mean:
        return "-"
    if interval.low != interval.low:
        return f"{interval.mean:,.{digits}f}"
    return f"{interval.mean:,.{digits}f} [{interval.low:,.{digits}f}, {interval.high:,.{digits}f}]"


def percent(share: float) -> str:
    """``12 %``, or a dash if there is no value."""
    return "-" if share != share else f"{share:.0%}".replace("%", " %")


def distinct(names: Sequence[str]) -> list[str]:
    """The names, those that came before with a number: what is called the same could not be told apart."""
    out: list[str] = []
    for name in names:
        number, free = 2, name
        while free in out:
            number, free = number + 1, f"{name}-{number}"
        out.append(free)
    return out


def port_label(scenario: Scenario, port: str) -> str:
    """A port's English label, or ``all``."""
    return scenario.ports[port].label.en if port in scenario.ports else "all"
