"""Outputs that the README shows are those that the program prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.search(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)
EVERYDAY = [
    line.partition("#")[0].strip()
    for line in README.split("## Everyday use")[1].splitlines()
    if line.startswith("border")
]
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


def borderport(command: str, out: Path) -> str:
    """Run a command line shown in the README, with its results in another folder."""
    words = shlex.split(command)[1:]
    if "--out" in words:
        words[words.index("--out") + 1] = str(out)
    done = subprocess.run(
        [sys.executable, "-m", "borderport", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=110
    )
    return done.stdout


def test_the_run_that_is_shown_prints_what_is_shown(tmp_path: Path) -> None:
    """Words to the letter; numbers within 2 % or one unit, since another processor may round a last bit otherwise."""
    assert CONSOLE is not None
    shown = [line.rstrip() for line in CONSOLE.group(2).splitlines() if "are in" not in line]
    printed = [line.rstrip() for line in borderport(CONSOLE.group(1), tmp_path).splitlines() if "are in" not in line]
    for expected, found in zip(shown, printed, strict=True):
        assert words(found) == words(expected)
        numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(line)] for line in (expected, found)]
        assert numbers[1] == pytest.approx(numbers[0], rel=0.02, abs=1.0)


def words(line: str) -> str:
    """A line without its numbers and its alignment."""
    return re.sub(r"\s+", " ", NUMBER.sub("0", line)).strip()


@pytest.mark.parametrize("command", [c for c in EVERYDAY if c.split()[1] in ("show", "check")])
def test_commands_that_only_look_work_as_shown(command: str, tmp_path: Path) -> None:
    if "my-port.yaml" in command:
        command = command.replace("my-port.yaml", "2023")
    assert borderport(command, tmp_path)


@pytest.mark.parametrize("command", [c for c in EVERYDAY if c.split()[1] in ("run", "compare", "sweep")])
def test_commands_that_simulate_are_accepted(command: str, tmp_path: Path) -> None:
    """With one replication instead of the default."""
    command = command.replace("my-port.yaml", "2023").replace("1..4", "2..3").replace("6..10", "8..8")
    assert borderport(f"{command} --reps 1 --quiet --out {tmp_path}", tmp_path) == ""
    assert (tmp_path / "run.json").is_file()
