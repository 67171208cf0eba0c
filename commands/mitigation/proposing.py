"""A command becomes a plan that waits for people."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from commands import policed
from commands.actions.action import Action, Options, Proposal, planned
from commands.context import Call
from commands.domain.event import ActionPlanned
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict, Malformed
from commands.locating import placed, summed_up, taken_back
from commands.mitigation import leasing
from commands.mitigation.switch import refuse_frozen
from commands.mitigation.telling import tell_timeline
from commands.ports import Transaction
from commands.presentation.plan import plan_card, plan_card_key
from commands.presentation.words import lasting
from commands.registry import RESPONDERS, Command, Reply

EXPIRY = "expire-plan"
_LATEST = timedelta(days=7)
_RUNNING = {PlanState.APPROVED, PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}


def command_of(action: Action[Any]) -> Command:
    """The command that plans an action."""

    async def gather(args: Any, call: Call) -> Proposal:
        return await planned(action, args, call)

    return Command(
        path=action.path,
        args=action.args,
        summary=action.summary,
        example=action.example,
        gather=gather,
        decide=propose,
        klass=action.klass,
        access=RESPONDERS,
        needs=action.needs,
        instead=action.instead,
    )


def propose(_args: object, call: Call, tx: Transaction, proposal: Proposal) -> Reply:
    """Store the plan, start its clock, and show it to who decides."""
    plan = leasing.bounded(
        policed.planned(_plan(proposal, call, tx), call, tx), call.services, typed=leasing.was_typed(proposal)
    )
    refuse_frozen(plan, tx)
    _refuse_second(plan, tx)
    tx.plans.add(plan)
    tx.work.enqueue(EXPIRY, key=f"{plan.id}:expiry", payload={"plan": plan.id}, delay=plan.approve_by - tx.now)
    tell_timeline(tx, plan, ActionPlanned(plan=plan.id, summary=plan.summary), call.person.id)
    return Reply(plan_card(plan), key=plan_card_key(plan.id))


def _plan(proposal: Proposal, call: Call, tx: Transaction) -> Plan:
    limits, incident, preview = call.services.limits, tx.incidents.in_channel(call.channel), proposal.preview
    run_at = _run_at(proposal.options, tx.now)
    where, plan_id = placed(proposal.target, call.services), f"plan-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    return Plan(
        id=plan_id,
        action=proposal.action,
        klass=proposal.klass.value,
        summary=summed_up(preview.summary, proposal.target, call.services),
        arguments=proposal.arguments,
        target=proposal.target,
        fingerprint=proposal.fingerprint,
        before=preview.before,
        after=preview.after,
        undo=taken_back(preview.undo, preview.back, plan_id, proposal.target, call.services),
        facts=preview.facts,
        diff=preview.diff,
        findings=proposal.findings,
        removes=preview.removes,
        steps=preview.steps,
        rounds=preview.rounds,
        again=" ".join(filter(None, (preview.again, proposal.target.location.options if where else ""))),
        touches=preview.touches,
        undoes=proposal.undoes,
        lease=leasing.asked_for(proposal, call.services),
        broke_glass=proposal.options.why,
        run_at=run_at,
        requester=call.person.id,
        incident=incident.id if incident else None,
        channel=call.channel,
        platform=call.platform,
        created_at=tx.now,
        approve_by=tx.now + timedelta(seconds=limits.approve_within_seconds),
        execute_by=(run_at or tx.now) + timedelta(seconds=limits.execute_within_seconds),
    )


def _run_at(options: Options, now: datetime) -> datetime | None:
    if options.at and options.wait:
        raise Malformed("--at and --in say the same thing; give one of them.", example="/gw scale 10 --in 20m")
    run_at = options.at or (now + options.wait if options.wait else None)
    if run_at is None:
        return None
    if run_at <= now:
        raise Malformed(
            f"{run_at:%H:%M} UTC was {lasting(now - run_at)} ago.", hint="A plan runs later, or at once without --at."
        )
    if run_at > now + _LATEST:
        raise Malformed(f"That is in {lasting(run_at - now)}.", hint=f"A plan waits for at most {lasting(_LATEST)}.")
    return run_at


def _refuse_second(plan: Plan, tx: Transaction) -> None:
    """While one change runs on a target, another would race it (rule 11). One that waits for its hour holds nothing."""
    for other in tx.plans.recent(target=plan.target.key, limit=20):
        if other.state in _RUNNING and not other.waits(tx.now):
            raise Conflict(
                f"{plan.target.name} is busy: {other.summary} is {other.state.value}.",
                hint="started it; wait for its result.",
                who=other.approver or other.requester,
                example="/locks",
            )
