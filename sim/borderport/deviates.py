"""Numbers at random and what they decide, compiled: deviates, laws at a vehicle's luck, work.

The generator and its deviates are written out here, so they are the same with every version of numpy, and take a third
of its time. The methods are those of numpy (SFC64; ziggurats of 256 layers), so that numpy can check them: the numbers
agree with those of ``numpy.random.Generator`` to the last few bits. One file holds all of it, since numba does not see
that a function which a compiled one calls has changed elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from borderport.bounds import ENDLESS_MS
from borderport.compiling import compiled, inlined

_FIRST_COUNT = np.uint64(1)  # SFC64's counter begins here, which bounds its period from below
LAYERS = 256
# Ends of the lowest layers of the ziggurats, where their tails begin; all layers then have the same area.
NORMAL_EDGE = 3.6541528853610088
EXPONENTIAL_EDGE = 7.69711747013105
_TO_UNIT = 1.0 / 2**53
# Unsigned like the numbers they shift: numba turns a mix of signed and unsigned 64-bit integers into floats.
_ONE, _TWO, _THREE, _SEVEN, _NINE, _ELEVEN = (np.uint64(bits) for bits in (1, 2, 3, 7, 9, 11))
_SEVENTEEN, _TWENTY_FOUR, _FORTY = (np.uint64(bits) for bits in (17, 24, 40))
_NONE, _LAYER, _FRACTION = np.uint64(0), np.uint64(0xFF), np.uint64(2**52 - 1)


def _layers(edge: float, area: float, bits: int, density: Callable[..., float], inverse: Callable[..., float]) -> Any:
    """Layers of a ziggurat under a falling density (Marsaglia & Tsang 2000, doi:10.18637/jss.v005.i08).

    Parameters
    ----------
    edge, area : float
        End of the lowest layer, and the area of each.
    bits : int
        Of the whole number that is scaled to a layer's width.

    Returns
    -------
    uint64 array, float64 array, float64 array, shape (256,)
        By layer: below which number a point lies under the density for certain; the width of one unit; the density at
        the layer's edge. The lowest layer, whose edge stands for its tail too, comes first, then from the top down.
    """
    edges = np.empty(LAYERS)
    edges[-1] = edge
    for layer in range(LAYERS - 1, 1, -1):
        edges[layer - 1] = inverse(density(edges[layer]) + area / edges[layer])
    edges[0] = area / density(edge)
    inner = np.concatenate([[edge, 0.0], edges[1:-1]])
    heights = np.asarray([1.0, *(density(place) for place in edges[1:].tolist())])
    return (inner / edges * 2.0**bits).astype(np.uint64), edges / 2.0**bits, heights


_TAIL = math.sqrt(math.pi / 2) * math.erfc(NORMAL_EDGE / math.sqrt(2))
NORMAL_SURE, NORMAL_UNIT, NORMAL_HEIGHT = _layers(
    NORMAL_EDGE,
    NORMAL_EDGE * math.exp(-(NORMAL_EDGE**2) / 2) + _TAIL,
    52,
    lambda place: math.exp(-(place**2) / 2),
    lambda height: math.sqrt(-2 * math.log(height)),
)
EXPONENTIAL_SURE, EXPONENTIAL_UNIT, EXPONENTIAL_HEIGHT = _layers(
    EXPONENTIAL_EDGE,
    (EXPONENTIAL_EDGE + 1) * math.exp(-EXPONENTIAL_EDGE),
    53,
    lambda place: math.exp(-place),
    lambda height: -math.log(height),
)


@inlined
def _next(a: Any, b: Any, c: Any, count: Any) -> Any:
    """One step of SFC64 (Doty-Humphrey, PractRand): its number, then its state."""
    number = a + b + count
    return number, b ^ (b >> _ELEVEN), c + (c << _THREE), ((c << _TWENTY_FOUR) | (c >> _FORTY)) + number, count + _ONE


@inlined
def _unit(number: Any) -> Any:
    """53 bits of a number as a float in [0, 1)."""
    return np.float64(np.int64(number >> _ELEVEN)) * _TO_UNIT


@inlined
def _height(edges: Any, layer: Any, number: Any) -> Any:
    """A height between the edges of a layer."""
    return edges[layer] + (edges[layer - _ONE] - edges[layer]) * _unit(number)


@compiled
def fill_uniform(state: Any, out: Any) -> None:
    """Uniform numbers in [0, 1)."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    for place in range(out.size):
        number, a, b, c, count = _next(a, b, c, count)
        out[place] = _unit(number)


