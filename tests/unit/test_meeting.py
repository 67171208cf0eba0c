"""When a meeting is to be, as people write it; and what calendars are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar, Event

from commands.domain.work import MeetingSet
from commands.errors import Malformed
from commands.meeting import wanted
from commands.people import Person
from commands.presentation.calendar import ics
from tests.unit.postmortems import PEOPLE, Happened, at, declared, story

NOW = datetime(2026, 3, 26, 14, 0, tzinfo=UTC)  # a Thursday, 15:00 in Berlin; summer time begins on Sunday


def when(text: str) -> tuple[str, int, list[str]]:
    found = wanted(text, now=NOW, zone="Europe/Berlin", find=_find)
    return (
        f"{found.at:%Y-%m-%d %H:%M}",
        int((found.length or timedelta()).total_seconds() // 60),
        [one.id for one in found.people],
    )


def _find(word: str) -> Person:
    return PEOPLE.find(word)


@pytest.mark.parametrize(
    ("text", "at", "minutes", "people"),
    [
        ("tomorrow 15:00", "2026-03-27 14:00", 0, []),
        ("16:30 45m @ana @ben @ana", "2026-03-26 15:30", 45, ["ana", "ben"]),
        ("9:00", "2026-03-27 08:00", 0, []),
        ("today 15:01 1h30m", "2026-03-26 14:01", 90, []),
        ("thursday 10:00", "2026-04-02 08:00", 0, []),
        ("mon 10:00 30min", "2026-03-30 08:00", 30, []),
        ("2026-03-29 10:00", "2026-03-29 08:00", 0, []),
        ("2026-03-29T10:00+00:00 2h", "2026-03-29 10:00", 120, []),
    ],
)
def test_it_is_read_in_the_zone_of_whoever_writes_it(text: str, at: str, minutes: int, people: list[str]) -> None:
    assert when(text) == (at, minutes, people)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "25:00", "someday 10:00", "today 14:00", "2027-01-01 10:00", "10:00 9h", "10:00 1m", "2026-13-01"],
)
def test_what_makes_no_sense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        when(text)
    assert refused.value.example == "/postmortem meeting tomorrow 15:00 45m @ana @ben"


def test_calendars_know_it_again_when_it_is_moved_and_cancelled() -> None:
    planned = MeetingSet(at=at(1440), minutes=45, people=("ana",))
    moved = planned.model_copy(update={"at": at(2880)})
    changes: tuple[Happened, ...] = ((1, "ana", planned), (2, "ana", moved))
    gone = (*changes, (3, "ana", moved.model_copy(update={"cancelled": True})))
    given = [_event(one) for one in (changes[:1], changes, gone)]
    assert {str(event["uid"]) for _, event in given} == {"incident-20261024-001-review@tocsin"}
    assert [event["sequence"] for _, event in given] == [0, 1, 2]
    assert [str(calendar["method"]) for calendar, _ in given] == ["PUBLISH", "PUBLISH", "CANCEL"]
    assert [str(event["status"]) for _, event in given] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    first = given[0][1]
    assert (first.start, first.end - first.start) == (at(1440), timedelta(minutes=45))
    assert str(first["summary"]) == "Postmortem review: SEV2 Chloé, \\; & co"
    assert "With Ana" in str(first["description"])


def _event(happened: tuple[Happened, ...]) -> tuple[Calendar, Event]:
    incident, _ = story(*happened, first=declared(title="Chloé, \\; & co"))
    assert incident.work.meeting is not None
    text = ics(incident, incident.work.meeting, PEOPLE, "https://tocsin.example")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    calendar = Calendar.from_ical(text)
    return calendar, calendar.events[0]
