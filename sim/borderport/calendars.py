"""Hours, shifts, seasons, closures and pace → sorted changes over the horizon, in ms since time 0.

Windows are int64 arrays of shape (windows, 2): half-open ``[open, close)``, sorted, disjoint. Only this
module and `borderport.scenario` know of dates and zones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from borderport.scenario import WEEKDAYS, Calendar, Horizon, Pace, Quota, Season
from borderport.units import MS_PER_DAY, MS_PER_MINUTE

Windows = NDArray[np.int64]
Times = NDArray[np.int64]

NEVER = 2**62
UNLIMITED = 2**40
NORMAL_PACE = 1000
MONDAY_EPOCH_SHIFT = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class LocalDays:
    """The local days of a zone that the horizon touches.

    Attributes
    ----------
    dates : array of datetime64[D], shape (days,)
    midnight_ms : int64 array, shape (days + 1,)
        Local midnights; the first may lie before time 0, the last ends the last day.
    """

    zone: str
    dates: NDArray[np.datetime64]
    midnight_ms: Times

    def window(self, first: date | None, last: date | None) -> tuple[int, int]:
        """Window from the midnight that begins ``first`` to the one that ends ``last``; ``None`` means no limit."""
        start = int(self.midnight_ms[0]) if first is None else self._midnight(first)
        stop = int(self.midnight_ms[-1]) if last is None else self._midnight(last + timedelta(days=1))
        return start, stop

    def _midnight(self, day: date) -> int:
        position = int((np.datetime64(day) - self.dates[0]).astype(int))
        return int(self.midnight_ms[min(max(position, 0), self.dates.size)])


@lru_cache(maxsize=64)
def local_days(zone: str, horizon: Horizon, before: int = 0) -> LocalDays:
    """List the local days of ``zone`` from ``before`` days before time 0 to the end of the horizon."""
    tz = ZoneInfo(zone)
    origin = horizon.origin()
    first = origin.astimezone(tz).date() - timedelta(days=before)
    end = (origin.astimezone(ZoneInfo("UTC")) + timedelta(milliseconds=horizon.length_ms())).astimezone(tz)
    return _days_from(zone, horizon, first, (end.date() - first).days + 1)


@lru_cache(maxsize=64)
def days_of_year(zone: str, horizon: Horizon, year: int) -> LocalDays:
    """List the local days of a calendar year, in ms since time 0 of a horizon that need not touch them."""
    return _days_from(zone, horizon, date(year, 1, 1), (date(year + 1, 1, 1) - date(year, 1, 1)).days)


def _days_from(zone: str, horizon: Horizon, first: date, days: int) -> LocalDays:
    tz, base = ZoneInfo(zone), horizon.origin().timestamp()
    midnights = [
        round((datetime(d.year, d.month, d.day, tzinfo=tz).timestamp() - base) * 1000)
        for d in (first + timedelta(days=i) for i in range(days + 1))
    ]
    dates = np.datetime64(first) + np.arange(days)
    return LocalDays(zone, dates, np.asarray(midnights, dtype=np.int64))


def local_texts(zone: str, horizon: Horizon, times: Times) -> NDArray[np.str_]:
    """Moments as local dates and times of day with their offset from UTC (ISO 8601), to the millisecond.

    Examples
    --------
    >>> here = Horizon.model_validate({"start": "2024-03-31", "end": "2024-04-02", "zone": "Europe/Berlin"})
    >>> local_texts("Europe/Berlin", here, np.array([0, 7_200_000])).tolist()
    ['2024-03-31T00:00:00.000+01:00', '2024-03-31T03:00:00.000+02:00']
    """
    since_epoch = times + round(horizon.origin().timestamp() * 1000)
    # Clocks change at whole quarters of an hour, so that one moment in each says what the offset is.
    quarters, which = np.unique(since_epoch // (15 * MS_PER_MINUTE), return_inverse=True)
    tz = ZoneInfo(zone)
    local = [datetime.fromtimestamp(quarter * 900, tz) for quarter in quarters.tolist()]
    shifts = np.asarray([(moment.utcoffset() or timedelta()) // timedelta(milliseconds=1) for moment in local])
    offsets = np.asarray([moment.isoformat()[19:] for moment in local], dtype=np.str_)
    moments = (since_epoch + shifts.astype(np.int64)[which]).astype("datetime64[ms]")
    return np.char.add(np.datetime_as_string(moments, unit="ms"), offsets[which])


def season_mask(dates: NDArray[np.datetime64], season: Season | None) -> NDArray[np.bool_]:
    """True for dates within the season, shape as ``dates``; a season may run over new year."""
    if season is None:
        return np.ones(dates.shape, dtype=bool)
    month_day = np.asarray([str(day)[5:] for day in dates])
    after, before = month_day >= season.first, month_day <= season.last
    return np.asarray(after & before if season.first <= season.last else after | before)


def weekday_of(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Weekday of each date, Monday 0 to Sunday 6."""
    return np.asarray((dates.astype("datetime64[D]").astype(np.int64) + MONDAY_EPOCH_SHIFT) % 7)


