"""The order in which an expiry takes what a click takes too: the message's buttons, then the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from commands.cards import Card
from commands.domain.plan import Plan, PlanState, Target
from commands.mitigation import deciding
from commands.ports import Transaction
from tests.fakes import START

WAITING = Plan(
    id="plan-1", action="scale", summary="Scale gateway up from 3 to 7 workers", arguments={}, fingerprint={},
    target=Target(kind="gateway", name="gateway", uid="u"), before={"replicas": 3}, after={"replicas": 7}, undo="",
    requester="ana", incident=None, channel="general", platform="console", created_at=START,
    approve_by=START + timedelta(minutes=5), execute_by=START + timedelta(minutes=15),
)  # fmt: skip


@dataclass
class Locks:
    """A record that remembers in which order it was asked, and a click that may have been first."""

    plan: Plan
    taken: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def get(self, plan_id: str) -> Plan:
        assert plan_id == self.plan.id
        self.taken.append("plan")
        return self.plan

    def move(self, plan_id: str, source: PlanState, to: PlanState, **changes: Any) -> Plan:
        assert self.plan.state is source
        self.plan = self.plan.model_copy(update=changes | {"state": to})
        return self.plan

    def edit(self, key: str, card: Card) -> None:
        assert key == "plan-1:card"
        self.taken.append("message")
        self.shown.append(card.title)

    def append(self, kind: str, **_: Any) -> None:
        assert kind == "expired"

    def transaction(self) -> Transaction:
        return cast(Transaction, SimpleNamespace(plans=self, messages=self, audit=self, now=START))


def test_an_expiry_takes_the_buttons_before_the_plan() -> None:
    locks = Locks(WAITING)
    deciding.expire(WAITING, locks.transaction())
    assert locks.taken[:2] == ["message", "plan"]
    assert locks.plan.state is PlanState.EXPIRED


def test_a_click_that_was_first_keeps_its_message() -> None:
    locks = Locks(WAITING.model_copy(update={"state": PlanState.APPROVED}))
    deciding.expire(WAITING, locks.transaction())
    assert (locks.plan.state, locks.shown[-1]) == (PlanState.APPROVED, f"Confirmed: {WAITING.summary}")


@pytest.mark.parametrize("state", [PlanState.DONE, PlanState.CANCELLED])
def test_what_was_decided_long_before_is_not_touched(state: PlanState) -> None:
    locks = Locks(WAITING.model_copy(update={"state": state}))
    deciding.expire(locks.plan, locks.transaction())
    assert locks.taken == []
