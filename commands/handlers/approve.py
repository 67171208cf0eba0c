"""`/approve` and `/deny`: the buttons of a plan, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Tone, card
from commands.context import Call
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict, NotFound
from commands.grammar.arguments import Word
from commands.mitigation import deciding
from commands.ports import Transaction
from commands.registry import RESPONDERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class ApproveArgs:
    """Arguments of `/approve`."""

    plan: Annotated[str, Word("a plan's id; where only one waits in the channel you can leave it out")] = ""
    target: Annotated[str, Word("the name of its target, where it is dangerous")] = ""


@dataclass(frozen=True)
class DenyArgs:
    """Arguments of `/deny`."""

    plan: Annotated[str, Word("a plan's id; where only one waits in the channel you can leave it out")] = ""


def approve(args: ApproveArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Say yes to a plan."""
    plan = _meant(args.plan, call, tx, {PlanState.PLANNED})
    plan = deciding.approve(plan.id, args.target, call, tx)
    return Reply(_approved(plan), private=True)


def deny(args: DenyArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Stop a plan that is not dispatched yet, or before its next step; one's own is cancelled, another's vetoed."""
    plan = _meant(args.plan, call, tx, {PlanState.PLANNED, PlanState.APPROVED})
    if plan.can_be_stopped:
        deciding.stop(plan.id, call, tx)
        made = f"{plan.step} of {len(plan.steps)} steps are made; the one under way is the last."
        asked = "What was asked for already goes on; nothing more is asked for."
        return Reply(card(f"Stopped: {plan.summary}", asked if plan.rounds else made), private=True)
    mine = plan.requester == call.person.id
    (deciding.cancel if mine else deciding.veto)(plan.id, call, tx)
    return Reply(card(f"{'Cancelled' if mine else 'Vetoed'}: {plan.summary}", tone=Tone.NEUTRAL), private=True)


def _meant(plan_id: str, call: Call, tx: Transaction, states: set[PlanState]) -> Plan:
    if plan_id:
        plan = tx.plans.get(plan_id)
        if not tx.messages.may_read(plan.channel, call.person.id):
            raise NotFound(f"There is no plan {plan_id[:60]}.", example="/gw history")  # as of one that is not there
        return plan
    waiting = [plan for plan in tx.plans.waiting(channel=call.channel) if plan.state in states]
    if not waiting:
        raise NotFound("No plan waits here.", hint="There may be one elsewhere.", example="/plans")
    if len(waiting) > 1:
        which = {plan.id: plan.summary for plan in waiting[:6]}
        raise Conflict(f"{len(waiting)} plans wait here.", hint="Say which:", allowed=which)
    return waiting[0]


def _approved(plan: Plan) -> Card:
    if plan.state is PlanState.APPROVED:
        return card(f"Approved: {plan.summary}", "It runs now." if plan.run_at is None else "It runs at its hour.")
    lacking = [f"{plan.lacks} more to approve it"] if plan.lacks else []
    naming = [f"somebody to type /approve {plan.id} {plan.must_type}"] if plan.must_be_named else []
    return card(f"Your word counts: {plan.summary}", f"It still needs {' and '.join(lacking + naming)}.")


COMMANDS = (
    Command(
        path=("approve",),
        args=ApproveArgs,
        summary="Approve a plan that waits, as its button does.",
        example="/approve plan-20260301-1a2b3c4d",
        decide=approve,
        klass=ActionClass.RECORD,
        access=RESPONDERS,
    ),
    Command(
        path=("deny",),
        args=DenyArgs,
        summary="Stop a plan: before it runs, or before its next step.",
        example="/deny plan-20260301-1a2b3c4d",
        decide=deny,
        klass=ActionClass.RECORD,
        access=RESPONDERS,
    ),
)
