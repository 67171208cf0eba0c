"""A lease: a change that is temporary, until when, and what became of it (mitigation.md, rule 8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

#: How long before the end people are told of it; of a short lease, a quarter.
_NOTICE = timedelta(minutes=5)


class LeaseState(StrEnum):
    """Where a lease is. `kept`: it should have ended, and the change is still there or may be; people look."""

    RUNNING = "running"
    ENDING = "ending"
    REVERTED = "reverted"
    KEPT = "kept"
    VOID = "void"


#: What `/leases` lists: the change is there, or may be.
STANDING = frozenset({LeaseState.RUNNING, LeaseState.ENDING, LeaseState.KEPT})
#: From where a person may renew it, or have it end now.
HELD = frozenset({LeaseState.RUNNING, LeaseState.KEPT})


class Lease(BaseModel):
    """The lease of one plan. `term` counts its renewals: a timer of an earlier term does nothing.

    `revert` is the plan that takes the change back, `ended_by` who had it end early, `why` what was found at its end.
    """

    model_config = ConfigDict(frozen=True)

    plan: str
    target: str
    until: AwareDatetime
    term: int = 1
    state: LeaseState = LeaseState.RUNNING
    revert: str | None = None
    ended_by: str | None = None
    why: str = ""

    def notice_at(self, since: datetime) -> datetime:
        """When people are told that it will end."""
        return self.until - min(_NOTICE, (self.until - since) / 4)
