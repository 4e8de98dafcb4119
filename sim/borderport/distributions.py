"""Laws, the distributions of service, payload and batch size, as data; evaluated whole arrays at a time.

A law is evaluated at a vehicle's *luck*, its normal score: a standard normal number drawn once, with the manifest.
Every law here rises with the luck, so it is a monotone re-labelling of the quantile function: a policy that replaces
a law gives the same vehicle the same rank under the new one (comonotone coupling, the coupling with the least variance
of the difference; Glasserman & Yao 1992, doi:10.1287/mnsc.38.6.884). A normal score is used rather than a uniform
number because most service laws here are lognormal, and then cost one ``exp``. The formulas of the common laws are in
`borderport.deviates`, where they are compiled; their parameters, and the other laws, are here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from borderport.bounds import ENDLESS_MS, LEAST_CV, LEAST_SHAPE, MOST_CV, MOST_SHAPE

Array = NDArray[np.float64]
Code = tuple[str, float, float, float, float]

_YAML_NAME = {"mean_value": "mean"}
# Parameters without a unit, and the values they may have.
_PLAIN = {"cv": (LEAST_CV, MOST_CV), "a": (LEAST_SHAPE, MOST_SHAPE), "b": (LEAST_SHAPE, MOST_SHAPE)}


@dataclass(frozen=True)
class Law(ABC):
    """Base of all laws; parameters are in the unit of what is drawn (ms, t, vehicles).

    Raises
    ------
    ValueError
        The parameters make no law: one is negative or not finite, the mean is 0, bounds are the wrong way round.
    """

    def __post_init__(self) -> None:
        for fault in self.faults():
            raise ValueError(f"{type(self).__name__.lower()} {fault}")

    def faults(self) -> Iterator[str]:
        """Reasons why the parameters make no law; here, the faults of each number by itself."""
        left_out = {field.name for field in fields(self) if getattr(self, field.name) == field.default}
        for name, value in self.parameters().items():
            if name in _PLAIN:
                yield from _wrong_shape(name, value)
            elif name not in left_out:
                yield from _wrong_value(name, value)

    def parameters(self) -> dict[str, float]:
        """The parameters by the names that scenario files give them."""
        return {_YAML_NAME.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}

    def largest(self) -> float:
        """The largest of the parameters that have the unit of what is drawn."""
        return max(v for name, v in self.parameters().items() if name not in _PLAIN and math.isfinite(v))

    @abstractmethod
    def at(self, luck: Array) -> Array:
        """Value of each vehicle, shape as ``luck``; rises with ``luck``; unit of the parameters, >= 0."""

    def mean(self) -> float:
        """Expected value, in the unit of the parameters."""
        grid = standard_normal_grid()
        return float(self.at(grid).mean())


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _wrong_value(name: str, value: float) -> Iterator[str]:
    """Faults of a parameter that has the unit of the values drawn."""
    if not _is_number(value) or not math.isfinite(value):
        yield f"needs a finite number as {name}, got '{value}'"
    elif value < 0:
        yield f"has a negative {name}, {value:g}"


def _wrong_shape(name: str, value: float) -> Iterator[str]:
    """Faults of a parameter that is a plain number."""
    least, most = _PLAIN[name]
    if not _is_number(value) or not (least <= value < most or (name == "cv" and value == 0)):
        none = "0 or " if name == "cv" else ""
        yield f"needs {none}a plain number from {least:g} to {most:g} as {name}, got '{value}'"


def _no_mean(mean: float) -> Iterator[str]:
    """Faults of the mean of a law that spreads around it."""
    if mean == 0:
        yield "needs a mean above 0; write a constant instead"


class Coded(Law):
    """A law whose formula is compiled: it says which one it is, and its parameters there."""

    @property
    @abstractmethod
    def code(self) -> Code:
        """Kind of law in `borderport.deviates`, and its parameters a, b, c, d there."""

    def at(self, luck: Array) -> Array:
        """See `Law.at`."""
        from borderport.deviates import KINDS, evaluate

        kind, a, b, c, d = self.code
        out = np.empty(luck.shape)
        evaluate(KINDS[kind], float(a), float(b), float(c), float(d), luck.ravel(), out.reshape(-1))
        return out


def durations(law: Law, luck: Array) -> Array:
    """Durations by a law in ms, shape as ``luck``; the far end of its tail is cut where no horizon reaches."""
    return np.minimum(law.at(luck), ENDLESS_MS)


def normal_cdf(luck: Array) -> Array:
    """Share of vehicles with less luck, shape as ``luck``. scipy is loaded when a law first asks for it."""
    from scipy.special import ndtr

    return np.asarray(ndtr(luck), dtype=np.float64)


def standard_normal_grid() -> Array:
    """Quantiles of the standard normal law at 4,096 levels evenly apart: a mean over it is an expected value."""
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(4096) + 0.5) / 4096), dtype=np.float64)


@dataclass(frozen=True)
class Constant(Coded):
    """Always ``value``."""

    value: float

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        return "constant", self.value, 0.0, 0.0, 0.0

    def mean(self) -> float:
        """See `Law.mean`."""
        return self.value


@dataclass(frozen=True)
class Lognormal(Coded):
    """Lognormal by its mean and coefficient of variation: ``sigma² = ln(1 + cv²)``, ``mu = ln mean - sigma²/2``."""

    mean_value: float
    cv: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        yield from _no_mean(self.mean_value)

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        variance = math.log1p(self.cv * self.cv)
        return "lognormal", math.log(self.mean_value) - variance / 2, math.sqrt(variance), 0.0, 0.0

    def mean(self) -> float:
        """See `Law.mean`."""
        return self.mean_value


@dataclass(frozen=True)
class Exponential(Coded):
    """Exponential with the given mean: ``-mean · ln(1 - u)``, with ``1 - u = Phi(-luck)``."""

    mean_value: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        yield from _no_mean(self.mean_value)

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        return "exponential", self.mean_value, 0.0, 0.0, 0.0

    def mean(self) -> float:
        """See `Law.mean`."""
        return self.mean_value


@dataclass(frozen=True)
class Gamma(Law):
    """Gamma by its mean and coefficient of variation: shape ``1/cv²``."""

    mean_value: float
    cv: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        yield from _no_mean(self.mean_value)
        if self.cv == 0:
            yield "needs cv > 0; write a constant instead"

    def at(self, luck: Array) -> Array:
        """See `Law.at`."""
        from scipy.special import gammaincinv

        shape = 1 / self.cv**2
        return np.asarray(gammaincinv(shape, normal_cdf(luck)) * (self.mean_value / shape))

    def mean(self) -> float:
        """See `Law.mean`."""
        return self.mean_value


@dataclass(frozen=True)
class Normal(Coded):
    """Normal by mean and standard deviation, cut to ``[low, high]`` (values outside take the bound)."""

    mean_value: float
    sd: float
    low: float = 0.0
    high: float = math.inf

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        if not self.low <= self.high:
            yield "needs low <= high"

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        return "normal", self.mean_value, self.sd, self.low, self.high


@dataclass(frozen=True)
class Uniform(Coded):
    """Uniform from ``low`` to ``high``."""

    low: float
    high: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        if not self.low <= self.high:
            yield "needs low <= high"

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        return "uniform", self.low, self.high, 0.0, 0.0

    def mean(self) -> float:
        """See `Law.mean`."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Beta(Law):
    """Beta with shape parameters ``a`` and ``b``, stretched from ``low`` to ``high``."""

    a: float
    b: float
    low: float
    high: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        if not self.low <= self.high:
            yield "needs low <= high"

    def at(self, luck: Array) -> Array:
        """See `Law.at`."""
        from scipy.special import betaincinv

        return np.asarray(self.low + (self.high - self.low) * betaincinv(self.a, self.b, normal_cdf(luck)))

    def mean(self) -> float:
        """See `Law.mean`."""
        return self.low + (self.high - self.low) * self.a / (self.a + self.b)


