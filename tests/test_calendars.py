"""Open times, against clocks and against brute force, minute by minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from borderport import calendars
from borderport.calendars import Windows, open_windows, pace_changes, quota_changes
from borderport.network.changes import capacity_changes
from borderport.scenario import WEEKDAYS, Calendar, Horizon, Pace, Quota, Resource, Season
from borderport.units import MS_PER_HOUR, MS_PER_MINUTE


def horizon(start: str, end: str, zone: str = "UTC", lead_in: str = "0 s") -> Horizon:
    return Horizon.model_validate({"start": start, "end": end, "zone": zone, "lead_in": lead_in})


def calendar(**keys: object) -> Calendar:
    return Calendar.model_validate(keys)


def hours(windows: Windows) -> list[list[float]]:
    found: list[list[float]] = (windows / MS_PER_HOUR).tolist()
    return found


# ------------------------------------------------------------------------------------------------------ by hand


def test_a_day_with_lunch() -> None:
    day = calendar(open=("10:00-12:30", "13:30-18:00"))
    assert hours(open_windows(day, "UTC", horizon("2024-01-01", "2024-01-03"))) == [
        [10, 12.5],
        [13.5, 18],
        [34, 36.5],
        [37.5, 42],
    ]


def test_weekdays_off() -> None:
    day = calendar(open=("10:00-12:00",), closed_on=("monday", "wednesday"))  # 1 January 2024 was a Monday
    assert hours(open_windows(day, "UTC", horizon("2024-01-01", "2024-01-05"))) == [[34, 36], [82, 84]]


def test_all_day_is_one_window_and_never_is_none() -> None:
    here = horizon("2024-01-01", "2024-01-08")
    assert hours(open_windows(calendar(open=("00:00-24:00",)), "UTC", here)) == [[0, 168]]
    assert open_windows(calendar(open=()), "UTC", here).shape == (0, 2)


def test_a_calendar_with_a_zone_of_its_own() -> None:
    # 10:00-17:00 in Kathmandu is 12:15-19:15 in Shanghai; Saturday there is Saturday there
    day = calendar(open=("10:00-17:00",), zone="Asia/Kathmandu", closed_on=("saturday",))
    here = horizon("2024-01-05", "2024-01-08", "Asia/Shanghai")  # Friday to Sunday
    assert hours(open_windows(day, "Asia/Shanghai", here)) == [[12.25, 19.25], [60.25, 67.25]]


def test_the_day_on_which_the_clocks_go_forward_is_an_hour_short() -> None:
    # Berlin, 31 March 2024: 02:00 becomes 03:00, so 10:00 is 9 h after midnight
    here = horizon("2024-03-30", "2024-04-02", "Europe/Berlin")
    assert here.length_ms() == 71 * MS_PER_HOUR
    assert hours(open_windows(calendar(open=("10:00-16:00",)), "Europe/Berlin", here)) == [[10, 16], [33, 39], [57, 63]]


def test_the_day_on_which_the_clocks_go_back_is_an_hour_long() -> None:
    here = horizon("2024-10-26", "2024-10-29", "Europe/Berlin")
    assert here.length_ms() == 73 * MS_PER_HOUR
    assert hours(open_windows(calendar(open=("01:00-16:00",)), "Europe/Berlin", here)) == [[1, 16], [25, 41], [50, 65]]


def test_a_night_on_which_the_clocks_change_has_its_own_length() -> None:
    here = horizon("2024-03-30", "2024-04-02", "Europe/Berlin")
    night = calendar(open=("22:00-06:00",), closed_on=("friday",))
    assert hours(open_windows(night, "Europe/Berlin", here)) == [[22, 29], [45, 53], [69, 71]]


def test_a_night_shift_is_under_way_when_the_horizon_begins() -> None:
    night = calendar(open=("22:00-06:00",))
    assert hours(open_windows(night, "UTC", horizon("2024-01-01", "2024-01-02"))) == [[0, 6], [22, 24]]


def test_a_season_may_run_over_new_year() -> None:
    winter = Season(first="12-15", last="01-10")
    dates = np.asarray(["2023-12-14", "2023-12-15", "2024-01-10", "2024-01-11"], dtype="datetime64[D]")
    assert calendars.season_mask(dates, winter).tolist() == [False, True, True, False]
    summer = Season(first="04-25", last="12-15")
    dates = np.asarray(["2024-04-24", "2024-04-25", "2024-12-15", "2024-12-16"], dtype="datetime64[D]")
    assert calendars.season_mask(dates, summer).tolist() == [False, True, True, False]


def test_the_lead_in_comes_before_the_start() -> None:
    here = horizon("2024-01-03", "2024-01-04", lead_in="1 d")
    assert here.length_ms() == 48 * MS_PER_HOUR
    assert hours(open_windows(calendar(open=("10:00-12:00",)), "UTC", here)) == [[10, 12], [34, 36]]


def test_capacity_by_hours_and_periods() -> None:
    period = {"first_day": "2024-01-02", "last_day": "2024-01-02", "capacity": 1}
    pool = Resource.model_validate({"capacity": 3, "calendar": "day", "periods": (period,)})
    here = horizon("2024-01-01", "2024-01-04")
    windows = open_windows(calendar(open=("08:00-16:00",)), "UTC", here)
    times, values = capacity_changes(pool, windows, "UTC", here)
    assert (times / MS_PER_HOUR).tolist() == [0, 8, 16, 32, 40, 56, 64]
    assert values.tolist() == [0, 3, 0, 1, 0, 3, 0]
    times, values = capacity_changes(pool, None, "UTC", here)
    assert (times / MS_PER_HOUR).tolist() == [0, 24, 48]
    assert values.tolist() == [3, 1, 3]


def test_periods_outside_the_horizon_change_nothing() -> None:
    periods = (
        {"first_day": "2023-01-02", "last_day": "2023-02-02", "capacity": 1},
        {"first_day": "2025-01-02", "last_day": "2025-02-02", "capacity": 1},
    )
    pool = Resource.model_validate({"capacity": 3, "periods": periods})
    times, values = capacity_changes(pool, None, "UTC", horizon("2024-01-01 06:00", "2024-01-04"))
    assert (times.tolist(), values.tolist()) == ([0], [3])


def test_a_quota_is_refilled_at_local_midnight() -> None:
    # 00:00 in Kathmandu is 18:15 UTC
    times, amounts, refills = quota_changes(Quota(amount=8), "Asia/Kathmandu", horizon("2024-01-01", "2024-01-03"))
    assert (times / MS_PER_HOUR).tolist() == [0, 18.25, 42.25]
    assert amounts.tolist() == [8, 8, 8]
    assert refills.all()


@pytest.mark.parametrize("days", [("2023-01-01", "2023-02-01"), ("2025-01-01", "2025-02-01")])
def test_a_quota_for_other_days_never_binds(days: tuple[str, str]) -> None:
    quota = Quota.model_validate({"amount": 8, "first_day": days[0], "last_day": days[1]})
    times, amounts, refills = quota_changes(quota, "UTC", horizon("2024-01-01 06:00", "2024-01-03"))
    assert times.tolist() == [0] and not refills.any()
    assert amounts[0] > 10**9


def test_pace_by_season_days_and_draw() -> None:
    here = horizon("2024-05-31", "2024-06-04")
    slow = np.asarray([True, True, False, True, True])
    season = {"first": "06-01", "last": "06-30"}
    pace = Pace.model_validate({"factor": "50 %", "season": season})
    times, values = pace_changes(pace, slow, "UTC", here)
    assert (times / MS_PER_HOUR).tolist() == [0, 24, 48, 72]
    assert values.tolist() == [1000, 500, 1000, 500]


# --------------------------------------------------------------------------------------------------- brute force

WINDOWS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8).map(
    lambda pairs: np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
)


def minutes(windows: Windows) -> NDArray[np.bool_]:
    """True for those of the minutes 0 .. 59 that lie in a window."""
    out = np.zeros(60, dtype=bool)
    for start, stop in windows:
        out[start:stop] = True
    return out


def assert_tidy(windows: Windows) -> None:
    assert (windows[:, 0] < windows[:, 1]).all()
    assert (windows[1:, 0] > windows[:-1, 1]).all()


@given(WINDOWS)
def test_merged_windows_cover_the_same_minutes_and_are_tidy(windows: Windows) -> None:
    merged = calendars.merge(windows)
    assert_tidy(merged)
    assert np.array_equal(minutes(merged), minutes(windows))


@given(WINDOWS, WINDOWS)
def test_subtracting_closures_leaves_the_minutes_outside_them(windows: Windows, closed: Windows) -> None:
    windows, closed = calendars.merge(windows), calendars.merge(closed)
    left = calendars.subtract(windows, closed)
    assert_tidy(left)
    assert np.array_equal(minutes(left), minutes(windows) & ~minutes(closed))


@given(WINDOWS, st.integers(0, 60), st.integers(0, 60))
def test_clipping_and_asking_whether_open(windows: Windows, start: int, stop: int) -> None:
    windows = calendars.merge(windows)
    cut = calendars.clip(windows, start, max(start, stop))
    expected = minutes(windows)
    expected[:start] = False
    expected[max(start, stop) :] = False
    assert np.array_equal(minutes(cut), expected)
    assert np.array_equal(calendars.inside(windows, np.arange(60)), minutes(windows))


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])
DAYTIME = st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] < pair[1])
STARTS = st.sampled_from(
    ["2024-03-09", "2024-03-30", "2024-04-06 07:00", "2024-10-05", "2024-10-26 12:30", "2024-11-02"]
)


@settings(max_examples=40, deadline=None)
@given(
    ZONES,
    st.lists(DAYTIME, min_size=1, max_size=3),
    st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True),
    STARTS,
)
def test_daily_hours_are_what_a_clock_on_the_wall_says(
    zone: str, quarters: list[tuple[int, int]], off: list[str], start: str
) -> None:
    """Around changes of clock: open at a minute exactly if the wall clock of the zone is within the hours."""
    texts = tuple(f"{a // 4:02d}:{a % 4 * 15:02d}-{b // 4:02d}:{b % 4 * 15:02d}" for a, b in quarters)
    here = horizon(start, "2024-12-01", "Europe/Berlin").model_copy(
        update={"end": datetime.fromisoformat(start) + timedelta(days=3)}
    )
    windows = open_windows(calendar(open=texts, closed_on=tuple(off)), zone, here)
    origin = here.origin().astimezone(ZoneInfo("UTC"))
    for step in range(0, here.length_ms(), 30 * MS_PER_MINUTE):
        moment = step + MS_PER_MINUTE // 2
        wall = (origin + timedelta(milliseconds=moment)).astimezone(ZoneInfo(zone))
        minute = wall.hour * 60 + wall.minute
        expected = WEEKDAYS[wall.weekday()] not in off and any(15 * a <= minute < 15 * b for a, b in quarters)
        if _is_ambiguous(wall):
            continue
        assert bool(calendars.inside(windows, np.asarray([moment]))[0]) == expected, wall


def _is_ambiguous(wall: datetime) -> bool:
    """Within the hours around a change of clock, in which hours of the wall clock happen twice or not at all."""
    near = [(wall.astimezone(ZoneInfo("UTC")) + timedelta(hours=h)).astimezone(wall.tzinfo) for h in (-2, 2)]
    return near[0].utcoffset() != near[1].utcoffset()
