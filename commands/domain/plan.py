"""A plan: what a mitigation will do, to what exactly, and how far it has come.

Plans live on the server (mitigation.md, rule 1). Its states and who may move it from one to the next:

    planned ──votes──> approved ──> locked ──> executing ──> verifying ──> done | failed
       │                   │           │            │
       ├──Veto────> vetoed <┴───────────┤            └──crash, lost answer─> failed | interrupted | unknown
       ├──Cancel─> cancelled            └ drifted, refused: failed
       └──too late> expired             done, or whatever took effect ──undo──> undone

The state says how the plan ended; `took_effect` says whether the target has changed because of it, and `verdict` what
the measurements said then: `baseline` before it, `measured` after it. A verdict of failed ends as failed, the others
as done.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.location import Location
from commands.domain.sli import Reading
from commands.people import Person
from commands.policy.question import Decision


class PlanState(StrEnum):
    """Where a plan is. Every plan ends in one of `FINAL`."""

    PLANNED = "planned"
    APPROVED = "approved"
    LOCKED = "locked"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    VETOED = "vetoed"
    EXPIRED = "expired"
    UNDONE = "undone"


FINAL = frozenset(
    {
        PlanState.DONE,
        PlanState.FAILED,
        PlanState.UNKNOWN,
        PlanState.INTERRUPTED,
        PlanState.CANCELLED,
        PlanState.VETOED,
        PlanState.EXPIRED,
        PlanState.UNDONE,
    }
)


#: Ended, and perhaps with the change made: what `/gw undo` may take back.
_TRIED = frozenset({PlanState.DONE, PlanState.FAILED, PlanState.UNKNOWN, PlanState.INTERRUPTED, PlanState.CANCELLED})
_UNSURE = frozenset({PlanState.UNKNOWN, PlanState.INTERRUPTED})

#: As far apart as the clocks of two replicas may be.
_CLOCKS_APART = timedelta(minutes=1)
VerdictValue = Literal["passed", "failed", "inconclusive"]


class Target(BaseModel):
    """What is acted on, by identity: a deployment that was replaced has another uid. Without a cluster, it is here."""

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    uid: str
    cluster: str = ""
    namespace: str = ""

    @property
    def key(self) -> str:
        """The name that locks and queues use."""
        return "/".join(part for part in (self.cluster, self.namespace, self.kind, self.name) if part)

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(self.cluster, self.namespace)


class Finding(BaseModel):
    """What a detector found: an owner, a running rollout, a budget. One that `stops` makes the plan a refusal."""

    model_config = ConfigDict(frozen=True)

    what: str
    instead: str = ""
    stops: bool = False


class Vote(BaseModel):
    """One person's yes to what they saw: `signed` is the plan's `content` then.

    A person is the same one on every platform, and has one vote.
    """

    model_config = ConfigDict(frozen=True)

    person: str
    at: AwareDatetime
    signed: str = ""


class Plan(BaseModel):
    """One mitigation, from the proposal to its end. Shapes: `arguments` and `fingerprint` are flat JSON.

    `needs` counts the people who must approve besides the one who asked; 0: a single Confirm decides. `named` is true
    once the target's name was typed, where that is asked for. `removes` is a share of ready capacity (0 to 1).
    `steps`: what is to be there after each step of a change that is made gradually, the last of them being `after`;
    `step` counts those that were made, `again` is the command that goes on from there, `left` what it has to do then,
    where it ended within a step. `rounds`: it takes many requests, and can be stopped between them. `lease`: how long
    the change lasts, where it is temporary; `ends_lease`: this plan ends the lease of the one that it `undoes`;
    `tries_again`: the plan that tried this first and was held up, whose message tells of all tries. `run_at`:
    not before then. `facts` are pairs of a label and its value, as the card shows them. `decision` is the policy's, as
    it binds this plan; `asked_as` and `approved_as` are the people as the policy knew them, `approved_on` the platform
    where the yes was said. `touches`: what it is about, where that is not the target itself.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    action: str
    summary: str
    arguments: dict[str, Any]
    target: Target
    fingerprint: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    undo: str
    facts: tuple[tuple[str, str], ...] = ()
    diff: str = ""
    findings: tuple[Finding, ...] = ()
    removes: float = 0.0
    klass: str = "mitigation"
    needs: int = 0
    broke_glass: str = ""
    run_at: AwareDatetime | None = None
    requester: str
    incident: str | None
    channel: str
    platform: str
    created_at: AwareDatetime
    approve_by: AwareDatetime
    execute_by: AwareDatetime
    undoes: str | None = None
    steps: tuple[dict[str, Any], ...] = ()
    step: int = 0
    rounds: bool = False
    again: str = ""
    left: int | None = None
    lease: timedelta | None = None
    ends_lease: bool = False
    tries_again: str | None = None
    state: PlanState = PlanState.PLANNED
    votes: tuple[Vote, ...] = ()
    named: bool = False
    touches: str = ""
    approver: str | None = None
    stopped_by: str | None = None
    reviewed_by: str | None = None
    baseline: Reading | None = None
    measured: Reading | None = None
    executor: str | None = None
    detail: str = ""
    history: tuple[str, ...] = ()
    took_effect: bool = False
    verdict: VerdictValue | None = None
    decision: Decision | None = None
    asked_as: Person | None = None
    approved_as: Person | None = None
    approved_on: str = ""

    @property
    def parts(self) -> int:
        """How many requests it takes."""
        return max(len(self.steps), 1)

    def part(self, number: int) -> Plan:
        """The plan of one step, from 0: what an action is asked to do, and to look for; its id is its request's."""
        if not self.steps:
            return self
        before = self.steps[number - 1] if number else self.before
        return self.model_copy(
            update={"id": f"{self.id}.{number + 1}", "before": before, "after": self.steps[number], "steps": ()}
        )

    @property
    def left_at(self) -> dict[str, Any]:
        """What it has left there, as far as it certainly came."""
        if not self.steps:
            return self.after
        return self.steps[self.step - 1] if self.step else self.before

    @property
    def left_behind(self) -> tuple[dict[str, Any], ...]:
        """All that may be there because of it: a step of which nobody has seen what came of it may have been made."""
        made = (self.left_at,) if self.step or not self.steps else ()
        return made + (self.steps[self.step : self.step + 1] if self.state in _UNSURE else ())

    @property
    def go_on(self) -> str:
        """The command that goes on from where it is, with what is left to do in it; none where nothing is."""
        left = self.left_at.get("left", "") if self.left is None else self.left
        return "" if left == 0 else self.again.replace("{left}", str(left))

    @property
    def can_be_stopped(self) -> bool:
        """Whether it is under way and there are steps that were not begun."""
        under_way = self.state in {PlanState.EXECUTING, PlanState.VERIFYING}
        begun = self.step + (self.state is PlanState.EXECUTING)
        asking = self.rounds and self.state is PlanState.EXECUTING
        return under_way and (asking or begun < len(self.steps)) and self.stopped_by is None

    @property
    def executed_at(self) -> datetime | None:
        """When its last request was sent, as its history says."""
        sent = [step for step in self.history if step.endswith(f" {PlanState.EXECUTING.value}")]
        return datetime.fromisoformat(sent[-1].split(" ")[0]) if sent else None

    @property
    def in_force(self) -> bool:
        """Whether the target is certainly as this plan has left it, as far as this plan's own story goes."""
        return self.state is PlanState.DONE or (self.took_effect and self.state in _TRIED)

    @property
    def unsure(self) -> bool:
        """Whether nobody has seen what came of it; only a look at the target tells."""
        return self.state in _UNSURE and not self.took_effect

    @property
    def can_be_undone(self) -> bool:
        """Whether an undo may still take it back."""
        return self.in_force or self.unsure

    @property
    def never_begun(self) -> bool:
        """Whether it ended before anything was asked of its target."""
        return self.state is PlanState.FAILED and self.executed_at is None

    @property
    def outcome(self) -> str:
        """The state as people are told it: what nobody could verify is not done, what never began has not failed."""
        if self.state is PlanState.DONE and self.verdict == "inconclusive":
            return "done, not verified"
        return "not done" if self.never_begun else self.state.value

    @property
    def told_in(self) -> str:
        """The plan whose message shows this one."""
        return self.tries_again or self.id

    def waits(self, now: datetime) -> bool:
        """Whether it was approved and its hour has not come: it holds nothing, and can be stopped."""
        return self.state is PlanState.APPROVED and self.run_at is not None and self.run_at > now

    @property
    def must_be_named(self) -> bool:
        """Whether somebody has still to type `must_type`: a dangerous plan is not confirmed by a slip."""
        return self.klass == "dangerous" and not self.named

    @property
    def must_type(self) -> str:
        """What is typed then: the name of what would be lost."""
        return self.touches or self.target.name

    @property
    def lacks(self) -> int:
        """How many people have still to approve, the one who asked not counted (rule 4)."""
        others = {vote.person for vote in self.votes} - {self.requester}
        return max(self.needs - len(others), 0)

    @property
    def result(self) -> str:
        """What came of it, in one line: what was found, and how the measurements went."""
        change = self.baseline.change_to(self.measured) if self.baseline and self.measured else ""
        return "; ".join(part for part in (self.detail, change) if part)

    def _content(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "arguments": self.arguments,
            "target": self.target.model_dump(),
            "fingerprint": self.fingerprint,
            "before": self.before,
            "after": self.after,
            "diff": self.diff,
            **({"steps": list(self.steps)} if self.steps else {}),
            **({"undoes": self.undoes, "ends_lease": self.ends_lease} if self.undoes else {}),
        }

    @property
    def content(self) -> str:
        """What an approver signs (rule 2): arguments, target, fingerprint and effect, and what it takes back."""
        return _hash(self._content())

    @property
    def digest(self) -> str:
        """The content with what the policy made of it, which a vote may make stricter; never the progress."""
        policy = {"needs": self.needs, "policy": self.decision.version if self.decision else ""}
        lease = {"lease": self.lease.total_seconds()} if self.lease else {}
        return _hash(self._content() | policy | lease)

    def is_from_later(self, now: datetime) -> bool:
        """Whether the clock has gone back behind its making, so that its own times say nothing."""
        return now < self.created_at - _CLOCKS_APART

    @property
    def is_what_was_approved(self) -> bool:
        """Whether all who said yes saw it as it is: nobody has written into the record since."""
        return all(vote.signed == self.content for vote in self.votes)


def _hash(signed: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest()
