"""Who is on duty by turns: on the clock of the wall, over a change to summer time too."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.paging.settings import LayerSettings
from commands.domain.rotation import Layer, on_duty
from commands.policy.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
MONDAYS = Layer(people=("ana", "ben", "dev"), start=date(2026, 3, 2), handoff=time(9), zone="Europe/Berlin")


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def who(layer: Layer, at: datetime) -> str:
    shift = layer.shift(at)
    return shift.person if shift else "nobody"


def test_nobody_before_the_first_day_then_each_a_week() -> None:
    assert who(MONDAYS, local("2026-03-02 08:59")) == "nobody"
    assert who(MONDAYS, local("2026-03-02 09:00")) == "ana"
    assert who(MONDAYS, local("2026-03-09 08:59")) == "ana"
    assert who(MONDAYS, local("2026-03-09 09:00")) == "ben"
    assert who(MONDAYS, local("2026-03-23 09:00")) == "ana"


def test_over_a_change_to_summer_time_the_handoff_stays_at_nine() -> None:
    shift = MONDAYS.shift(local("2026-03-28 12:00"))  # the clock goes forward on the 29th
    assert shift is not None
    assert (shift.person, shift.until, shift.after) == ("ana", datetime(2026, 3, 30, 7, tzinfo=UTC), "ben")
    winter = MONDAYS.shift(local("2026-10-20 12:00"))  # and back on the 25th
    assert winter is not None
    assert winter.until == datetime(2026, 10, 26, 8, tzinfo=UTC)
    assert who(MONDAYS, datetime(2026, 10, 26, 7, 59, tzinfo=UTC)) == winter.person


def test_an_hour_that_the_clock_skips_or_shows_twice_hands_over_once() -> None:
    nights = MONDAYS.model_copy(update={"days": 1, "handoff": time(2, 30)})
    changes = [who(nights, datetime(2026, 3, 28, 12, tzinfo=UTC) + timedelta(minutes=n)) for n in range(0, 1440, 10)]
    assert len({*changes}) == 2
    assert who(nights, datetime(2026, 3, 29, 1, 29, tzinfo=UTC)) != who(
        nights, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    )
    again = [who(nights, datetime(2026, 10, 24, 12, tzinfo=UTC) + timedelta(minutes=n)) for n in range(0, 1440, 10)]
    assert len({*again}) == 2
    assert again.index(again[-1]) == (12 * 60 + 30) // 10, "at the first of the two half past two: 00:30 UTC"


@given(days_later=st.floats(2, 2000), days=st.integers(1, 30), hour=st.integers(0, 23))
def test_a_shift_ends_when_the_next_begins(days_later: float, days: int, hour: int) -> None:
    layer = MONDAYS.model_copy(update={"days": days, "handoff": time(hour, 30)})
    moment = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=days_later)
    shift = layer.shift(moment)
    assert shift is not None
    assert shift.until is not None
    assert moment < shift.until
    assert who(layer, shift.until - timedelta(seconds=1)) == shift.person
    assert who(layer, shift.until) == shift.after


def test_hours_leave_the_rest_to_the_layers_behind() -> None:
    office = Window.model_validate(
        {"zone": "Europe/Berlin", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "until": "17:00"}
    )
    by_day = MONDAYS.model_copy(update={"hours": office})
    by_night = Layer(people=("eve",), start=date(2026, 1, 1))
    noon = [shift.person for shift in on_duty([by_day, by_night], ["chloe"], local("2026-03-03 12:00"))]
    assert noon == ["ana", "eve", "chloe"]
    assert [one.person for one in on_duty([by_day, by_night], (), local("2026-03-03 20:00"))] == ["eve"]
    shift = by_day.shift(local("2026-03-06 12:00"))
    assert shift is not None
    assert (shift.until, shift.after) == (local("2026-03-06 17:00"), "ben"), "on Monday the next turn has begun"


@pytest.mark.parametrize("written", ["17:00", "'17:00'", "17:00:00"])
def test_a_handoff_is_at_the_hour_that_is_written(written: str) -> None:
    layer = yaml.safe_load(f"{{people: [ana], start: 2026-03-02, handoff: {written}}}")
    assert LayerSettings.model_validate(layer).handoff == time(17)
