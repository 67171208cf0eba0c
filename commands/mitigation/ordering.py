"""The order to carry a plan out: durable, and kept with the transaction that decides it."""

from __future__ import annotations

from datetime import timedelta

from commands.domain.plan import Plan
from commands.ports import Transaction

WORKFLOW = "carry-out"
#: What a program of before 2026-11 ordered; its plans may still wait, or be under way.
EARLIER = "mitigate"


def order(plan: Plan, tx: Transaction, *, delay: timedelta | None = None) -> None:
    """Once for a plan. What has to wait for its time takes its place in the target's queue only then."""
    partition = None if delay else plan.target.key
    tx.work.enqueue(WORKFLOW, key=plan.id, payload={"plan": plan.id}, partition=partition, delay=delay)


def order_again(plan_id: str, tx: Transaction) -> None:
    """Of one that stepped aside: behind what waits, and it steps aside no more."""
    tx.work.enqueue(WORKFLOW, key=f"{plan_id}:aside", payload={"plan": plan_id, "aside": True})
