"""Errands: what other systems are yet to be told, each kept in the record until it is done, refused or ticked off."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class ErrandState(StrEnum):
    """Where the work is. What was refused is not tried again by itself."""

    PENDING = "pending"
    TRYING = "being tried"
    DONE = "done"
    REFUSED = "refused"
    BY_HAND = "done by hand"


#: Who rings people: a page must not wait for another.
PAGERS = frozenset({"PagerDuty", "Opsgenie"})


class Integration(_Value):
    """Another system that the settings name: what it is to people (`status page`), and its name there (`main`)."""

    kind: str
    name: str

    @property
    def label(self) -> str:
        """`status page main`, or the kind alone where there is only one of it."""
        return f"{self.kind} {self.name}".strip()


class Errand(_Value):
    """One thing that an integration is to be told.

    `subject` is our id of what it is about, `what` says it to people (`publish pub-1a2b3c4d`), `body` is what the
    runner needs (never a secret); `tries` so far, `words` of the last error, `next_at` for a next try.
    """

    id: int
    kind: str
    integration: str
    incident: str
    subject: str
    what: str
    body: dict[str, Any] = Field(default_factory=dict)
    state: ErrandState = ErrandState.PENDING
    tries: int = 0
    words: str = ""
    created_at: AwareDatetime
    next_at: AwareDatetime

    @property
    def lane(self) -> str:
        """What keeps its order: all of an incident, but pages, and what belongs to no incident, each for itself."""
        return self.subject if self.kind in PAGERS or not self.incident else self.incident

    @property
    def to(self) -> Integration:
        """Who is told."""
        return Integration(kind=self.kind, name=self.integration)
