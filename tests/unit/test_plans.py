"""What a plan says of itself: who has still to say yes, what they signed, and that it moves once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.store import schema
from bot.store.plans import SqlPlans
from commands.domain.plan import Plan, PlanState, Target, Vote
from commands.errors import Conflict
from tests.fakes import START

PLAN = Plan(
    id="plan-1", action="scale", summary="Scale gateway up from 3 to 7 workers", arguments={"replicas": 7},
    fingerprint={"uid": "u", "replicas": 3}, target=Target(kind="gateway", name="gateway", uid="u"),
    before={"replicas": 3}, after={"replicas": 7}, undo="", diff="- 3\n+ 7", needs=2, requester="ana", incident=None,
    channel="general", platform="console", created_at=START, approve_by=START + timedelta(minutes=5),
    execute_by=START + timedelta(minutes=15),
)  # fmt: skip


def by(*people: str) -> Plan:
    votes = tuple(Vote(person=one, at=START, signed=PLAN.content) for one in people)
    return PLAN.model_copy(update={"votes": votes})


def test_a_person_counts_once_and_who_asked_does_not_count() -> None:
    assert by().lacks == 2
    assert by("ben").lacks == 1
    assert by("ben", "ben").lacks == 1
    assert by("ben", "ana").lacks == 1
    assert by("ben", "dora").lacks == 0
    assert by("ben", "dora", "root").lacks == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "restart"},
        {"arguments": {"replicas": 20}},
        {"target": PLAN.target.model_copy(update={"uid": "another"})},
        {"target": PLAN.target.model_copy(update={"cluster": "production"})},
        {"fingerprint": {"uid": "u", "replicas": 4}},
        {"before": {"replicas": 4}},
        {"after": {"replicas": 20}},
        {"diff": "- 3\n+ 20"},
        {"steps": ({"replicas": 5}, {"replicas": 20})},
    ],
)
def test_what_was_signed_is_all_that_a_yes_was_for(changed: dict[str, object]) -> None:
    signed = by("ben", "dora")
    assert signed.is_what_was_approved
    assert not signed.model_copy(update=changed).is_what_was_approved


def test_it_moves_from_where_it_is_and_only_once() -> None:
    engine = sa.create_engine("sqlite://")
    schema.plans.create(engine)
    with engine.begin() as connection:
        plans = SqlPlans(connection, START)
        plans.add(PLAN)
        plans.move(PLAN.id, PlanState.PLANNED, PlanState.APPROVED)
        for to in (PlanState.APPROVED, PlanState.VETOED):
            with pytest.raises(Conflict, match="This plan is approved already"):
                plans.move(PLAN.id, PlanState.PLANNED, to)
        assert plans.get(PLAN.id).state is PlanState.APPROVED
    engine.dispose()
