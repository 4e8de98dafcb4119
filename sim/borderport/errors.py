"""The errors of the program, by name. The command line catches `SimError` and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


def printable(text: str) -> str:
    r"""Text from a file with what a terminal would obey, such as colours and line ends, written out as escapes.

    Examples
    --------
    >>> print(printable("a\tb\x1b[31m"))
    a\tb\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in an input file, and what would be right.

    Attributes
    ----------
    where : str
        ``file:line:column``, or the command-line option it came from.
    path : str
        Dotted path of the value in the scenario, e.g. ``ports.zhangmu.flows.nev.payload``.
    message : str
        The fault, and what would be right.
    """

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return printable(": ".join(part for part in (self.where, self.path, self.message) if part))


class SimError(Exception):
    """Base of every error a user can cause; ``exit_code`` is what the program ends with."""

    exit_code = 1


class UsageError(SimError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class TooLarge(SimError):
    """A run of more vehicles, a longer time or longer routes than fit its numbers and memory."""

    exit_code = 2


class ScenarioInvalid(SimError):
    """A scenario or policy file is wrong; carries every problem found, not only the first."""

    exit_code = 3

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class CheckFailed(SimError):
    """A run ended, but an invariant such as flow balance does not hold: its figures must not be used."""

    exit_code = 4


class StoreError(SimError):
    """Results cannot be written or read: disk full, no permission, damaged file."""

    exit_code = 5
