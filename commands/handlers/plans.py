"""`/plans` and `/locks`: what waits for people or for its hour, and what is being changed now."""

from __future__ import annotations

from datetime import timedelta

from commands.cards import Card, Code, Rich, Table, Tone, When, Who, card, rich
from commands.context import Call
from commands.domain.plan import Plan, PlanState
from commands.handlers.common import Nothing
from commands.ports import Held, Transaction
from commands.presentation.words import lasting
from commands.registry import READERS, ActionClass, Command, Reply


def plans(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Plans that can still be stopped."""
    seen = [plan for plan in tx.plans.waiting() if tx.messages.may_read(plan.channel, call.person.id)]
    if not seen:
        return Reply(card("No plan waits", "A mitigation shows its plan first: try /gw scale 10."), private=True)
    table = Table(columns=("Plan", "What", "Waits for", "Asked by"), rows=tuple(_row(plan) for plan in seen))
    footer = rich("/approve <plan> · /deny <plan>")
    return Reply(Card(title=f"{len(seen)} waiting", table=table, footer=footer), private=True)


def _row(plan: Plan) -> tuple[Rich, ...]:
    return rich(Code(text=plan.id)), rich(plan.summary), _waits_for(plan), rich(Who(person=plan.requester))


def _waits_for(plan: Plan) -> Rich:
    if plan.state is PlanState.APPROVED and plan.run_at:
        return rich("its hour, ", When(at=plan.run_at, style="full"))
    if plan.must_be_named:
        return rich("the name of its target, before ", When(at=plan.approve_by))
    return rich("an approval, before " if plan.needs else "Confirm, before ", When(at=plan.approve_by))


def locks(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Who holds what, and for how long still (rule 11)."""
    held = tx.plans.held()
    freeze = tx.freezes.current()
    if not held:
        shown = card("Nothing is locked", "No change runs now.")
    else:
        columns = ("Target", "Held by", "Since", "At most until")
        shown = Card(
            title=f"{len(held)} locked",
            tone=Tone.INFO,
            table=Table(columns=columns, rows=tuple(_held(one, call, tx) for one in held)),
        )
    if freeze:
        words = rich("All changes are frozen by ", Who(person=freeze.by), f": {freeze.reason}. /tocsin thaw ends it.")
        shown = shown.model_copy(update={"paragraphs": (words, *shown.paragraphs), "tone": Tone.WARNING})
    return Reply(shown, private=True)


def _held(held: Held, call: Call, tx: Transaction) -> tuple[Rich, ...]:
    plan = tx.plans.get(held.plan)
    seen = tx.messages.may_read(plan.channel, call.person.id)
    who = rich(f"{plan.summary}, ", Who(person=plan.approver or plan.requester)) if seen else rich("a private incident")
    left = lasting(max(plan.execute_by - tx.now, timedelta(0)))
    return rich(held.target), who, rich(When(at=held.taken_at)), rich(When(at=plan.execute_by), f" ({left})")


COMMANDS = (
    Command(
        path=("plans",),
        args=Nothing,
        summary="Show the plans that wait for people, or for their hour.",
        example="/plans",
        decide=plans,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("locks",),
        args=Nothing,
        summary="Show what is being changed now, and by whom.",
        example="/locks",
        decide=locks,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
