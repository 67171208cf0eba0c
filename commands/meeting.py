"""When a meeting is to be, as people write it: `tomorrow 15:00 45m @ana @ben`, in the zone of whoever writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from commands.errors import Malformed
from commands.people import Person

_EXAMPLE = "/postmortem meeting tomorrow 15:00 45m @ana @ben"
_LONGEST, _FURTHEST = timedelta(hours=8), timedelta(days=90)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d")
_LENGTH = re.compile(r"(?:(?P<hours>\d{1,2})h)?(?:(?P<minutes>\d{1,3})m(?:in)?)?")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\S+")


@dataclass(frozen=True)
class Wanted:
    """`at` is aware, in UTC; `length` None: not said."""

    at: datetime
    length: timedelta | None
    people: tuple[Person, ...]


def wanted(text: str, *, now: datetime, zone: str, find: Callable[[str], Person]) -> Wanted:
    """What somebody typed. Raises Malformed, NotFound."""
    local = now.astimezone(ZoneInfo(zone))
    day: date | None = None
    clock: time | None = None
    length: timedelta | None = None
    people: dict[str, Person] = {}
    for word in text.split():
        if word.startswith(("@", "<@")):
            person = find(word)
            people[person.id] = person
        elif _INSTANT.fullmatch(word):
            day, clock = _instant(word, zone)
        elif _CLOCK.fullmatch(word):
            clock = datetime.strptime(word, "%H:%M").time()  # noqa: DTZ007 - a time of day
        elif match := _length(word):
            length = match
        else:
            day = _day(word.casefold(), local.date())
    if clock is None:
        raise Malformed("At what time?", example=_EXAMPLE)
    at = _moment(day, clock, local, zone)
    _check(at, length, now)
    return Wanted(at.astimezone(now.tzinfo), length, tuple(people.values()))


def _moment(day: date | None, clock: time, local: datetime, zone: str) -> datetime:
    """Without a day: the next time that clocks show this."""
    at = datetime.combine(day or local.date(), clock, tzinfo=ZoneInfo(zone))
    if day is None and at <= local:
        at = datetime.combine(local.date() + timedelta(days=1), clock, tzinfo=ZoneInfo(zone))
    return at


def _instant(word: str, zone: str) -> tuple[date, time]:
    try:
        at = datetime.fromisoformat(word)
        local = at.astimezone(ZoneInfo(zone)) if at.tzinfo else at
    except (ValueError, OverflowError):
        raise _unreadable(word) from None
    return local.date(), local.time()


def _length(word: str) -> timedelta | None:
    match = _LENGTH.fullmatch(word)
    if match is None or not any(match.groups()):
        return None
    return timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))


def _day(word: str, today: date) -> date:
    if word in {"today", "tomorrow"}:
        return today + timedelta(days=word == "tomorrow")
    found = [number for number, name in enumerate(_DAYS) if len(word) >= 3 and name.startswith(word)]
    if found:
        return today + timedelta(days=(found[0] - today.weekday() - 1) % 7 + 1)
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise _unreadable(word) from None


def _unreadable(word: str) -> Malformed:
    return Malformed(
        f"“{word[:40]}” is no day, time, length or person.",
        hint="A day is",
        allowed=["today", "tomorrow", "monday", "2026-03-20"],
        example=_EXAMPLE,
    )


def _check(at: datetime, length: timedelta | None, now: datetime) -> None:
    if at <= now:
        raise Malformed("That time is over.", example=_EXAMPLE)
    if at - now > _FURTHEST:
        raise Malformed("That is more than 90 days away.", example=_EXAMPLE)
    if length is not None and not timedelta(minutes=5) <= length <= _LONGEST:
        raise Malformed("A meeting lasts from 5 minutes to 8 hours.", example=_EXAMPLE)
