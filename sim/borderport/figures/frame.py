"""The frame around the panels of a figure of samples: title, legend of the scenarios, and the footer with its basis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from borderport.experiment import Sample
from borderport.figures import style
from borderport.figures.labels import full_names, listed, scenario_names

MOST_IN_TITLE = 3
LONGEST_IN_TITLE = 70


def frame(
    what: str,
    samples: Sequence[Sample],
    note: str,
    body_mm: float,
    key: Callable[[int], Artist] = style.bar_key,
    against_first: bool = False,
) -> Figure:
    """A figure with everything but its panels.

    Parameters
    ----------
    what : str
        Subject of the figure; the scenarios are added.
    samples : sequence of Sample
    note : str
        For the footer: how to read the panels.
    body_mm : float
        Height of the panels together.
    key : callable
        Makes the legend's sample of the scenario with a number; there is none if there is one scenario only.
    against_first : bool
        True if the others are shown as they differ from the first, the base.

    Returns
    -------
    Figure
    """
    names, full = scenario_names(samples), full_names(samples)
    texts = [_legend(name, whole) for name, whole in zip(names, full, strict=True)] if len(samples) > 1 else []
    if against_first:
        what, names, texts = f"{what} against {names[0]}", names[1:], [f"{texts[0]} (base)", *texts[1:]]
    legend: list[style.LegendEntry] = [(key(number), text) for number, text in enumerate(texts)]
    footer = [_titles(samples), style.basis(samples[0].replications, samples[0].seed), note]
    return style.sheet(f"{what}: {in_title(names)}", footer, body_mm, legend)


def in_title(names: Sequence[str]) -> str:
    """The scenarios, or how many there are."""
    text = listed(names)
    fits = len(names) == 1 or (len(names) <= MOST_IN_TITLE and len(text) <= LONGEST_IN_TITLE)
    return text if fits else f"{len(names)} scenarios"


def with_intervals(samples: Sequence[Sample], text: str) -> str:
    """A remark on intervals; nothing where there are none."""
    return text if samples[0].replications > 1 else ""


def _legend(name: str, full: str) -> str:
    return name if name == full else f"{name}: {full}"


def _titles(samples: Sequence[Sample]) -> str:
    """Each scenario's title; scenarios with the same one are named together, so that none seems to be the other."""
    by_title: dict[str, list[str]] = {}
    for sample, name in zip(samples, scenario_names(samples), strict=True):
        by_title.setdefault(style.shown(sample.scenario.title), []).append(name)
    return " · ".join(f"{listed(those)}: {title}" for title, those in by_title.items())
