"""`/plans` and `/locks`: what waits for people or for its hour, and what is being changed now."""

from __future__ import annotations

from datetime import timedelta

from commands.cards import Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.plan import Plan, PlanState
from commands.handlers.common import Nothing
from commands.ports import Held, Transaction
from commands.presentation.words import counted, lasting
from commands.registry import READERS, ActionClass, Command, Reply


def plans(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Plans that can still be stopped."""
    seen = [plan for plan in tx.plans.waiting() if tx.messages.may_read(plan.channel, call.person.id)]
    if not seen:
        return Reply(
            card("No plan waits", rich("What changes something shows its plan first: ", Code(text="/gw scale 10"))),
            private=True,
        )
    footer = rich("Yes: ", Code(text="/approve PLAN"), " · no: ", Code(text="/deny PLAN"))
    shown = card(f"{counted(len(seen), 'plan')} waiting", *map(_line, seen))
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


def _line(plan: Plan) -> Rich:
    """What it would do first; its id last, for whoever types it."""
    asked = rich(" · asked by ", Who(person=plan.requester), " · ", Code(text=plan.id))
    return (*rich(strong(plan.summary), " · waits for "), *_waits_for(plan), *asked)


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
        shown = card(f"{len(held)} locked", *(_held(one, call, tx) for one in held), tone=Tone.INFO)
    if freeze:
        words = rich(
            "All changes are frozen by ",
            Who(person=freeze.by),
            f": {freeze.reason}. ",
            Code(text="/tocsin thaw"),
            " ends it.",
        )
        shown = shown.model_copy(update={"paragraphs": (words, *shown.paragraphs), "tone": Tone.WARNING})
    return Reply(shown, private=True)


def _held(held: Held, call: Call, tx: Transaction) -> Rich:
    plan = tx.plans.get(held.plan)
    seen = tx.messages.may_read(plan.channel, call.person.id)
    who = rich(f"{plan.summary}, ", Who(person=plan.approver or plan.requester)) if seen else rich("a private incident")
    left = lasting(max(plan.execute_by - tx.now, timedelta(0)))
    times = rich(" · since ", When(at=held.taken_at), " · until ", When(at=plan.execute_by), f" at most ({left})")
    return (*rich(strong(plan.target.name), " · "), *who, *times)


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
