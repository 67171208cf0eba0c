"""What a policy is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from commands.domain.incident import Incident
from commands.people import Person
from commands.policy.document import MUTATIONS, Bound
from commands.policy.people import People


@dataclass(frozen=True)
class Recent:
    """Something that was done lately: to what, by which command, and how much ready capacity it took away."""

    target: str
    service: str
    command: tuple[str, ...]
    at: datetime
    removed_percent: float = 0.0


@dataclass(frozen=True)
class Question:
    """Who asks what, where and when. What is not known is empty: a target that nobody has looked at yet.

    `target` is what locks and cooldowns go by; `recent` what was done lately, this itself not among it;
    `removes_percent` the share of ready capacity that this would take away.
    """

    command: tuple[str, ...]
    klass: str
    person: Person
    incident: Incident | None
    now: datetime
    platform: str = ""
    channel: str = ""
    service: str = ""
    cluster: str = ""
    namespace: str = ""
    target: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    removes_percent: float = 0.0

    @property
    def name(self) -> str:
        """`/gw scale`."""
        return "/" + " ".join(self.command)

    @property
    def changes_something(self) -> bool:
        """Whether it is a mutation, which needs a rule that allows it."""
        return self.klass in MUTATIONS

    def removed_within(self, span: timedelta) -> float:
        """Percent of the service's ready capacity that was taken away lately, over all commands."""
        since = self.now - span
        return sum(one.removed_percent for one in self.recent if one.service == self.service and one.at > since)


class Decision(BaseModel):
    """Whether, by which rule, and under which bounds. It stands by itself: a plan keeps it.

    `approvals`: so many people besides the one who asks; each of them is in every one of `approvers`. `klass` is how
    the command is to be treated, never less than it declares.
    """

    model_config = ConfigDict(frozen=True)

    allowed: bool
    rule: str = ""
    reason: str = ""
    hint: str = ""
    klass: str = "mitigation"
    approvals: int = 0
    approvers: tuple[People, ...] = ()
    limits: dict[str, Bound] = {}
    lease: timedelta | None = None
    version: str = ""

    def may_approve(self, person: Person, incident: Incident | None, *, requester: str) -> bool:
        """Whether somebody's yes counts: never that of the one who asked (mitigation.md, rule 4)."""
        return person.id != requester and all(one.covers(person, incident) for one in self.approvers)

    def approver_words(self) -> str:
        """Who may approve, as a sentence says it."""
        return "; and also one of: ".join(one.words() for one in self.approvers)


@dataclass(frozen=True)
class Step:
    """What a rule said to a question."""

    rule: str
    effect: Literal["allow", "deny"]
    outcome: Literal["decides", "does not fit", "not reached"]
    why: str


@dataclass(frozen=True)
class Explanation:
    """The decision, with what each rule said."""

    decision: Decision
    steps: tuple[Step, ...]
