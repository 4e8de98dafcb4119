"""Tables and lists that fit the width there is, and never cut anything off.

A heading or the name of a row may take several lines; a value never does. A table that is still too wide is printed
as several, one below the other, each with the names of the rows; and where not even one column fits beside the names,
row by row.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from borderport.cli import terminal

GAP = "  "
INDENT = "  "
MOST_HEADING_LINES = 3
SHARE_OF_NAMES = 0.4  # of the width, at most, where names take more than one line
LEAST_LAST_COLUMN = 36
CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# Places at which a line may end: after a space, but not within 12 000 or 95 %, and between ideographs; in the name of a
# row or a column after the mark that joins two words, too.
WORDS = re.compile(rf"(?<=\s)(?=[^\s\d%])|(?<=\D\s)(?=\d)|(?<=[{CJK}])(?=[{CJK}])")
PARTS = re.compile(rf"{WORDS.pattern}|(?<=[^\W_][-+/_])(?=[^\W\d_])")

Blocks = list[list[int]]  # of columns of values, each in one table of those printed one below the other


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "", keys: int = 1
) -> None:
    """Print a table on standard output, as wide as this is.

    Parameters
    ----------
    title : str
    header : sequence of str
        Headings, shape (columns,).
    rows : sequence of sequences of str
        Shape (rows, columns). Whatever would steer a terminal is shown by its escape.
    note : str
        Printed below the table.
    keys : int
        Number of columns, from the left, that name a row. They stand to the left, the values to the right.
    """
    header = [terminal.shown(name) for name in header]
    rows = [[terminal.shown(cell) for cell in row] for row in rows]
    print_text(title)
    terminal.say("", *table_lines(header, rows, keys, terminal.width()))
    if note:
        print_text(note)
    terminal.say("")


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], keys: int, width: int) -> list[str]:
    """Lines of a table, none wider than ``width`` unless one value with its heading is.

    Parameters
    ----------
    header, rows, keys
        As of `print_table`.
    width : int
        Columns of the terminal, > 0.
    """
    columns = [[name, *(row[i] for row in rows)] for i, name in enumerate(header)]
    natural = [max(map(length, column)) for column in columns[:keys]]
    values = [max((length(cell) for cell in column[1:]), default=0) for column in columns[keys:]]
    layouts = []
    for names in (natural, _narrowed(natural, [_least(column) for column in columns[:keys]], width)):
        for lines in range(1, MOST_HEADING_LINES + 1):
            headings = [_narrowest(name, lines) for name in header[keys:]]
            widths = [*names, *map(max, headings, values)]
            layouts.append((widths, _blocks(widths, keys, width)))
    possible = [(widths, blocks) for widths, blocks in layouts if blocks]
    if not possible:
        return _records(header, rows, keys, width)
    widths, blocks = min(possible, key=lambda layout: len(layout[1]))
    out: list[str] = []
    for block in blocks:
        out += [""] if out else []
        out += _block_lines(header, rows, widths, [*range(keys), *block], keys)
    return out


def _least(texts: Sequence[str]) -> int:
    return max(length(piece.rstrip()) for text in texts for piece in PARTS.split(text))


def _narrowed(natural: list[int], least: list[int], width: int) -> list[int]:
    """Widths of the columns of names where these take several lines: the widest is narrowed first."""
    widths = list(natural)
    while sum(widths) > SHARE_OF_NAMES * width:
        room = [(own, i) for i, own in enumerate(widths) if own > least[i]]
        if not room:
            break
        widths[max(room)[1]] -= 1
    return widths


def _narrowest(heading: str, lines: int) -> int:
    """The least width in which a heading takes no more than so many lines."""
    widths = range(_least([heading]), length(heading))
    return next((width for width in widths if len(wrap(heading, width)) <= lines), length(heading))


def _blocks(widths: Sequence[int], keys: int, width: int) -> Blocks:
    """The fewest tables that hold all columns of values, about equally wide; none if one column is too wide."""
    fewest = _filled(widths, keys, width)
    limits = range(1, width) if fewest else ()
    return next((blocks for limit in limits if len(blocks := _filled(widths, keys, limit)) == len(fewest)), fewest)


def _filled(widths: Sequence[int], keys: int, limit: int) -> Blocks:
    """Columns of values, as many in each table as fit; none if one is too wide."""
    names = _total(widths[:keys])
    if names + max((len(GAP) + own for own in widths[keys:]), default=0) > limit:
        return []
    blocks: Blocks = [[]]
    room = limit - names
    for column in range(keys, len(widths)):
        needed = len(GAP) + widths[column]
        if needed > room:
            blocks.append([])
            room = limit - names
        room -= needed
        blocks[-1].append(column)
    return blocks


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _block_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], columns: Sequence[int], keys: int
) -> list[str]:
    own = [widths[i] for i in columns]
    headings = [wrap(header[i], widths[i]) for i in columns]
    height = max(map(len, headings))
    out = _row_lines([[""] * (height - len(heading)) + heading for heading in headings], own, keys)
    out.append("─" * _total(own))
    above: Sequence[str] = [""] * len(header)
    for row in rows:
        same = next((i for i in range(keys) if row[i] != above[i]), keys)
        cells = ["" if i < min(same, keys - 1) else row[i] for i in columns]
        out += _row_lines([wrap(c, w) for c, w in zip(cells, own, strict=True)], own, keys)
        above = row
    return out


def _row_lines(cells: Sequence[Sequence[str]], widths: Sequence[int], keys: int) -> list[str]:
    out = []
    for line in range(max(map(len, cells))):
        texts = [cell[line] if line < len(cell) else "" for cell in cells]
        spaces = [" " * (width - length(text)) for text, width in zip(texts, widths, strict=True)]
        parts = [t + s if i < keys else s + t for i, (t, s) in enumerate(zip(texts, spaces, strict=True))]
        out.append(GAP.join(parts).rstrip())
    return out


def _records(header: Sequence[str], rows: Sequence[Sequence[str]], keys: int, width: int) -> list[str]:
    """Row by row: its names, and below them each value beside its heading, or below it."""
    out: list[str] = []
    for row in rows:
        names = wrap(", ".join(f"{header[i]} {row[i]}".strip() for i in range(keys) if row[i]), width)
        if any(length(line) > width for line in names):  # a number may not be parted from the one before it
            texts = [text for i in range(keys) if row[i] for text in (header[i], row[i])]
            names = [line for text in texts for line in wrap(text, width)]
        out += names
        for heading, value in zip(header[keys:], row[keys:], strict=True):
            line = f"{INDENT}{heading}: {value}"
            out += (
                [line] if length(line) <= width else [*wrap(f"{heading}:", width, INDENT), f"{INDENT}{INDENT}{value}"]
            )
    return out


def print_list(rows: Sequence[Sequence[str]]) -> None:
    """Print entries, the first cell of each naming it: within the width of a terminal, else on one line each."""
    rows = [[terminal.shown(cell) for cell in row] for row in rows]
    if not rows:
        return
    widths = [max(length(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    width = terminal.width() if sys.stdout.isatty() else None
    terminal.say(*(line for row in rows for line in entry_lines(row, widths, width)))


def print_setting(path: str, value: str, origin: str = "") -> None:
    """Print a value with its path and where it is from: on one line unless a terminal is too narrow for it."""
    setting, source = terminal.shown(f"{path}: {value}"), [terminal.shown(f"# {origin}")] if origin else []
    lines = [GAP.join([setting, *source])]
    if sys.stdout.isatty() and length(lines[0]) > terminal.width():
        indent = INDENT * 2
        first, *more = wrap(setting, terminal.width() - len(indent), at=WORDS)
        lines = [first, *(indent + line for line in more), *(indent + line for line in source)]
    terminal.say(*lines)


def entry_lines(row: Sequence[str], widths: Sequence[int], width: int | None) -> list[str]:
    """Lines of an entry of a list: its cells side by side, the last one wrapped, or below the others.

    Parameters
    ----------
    row : sequence of str
        Shape (columns,).
    widths : sequence of int
        Of all columns but the last.
    width : int or None
        Of the terminal; None for one line.
    """
    *first, last = row
    start = "".join(cell + " " * (own - length(cell)) + GAP for cell, own in zip(first, widths, strict=True))
    room = None if width is None else width - length(start)
    if room is None or length(last) <= room:
        return [start + last]
    if room < LEAST_LAST_COLUMN:
        return [start.rstrip(), *wrap(last, width or 0, INDENT * 2, WORDS)]
    head, *more = wrap(last, room, at=WORDS)
    return [start + head, *(" " * length(start) + line for line in more)]


def print_text(text: str) -> None:
    """Print sentences on standard output, as wide as this is; each line of ``text`` begins a new one."""
    lines = [terminal.shown(line) for line in text.split("\n")]
    terminal.say(*(part for line in lines for part in wrap(line, terminal.width(), at=WORDS)))


def wrap(text: str, width: int, indent: str = "", at: re.Pattern[str] = PARTS) -> list[str]:
    """Lines of a text that are no wider, words and numbers whole: what is wider alone stands on a line of its own."""
    lines = [indent]
    for piece in at.split(text):
        if lines[-1] != indent and length(lines[-1] + piece.rstrip()) > width:
            lines.append(indent)
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def length(text: str) -> int:
    """Columns of a terminal that a text takes; an ideograph takes two."""
    from rich.cells import cell_len

    return cell_len(text)