@dataclass(frozen=True)
class Triangular(Coded):
    """Triangular with the given ``low``, ``mode`` and ``high``."""

    low: float
    mode: float
    high: float

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        yield from super().faults()
        if not self.low <= self.mode <= self.high:
            yield "needs low <= mode <= high"

    @property
    def code(self) -> Code:
        """See `Coded.code`."""
        if self.low == self.high:
            return "constant", self.low, 0.0, 0.0, 0.0
        return "triangular", self.low, self.mode, self.high, 0.0

    def mean(self) -> float:
        """See `Law.mean`."""
        return (self.low + self.mode + self.high) / 3


@dataclass(frozen=True)
class Empirical(Law):
    """Observed values, each equally likely: the smallest belongs to the lowest luck."""

    values: tuple[float, ...]

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        if not self.values:
            yield "needs a list of observed quantities"
        for value in self.values:
            yield from _wrong_value("value", value)

    def largest(self) -> float:
        """See `Law.largest`."""
        return max(self.values)

    def at(self, luck: Array) -> Array:
        """See `Law.at`."""
        ordered = np.sort(np.asarray(self.values, dtype=np.float64))
        rank = np.minimum((normal_cdf(luck) * ordered.size).astype(np.int64), ordered.size - 1)
        return ordered[rank]

    def mean(self) -> float:
        """See `Law.mean`."""
        return math.fsum(self.values) / len(self.values)


