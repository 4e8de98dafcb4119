"""Output on the terminal: never a digit cut off, nothing that steers it, and no stream that ends a command."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderport.cli import terminal
from borderport.cli.tables import PARTS, entry_lines, length, print_setting, print_table, table_lines, wrap
from tests.test_cli import DESK, FEW, TINY, borderport, write_tiny

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"\d[\d.,]*")
STEERING = re.compile(r"[^\n\x20-\x7e\u00a1-\u200a\u2010-\u2027\u202f-\u205f\u2190-\uffef]")
HEADER = ["port", "scenario", "vehicles", "passage mean, min", "arrival to exit, wall clock", "unfinished"]
ROWS = [
    ["Gyirong", "2024-before", "21,149 ± 742", "7,897 ± 791", "39,247 ± 2,672", "460"],
    ["Gyirong", "2024+longer-hours", "21,149 ± 742", "7,927 ± 665", "39,172 ± 2,373", "461"],
    ["樟木口岸及其货场", "2024-before", "10,853 ± 424", "2,411 ± 594", "12,789 ± 4,421", "46"],
]

numbers = st.floats(-1e9, 1e9).map(lambda value: f"{value:,.2f}")
values = st.one_of(numbers, st.tuples(numbers, numbers).map(" ± ".join), st.just("-"))
words = st.text("abcdefghi0123456789.,吉隆樟木ü-+_/", min_size=1, max_size=20)
names = st.lists(words, min_size=1, max_size=5).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], int]:
    keys, columns = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    row = st.tuples(*[names] * keys, *[values] * columns).map(list)
    header = draw(st.lists(names, min_size=keys + columns, max_size=keys + columns))
    return header, draw(st.lists(row, max_size=6)), keys


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small scenario, in the folder where the user is; no figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("borderport.results._draw", lambda folder, result: None)
    return write_tiny(tmp_path)


# ------------------------------------------------------------------------------------------------- nothing is cut


@given(table=tables(), width=st.integers(20, 300))
def test_a_table_of_any_width_keeps_every_text(table: tuple[list[str], list[list[str]], int], width: int) -> None:
    """Values stand whole in one line; of names, the parts between which a line may end, and so every number."""
    header, rows, keys = table
    lines = table_lines(header, rows, keys, width)
    cells = [cell for row in rows for cell in row[keys:]]
    assert all(any(cell in line for line in lines) for cell in cells)
    found = Counter(word for line in lines for word in line.split())
    assert not Counter(word for cell in cells for word in cell.split()) - found
    texts = [text for row in rows for text in row[:keys]] + (header if rows else [])
    parts = [part.strip() for text in texts for part in PARTS.split(text)]
    assert all(any(part in line for line in lines) for part in parts)
    longest = max(map(length, (*cells, *parts)), default=0)
    assert max(map(length, lines), default=0) <= max(width, longest + 4)


@given(text=names, width=st.integers(5, 60))
def test_wrapped_text_loses_nothing_and_breaks_no_number(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert not Counter(NUMBER.findall(text)) - Counter(n for line in lines for n in NUMBER.findall(line))
    longest = max(length(part.rstrip()) for part in PARTS.split(text))
    assert all(length(line) <= max(width, longest) for line in lines)


def test_a_number_with_spaces_between_its_thousands_stays_whole() -> None:
    assert wrap("about 12 000 t and 95 % of it", 8) == ["about", "12 000 t", "and 95 %", "of it"]


def test_the_columns_of_a_table_too_wide_are_in_several_with_the_names_of_the_rows() -> None:
    lines = table_lines(HEADER, ROWS, 2, 60)
    assert max(map(length, lines)) <= 60
    assert sum(line.startswith("port ") for line in lines) == 2
    assert sum("2024-before" in line for line in lines) == 4


def test_a_table_that_not_one_column_fits_is_printed_row_by_row() -> None:
    lines = table_lines(HEADER, ROWS[2:], 2, 24)
    assert lines == [
        "port 樟木口岸及其货场,",
        "scenario 2024-before",
        "  vehicles: 10,853 ± 424",
        "  passage mean, min:",
        "    2,411 ± 594",
        "  arrival to exit, wall",
        "  clock:",
        "    12,789 ± 4,421",
        "  unfinished: 46",
    ]


def test_ideographs_take_two_columns() -> None:
    lines = table_lines(HEADER, ROWS, 2, 300)
    assert {length(line) for line in lines} == {length(lines[0])}


def test_a_name_that_is_repeated_below_stands_once() -> None:
    lines = table_lines(HEADER, ROWS, 2, 300)
    assert [line.split()[0] for line in lines[2:]] == ["Gyirong", "2024+longer-hours", "樟木口岸及其货场"]


PRINT = f"from borderport.cli.tables import print_table; print_table('樟木', {HEADER!r}, {ROWS!r}, keys=2)"


@pytest.mark.parametrize("term", ["dumb", "unknown", "xterm-256color"])
@pytest.mark.parametrize("columns", [0, 20])
def test_a_terminal_of_any_kind_shows_every_digit(term: str, columns: int) -> None:
    """One that does not say how wide it is counts as 80 columns."""
    shown = on_a_terminal(["-c", PRINT], columns, TERM=term, NO_COLOR="1" if columns else "")
    assert "\x1b" not in shown
    expected = table_lines(HEADER, ROWS, 2, columns or 80)
    assert shown.replace("\r", "").split("\n")[2:-2] == expected


def on_a_terminal(words: list[str], columns: int, **settings: str) -> str:
    """Output of Python on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sim"), "PYTHONUTF8": "1", **settings}
    command = [sys.executable, *words]
    out = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        while True:
            try:
                out += os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, out
    return out.decode()


