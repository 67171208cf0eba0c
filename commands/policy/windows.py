"""Windows of time: weekly hours, and dates from one to another, each in a named zone.

Weekly hours are those of the clock on the wall, so that an office opens at nine on both sides of a change to summer
time. A dated window begins at the earliest and ends at the latest moment that its words can mean: where the clock
shows an hour twice, or skips it, a freeze is never shorter than it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from commands.policy.people import Section


class Day(StrEnum):
    """Days of the week, in their order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_DAYS = tuple(Day)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?")
_WHOLE_DAY = 24 * 60


@cache
def _zones() -> frozenset[str]:
    """Looked for once: it takes a walk over many files."""
    return frozenset(available_timezones())


def known_zone(zone: str) -> str:
    """Raises ValueError for what is no time zone."""
    if zone not in _zones():
        raise ValueError(f"{zone!r} is no time zone; write it as Europe/Berlin or America/New_York")
    return zone


def _as_written(value: Any) -> Any:
    """A file's reader may have made a date of it."""
    return str(value) if isinstance(value, date | time) else value


Moment = Annotated[str, BeforeValidator(_as_written)]


class Window(Section):
    """With `days`: weekly, from one time of the day to another, perhaps past midnight. Without: between two dates.

    A date alone begins with that day, as `until` it ends with it.
    """

    zone: str
    days: tuple[Day, ...] = ()
    since: Moment = Field(alias="from")
    until: Moment

    _zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _makes_sense(self) -> Window:
        if self.days:
            if _minutes("from", self.since) == _minutes("until", self.until):
                raise ValueError(f"from and until are both {self.since}; whole days are from 00:00 until 24:00")
            if _minutes("from", self.since) == _WHOLE_DAY:
                raise ValueError("from is 24:00, where a day has ended; write 00:00")
        elif self._ends() <= self._begins():
            raise ValueError(f"it ends ({self.until}) before it begins ({self.since})")
        return self

    def covers(self, now: datetime) -> bool:
        """Whether a moment lies within it."""
        if not self.days:
            return self._begins() <= now < self._ends()
        local = now.astimezone(ZoneInfo(self.zone))
        today, before = _DAYS[local.weekday()] in self.days, _DAYS[local.weekday() - 1] in self.days
        minute, since, until = local.hour * 60 + local.minute, *self._hours()
        if since < until:
            return today and since <= minute < until
        return (today and minute >= since) or (before and minute < until)

    def over(self, now: datetime) -> datetime:
        """When the window that covers a moment ends, on the clock of its zone."""
        zone = ZoneInfo(self.zone)
        if not self.days:
            return self._ends().astimezone(zone)
        since, until = self._hours()
        local = now.astimezone(zone).replace(tzinfo=None)
        past_midnight = since > until and local.hour * 60 + local.minute >= since
        end = datetime.combine(local.date(), time()) + timedelta(days=past_midnight, minutes=until)
        for _ in Day:  # days that follow each other without a gap are one window
            if not self.covers(end.replace(tzinfo=zone)):
                break
            end += timedelta(days=1)
        return end.replace(tzinfo=zone)

    def words(self) -> str:
        """`mon, tue 09:00 to 17:30 (Europe/Berlin)`, or `2026-12-19 to 2027-01-06 (Europe/Berlin)`."""
        span = f"{self.since} to {self.until} ({self.zone})"
        return f"{', '.join(self.days)} {span}" if self.days else span

    def _hours(self) -> tuple[int, int]:
        return _minutes("from", self.since), _minutes("until", self.until)

    def _begins(self) -> datetime:
        at, _ = _moment("from", self.since)
        return self._instant(at, min)

    def _ends(self) -> datetime:
        at, whole_day = _moment("until", self.until)
        return self._instant(at + timedelta(days=1) if whole_day else at, max)

    def _instant(self, local: datetime, choose: Callable[[datetime, datetime], datetime]) -> datetime:
        """Of the two moments that an hour of the wall can be, where the clock is changed, the one to choose."""
        utc = ZoneInfo("UTC")
        first, second = (local.replace(tzinfo=ZoneInfo(self.zone), fold=fold).astimezone(utc) for fold in (0, 1))
        return choose(first, second)


def _minutes(key: str, text: str) -> int:
    if text == "24:00":
        return _WHOLE_DAY
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f'{key} is {text!r}; with days it is a time of the day, as "09:00"')
    return int(found[1]) * 60 + int(found[2])


def _moment(key: str, text: str) -> tuple[datetime, bool]:
    """A local time without a zone, and whether it was a date alone."""
    allowed = f"{key} is {text!r}; without days it is a date, as 2026-12-24 or 2026-12-24 18:00, in the zone above"
    if not _DATE.fullmatch(text):
        raise ValueError(allowed)
    try:
        return datetime.fromisoformat(text), len(text) == len("2026-12-24")
    except ValueError:
        raise ValueError(allowed) from None
