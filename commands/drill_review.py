"""How a drill went, in points of 100: the same for the same events, each with its reason.

Half is about time, measured against the clocks of the severity (runbook 002, section 2.1) and of the scenario; half is
about what an incident is not to go without (runbook 002, sections 2.3 to 2.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from commands.domain.drill import Drill, DrillStopped, FaultChanged, Mark
from commands.domain.event import Paged, PublicTold
from commands.domain.incident import (
    Declared,
    Incident,
    Noted,
    NoteKind,
    Resolved,
    Role,
    RoleAssigned,
    Status,
    StatusChanged,
)
from commands.domain.severity import Severity
from commands.domain.sli import Reading
from commands.domain.timeline import Entry
from commands.domain.work import Outcome
from commands.people import SYSTEM
from commands.presentation.words import lasting

#: Whoever works for longer hands over.
LONG = timedelta(hours=1)
E = TypeVar("E")


@dataclass(frozen=True)
class Seen:
    """What a review is made from. `last`: the newest reading before the end, and whether it `met` the objectives."""

    incident: Incident
    entries: Sequence[Entry]
    severity: Severity
    last: Reading | None
    met: bool
    drafted: bool
    published: bool
    now: datetime

    @property
    def drill(self) -> Drill:
        """That it is."""
        assert self.incident.drill is not None
        return self.incident.drill

    def first(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> datetime | None:
        """When such a thing happened first, before it was over."""
        for entry in self.entries:
            if isinstance(entry.event, Resolved):
                return None
            if isinstance(entry.event, kind) and fits(entry.event):
                return entry.at
        return None


def marks_of(seen: Seen) -> tuple[Mark, ...]:
    """Eleven marks, of 100 points together."""
    answer, update = seen.severity.respond_within, seen.severity.update_every or seen.severity.respond_within
    drill = seen.drill
    return (
        _timely("Acknowledged", 15, seen, _acknowledged(seen), answer),
        _timely("Incident commander", 10, seen, seen.first(RoleAssigned, _commands), answer),
        _timely("First update", 10, seen, _updated(seen), update),
        _timely("Mitigated", 10, seen, _mitigated(seen), drill.mitigate_within),
        _timely("Resolved", 10, seen, _resolved(seen), drill.resolve_within),
        _roles(seen),
        _public(seen),
        _cause(seen),
        _handover(seen),
        _verified(seen),
        _postmortem(seen),
    )


def _timely(what: str, of: int, seen: Seen, at: datetime | None, within: timedelta) -> Mark:
    """All points in time, half of them in twice the time."""
    due = lasting(within)
    if at is None:
        return Mark(what=what, points=0, of=of, why=f"not done; due within {due}")
    took = max(at - seen.incident.declared_at, timedelta())
    said = f"after {lasting(took)}, due within {due}"
    if took <= within:
        return Mark(what=what, points=of, of=of, why=said)
    return Mark(what=what, points=of // 2 if took <= 2 * within else 0, of=of, why=f"{said}: late")


def _is_of_the_start(entry: Entry) -> bool:
    """Whoever declared it, whom that called, and who ends it do not work on it by that."""
    called = isinstance(entry.event, Paged) and entry.event.what != "answered"
    return called or isinstance(entry.event, Declared | DrillStopped)


def _acknowledged(seen: Seen) -> datetime | None:
    """A person did something in it."""
    first = next((one for one in seen.entries if one.actor != SYSTEM.id and not _is_of_the_start(one)), None)
    stopped = first is not None and isinstance(first.event, Resolved) and _stopped(seen)
    return first.at if first and not stopped else None


def _stopped(seen: Seen) -> bool:
    return any(isinstance(one.event, DrillStopped) for one in seen.entries)


def _commands(event: RoleAssigned) -> bool:
    return event.role is Role.COMMANDER


def _updated(seen: Seen) -> datetime | None:
    found = [seen.first(StatusChanged), seen.first(PublicTold)]
    return min((at for at in found if at), default=None)


def _mitigated(seen: Seen) -> datetime | None:
    """The right change ended the fault, or they went over to watching; not where the fault ended by itself before."""
    cured = seen.first(FaultChanged, lambda event: event.what == "ended")
    watched = seen.first(StatusChanged, lambda event: event.after is Status.MONITORING)
    found = min((at for at in (cured, watched) if at), default=None)
    by_itself = seen.drill.fault is not None and found is not None and cured is None and found > seen.drill.until
    return None if by_itself else found


def _resolved(seen: Seen) -> datetime | None:
    return None if _stopped(seen) else seen.incident.resolved_at


def _roles(seen: Seen) -> Mark:
    others = [role for role in Role if role is not Role.COMMANDER]
    held = {one.event.role for one in seen.entries if isinstance(one.event, RoleAssigned)}
    taken = [role for role in others if role in held]
    missing = " or ".join(role.full_name.lower() for role in others if role not in taken)
    why = f"nobody was {missing}" if missing else "technical and communications lead were there"
    return Mark(what="Roles", points=5 * len(taken), of=10, why=why)


def _public(seen: Seen) -> Mark:
    if seen.published:
        return Mark(what="Status page", points=10, of=10, why="an update was drafted and approved")
    if seen.drafted:
        return Mark(what="Status page", points=5, of=10, why="an update was drafted, nobody approved it")
    return Mark(what="Status page", points=0, of=10, why="no update was drafted")


def _cause(seen: Seen) -> Mark:
    noted = seen.first(Noted, lambda event: event.marked is NoteKind.CAUSE)
    found = noted or seen.incident.work.of(Outcome.CONFIRMED)
    return Mark(what="Cause", points=5 if found else 0, of=5, why="written down" if found else "nobody wrote it down")


def _handover(seen: Seen) -> Mark:
    lasted = seen.incident.duration(seen.now)
    if lasted <= LONG:
        return Mark(what="Handover", points=5, of=5, why=f"not needed in {lasting(lasted)}")
    done = seen.first(RoleAssigned, lambda event: event.how == "handover")
    why = "done" if done else f"nobody handed over in {lasting(lasted)}"
    return Mark(what="Handover", points=5 if done else 0, of=5, why=why)


def _verified(seen: Seen) -> Mark:
    what, of = "Resolution verified", 10
    if _resolved(seen) is None:
        return Mark(what=what, points=0, of=of, why="it was not resolved")
    if seen.drill.fault is None:
        watched = seen.first(StatusChanged, lambda event: event.after is Status.MONITORING)
        why = "it was watched before" if watched else "it was not watched before"
        return Mark(what=what, points=of if watched else 0, of=of, why=why)
    words = seen.last.words() if seen.last else "nothing was measured at its end"
    return Mark(what=what, points=of if seen.met else 0, of=of, why=words)


def _postmortem(seen: Seen) -> Mark:
    kinds = {NoteKind.ACTION, NoteKind.LESSON}
    noted = any(isinstance(one.event, Noted) and one.event.marked in kinds for one in seen.entries)
    has = noted or bool(seen.incident.work.tasks)
    why = "there is something to do or to learn in it" if has else "nobody noted what is to be done or learnt"
    return Mark(what="Postmortem", points=5 if has else 2, of=5, why=why)