@pytest.mark.parametrize("said", [None, "", "0", "-5", "abc", "1e3", "80.5", "９０", "99999999999999999999"])
def test_what_is_no_terminal_is_80_columns_wide(said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if said is not None:
        monkeypatch.setenv("COLUMNS", said)
    assert terminal.width() == 80


@pytest.mark.parametrize(("said", "width"), [("120", 120), ("1", 20), ("999999999", 10_000)])
def test_columns_says_how_wide_a_pipe_is(said: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", said)
    assert terminal.width() == width


@pytest.mark.parametrize("columns", [40, 80])
def test_every_command_keeps_within_the_width(columns: int, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in ("compare tiny.yaml quick.yaml", f"sweep tiny.yaml --vary {DESK}=1..3"):
        done = borderport(*command.split(), *FEW, "--out", "out")
        lines = [line for line in done.out.splitlines() if not line.endswith("two replications on")]
        assert done.code == 0 and max(map(length, lines)) <= columns
        assert any(line.startswith("─") for line in lines)


def test_a_list_on_a_terminal_keeps_within_it() -> None:
    row = ["overnight_stays", "nights", "local midnights between arrival and exit, summed over all who arrived"]
    assert entry_lines(row, [15, 8], None) == [f"overnight_stays  nights    {row[2]}"]
    assert entry_lines(row, [15, 8], 70) == [
        "overnight_stays  nights    local midnights between arrival and exit,",
        "                           summed over all who arrived",
    ]
    assert entry_lines(row, [15, 8], 50) == [
        "overnight_stays  nights",
        "    local midnights between arrival and exit,",
        "    summed over all who arrived",
    ]


def test_a_setting_on_a_terminal_keeps_within_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_setting("ports.east.label.en", "the eastern port of the hills", "east.yaml:3:4")
    print_setting("name", "east")
    lines = ["ports.east.label.en: the eastern", "    port of the hills", "    # east.yaml:3:4", "name: east"]
    assert capsys.readouterr().out.splitlines() == lines


# ------------------------------------------------------------------------------------------------------ its words


def test_a_single_replication_has_no_interval_to_speak_of(tiny: Path) -> None:
    one = borderport("compare", "tiny.yaml", "quick.yaml", "--reps", "1", "--out", "out").out
    two = borderport("compare", "tiny.yaml", "quick.yaml", *FEW, "--out", "out").out
    assert "±" not in one and "95 %" not in one and "one replication, so without an interval" in one
    assert "mean of 2 replications ± half of the 95 % interval" in two
    swept = borderport("sweep", "tiny.yaml", "--vary", f"{DESK}=1..2", "--reps", "1", "--out", "swept").out
    assert "±" not in swept and "95 %" not in swept


def test_the_name_of_many_changes_has_a_number_in_tables(tiny: Path) -> None:
    changes = [
        word for capacity in range(2, 11) for word in ("--set", f"ports.east.resources.lane.capacity={capacity}")
    ]
    done = borderport("run", "tiny.yaml", "quick.yaml", *changes, *FEW, "--out", "out")
    first, second, *rest = done.out.splitlines()
    assert first.startswith("[1]: tiny+") and second.startswith("[2]: quick+") and len(first) > 100
    assert max(map(len, rest)) <= 80 and sum("[1]" in line for line in rest) >= 4


def test_ports_of_one_label_are_told_apart(tiny: Path) -> None:
    again = TINY.partition("  east:\n")[2].partition("groups:")[0]
    text = TINY.replace("groups:", f"  west:\n{again}  all_of_them:\n{again.replace('en: East', 'en: all')}groups:")
    (tiny.parent / "twice.yaml").write_text(text)
    out = borderport("run", "twice.yaml", *FEW, "--out", "out").out
    for name in ("East (east)", "East (west)", "all (all_of_them)", "all"):
        assert sum(line.startswith(f"{name}  ") for line in out.splitlines()) == 2, name


# ------------------------------------------------------------------------------------ what would steer a terminal

EVIL = r"\e[31mred\a\b\x7f\x9b2J\u202Eback\u200Bwide\u2028\n\t[bold]x[/bold]"
SEEN = r"\x1b[31mred\x07\x08\x7f\x9b2J\u202eback\u200bwide\u2028\n\t[bold]x[/bold]"


def test_what_would_steer_a_terminal_is_shown_by_its_escape(tiny: Path) -> None:
    text = TINY.replace("title: Tiny", f'title: "{EVIL}"').replace("en: East", f'en: "{EVIL}"')
    (tiny.parent / "evil.yaml").write_text(text)
    (tiny.parent / "wrong.yaml").write_text(text.replace("capacity: 1", f'capacity: "{EVIL}"').replace("lane", EVIL))
    (tiny.parent / "\x1b[2J\n.yaml").write_text(TINY)
    for words in (
        ["run", "evil.yaml", *FEW, "--out", "out"],
        ["compare", "evil.yaml", "\x1b[2J\n.yaml", *FEW],
        ["show", "evil.yaml"],
        ["check", "evil.yaml", "\x1b[2J\n.yaml"],
        ["check", "wrong.yaml"],
        ["check", "\x1b[2Jnothing.yaml"],
        ["run", "evil.yaml", "--reps", "\x1b[2J"],
        ["\x1b[2J"],
    ):
        done = borderport(*words)
        assert not STEERING.findall(done.out + done.err), words
        assert "Traceback" not in done.err
    shown = borderport("show", "evil.yaml").out
    assert f"title: {SEEN}  # evil.yaml:1:8" in shown.splitlines()


def test_a_label_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("[red]Title[/red] :smile:", ["[b]port[/b]", "n"], [["[link=x]East[/link] :cat:", "460"]])
    out = capsys.readouterr().out
    assert all(text in out for text in ("[red]Title[/red] :smile:", "[b]port[/b]", "[link=x]East[/link] :cat:", "460"))


def test_json_is_ascii(tiny: Path) -> None:
    (tiny.parent / "满洲里😀.yaml").write_text(TINY)
    done = borderport("run", "满洲里😀.yaml", *FEW, "--json", "--out", "out")
    assert done.out.isascii() and "\x7f" not in done.out
    assert done.document["scenario"] == "满洲里😀"


# -------------------------------------------------------------------------------------------------------- streams


def shell(line: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell in which ``borderport`` is the program."""
    script = f'borderport() {{ "{sys.executable}" -m borderport "$@"; }}\n{line}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sim"), **settings}
    return subprocess.run(["sh", "-c", script], cwd=folder, env=environment, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("borderport list metrics >&-", 0, ""),
        ("borderport --help >&-", 0, ""),
        ("borderport list metrics >&- 2>&- <&-", 0, ""),
        ("borderport check nothing.yaml 2>&-", 2, ""),
        ("borderport check 2024 >&-", 0, ""),
        ("borderport list metrics >/dev/full", 5, "cannot write: No space left on device\n"),
        ("borderport --help >/dev/full", 5, "cannot write: No space left on device\n"),
        ("borderport schema >/dev/full", 5, "cannot write: No space left on device\n"),
        ("borderport list metrics >&0 </dev/null", 5, "cannot write: Bad file descriptor\n"),
        ("borderport check nothing.yaml 2>/dev/full", 2, ""),
        ("borderport rum 2>/dev/full", 2, ""),
        ("{ borderport schema; echo $? >&2; } | true", 0, "0\n"),
    ],
)
def test_a_stream_that_takes_nothing_ends_cleanly(line: str, code: int, says: str, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr.decode(), done.stdout) == (code, says, b"")


def test_a_closed_output_takes_the_place_of_no_file(tmp_path: Path) -> None:
    """Text written to a closed stream does not end in a file that was opened in its place."""
    write_tiny(tmp_path)
    done = shell(f"borderport sweep tiny.yaml --vary {DESK}=1,2 --reps 2 --jobs 1 --out out >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "out" / "store.sqlite").read_bytes().startswith(b"SQLite format 3")
    assert b"response" not in (tmp_path / "out" / "store.sqlite").read_bytes()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_a_console_of_another_encoding_shows_what_it_can(encoding: str, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    (tmp_path / "a.yaml").write_text(TINY.replace("Tiny", "樟木é").replace("en: East", "en: 樟木é"), encoding="utf-8")
    for line in ("borderport --help", "borderport check ./樟木é"):
        done = shell(line, tmp_path, PYTHONIOENCODING=encoding)
        assert b"Traceback" not in done.stderr and done.returncode in (0, 2)
        (done.stdout + done.stderr).decode(encoding.partition(":")[0])
    title = next(
        line for line in shell("borderport show a.yaml", tmp_path, PYTHONIOENCODING=encoding).stdout.split(b"\n")
    )
    assert title.startswith(b"name: a")


def test_ascii_has_words_for_the_signs_of_a_table(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sim"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", PRINT], env=environment, capture_output=True, check=True, timeout=60)
    lines = done.stdout.decode("ascii").splitlines()
    assert lines[0] == r"\u6a1f\u6728" and set(lines[3].strip()) == {"-"}
    assert "21,149 +/- 742" in done.stdout.decode() and r"\u6a1f\u6728\u53e3\u5cb8" in done.stdout.decode()
