"""`/reviews` and `/review`: what was changed without approval, looked at afterwards (mitigation.md, rule 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import NotFound
from commands.grammar.arguments import Rest, Word
from commands.handlers.common import Nothing
from commands.mitigation import glass
from commands.ports import Transaction
from commands.redaction import redact
from commands.registry import OPERATORS, READERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class ReviewArgs:
    """Arguments of `/review`."""

    plan: Annotated[str, Word("a plan's id")]
    words: Annotated[str, Rest("what you think of it")] = ""


def reviews(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What waits to be looked at."""
    waiting = glass.unreviewed(tx, call.person.id)
    if not waiting:
        return Reply(card("Nothing waits for a review", "Nothing was changed without approval."), private=True)
    shown = card(f"{len(waiting)} to review", *map(_line, waiting), tone=Tone.WARNING)
    footer = rich("Once you have looked: ", Code(text="/review PLAN what you think of it"))
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


def _line(plan: Plan) -> Rich:
    who, when = Who(person=plan.approver or plan.requester), When(at=plan.created_at, style="full")
    why = f" · without approval: {plan.broke_glass} · "
    return rich(strong(plan.summary), why, who, " · ", when, " · ", Code(text=plan.id))


def review(args: ReviewArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It was looked at."""
    plan = tx.plans.get(args.plan)
    if not tx.messages.may_read(plan.channel, call.person.id):
        raise NotFound(f"There is no plan {args.plan[:60]}.", example="/gw history")
    words = redact(args.words)
    glass.review(plan, words, call, tx)
    shown = card(f"Reviewed: {plan.summary}", rich(Who(person=call.person.id), f": {words}" if words else ""))
    if plan.channel != call.channel:
        tx.messages.post(plan.channel, shown, key=f"{call.delivery}:review")
    return Reply(shown, private=plan.channel != call.channel)


COMMANDS = (
    Command(
        path=("reviews",),
        args=Nothing,
        summary="Show what was changed without approval and nobody has looked at.",
        example="/reviews",
        decide=reviews,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("review",),
        args=ReviewArgs,
        summary="Say that you have looked at a change that was made without approval.",
        example="/review plan-20260301-1a2b3c4d it was right, the alternative was an outage",
        decide=review,
        access=OPERATORS,
    ),
)