@compiled
def fill_chances(states: Any, rates: Any, index: Any, room: Any, out: Any) -> None:
    """True where a uniform number of ``index`` is below its stream's rate, written to ``out``; (streams, numbers)."""
    for stream in range(out.shape[0]):
        fill_uniform(states[stream], room)
        for place in range(index.size):
            out[stream, place] = room[np.uint64(index[place])] < rates[stream]


@compiled
def _rest_of_normal(number: Any, value: Any, a: Any, b: Any, c: Any, count: Any) -> Any:
    """Decide a point that is not certain to lie under the density: True if it does; the value, and the state after."""
    layer = number & _LAYER
    if layer == _NONE:  # in the tail, by Marsaglia's method
        beyond, rise = 1.0, 0.0
        while rise + rise <= beyond * beyond:
            first, a, b, c, count = _next(a, b, c, count)
            second, a, b, c, count = _next(a, b, c, count)
            beyond, rise = -math.log1p(-_unit(first)) / NORMAL_EDGE, -math.log1p(-_unit(second))
        # The sign of a point in the tail is another bit than elsewhere.
        sign = -1.0 if (number >> _SEVENTEEN) & _ONE else 1.0
        return True, sign * (NORMAL_EDGE + beyond), a, b, c, count
    number, a, b, c, count = _next(a, b, c, count)
    return _height(NORMAL_HEIGHT, layer, number) < math.exp(-value * value / 2), value, a, b, c, count


