"""The total order of events, in words and as one key.

Events happen in the order of their time. At one time, changes of capacity come first, in the order of the resources;
then the vehicles', in the order of their numbers. An event runs until every vehicle it sets going has come to
a stop: the vehicle itself first, then those that were granted a unit or given a signal meanwhile, in the order in which
that happened. Nothing else breaks a tie, so two engines that keep this order return the same timeline, bit for bit.

The key of an event is a number: 0 for a change of capacity, the vehicle's number plus 1 otherwise. Time and key
together fit one 64-bit integer as long as their bits do; a run that does not fit is refused, never wrapped.
"""

from __future__ import annotations

from borderport.errors import TooLarge

CHANGE_KEY = 0
FIRST_VEHICLE_KEY = 1
PACKED_BITS = 63


def key_bits(vehicles: int, horizon_ms: int) -> int:
    """Number of bits that the key takes of a packed ``(time, key)``.

    Parameters
    ----------
    vehicles : int
        >= 0.
    horizon_ms : int
        Times run up to it.

    Returns
    -------
    int
        Time is shifted left by it.

    Raises
    ------
    TooLarge
        Time and key together need more than 63 bits; the message says what would fit.

    Examples
    --------
    >>> key_bits(40_000, 366 * 86_400_000)
    16
    """
    bits = (vehicles + FIRST_VEHICLE_KEY).bit_length()
    if bits + horizon_ms.bit_length() > PACKED_BITS:
        days = (1 << (PACKED_BITS - bits)) // 86_400_000
        raise TooLarge(
            f"{vehicles} vehicles over {horizon_ms // 86_400_000} days do not fit one run; "
            f"with so many vehicles the horizon may have {days} days: simulate it in slices"
        )
    return bits
