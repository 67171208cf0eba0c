"""Windows of a policy: weekly hours by the clock on the wall, dates that are never shorter than they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from commands.policy.windows import Window

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS = st.sets(st.sampled_from(WEEK), min_size=1, max_size=6)
SINCE, UNTIL = st.integers(0, 1439), st.integers(1, 1440)
ZONES = st.sampled_from(
    ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns")
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def window(since: str, until: str, *, zone: str = "Europe/Berlin", days: tuple[str, ...] = ()) -> Window:
    content: dict[str, Any] = {"zone": zone, "from": since, "until": until, "days": days}
    return Window.model_validate(content)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_minutes(one: Window, day: str) -> int:
    """How many minutes a window is open on a UTC day and the hours around it."""
    start = utc(f"{day} 00:00") - timedelta(hours=12)
    return sum(one.covers(start + timedelta(minutes=minute)) for minute in range(48 * 60))


def test_an_office_opens_at_nine_on_both_sides_of_a_change_of_the_clock() -> None:
    office = window("09:00", "17:30", days=WEEK[:5])
    for day, opens in (
        ("2026-03-27", "08:00"),
        ("2026-03-30", "07:00"),
        ("2026-10-23", "07:00"),
        ("2026-10-26", "08:00"),
    ):
        at = utc(f"{day} {opens}")
        assert office.covers(at)
        assert not office.covers(at - timedelta(minutes=1))
        assert office.covers(at + timedelta(hours=8, minutes=29))
        assert not office.covers(at + timedelta(hours=8, minutes=30))
    assert not office.covers(utc("2026-03-28 09:00"))


def test_a_whole_day_has_23_24_or_25_hours() -> None:
    sunday = window("00:00", "24:00", days=("sun",))
    assert [open_minutes(sunday, day) / 60 for day in ("2026-03-29", "2026-10-25", "2026-11-01")] == [23, 25, 24]


def test_an_hour_that_the_clock_shows_twice_is_open_twice_and_one_it_skips_never() -> None:
    night = window("02:00", "03:00", days=("sun",))
    assert [open_minutes(night, day) for day in ("2026-03-29", "2026-10-25", "2026-11-01")] == [0, 120, 60]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = window("22:00", "06:00", zone="UTC", days=("fri",))
    assert night.covers(utc("2026-01-09 22:00"))
    assert night.covers(utc("2026-01-10 05:59"))
    assert not night.covers(utc("2026-01-10 06:00"))
    assert not night.covers(utc("2026-01-09 05:00"))
    assert not night.covers(utc("2026-01-10 22:00"))


def test_a_date_begins_with_its_day_and_ends_with_it() -> None:
    freeze = window("2026-12-19", "2027-01-06")
    assert freeze.covers(utc("2026-12-18 23:00"))
    assert not freeze.covers(utc("2026-12-18 22:59"))
    assert freeze.covers(utc("2027-01-06 22:59"))
    assert not freeze.covers(utc("2027-01-06 23:00"))
    assert window("2026-12-19 18:00", "2026-12-19 18:30", zone="UTC").covers(utc("2026-12-19 18:29"))


def test_dates_at_a_change_of_the_clock_are_never_shorter_than_they_read() -> None:
    twice = window("2026-10-25 02:30", "2026-10-25 02:45")
    assert twice.covers(utc("2026-10-25 00:30"))
    assert twice.covers(utc("2026-10-25 01:44"))
    skipped = window("2026-03-29 02:15", "2026-03-29 02:45")
    assert skipped.covers(utc("2026-03-29 00:15"))
    assert skipped.covers(utc("2026-03-29 01:44"))


@settings(max_examples=50)
@given(MOMENTS, ZONES, DAYS, SINCE, UNTIL)
def test_weekly_hours_are_those_on_the_wall(now: datetime, zone: str, days: set[str], since: int, until: int) -> None:
    if since == until:
        return
    one = window(_clock(since), _clock(until), zone=zone, days=tuple(sorted(days)))
    local = now.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    if since < until:
        day, inside = local, since <= minute < until
    else:
        day = local - timedelta(days=1) if minute < until else local  # wall arithmetic: the day before by its name
        inside = minute >= since or minute < until
    assert one.covers(now) == (inside and WEEK[day.weekday()] in days)


@settings(max_examples=50)
@given(
    MOMENTS, ZONES, st.sets(st.sampled_from(WEEK), min_size=1, max_size=6), st.integers(0, 1439), st.integers(1, 1440)
)
def test_a_window_that_covers_a_moment_is_over_later_and_then_it_is(
    now: datetime, zone: str, days: set[str], since: int, until: int
) -> None:
    if since == until:
        return
    one = window(_clock(since), _clock(until), zone=zone, days=tuple(sorted(days)))
    if one.covers(now):
        over = one.over(now)
        assert now - timedelta(hours=1) < over <= now + timedelta(days=8)
        assert not one.covers(over)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zone": "Europe/Berln"}, "no time zone"),
        ({"from": "9 o'clock"}, 'as "09:00"'),
        ({"from": "24:00"}, "write 00:00"),
        ({"until": "09:00"}, "whole days are from 00:00 until 24:00"),
        ({"days": ["monday"]}, "'mon', 'tue'"),
        ({"days": []}, "as 2026-12-24"),
        ({"days": [], "from": "2026-12-24", "until": "2026-12-23"}, "before it begins"),
        ({"days": [], "from": "2026-02-30", "until": "2026-12-23"}, "as 2026-12-24"),
        ({"days": [], "from": "2026-02-03 10:00+01:00", "until": "2026-12-23"}, "in the zone above"),
        ({"since": "10:00"}, "Extra inputs"),
    ],
)
def test_what_is_no_window_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(").replace("+", r"\+")):
        Window.model_validate({"zone": "UTC", "days": ["mon"], "from": "09:00", "until": "17:00"} | wrong)
