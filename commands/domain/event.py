"""What an event is, and what happens around a mitigation: before it is made, and while it lasts."""

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


class ActionLeased(Event):
    """A temporary change: its lease began, was renewed or given up, could not be ended, or is void."""

    type: Literal["action_leased"] = "action_leased"
    plan: str
    summary: str
    what: Literal["begun", "renewed", "ended early", "made to stay", "kept", "void"]
    until: AwareDatetime
    why: str = ""
