"""One look for all figures: sizes, fonts, colours, headings and footers, and how a figure is saved.

Figures are made without pyplot, so nothing stays open. matplotlib's settings are global; `style` sets them, holds a
lock meanwhile and puts them back.
"""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import matplotlib.style
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

WIDTH_MM = 175.0
MM_PER_INCH = 25.4
# A line above a panel; in the frame, a line of the title, of the legend and of the footer.
LINE_MM = 3.2
TITLE_MM, KEY_MM, FOOTER_MM = 4.6, 4.2, 2.7
# Height of the title and of the labels of the x axis of a panel, with the space between panels.
AROUND_MM = 17.0
DPI = 150
# Okabe and Ito's colours, told apart with every kind of colour vision; without the yellow, too faint for lines, and
# without black, which is what was reported. Where they start again, lines have other dashes and bars other hatches.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
Dashes = Literal["-", "--", "-.", ":"]
DASHES: tuple[Dashes, ...] = ("-", "--", ":", "-.")
HATCHES = ("", "//////", "......", "xxxxxx")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "p", "h", "*")
REPORTED = "#000000"
FAINT = "#666666"
CHINESE_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei")
TITLE_SIZE, HEAD_SIZE, FOOTER_SIZE = 8.5, 6.5, 6.0
# Characters in a line of a figure's legend, and those before each text.
LEGEND_WIDTH, LEGEND_BETWEEN = 124, 8

# An entry of a legend: its sample, and its text.
LegendEntry = tuple[Artist, str]

_lock = threading.RLock()
_NO_DATE: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


@cache
def fonts() -> tuple[str, ...]:
    """The fonts to look for a character in, one after the other: those of the list that are installed."""
    installed = set(font_manager.fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in CHINESE_FONTS if name in installed))


def has_chinese() -> bool:
    """True if a Chinese font is installed."""
    return len(fonts()) > 1


@cache
def _glyphs() -> frozenset[int]:
    paths = [font_manager.findfont(name) for name in fonts()]
    return frozenset().union(*(font_manager.get_font(path).get_charmap() for path in paths))


def shown(text: str) -> str:
    """Text on one line, with ``?`` for the characters that no installed font has."""
    text = " ".join(text.split())
    return text if text.isascii() else "".join(c if ord(c) in _glyphs() else "?" for c in text)


@contextmanager
def style() -> Iterator[None]:
    """Draw or save figures with this project's settings, whatever the user's own are."""
    settings: dict[str, Any] = {
        "font.family": list(fonts()),
        "font.size": 7,
        "axes.titlesize": TITLE_SIZE,
        "axes.titlelocation": "left",
        "axes.labelsize": 7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.linewidth": 0.6,
        "axes.grid": True,
        "grid.color": "#DDDDDD",
        "grid.linewidth": 0.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.4,
        "errorbar.capsize": 1.5,
        "hatch.linewidth": 0.5,
        "legend.frameon": False,
        "legend.fontsize": 7,
        "figure.titlesize": 10,
        "figure.constrained_layout.h_pad": 0.06,
        "figure.constrained_layout.w_pad": 0.06,
        "svg.hashsalt": "borderport",
        "svg.fonttype": "none",
        "text.parse_math": False,
    }
    with _lock, matplotlib.style.context(["default", settings]):
        yield


def panels(figure: Figure, count: int, columns: int = 2) -> list[Axes]:
    """``count`` axes, row by row; a single one gets the whole width."""
    columns = min(columns, count)
    rows = -(-count // columns)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[count:]:
        spare.remove()
    return axes[:count]


def nothing(figure: Figure, text: str) -> None:
    """Say in the figure's place why there is nothing to see."""
    ax = figure.subplots()
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, ha="center", va="center", color=FAINT, transform=ax.transAxes)


def colour_of(number: int) -> str:
    """Colour of the scenario with this number in its comparison, the same in every figure."""
    return COLOURS[number % len(COLOURS)]


