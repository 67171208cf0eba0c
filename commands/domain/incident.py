"""An incident: the events that happened to it, and the state that they add up to.

The state is never written by itself: `evolve(state, event)` is the one way it changes, so that a
projection can be rebuilt from the events at any time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from commands.domain.drill import Drill, DrillEvent, FaultChanged
from commands.domain.event import (
    ActionDecided,
    ActionFinished,
    ActionLeased,
    ActionPlanned,
    ActionStarted,
    Alerted,
    Captured,
    CaptureEvent,
    CaptureRemoved,
    Event,
    EvidenceKept,
    Paged,
    PublicTold,
    WorldEvent,
)
from commands.domain.moments import MomentSet
from commands.domain.severity import Scheme
from commands.domain.work import Work, WorkEvent, worked
from commands.people import SYSTEM


class Status(StrEnum):
    """How far an incident is: the four of the status page (runbook 002), then what follows."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether responders are still at work."""
        return self in _OPEN


_OPEN = {Status.INVESTIGATING, Status.IDENTIFIED, Status.MONITORING}


class Role(StrEnum):
    """Runbook 002, section 2.3. Each is held by one person at a time."""

    COMMANDER = "ic"
    TECH = "tech"
    COMMS = "comms"

    @property
    def full_name(self) -> str:
        """`Incident commander`."""
        return _TITLES[self]


_TITLES = {
    Role.COMMANDER: "Incident commander",
    Role.TECH: "Technical lead",
    Role.COMMS: "Communications lead",
}


class NoteKind(StrEnum):
    """What a note is for the postmortem."""

    NOTE = "note"
    CAUSE = "cause"
    RESOLUTION = "resolution"
    IMPACT = "impact"
    DECISION = "decision"
    ACTION = "action"
    LESSON = "lesson"


class Declared(Event):
    """The incident begins. `source`: a person, the watch that measured a breach, or alerts and their rules.

    `drill`: nothing is really wrong; it is practised.
    """

    type: Literal["declared"] = "declared"
    incident: str
    severity: str
    title: str
    service: str
    private: bool = False
    declared_by: str
    channel: str
    platform: str
    source: Literal["person", "watch", "alerts"] = "person"
    drill: Drill | None = None


class StatusChanged(Event):
    """A new status, or an update that keeps it (`before` equals `after`)."""

    type: Literal["status_changed"] = "status_changed"
    before: Status
    after: Status
    note: str = ""


class SeverityChanged(Event):
    type: Literal["severity_changed"] = "severity_changed"
    before: str
    after: str
    reason: str = ""


class RoleAssigned(Event):
    type: Literal["role_assigned"] = "role_assigned"
    role: Role
    person: str
    previous: str | None = None
    how: Literal["assigned", "claimed", "handover"] = "assigned"


class RoleReleased(Event):
    type: Literal["role_released"] = "role_released"
    role: Role
    person: str


class Noted(Event):
    """`happened_at`: when what it tells of happened, where that was not when it was written."""

    type: Literal["noted"] = "noted"
    text: str
    marked: NoteKind = NoteKind.NOTE
    happened_at: AwareDatetime | None = None


class Linked(Event):
    type: Literal["linked"] = "linked"
    url: str
    label: str = ""


class Resolved(Event):
    type: Literal["resolved"] = "resolved"
    summary: str = ""


class Reopened(Event):
    type: Literal["reopened"] = "reopened"
    reason: str = ""


class Merged(Event):
    """It is the same as another incident: it is closed, and work goes on there."""

    type: Literal["merged"] = "merged"
    into: str
    channel: str
    title: str


class HandoverOffered(Event):
    type: Literal["handover_offered"] = "handover_offered"
    offer: str
    roles: tuple[Role, ...]
    outgoing: str
    incoming: str | None = None
    words: str = ""


class HandoverAnswered(Event):
    type: Literal["handover_answered"] = "handover_answered"
    offer: str
    accepted: bool
    person: str


class Measured(Event):
    """A reading that matters to the story (a breach seen, a recovery seen)."""

    type: Literal["measured"] = "measured"
    text: str


IncidentEvent = Annotated[
    Declared
    | StatusChanged
    | SeverityChanged
    | RoleAssigned
    | RoleReleased
    | Noted
    | Linked
    | Resolved
    | Reopened
    | Merged
    | HandoverOffered
    | HandoverAnswered
    | ActionPlanned
    | ActionDecided
    | ActionStarted
    | ActionFinished
    | ActionLeased
    | EvidenceKept
    | Measured
    | Alerted
    | CaptureEvent
    | PublicTold
    | MomentSet
    | Paged
    | WorldEvent
    | DrillEvent
    | WorkEvent,
    Field(discriminator="type"),
]


class Offer(BaseModel):
    """A handover that waits for an answer, since `at`. `incoming` None: anybody who may hold the roles."""

    model_config = ConfigDict(frozen=True)

    id: str
    roles: tuple[Role, ...]
    outgoing: str
    incoming: str | None
    at: AwareDatetime | None = None
    words: str = ""


