"""The key moments of an incident, from the record or as somebody corrected them, and the times between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from commands.domain.alert import Heard
from commands.domain.event import Paged
from commands.domain.incident import Declared, Incident, Resolved, Status, StatusChanged
from commands.domain.moments import KeyMoment, MomentSet
from commands.domain.sli import Objectives
from commands.domain.timeline import Entry
from commands.impact import Slice
from commands.people import SYSTEM


@dataclass(frozen=True)
class Stood:
    """When it was, how that is known, and by whose word where a person said so (a person's id)."""

    at: datetime
    how: str
    by: str = ""


@dataclass(frozen=True)
class KeyMoments:
    """Those that are known."""

    known: Mapping[KeyMoment, Stood]

    def at(self, moment: KeyMoment) -> datetime | None:
        """When it was, where that is known."""
        stood = self.known.get(moment)
        return stood.at if stood else None

    @property
    def disorder(self) -> str:
        """`detected is before began`, where two of them contradict each other."""
        ordered = [moment for moment in KeyMoment if moment in self.known]
        wrong = (pair for pair in pairwise(ordered) if self.known[pair[0]].at > self.known[pair[1]].at)
        first, second = next(wrong, (None, None))
        return f"{second} is before {first}" if first else ""

    @property
    def spans(self) -> tuple[Span, ...]:
        """The four times by which responses are compared."""
        return tuple(Span(*span, _between(self.at(span[2]), self.at(span[3]))) for span in _SPANS)


@dataclass(frozen=True)
class Span:
    """A time between two moments; None where one is not known, or they are out of order."""

    short: str
    name: str
    first: KeyMoment
    last: KeyMoment
    took: timedelta | None


_SPANS = (
    ("TTD", "time to detect", KeyMoment.BEGAN, KeyMoment.DETECTED),
    ("TTA", "time to acknowledge", KeyMoment.DETECTED, KeyMoment.ACKNOWLEDGED),
    ("TTM", "time to mitigate", KeyMoment.BEGAN, KeyMoment.MITIGATED),
    ("TTR", "time to resolve", KeyMoment.BEGAN, KeyMoment.RESOLVED),
)


def _between(first: datetime | None, last: datetime | None) -> timedelta | None:
    return last - first if first and last and last >= first else None


@dataclass(frozen=True)
class Evidence:
    """What the moments are taken from. `breach`: the first bad reading of those that led to the declaration."""

    incident: Incident
    entries: Sequence[Entry]
    slices: Sequence[Slice]
    breach: Slice | None
    heard: Heard | None
    objectives: Objectives


def key_moments(found: Evidence) -> KeyMoments:
    """The same from the same record, whoever asks; what somebody set stands before what was found."""
    derived = {
        KeyMoment.BEGAN: _began(found),
        KeyMoment.DETECTED: _detected(found),
        KeyMoment.ACKNOWLEDGED: _acknowledged(found),
        KeyMoment.MITIGATED: _mitigated(found),
        KeyMoment.RESOLVED: _resolved(found),
    }
    stood = derived | _set_by_people(found.entries)
    return KeyMoments({moment: one for moment in KeyMoment if (one := stood[moment] or derived[moment])})


def _set_by_people(entries: Sequence[Entry]) -> dict[KeyMoment, Stood | None]:
    said: dict[KeyMoment, Stood | None] = {}
    for entry in entries:
        if isinstance(entry.event, MomentSet):
            at = entry.event.at
            said[entry.event.moment] = Stood(at, "set", by=entry.actor) if at else None
    return said


def _began(found: Evidence) -> Stood | None:
    if found.breach:
        return Stood(found.breach.begin, "the first bad reading of those that led to the declaration")
    return Stood(found.heard.began_at, "the first alert says so") if found.heard else None


def _detected(found: Evidence) -> Stood:
    incident, heard = found.incident, found.heard
    if heard and heard.at < incident.declared_at:
        return Stood(heard.at, "the first alert came")
    how = {"watch": "declared from measurements", "alerts": "declared from alerts"}
    if incident.source in how:
        return Stood(incident.declared_at, how[incident.source])
    return Stood(incident.declared_at, "declared", by=incident.declared_by)


def _acknowledged(found: Evidence) -> Stood | None:
    """A person did something in it; whoever declares is at work on it."""
    automatic = found.incident.source != "person"
    for entry in sorted(found.entries, key=lambda one: one.position):
        if isinstance(entry.event, Paged) and entry.event.what == "answered":
            return Stood(entry.at, "the page was answered", by=next(iter(entry.event.people), entry.event.name))
        if entry.actor != SYSTEM.id and not (automatic and isinstance(entry.event, Declared)):
            return Stood(entry.at, "first worked on", by=entry.actor)
    return None


def _mitigated(found: Evidence) -> Stood | None:
    """It was measured that it stopped; else somebody went over to watching it."""
    end = found.incident.resolved_at
    inside = [one for one in found.slices if found.breach is None or one.end > found.breach.begin]
    bad = [one for one in inside if found.objectives.breached(one.reading)]
    last = bad[-1].end if bad else None
    if last and any(one.end > last and found.objectives.met(one.reading) for one in inside):
        return Stood(last, "the last bad reading")
    watched = [
        entry
        for entry in found.entries
        if isinstance(entry.event, StatusChanged) and entry.event.after is Status.MONITORING
        if entry.event.before is not Status.MONITORING and (end is None or entry.at <= end)
    ]
    return Stood(watched[-1].at, "the status became monitoring", by=watched[-1].actor) if watched else None


def _resolved(found: Evidence) -> Stood | None:
    if not found.incident.resolved_at:
        return None
    ends = [entry for entry in found.entries if isinstance(entry.event, Resolved)]
    return Stood(found.incident.resolved_at, "resolved", by=ends[-1].actor if ends else "")