@compiled
def fill_normal(state: Any, out: Any) -> None:
    """Standard normal numbers."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    place = 0
    while place < out.size:
        number, a, b, c, count = _next(a, b, c, count)
        layer, fraction = number & _LAYER, (number >> _NINE) & _FRACTION
        # The sign is a factor, not a branch: half of all branches would be guessed wrong.
        value = np.float64(np.int64(fraction) * (1 - np.int64((number >> _SEVEN) & _TWO))) * NORMAL_UNIT[layer]
        if fraction >= NORMAL_SURE[layer]:
            under, value, a, b, c, count = _rest_of_normal(number, value, a, b, c, count)
            if not under:
                continue
        out[place] = value
        place += 1


@compiled
def _exponential(a: Any, b: Any, c: Any, count: Any) -> Any:
    """One exponential number of mean 1, and the state after."""
    while True:
        number, a, b, c, count = _next(a, b, c, count)
        layer, fraction = (number >> _THREE) & _LAYER, number >> _ELEVEN
        value = np.float64(np.int64(fraction)) * EXPONENTIAL_UNIT[layer]
        if fraction < EXPONENTIAL_SURE[layer]:
            break
        number, a, b, c, count = _next(a, b, c, count)
        if layer == _NONE:
            value = EXPONENTIAL_EDGE - math.log1p(-_unit(number))
            break
        if _height(EXPONENTIAL_HEIGHT, layer, number) < math.exp(-value):
            break
    return value, a, b, c, count


@compiled
def fill_exponential(state: Any, out: Any) -> None:
    """Exponential numbers of mean 1."""
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    for place in range(out.size):
        out[place], a, b, c, count = _exponential(a, b, c, count)


@compiled
def fill_arrivals(state: Any, expected: Any, time_ms: Any, out: Any) -> Any:
    """Moments of a Poisson process by inversion of its cumulative rate, in one walk along it.

    Parameters
    ----------
    state : uint64 array, shape (3,)
    expected, time_ms : float64 arrays, shape (points,)
        The cumulative rate from 0 on, rising; linear between its points.
    out : int64 array
        Written as far as it goes, ascending.

    Returns
    -------
    int
        Number of arrivals; more than ``out`` has room for if it was too small.
    """
    a, b, c, count = state[0], state[1], state[2], _FIRST_COUNT
    found, stretch, last = 0, 0, expected.size - 1
    position, a, b, c, count = _exponential(a, b, c, count)
    while position < expected[last]:
        while expected[stretch + 1] <= position:
            stretch += 1
        slope = (time_ms[stretch + 1] - time_ms[stretch]) / (expected[stretch + 1] - expected[stretch])
        if found < out.size:
            out[found] = np.int64(slope * (position - expected[stretch]) + time_ms[stretch])
        found += 1
        gap, a, b, c, count = _exponential(a, b, c, count)
        position += gap
    return found


# --- laws --------------------------------------------------------------------------------------------------

CONSTANT, LOGNORMAL, EXPONENTIAL, NORMAL, UNIFORM, TRIANGULAR, GIVEN, SCALED = range(8)
# Kinds of steps of work: a law; values given in a row of a table; the work before times a.
KINDS = {
    "constant": CONSTANT,
    "lognormal": LOGNORMAL,
    "exponential": EXPONENTIAL,
    "normal": NORMAL,
    "uniform": UNIFORM,
    "triangular": TRIANGULAR,
    "given": GIVEN,
    "scaled": SCALED,
}
_ROOT_HALF = math.sqrt(0.5)


@compiled
def _value(kind: Any, a: Any, b: Any, c: Any, d: Any, luck: Any) -> Any:
    """Value of a law at a luck; see `borderport.distributions` for what its parameters are."""
    if kind == LOGNORMAL:
        return math.exp(luck * b + a)
    if kind == NORMAL:
        return min(max(b * luck + a, c), d)
    if kind == EXPONENTIAL:
        return -a * math.log(0.5 * math.erfc(luck * _ROOT_HALF))
    if kind == CONSTANT:
        return a
    share = 0.5 * math.erfc(-luck * _ROOT_HALF)  # of those with less luck
    if kind == UNIFORM:
        return a + (b - a) * share
    if kind == TRIANGULAR:
        rising = share * (c - a) < b - a
        root = math.sqrt((c - a) * (share * (b - a) if rising else (1 - share) * (c - b)))
        return a + root if rising else c - root
    raise ValueError("a kind of law without a formula")


@compiled
def evaluate(kind: Any, a: Any, b: Any, c: Any, d: Any, luck: Any, out: Any) -> None:
    """Values of a law, one for each luck."""
    for place in range(out.size):
        out[place] = _value(kind, a, b, c, d, luck[place])


@compiled
def _do_step(step: Any, who: Any, index: Any, adopted: Any, given: Any, luck: Any, work: Any) -> None:
    """Do one step of a task for the vehicles ``who``, whose work so far is in ``work``; see `fill_work`."""
    policy, kind, a, b, c, d, strength = step[0], step[1], step[2], step[3], step[4], step[5], step[6]
    for place in range(who.size):
        vehicle = np.uint64(who[place])
        if policy >= 0 and not adopted[np.uint64(policy), vehicle]:
            continue
        if kind == GIVEN:
            after = given[np.uint64(a), vehicle]
        elif kind == SCALED:
            after = work[place] * a
        else:
            after = _value(kind, a, b, c, d, luck[np.uint64(index[vehicle])])
        if strength != 1:  # above 1 it goes beyond what the step makes of the work, but not below nothing
            after = max((1 - strength) * work[place] + strength * after, 0.0)
        work[place] = min(after, ENDLESS_MS)


@compiled
def fill_work(
    plan: Any, states: Any, begins: Any, rows: Any, index: Any, adopted: Any, given: Any, luck: Any, work: Any, out: Any
) -> None:
    """Work of all tasks of a flow: each law at the vehicle's own luck, then what the policies it adopts make of it.

    Parameters
    ----------
    plan : tuple of arrays
        ``group`` int64, shape (tasks,): which vehicles do each task. ``first`` int64, shape (tasks + 1,): where the
        steps of each begin. ``steps`` float64, shape (steps, 7): policy (-1: everybody), kind, parameters a to d, and
        strength: how far from the work before to this step's.
    states : uint64 array, shape (tasks, 3)
        Initial state of each task's stream; zeros for a task without luck.
    begins, rows : int64 arrays, shape (groups + 1,) and (all groups' vehicles,)
        The vehicles of group ``g`` are ``rows[begins[g] : begins[g + 1]]``.
    index : int64 array, shape (vehicles,)
        Number of each vehicle in its flow.
    adopted : bool array, shape (policies, vehicles)
    given : float64 array, shape (givens, vehicles)
        The table of `GIVEN` steps, whose parameter a is the row.
    luck : float64 array, shape (numbers of the flow,)
        Room for one task's luck; without luck, what it holds is not looked at.
    work : float64 array, shape (vehicles,)
        Room for one task's work.
    out : int64 array, shape (tasks, vehicles)
        Work in ms; 0 for vehicles that do not do the task.
    """
    group, first, steps = plan
    for task in range(out.shape[0]):
        who = rows[begins[group[task]] : begins[group[task] + 1]]
        out[task, :] = 0
        if states[task, 0] != _NONE and who.size:
            fill_normal(states[task], luck)
        for step in range(first[task], first[task + 1]):
            _do_step(steps[step], who, index, adopted, given, luck, work)
        for place in range(who.size):
            out[task, np.uint64(who[place])] = np.int64(np.rint(work[place]))
