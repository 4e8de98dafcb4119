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

from borderport.experiment import Sample

WIDTH_MM = 175.0
MM_PER_INCH = 25.4
# A line above a panel.
LINE_MM = 3.2
DPI = 150
# Okabe and Ito's colours, told apart with every kind of colour vision; the yellow is too faint for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
Dashes = Literal["-", "--", "-.", ":"]
DASHES: tuple[Dashes, ...] = ("-", "--", "-.", ":")
REPORTED = "#000000"
FAINT = "#666666"
CHINESE_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei")
FOOTER_SIZE = 6.0

# What stands for something in a legend, and what it says.
Key = tuple[Artist, str]

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
    """Whether a Chinese font is installed."""
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
        "axes.titlesize": 8.5,
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


def new_figure(height_mm: float) -> Figure:
    """An empty figure as wide as a page's text."""
    return Figure(figsize=(WIDTH_MM / MM_PER_INCH, height_mm / MM_PER_INCH), layout="constrained")


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


def line_key(colour: str, dashes: Dashes = "-", marker: str = "") -> Line2D:
    """What stands for a line in a legend."""
    return Line2D([], [], color=colour, linestyle=dashes, marker=marker, markersize=4)


def scenario_keys(names: Sequence[str]) -> list[Key]:
    """A patch of its colour for every scenario."""
    return [(Patch(color=colour_of(i)), name) for i, name in enumerate(names)]


def head(ax: Axes, title: str, entries: Sequence[Key], wrap: int = 62) -> None:
    """Put a panel's title above it, and below the title one line per key with what is worth reading off."""
    ax.legend(
        [key for key, _ in entries],
        ["\n".join(textwrap.wrap(text, wrap)) for _, text in entries],
        title=title,
        title_fontsize=8.5,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        alignment="left",
        borderaxespad=0.1,
        borderpad=0.2,
        labelspacing=0.25,
        handlelength=1.8,
        fontsize=6.5,
    )


def dress(figure: Figure, title: str, samples: Sequence[Sample], note: str, keys: Sequence[Key] = ()) -> None:
    """Give a figure its title, and its footer: which scenarios, how many replications, which interval and seed."""
    names = " · ".join(f"{shown(s.scenario.name)}: {shown(s.scenario.title)}" for s in samples)
    basis_text = basis(samples[0].replications, samples[0].seed)
    caption(figure, title, [names, basis_text, note], keys)


def basis(replications: int, seed: int) -> str:
    """On what a figure rests: ``10 replications, 95 % interval, seed 1``."""
    count = f"{replications:,} replication{'' if replications == 1 else 's'}"
    return f"{count}, {'95 %' if replications > 1 else 'no'} interval, seed {seed}"


def caption(figure: Figure, title: str, footer: Sequence[str], keys: Sequence[Key] = ()) -> None:
    """Write the title and the keys of all panels above them, and the footer's lines below."""
    title = "\n".join(textwrap.wrap(title, 95))
    lines = [line for text in footer if text for line in textwrap.wrap(text, 150)]
    figure.supxlabel("\n".join(lines), x=0.012, ha="left", fontsize=FOOTER_SIZE, color=FAINT)
    if not keys:
        figure.suptitle(title, x=0.012, ha="left")
        return
    # The title is the legend's, since a layout would put a title and an outside legend on top of each other.
    columns = min(len(keys), max(1, 120 // (6 + max(len(text) for _, text in keys))))
    figure.legend(
        *zip(*keys, strict=True),
        title=title,
        title_fontsize=10,
        alignment="left",
        loc="outside upper left",
        ncols=columns,
        borderaxespad=0.3,
    )


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG (or SVG or PDF, by the path's suffix); the same figure gives the same bytes.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with style():
        figure.savefig(path, dpi=DPI, metadata=_NO_DATE.get(path.suffix.lower()))