def dashes_of(number: int) -> Dashes:
    """Line style of the scenario with this number: another one when the colours start again."""
    return DASHES[number // len(COLOURS) % len(DASHES)]


def hatch_of(number: int) -> str:
    """Hatch of the bars of the scenario with this number: another one when the colours start again."""
    return HATCHES[number // len(COLOURS) % len(HATCHES)]


def marker_of(number: int) -> str:
    """Marker of the scenario with this number."""
    return MARKERS[number % len(MARKERS)]


def bar_look(number: int) -> dict[str, Any]:
    """Look of the bars of the scenario with this number."""
    return {"facecolor": colour_of(number), "hatch": hatch_of(number), "edgecolor": "white", "linewidth": 0}


def line_look(number: int) -> dict[str, Any]:
    """Look of the lines of the scenario with this number."""
    return {"color": colour_of(number), "linestyle": dashes_of(number)}


def line_key(number: int, marker: str = "") -> Line2D:
    """Sample of a line of the scenario with this number, for a legend."""
    return Line2D([], [], **line_look(number), marker=marker, markersize=4)


def bar_key(number: int) -> Patch:
    """Sample of a bar of the scenario with this number, for a legend."""
    return Patch(**bar_look(number))


def head_columns(scenarios: int) -> int:
    """Number of columns in which the values of so many scenarios stand above a panel."""
    return 1 if scenarios <= 3 else 2


def head_mm(scenarios: int) -> float:
    """Height of the values of so many scenarios above a panel, a line each."""
    return LINE_MM * -(-scenarios // head_columns(scenarios))


def head(
    figure: Figure, ax: Axes, title: str, entries: Sequence[LegendEntry], wrap: int = 62, columns: int = 1
) -> None:
    """Put a panel's title above it, and below the title one entry per key with what is worth reading off."""
    texts = ["\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, wrap)) for _, text in entries]
    legend = ax.legend(
        [key for key, _ in entries],
        texts,
        title=title,
        title_fontsize=TITLE_SIZE,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        alignment="left",
        borderaxespad=0.1,
        borderpad=0.2,
        labelspacing=0.25,
        columnspacing=1.2,
        handlelength=2.4,
        fontsize=HEAD_SIZE,
        ncols=columns,
    )
    # A layout would make room for a legend's width too, and so narrow the panel; for a title it makes room above only.
    legend.set_in_layout(False)
    inches = figure.dpi_scale_trans.inverted().transform_bbox(legend.get_window_extent()).height
    ax.set_title(" ", fontsize=1, pad=72 * inches)


def broken(path: str, width: int) -> str:
    """A path of the scenario on several lines of so many characters, broken at its points."""
    return "\n".join(line.replace(". ", ".") for line in textwrap.wrap(path.replace(".", ". "), width))


def basis(replications: int, seed: int) -> str:
    """The basis of a figure: ``10 replications, 95 % interval, seed 1``."""
    count = f"{replications:,} replication{'' if replications == 1 else 's'}"
    return f"{count}, {'95 %' if replications > 1 else 'no'} interval, seed {seed}"


def sheet(title: str, footer: Sequence[str], body_mm: float, keys: Sequence[LegendEntry] = ()) -> Figure:
    """A figure as wide as a page's text, with its title, the keys of all panels above them, and a footer.

    Parameters
    ----------
    title : str
    footer : sequence of str
        Paragraphs; empty ones are left out.
    body_mm : float
        Height of the panels together, with their own titles and labels.
    keys : sequence of (artist, str), optional
    """
    titles = "\n".join(textwrap.wrap(title, 95, break_on_hyphens=False))
    lines = [line for text in footer if text for line in textwrap.wrap(text, 150, break_on_hyphens=False)]
    texts = ["\n".join(textwrap.wrap(text, LEGEND_WIDTH - LEGEND_BETWEEN)) for _, text in keys]
    columns, rows = _columns(texts)
    around = TITLE_MM * (titles.count("\n") + 1) + KEY_MM * rows + FOOTER_MM * len(lines) + 5
    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, (body_mm + around) / MM_PER_INCH), dpi=DPI, layout="constrained")
    figure.supxlabel("\n".join(lines), x=0.012, ha="left", fontsize=FOOTER_SIZE, color=FAINT)
    if not keys:
        figure.suptitle(titles, x=0.012, ha="left")
        return figure
    # The title is the legend's, since a layout would put a title and an outside legend on top of each other.
    figure.legend(
        [key for key, _ in keys],
        texts,
        title=titles,
        title_fontsize=10,
        alignment="left",
        loc="outside upper left",
        ncols=columns,
        borderaxespad=0.3,
        handlelength=2.6,
    )
    return figure


def _columns(texts: Sequence[str]) -> tuple[int, int]:
    """Number of columns in which these texts fit beside one another, and number of lines that they then take."""
    if not texts:
        return 1, 0
    longest = max(len(line) for text in texts for line in text.split("\n"))
    columns = min(len(texts), max(1, LEGEND_WIDTH // (LEGEND_BETWEEN + longest)))
    rows = -(-len(texts) // columns)
    lines = [text.count("\n") + 1 for text in texts]
    return columns, max(sum(lines[first : first + rows]) for first in range(0, len(texts), rows))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG (or SVG or PDF, by the path's suffix); the same figure gives the same bytes.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with style():
        if (engine := figure.get_layout_engine()) is not None:
            # Otherwise all would be drawn twice, the first time only to be laid out.
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(path, dpi=DPI, metadata=_NO_DATE.get(path.suffix.lower()))