@dataclass(frozen=True)
class Mixture(Law):
    """One of several laws; the first covers the lowest luck, so it rises if the parts do not overlap."""

    parts: tuple[tuple[float, Law], ...]

    def faults(self) -> Iterator[str]:
        """See `Law.faults`."""
        if not self.parts:
            yield "needs a list of {share: ..., law: ...}"
        if not all(0 <= share <= 1 for share, _ in self.parts):
            yield "needs shares from 0 % to 100 %"
        if not abs(math.fsum(share for share, _ in self.parts) - 1) <= 1e-9:
            yield "needs shares that add up to 100 %"

    def largest(self) -> float:
        """See `Law.largest`."""
        return max(law.largest() for _, law in self.parts)

    def at(self, luck: Array) -> Array:
        """See `Law.at`."""
        from scipy.special import ndtri

        out = np.empty(luck.shape)
        starts = np.cumsum([0.0, *(share for share, _ in self.parts[:-1])])
        edges = [
            *ndtri(np.minimum(starts, 1.0)).tolist(),
            math.inf,
        ]  # shares of vehicles, as luck: the first begins at minus infinity
        for position, (share, law) in enumerate(self.parts):
            inside = ((luck >= edges[position]) & (luck < edges[position + 1])).nonzero()[0]
            if isinstance(law, Constant):
                out[inside] = law.value
            else:
                within = (normal_cdf(luck.take(inside)) - starts[position]) / share
                out[inside] = law.at(ndtri(np.minimum(np.maximum(within, 1e-16), 1 - 1e-16)))
        return out

    def mean(self) -> float:
        """See `Law.mean`."""
        return math.fsum(share * law.mean() for share, law in self.parts)


LAW_NAMES: dict[str, type[Law]] = {
    "constant": Constant,
    "lognormal": Lognormal,
    "exponential": Exponential,
    "gamma": Gamma,
    "normal": Normal,
    "uniform": Uniform,
    "beta": Beta,
    "triangular": Triangular,
    "empirical": Empirical,
    "mixture": Mixture,
}


