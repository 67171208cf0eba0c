"""What an event is, what happens around a mitigation (before it is made, while it lasts), and what alerts do."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Event(BaseModel):
    """Something that happened to an incident; it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EvidenceKept(Event):
    """What was there before a mitigation was captured; its hash is in the audit too."""

    type: Literal["evidence_kept"] = "evidence_kept"
    plan: str
    summary: str
    sha256: str
    missing: tuple[str, ...] = ()


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


class ActionLeased(Event):
    """A temporary change: its lease began, was renewed or given up, could not be ended, or is void."""

    type: Literal["action_leased"] = "action_leased"
    plan: str
    summary: str
    what: Literal["begun", "renewed", "ended early", "made to stay", "kept", "void"]
    until: AwareDatetime
    why: str = ""


class Alerted(Event):
    """What alerts of other systems did: so many different ones in all, of which so many fire."""

    type: Literal["alerted"] = "alerted"
    alerts: int
    firing: int
    what: str = ""


class Paged(Event):
    """Somebody was called, answered, or did not. `name` is of somebody whom only the pager knows.

    `drill`: nobody was really called.
    """

    type: Literal["paged"] = "paged"
    page: str
    what: Literal["called", "called next", "answered", "unanswered"]
    people: tuple[str, ...] = ()
    title: str = ""
    why: str = ""
    name: str = ""
    drill: bool = False


class PublicTold(Event):
    """The public was told something, or what it was told was corrected or taken back. `drill`: it was not really."""

    type: Literal["public_told"] = "public_told"
    update: str
    what: Literal["published", "corrected", "retracted"]
    status: str
    text: str
    why: str = ""
    drill: bool = False


class StakeholdersTold(Event):
    """Somebody told stakeholders something, in one of the two forms; `text` is empty where it was the facts.

    `drill`: nobody was told; it is what they would have been told.
    """

    type: Literal["stakeholders_told"] = "stakeholders_told"
    places: tuple[str, ...]
    form: str
    text: str = ""
    drill: bool = False


class TicketChanged(Event):
    """A ticket was made for the incident (`made`), or something became of it in its own system."""

    type: Literal["ticket_changed"] = "ticket_changed"
    system: str
    ticket: str
    what: str
    by: str = ""


WorldEvent = StakeholdersTold | TicketChanged


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


CaptureEvent = Captured | CaptureChanged | CaptureRemoved