class Incident(BaseModel):
    """The state of one incident. Times are aware, in UTC. `role_changed`: when each role was last taken or left."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    severity: str
    service: str
    private: bool
    channel: str
    platform: str
    declared_by: str
    declared_at: AwareDatetime
    source: str = "person"
    drill: Drill | None = None
    status: Status = Status.INVESTIGATING
    roles: dict[Role, str] = {}
    role_changed: dict[Role, AwareDatetime] = {}
    reopened_at: AwareDatetime | None = None
    severity_changed: AwareDatetime | None = None
    responders: tuple[str, ...] = ()
    updated_at: AwareDatetime
    resolved_at: AwareDatetime | None = None
    links: tuple[Linked, ...] = ()
    offer: Offer | None = None
    captured: tuple[str, ...] = ()
    work: Work = Work()
    merged: Merged | None = None
    version: int = 1

    def holder(self, role: Role) -> str | None:
        """Who holds a role, by person id."""
        return self.roles.get(role)

    def held_by(self, person: str) -> tuple[Role, ...]:
        """The roles that somebody holds."""
        return tuple(role for role in Role if self.roles.get(role) == person)

    @property
    def opened_at(self) -> datetime:
        """When its clocks began: it was declared, or opened again."""
        return self.reopened_at or self.declared_at

    @property
    def severity_since(self) -> datetime:
        """Since when it is as bad as it is."""
        return max(self.opened_at, self.severity_changed or self.opened_at)

    @property
    def standing_offer(self) -> Offer | None:
        """The handover that waits for an answer: one of roles that its giver no longer holds does not."""
        offer = self.offer
        return offer if offer and any(self.roles.get(role) == offer.outgoing for role in offer.roles) else None

    def next_update_due(self, scheme: Scheme) -> datetime | None:
        """When the next update is due, or None where nothing is owed."""
        every = scheme.get(self.severity).update_every
        return self.updated_at + every if every and self.status.is_open else None

    def duration(self, now: datetime) -> timedelta:
        """How long it has lasted, to its resolution or until now."""
        return (self.resolved_at or now) - self.declared_at


def begin(event: Declared, at: datetime) -> Incident:
    """The state after the first event."""
    people = () if event.source != "person" else (event.declared_by,)
    return Incident(
        id=event.incident,
        title=event.title,
        severity=event.severity,
        service=event.service,
        private=event.private,
        channel=event.channel,
        platform=event.platform,
        declared_by=event.declared_by,
        declared_at=at,
        source=event.source,
        drill=event.drill,
        responders=people,
        updated_at=at,
    )


def evolve(incident: Incident, event: IncidentEvent, *, actor: str, at: datetime) -> Incident:
    """The state after one more event."""
    changes: dict[str, object] = {"version": incident.version + 1}
    if actor not in incident.responders and actor != SYSTEM.id:
        changes["responders"] = (*incident.responders, actor)
    if isinstance(event, WorkEvent):
        return incident.model_copy(update=changes | {"work": worked(incident.work, event, actor=actor, at=at)})
    return incident.model_copy(update=changes | _changes(incident, event, at))


def _changes(incident: Incident, event: IncidentEvent, at: datetime) -> dict[str, object]:  # noqa: C901 - a line an event
    match event:
        case StatusChanged(after=after):
            return {"status": after, "updated_at": at}
        case SeverityChanged(after=level):
            return {"severity": level, "severity_changed": at, "updated_at": at}
        case RoleAssigned(role=role, person=person):
            return _with_roles(incident, {**incident.roles, role: person}, role, at)
        case RoleReleased(role=role):
            return _with_roles(incident, {one: who for one, who in incident.roles.items() if one != role}, role, at)
        case Linked():
            return {"links": (*incident.links, event)}
        case Resolved():
            return {"status": Status.RESOLVED, "resolved_at": at, "updated_at": at, "offer": None}
        case Reopened():
            opened = {"reopened_at": at, "merged": None}
            return {"status": Status.INVESTIGATING, "resolved_at": None, "updated_at": at, **opened}
        case HandoverOffered(offer=offer, roles=roles, outgoing=by, incoming=to, words=words):
            return {"offer": Offer(id=offer, roles=roles, outgoing=by, incoming=to, at=at, words=words)}
        case HandoverAnswered():
            return {"offer": None}
        case Merged():
            return {"status": Status.CLOSED, "resolved_at": at, "updated_at": at, "offer": None, "merged": event}
        case _:
            return _around(incident, event, at)


def _around(incident: Incident, event: IncidentEvent, at: datetime) -> dict[str, object]:
    """What is said beside the responders' own words: to the public, which is an update too, and in conversations."""
    match event:
        case PublicTold(what="published"):
            return {"updated_at": at}
        case Captured(source=source):
            return {"captured": (*incident.captured, source)}
        case CaptureRemoved(source=source):
            return {"captured": tuple(one for one in incident.captured if one != source)}
        case FaultChanged(what="ended") if incident.drill:
            return {"drill": incident.drill.model_copy(update={"until": min(at, incident.drill.until)})}
        case _:
            return {}


def _with_roles(incident: Incident, roles: dict[Role, str], changed: Role, at: datetime) -> dict[str, object]:
    """A handover of roles that the outgoing person no longer holds is void."""
    offer = incident.model_copy(update={"roles": roles}).standing_offer
    return {"roles": roles, "role_changed": {**incident.role_changed, changed: at}, "offer": offer}