def parse_law(value: object, parse: Callable[[object], float], most: float = math.inf) -> Law:
    """Read a law as it stands in a scenario file.

    Parameters
    ----------
    value : object
        A quantity (``2 min`` means always 2 min) or one law by name with its parameters, e.g.
        ``{lognormal: {mean: 34 min, cv: 1.2}}``, ``{empirical: [3 min, 5 min]}`` or
        ``{mixture: [{share: 70 %, law: 9 t}, {share: 30 %, law: 13.5 t}]}``.
    parse : callable
        Reads one quantity of the field's dimension, e.g. `borderport.units.parse_duration`.
    most : float
        Largest parameter that a finished `Law` may have; ``parse`` has a bound of its own.

    Returns
    -------
    Law

    Raises
    ------
    ValueError
        Unknown law, missing or unknown parameter, wrong unit, or parameters that make no law.

    Examples
    --------
    >>> from borderport.units import parse_duration
    >>> parse_law({"lognormal": {"mean": "34 min", "cv": 1.2}}, parse_duration)
    Lognormal(mean_value=2040000, cv=1.2)
    """
    if isinstance(value, Law):
        if value.largest() > most:
            raise ValueError(f"is at most {most:,.12g} in the program's unit, got {value.largest():g}")
        return value
    if not isinstance(value, Mapping):
        return Constant(parse(value))
    if len(value) != 1 or next(iter(value)) not in LAW_NAMES:
        given_names = ", ".join(map(str, value)) or "nothing"
        raise ValueError(f"must be a quantity or exactly one law of {', '.join(LAW_NAMES)}; got {given_names}")
    name, given = next(iter(value.items()))
    if name == "constant":
        return Constant(parse(given))
    if name == "empirical":
        if not isinstance(given, list | tuple):
            raise ValueError("empirical needs a list of observed quantities")
        return Empirical(tuple(parse(item) for item in given))
    if name == "mixture":
        return _parse_mixture(given, parse)
    return _build(name, given, parse)


def law_text(law: Law, show: Callable[[float], str]) -> str:
    """Write a law as a scenario file does; `parse_law` reads it back.

    Parameters
    ----------
    law : Law
    show : callable
        Writes one quantity of the law's dimension, e.g. `borderport.units.format_duration`.

    Examples
    --------
    >>> from borderport.units import format_duration
    >>> law_text(Lognormal(2_040_000, 1.2), format_duration)
    '{lognormal: {mean: 34 min, cv: 1.2}}'
    """
    if isinstance(law, Constant):
        return show(law.value)
    name = next(name for name, kind in LAW_NAMES.items() if isinstance(law, kind))
    if isinstance(law, Empirical):
        return f"{{{name}: [{', '.join(show(value) for value in law.values)}]}}"
    if isinstance(law, Mixture):
        parts = [f"{{share: {share * 100:.12g} %, law: {law_text(part, show)}}}" for share, part in law.parts]
        return f"{{{name}: [{', '.join(parts)}]}}"
    texts = {
        key: f"{value:.12g}" if key in _PLAIN else show(value)
        for key, value in law.parameters().items()
        if math.isfinite(value) and not (isinstance(law, Normal) and key == "low" and value == 0)
    }
    return f"{{{name}: {{{', '.join(f'{key}: {text}' for key, text in texts.items())}}}}}"


def _build(name: str, given: object, parse: Callable[[object], float]) -> Law:
    law = LAW_NAMES[name]
    names = {_YAML_NAME.get(f.name, f.name): f for f in fields(law)}
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} needs {', '.join(names)}")
    unknown = [key for key in given if key not in names]
    if unknown:
        raise ValueError(f"{name} has no parameter '{unknown[0]}': it takes {', '.join(names)}")
    optional = {"low", "high"} if name == "normal" else set()
    missing = [key for key in names if key not in given and key not in optional]
    if missing:
        raise ValueError(f"{name} needs {' and '.join(missing)}")
    arguments: dict[str, Any] = {}
    for key, raw in given.items():
        arguments[names[key].name] = raw if key in _PLAIN else parse(raw)
    return law(**arguments)


def _parse_mixture(given: object, parse: Callable[[object], float]) -> Mixture:
    from borderport.units import parse_share

    if not isinstance(given, list | tuple):
        raise ValueError("mixture needs a list of {share: ..., law: ...}")
    parts = []
    for part in given:
        if not isinstance(part, Mapping) or set(part) != {"share", "law"}:
            raise ValueError("each part of a mixture is {share: ..., law: ...}")
        parts.append((parse_share(part["share"]), parse_law(part["law"], parse)))
    return Mixture(tuple(parts))
