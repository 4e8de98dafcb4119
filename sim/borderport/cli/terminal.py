"""Standard output and standard error, whatever they are: a terminal, a pipe, a full disk, closed, of few characters.

All that the program prints goes through `say` and `say_json`: no text of a scenario reaches the terminal but as what it
looks like, and no character ends a command that the stream cannot take.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import click

from borderport.errors import StoreError
from borderport.wording import visible

WIDTH = 80  # of what is not a terminal, so that what a command prints is the same everywhere
NARROWEST = 20
WIDEST = 10_000
# Reasons why a stream takes nothing more: the disk is full, or the reader behind it is gone.
LOST = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
ESCAPED = "borderport.escaped"  # name of the handler for characters that an encoding lacks
PLAIN = {"±": "+/-", "─": "-", "−": "-", "–": "-", "…": "..."}


def open_streams() -> None:
    """Let a closed stream lead nowhere, and write what a stream's encoding lacks by its escapes."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the free number, which a file of results would take otherwise
    sys.stdout = _opened(sys.stdout, 1)
    sys.stderr = _opened(sys.stderr, 2)


def _opened(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return open(number, "w", encoding="utf-8", closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ESCAPED)
    return stream


def abandon(stream: TextIO) -> None:
    """Let what is still to be printed go nowhere, so that it fails no second time at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def output_may_end() -> Iterator[None]:
    """End quietly when the reader, such as ``head``, has seen enough; with a message when nothing can be written."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(sys.stdout)
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        if error.errno not in LOST:
            raise
        abandon(sys.stdout)
        raise StoreError(f"cannot write: {error.strerror}") from error


def say(*lines: str) -> None:
    """Print lines on standard output."""
    click.echo("\n".join(map(shown, lines)))


def say_aside(*lines: str) -> None:
    """Print lines on standard error; that nobody can read them ends no command."""
    try:
        click.echo("\n".join(shown(line, sys.stderr) for line in lines), err=True)
    except OSError:
        abandon(sys.stderr)


def say_json(text: str) -> None:
    """Print a JSON document in ASCII, by its own escapes, which any stream takes."""
    click.echo(re.sub(r"[^\n -~]", lambda found: json.dumps(found[0])[1:-1], text), nl=False)


def shown(text: str, stream: TextIO | None = None) -> str:
    """Text on one line as a stream, by default standard output, can show it; what is shown already stays as it is."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return visible(text).encode(encoding, ESCAPED).decode(encoding)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """The replacement for characters that an encoding lacks."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), error.end


codecs.register_error(ESCAPED, _escaped)


def width() -> int:
    """Columns of standard output: what ``COLUMNS`` says, else those of the terminal, else 80."""
    said = os.environ.get("COLUMNS", "")
    columns = int(said) if re.fullmatch("[0-9]{1,9}", said) else 0
    if not columns:
        with suppress(OSError, ValueError, AttributeError):
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
    return min(max(columns or WIDTH, NARROWEST), WIDEST)
