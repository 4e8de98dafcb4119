"""The response of a sweep: a curve over one parameter, a heat map over two."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.figure import Figure

from borderport.figures.response import heat_map, response_curve
from borderport.metrics import Key, unit_of
from borderport.sweeping import Sweep, Variation


def response_of(result: Sweep, key: Key) -> Figure | None:
    """The figure of one metric; None of more than two parameters."""
    if len(result.design.variations) > 2:
        return None
    response = result.response(key)
    low, mean, high = (column[1:] for column in response.intervals())
    marked = response.marked[1:]
    where = " ".join(part for part in key[:3] if part != "all") or "all ports"
    texts: dict[str, Any] = {
        "metric": f"{key[3].replace('_', ' ')} ({unit_of(key[3])}), {where}",
        "scenario": result.design.base.name,
        "replications": result.replications,
        "seed": result.seed,
    }
    scales = [to_scale(variation) for variation in result.design.variations]
    if len(scales) == 1:
        ((values, parameter),) = scales
        return response_curve(values, mean, low, high, parameter=parameter, marked=marked, **texts)
    (x_values, x_parameter), (y_values, y_parameter) = scales
    shape = (len(x_values), len(y_values))
    return heat_map(
        x_values,
        y_values,
        mean.reshape(shape).T,
        low=low.reshape(shape).T,
        high=high.reshape(shape).T,
        marked=marked.reshape(shape).T,
        x_parameter=x_parameter,
        y_parameter=y_parameter,
        **texts,
    )


def to_scale(variation: Variation) -> tuple[list[float] | list[str], str]:
    """Values to be drawn to scale, and the path with their unit, if all are numbers of one unit; else the texts."""
    found = [re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(\D*)", value) for value in variation.values]
    parts = [match.groups() for match in found if match]
    units = {unit for _, unit in parts}
    if len(parts) < len(found) or len(units) > 1:
        return list(variation.values), variation.path
    (unit,) = units
    return [float(number) for number, _ in parts], f"{variation.path} ({unit})" if unit else variation.path
