"""An incident: the events that happened to it, and the state that they add up to.

The state is never written by itself: `evolve(state, event)` is the one way it changes, so that a
projection can be rebuilt from the events at any time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from commands.domain.event import ActionLeased, Event, EvidenceKept
from commands.domain.severity import Scheme
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
    def title(self) -> str:  # type: ignore[override]
        """The role's full name."""
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
    """The incident begins. `source`: a person's command, or the watch that measured a breach."""

    type: Literal["declared"] = "declared"
    incident: str
    severity: str
    title: str
    service: str
    private: bool = False
    declared_by: str
    channel: str
    platform: str
    source: Literal["person", "watch"] = "person"


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


class HandoverOffered(Event):
    type: Literal["handover_offered"] = "handover_offered"
    offer: str
    roles: tuple[Role, ...]
    outgoing: str
    incoming: str | None = None


class HandoverAnswered(Event):
    type: Literal["handover_answered"] = "handover_answered"
    offer: str
    accepted: bool
    person: str


class ActionPlanned(Event):
    type: Literal["action_planned"] = "action_planned"
    plan: str
    summary: str


class ActionDecided(Event):
    """A plan was confirmed or approved, vetoed, cancelled, or ran out of time."""

    type: Literal["action_decided"] = "action_decided"
    plan: str
    summary: str
    decision: Literal["confirmed", "approved", "vetoed", "cancelled", "expired", "stopped", "undone"]


class ActionStarted(Event):
    type: Literal["action_started"] = "action_started"
    plan: str
    summary: str


class ActionFinished(Event):
    """The end of a mitigation: its outcome, what was read back and what the SLIs did."""

    type: Literal["action_finished"] = "action_finished"
    plan: str
    summary: str
    outcome: str
    detail: str


class Measured(Event):
    """A reading that matters to the story (a breach seen, a recovery seen)."""

    type: Literal["measured"] = "measured"
    text: str


class Captured(Event):
    """Somebody put a message of a conversation on the timeline.

    `source` is the message's id at its platform, `at` its own time. `author` is the person who wrote it; who is nobody
    here (another bot) has only a name.
    """

    type: Literal["captured"] = "captured"
    source: str
    at: AwareDatetime
    text: str
    author: str | None = None
    author_name: str = ""
    permalink: str = ""
    files: tuple[str, ...] = ()


class CaptureChanged(Event):
    """A message on the timeline was edited: it reads so from now on."""

    type: Literal["capture_changed"] = "capture_changed"
    source: str
    text: str
    files: tuple[str, ...] = ()


class CaptureRemoved(Event):
    """A message is on the timeline no more; these events still tell what it said."""

    type: Literal["capture_removed"] = "capture_removed"
    source: str
    how: Literal["taken_off", "deleted"] = "taken_off"


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
    | HandoverOffered
    | HandoverAnswered
    | ActionPlanned
    | ActionDecided
    | ActionStarted
    | ActionFinished
    | ActionLeased
    | EvidenceKept
    | Measured
    | Captured
    | CaptureChanged
    | CaptureRemoved,
    Field(discriminator="type"),
]


class Offer(BaseModel):
    """A handover that waits for an answer. `incoming` None: anybody who may hold the roles."""

    model_config = ConfigDict(frozen=True)

    id: str
    roles: tuple[Role, ...]
    outgoing: str
    incoming: str | None


class Incident(BaseModel):
    """The state of one incident. Times are aware, in UTC."""

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
    status: Status = Status.INVESTIGATING
    roles: dict[Role, str] = {}
    responders: tuple[str, ...] = ()
    updated_at: AwareDatetime
    resolved_at: AwareDatetime | None = None
    links: tuple[Linked, ...] = ()
    offer: Offer | None = None
    captured: tuple[str, ...] = ()
    version: int = 1

    def holder(self, role: Role) -> str | None:
        """Who holds a role, by person id."""
        return self.roles.get(role)

    def held_by(self, person: str) -> tuple[Role, ...]:
        """The roles that somebody holds."""
        return tuple(role for role in Role if self.roles.get(role) == person)

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
    people = () if event.source == "watch" else (event.declared_by,)
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
        responders=people,
        updated_at=at,
    )


def evolve(incident: Incident, event: IncidentEvent, *, actor: str, at: datetime) -> Incident:
    """The state after one more event."""
    changes: dict[str, object] = {"version": incident.version + 1}
    if actor not in incident.responders and actor != SYSTEM.id:
        changes["responders"] = (*incident.responders, actor)
    return incident.model_copy(update=changes | _changes(incident, event, at))


def _changes(incident: Incident, event: IncidentEvent, at: datetime) -> dict[str, object]:
    match event:
        case StatusChanged(after=after):
            return {"status": after, "updated_at": at}
        case SeverityChanged(after=level):
            return {"severity": level, "updated_at": at}
        case RoleAssigned(role=role, person=person):
            return _with_roles(incident, {**incident.roles, role: person})
        case RoleReleased(role=role):
            return _with_roles(incident, {held: who for held, who in incident.roles.items() if held != role})
        case Linked():
            return {"links": (*incident.links, event)}
        case Resolved():
            return {"status": Status.RESOLVED, "resolved_at": at, "updated_at": at, "offer": None}
        case Reopened():
            return {"status": Status.INVESTIGATING, "resolved_at": None, "updated_at": at}
        case HandoverOffered(offer=offer, roles=roles, outgoing=outgoing, incoming=incoming):
            return {"offer": Offer(id=offer, roles=roles, outgoing=outgoing, incoming=incoming)}
        case HandoverAnswered():
            return {"offer": None}
        case _:
            return _captures(incident, event)


def _captures(incident: Incident, event: IncidentEvent) -> dict[str, object]:
    match event:
        case Captured(source=source):
            return {"captured": (*incident.captured, source)}
        case CaptureRemoved(source=source):
            return {"captured": tuple(one for one in incident.captured if one != source)}
        case _:
            return {}


def _with_roles(incident: Incident, roles: dict[Role, str]) -> dict[str, object]:
    """A handover of roles that the outgoing person no longer holds is void."""
    return {"roles": roles, "offer": incident.model_copy(update={"roles": roles}).standing_offer}
