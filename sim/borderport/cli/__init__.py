"""The command line: parse, call one function of the library, store, print. No logic here.

Commands are loaded when they are called, and import what they need inside, so that ``--help`` imports no numpy.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import io
import signal
import sys
import threading
from typing import Any

import click

from borderport.cli.terminal import open_streams, output_may_end, say_aside
from borderport.errors import ScenarioInvalid, SimError

COMMANDS = {
    "run": "borderport.cli.simulate:run",
    "compare": "borderport.cli.simulate:compare",
    "sweep": "borderport.cli.explore:sweep",
    "frontier": "borderport.cli.frontier:frontier",
    "calibrate": "borderport.cli.explore:calibrate",
    "check": "borderport.cli.inspect:check",
    "show": "borderport.cli.inspect:show",
    "list": "borderport.cli.inspect:list_",
    "schema": "borderport.cli.inspect:schema",
}
INTERRUPTED = 130
GARBAGE_THRESHOLD = 1_000_000  # containers made and not yet freed, at which Python looks for garbage


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options, among them those that print, such as ``--help``."""
        with output_may_end():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with output_may_end():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", error.ctx) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="borderport")
def cli() -> None:
    """Simulate land border ports and compare clearance policies on the same vehicles.

    SCENARIO is a YAML file or the name of a built-in one: see `borderport list scenarios`.
    """


def _message(error: click.ClickException | SimError) -> list[str]:
    """The faults that ended a command, each on one line."""
    if isinstance(error, ScenarioInvalid):
        return [str(problem) for problem in error.problems]
    if isinstance(error, SimError):
        return str(error).split("\n")
    text = io.StringIO()
    error.show(text)
    return text.getvalue().rstrip("\n").split("\n")


def main() -> None:
    """Run the command line and exit with the code that says how it went."""
    open_streams()
    # Imports create almost no garbage; the default collector, and a last run at the end, cost 14 % of a short run.
    gc.set_threshold(GARBAGE_THRESHOLD)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as cleanly as an interrupt does
    try:
        code = cli(standalone_mode=False)
    except (click.ClickException, SimError) as error:
        say_aside(*_message(error))
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say_aside("interrupted; every file in the results is whole, and a sweep goes on where it stopped")
        code = INTERRUPTED
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)