def open_days(calendar: Calendar, dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """True for dates that have windows by weekday and season; closures are not looked at."""
    return np.asarray(season_mask(dates, calendar.season) & open_weekdays(calendar)[weekday_of(dates)])


def open_weekdays(calendar: Calendar) -> NDArray[np.bool_]:
    """True for days of the week on which a calendar opens in its season, Monday first, shape (7,)."""
    return np.asarray([name not in calendar.closed_on for name in WEEKDAYS])


def open_windows(calendar: Calendar, zone: str, horizon: Horizon) -> Windows:
    """Windows of a calendar by its hours, weekdays and season; closures are subtracted elsewhere.

    Parameters
    ----------
    calendar : Calendar
    zone : str
        Used unless the calendar names its own.
    horizon : Horizon

    Returns
    -------
    int64 array, shape (windows, 2)
        Cut to ``[0, horizon.length_ms())``.
    """
    days = local_days(calendar.zone or zone, horizon, 1)  # a night shift may have begun the evening before
    chosen = np.flatnonzero(open_days(calendar, days.dates))
    edges = [(start * MS_PER_MINUTE, stop * MS_PER_MINUTE) for start, stop in calendar.open]
    parts = [windows_of(wall_clock(days, chosen, start), wall_clock(days, chosen, stop)) for start, stop in edges]
    if not parts:
        return np.empty((0, 2), dtype=np.int64)
    return clip(merge(np.concatenate(parts)), 0, horizon.length_ms())


def wall_clock(days: LocalDays, chosen: Times, since_midnight_ms: int) -> Times:
    """Moments at which a clock on the wall shows a time, at most 48 h, on the chosen days, int64 ms since time 0.

    Parameters
    ----------
    days : LocalDays
    chosen : int64 array
        Places of days among ``days``.
    since_midnight_ms : int
        Time that the clock shows; above 24 h on the day after.
    """
    begin = days.midnight_ms[chosen]
    times = begin + since_midnight_ms
    changes = np.append(np.diff(days.midnight_ms) != MS_PER_DAY, False)
    # Days on which the clocks change are converted one by one.
    for position in np.flatnonzero(changes[chosen] | (changes[chosen + 1] & (since_midnight_ms > MS_PER_DAY))):
        tz = ZoneInfo(days.zone)
        midnight = datetime.combine(days.dates[chosen[position]].astype(object), datetime.min.time())
        shift = (midnight + timedelta(milliseconds=since_midnight_ms)).replace(tzinfo=tz).timestamp()
        times[position] = begin[position] + round((shift - midnight.replace(tzinfo=tz).timestamp()) * 1000)
    return np.asarray(times)


def windows_of(opens: Times, closes: Times) -> Windows:
    """Windows by when they open and close, shape (windows,) each."""
    windows = np.empty((opens.size, 2), dtype=np.int64)
    windows[:, 0], windows[:, 1] = opens, closes
    return windows


def merge(windows: Windows) -> Windows:
    """Sort windows and join those that touch or overlap; empty ones go."""
    opens, closes = windows.T
    if (opens < closes).all() and (opens[1:] > closes[:-1]).all():
        return windows
    opens, closes = windows[opens < closes].T
    order = np.argsort(opens, kind="stable")
    opens, reach = opens[order], np.maximum.accumulate(closes[order])
    first = np.ones(opens.size + 1, dtype=bool)  # of those that it is joined with; and one beyond the last
    first[1:-1] = opens[1:] > reach[:-1]
    return windows_of(opens[first[:-1]], reach[first[1:]])


def clip(windows: Windows, start: int, stop: int) -> Windows:
    """Cut windows to ``[start, stop)``; empty ones go."""
    cut = np.clip(windows, start, stop)
    return cut[cut[:, 0] < cut[:, 1]]


def subtract(windows: Windows, closed: Windows) -> Windows:
    """The parts of ``windows`` outside ``closed``; both sorted and disjoint."""
    if closed.shape[0] == 0 or windows.shape[0] == 0:
        return windows
    gap_opens = np.concatenate([[-NEVER], closed[:, 1]])
    gap_closes = np.concatenate([closed[:, 0], [NEVER]])
    first = np.searchsorted(gap_closes, windows[:, 0], side="right")
    pieces = np.searchsorted(gap_opens, windows[:, 1]) - first
    window = np.repeat(np.arange(pieces.size), pieces)
    gap = np.arange(window.size) + np.repeat(first - np.cumsum(pieces) + pieces, pieces)
    opens = np.maximum(windows[:, 0].take(window), gap_opens.take(gap))
    closes = np.minimum(windows[:, 1].take(window), gap_closes.take(gap))
    return windows_of(opens, closes)


def intersect(windows: Windows, others: Windows) -> Windows:
    """The times at which both are open; both sorted and disjoint."""
    return subtract(windows, subtract(windows, others))


def inside(windows: Windows, times: Times) -> NDArray[np.bool_]:
    """True for times that lie in a window, shape as ``times``; quicker for many times in order."""
    if windows.shape[0] == 0:
        return np.zeros(times.shape, dtype=bool)
    if times.size > 4 * windows.shape[0] and (times[1:] >= times[:-1]).all():
        found = np.zeros(times.shape, dtype=bool)
        for first, stop in np.searchsorted(times, windows).tolist():
            found[first:stop] = True
        return found
    # Sorted and disjoint, so a time lies in a window if an odd number of edges lie at or before it.
    return (np.searchsorted(windows.ravel(), times, side="right") & 1).astype(bool)


def quota_changes(quota: Quota, zone: str, horizon: Horizon) -> tuple[Times, Times, NDArray[np.bool_]]:
    """Moments at which a quota changes, its capacity from then on, and True for refills rather than a new capacity.

    Outside its days the quota does not bind (capacity `UNLIMITED`).
    """
    days = local_days(zone, horizon)
    start, stop = days.window(quota.first_day, quota.last_day)
    refills = days.midnight_ms[(days.midnight_ms >= start) & (days.midnight_ms < stop)]
    refills = np.unique(np.maximum(refills, 0))
    refills = refills[refills < horizon.length_ms()]
    free = [max(edge, 0) for edge in ([0] if start > 0 else []) + [stop] if edge < horizon.length_ms()]
    time = np.concatenate([refills, np.asarray(free, dtype=np.int64)])
    amount = np.concatenate([np.full(refills.size, quota.amount), np.full(len(free), UNLIMITED)]).astype(np.int64)
    order = np.argsort(time, kind="stable")
    return time[order], amount[order], (amount != UNLIMITED)[order]


def pace_changes(pace: Pace, slow_days: NDArray[np.bool_] | None, zone: str, horizon: Horizon) -> tuple[Times, Times]:
    """Moments at which a pace changes, and the pace from then on in per mille of normal; the first change is at time 0.

    Parameters
    ----------
    slow_days : bool array, shape (days,), or None
        The manifest's draw for each local day, for a pace with a daily share.
    """
    days = local_days(zone, horizon)
    start, stop = days.window(pace.first_day, pace.last_day)
    slow = season_mask(days.dates, pace.season)
    slow &= (days.midnight_ms[1:] > start) & (days.midnight_ms[:-1] < stop)
    if slow_days is not None:
        slow &= slow_days
    times = np.maximum(days.midnight_ms[:-1], 0)
    factors = np.where(slow, pace.factor, pace.otherwise)
    values = np.rint(factors * NORMAL_PACE).astype(np.int64)
    return _drop_repeats(times, values)


def _drop_repeats(times: Times, values: Times) -> tuple[Times, Times]:
    keep = np.concatenate([[True], values[1:] != values[:-1]])
    return times[keep], values[keep]
