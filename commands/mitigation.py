"""The decisions of a mitigation, one transaction each; the engine does the I/O between them.

Every function moves the plan by compare-and-swap, writes the audit and the timeline, and edits the one
message that shows the plan. A function that finds the plan elsewhere returns None and changes nothing:
somebody else, or an earlier life of this process, has been there.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from commands.actions.action import Proposal
from commands.actions.known import ACTIONS
from commands.charts import Chart
from commands.context import Call, Services
from commands.domain.incident import (
    ActionDecided,
    ActionFinished,
    ActionPlanned,
    ActionStarted,
    IncidentEvent,
)
from commands.domain.plan import Plan, PlanState, VerdictValue
from commands.domain.sli import Reading
from commands.drafting import order_draft
from commands.errors import Conflict
from commands.people import SYSTEM
from commands.ports import Transaction
from commands.presentation.incident import refresh
from commands.presentation.measured import Window, measured_chart
from commands.presentation.plan import plan_card, plan_card_key
from commands.registry import Reply

WORKFLOW, EXPIRY = "mitigate", "expire-plan"
#: How much of the time before a change its chart shows.
_LEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class Ending:
    """How a plan ends: from where to where, in what words, and what is known of its effect by then."""

    source: PlanState
    to: PlanState
    detail: str
    took_effect: bool = False
    verdict: VerdictValue | None = None


def propose(proposal: Proposal, call: Call, tx: Transaction) -> Reply:
    """Store the plan, start its clock, and show it with Confirm and Cancel."""
    plan = _plan(proposal, call, tx)
    _refuse_second(plan, tx)
    tx.plans.add(plan)
    tx.work.enqueue(EXPIRY, key=f"{plan.id}:expiry", payload={"plan": plan.id}, delay=plan.approve_by - tx.now)
    _tell_timeline(tx, plan, ActionPlanned(plan=plan.id, summary=plan.summary), call.person.id)
    return Reply(plan_card(plan, proposal.facts), key=plan_card_key(plan.id))


def _plan(proposal: Proposal, call: Call, tx: Transaction) -> Plan:
    limits, incident = call.services.limits, tx.incidents.in_channel(call.channel)
    return Plan(
        id=f"plan-{tx.now:%Y%m%d}-{secrets.token_hex(4)}",
        action=proposal.action,
        summary=proposal.summary,
        arguments=proposal.arguments,
        target=proposal.target,
        fingerprint=proposal.fingerprint,
        before=proposal.before,
        after=proposal.after,
        undo=proposal.undo,
        undoes=proposal.undoes,
        requester=call.person.id,
        incident=incident.id if incident else None,
        channel=call.channel,
        platform=call.platform,
        created_at=tx.now,
        approve_by=tx.now + timedelta(seconds=limits.approve_within_seconds),
        execute_by=tx.now + timedelta(seconds=limits.execute_within_seconds),
    )


def _refuse_second(plan: Plan, tx: Transaction) -> None:
    """While one change runs on a target, another would race it."""
    acting = {PlanState.APPROVED, PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}
    for other in tx.plans.recent(target=plan.target.key, limit=20):
        if other.state in acting:
            raise Conflict(
                f"{plan.target.name} is busy: {other.summary} is {other.state.value}.",
                hint=f"@{other.approver or other.requester} started it; wait for its result.",
            )


def confirm(plan_id: str, call: Call, tx: Transaction) -> None:
    """The click that decides. Raises Conflict when the plan is no longer waiting, or its time is over."""
    plan = tx.plans.get(plan_id)
    if tx.now >= plan.approve_by:
        raise Conflict("This plan ran out of time and was not run.", hint="Ask for it again to see how things are now.")
    _refuse_spent_undo(plan, tx)
    plan = tx.plans.move(plan_id, PlanState.PLANNED, PlanState.APPROVED, approver=call.person.id)
    tx.work.enqueue(WORKFLOW, key=plan.id, payload={"plan": plan.id}, partition=plan.target.key)
    _decided(tx, plan, "confirmed", call.person.id)


def _refuse_spent_undo(plan: Plan, tx: Transaction) -> None:
    """An undo takes back one change: not a change that was taken back before, nor one that another has followed."""
    if plan.undoes is None or plan.state is not PlanState.PLANNED:
        return
    undone = tx.plans.get(plan.undoes)
    if not undone.can_be_undone:
        raise Conflict(f"“{undone.summary}” was undone already.", example="/gw history")
    certain = [one for one in undoable(tx.plans.recent(target=plan.target.key, limit=50)) if one.in_force]
    newest = certain[0] if certain else undone
    if newest.created_at > undone.created_at:
        raise Conflict(f"“{newest.summary}” came after “{undone.summary}”.", example="/gw undo")


def undoable(plans: list[Plan]) -> list[Plan]:
    """The changes that an undo might take back, in the order given: those that can be, and are no undo themselves."""
    return [p for p in plans if p.can_be_undone and p.undoes is None and ACTIONS[p.action].inverse(p) is not None]


def cancel(plan_id: str, call: Call, tx: Transaction) -> None:
    """Nothing is done."""
    plan = tx.plans.move(plan_id, PlanState.PLANNED, PlanState.CANCELLED)
    _decided(tx, plan, "cancelled", call.person.id)


def expire(seen: Plan, tx: Transaction) -> None:
    """Its time is over. `seen` is the plan as it was a moment ago; one that was decided before is left alone.

    The message comes first, since a click takes its button before the plan: in the other order, a click at this very
    moment and the expiry would wait for each other.
    """
    if seen.state is not PlanState.PLANNED:
        return
    tx.messages.edit(plan_card_key(seen.id), plan_card(seen.model_copy(update={"state": PlanState.EXPIRED})))
    plan = tx.plans.get(seen.id)
    if plan.state is PlanState.PLANNED:
        _decided(tx, tx.plans.move(plan.id, PlanState.PLANNED, PlanState.EXPIRED), "expired", SYSTEM.id)
    else:
        tx.messages.edit(plan_card_key(plan.id), plan_card(plan))


def _decided(tx: Transaction, plan: Plan, decision: str, actor: str) -> None:
    detail = {"plan": plan.id, "digest": plan.digest, "summary": plan.summary}
    tx.audit.append(decision, actor=actor, subject=plan.target.key, detail=detail)
    event = ActionDecided.model_validate({"plan": plan.id, "summary": plan.summary, "decision": decision})
    _tell_timeline(tx, plan, event, actor)
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan))


_UNDER_WAY = {PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}


def lock(plan_id: str, services: Services, tx: Transaction) -> Plan | None:
    """Take the target for this plan, unless another holds it or the plan is too old to run."""
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.APPROVED:
        return plan if plan.state in _UNDER_WAY else None
    refused = _refused(plan, tx)
    if refused:
        _stop(tx, services, plan, PlanState.APPROVED, f"{refused}; nothing was changed")
        return None
    plan = tx.plans.move(plan.id, PlanState.APPROVED, PlanState.LOCKED)
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan))
    return plan


_TOO_LATE = "confirmed too long ago to run now"


def _refused(plan: Plan, tx: Transaction) -> str:
    if tx.now >= plan.execute_by:
        return _TOO_LATE
    holder = tx.plans.lock(plan.target.key, plan.id)
    return f"locked by “{tx.plans.get(holder).summary}”" if holder else ""


def drifted(plan_id: str, found: dict[str, Any], services: Services, tx: Transaction) -> None:
    """The target is not what was confirmed (rule 2): the confirmation is void."""
    plan = tx.plans.get(plan_id)
    changes = ", ".join(
        f"{key} was {plan.fingerprint.get(key)} and is {value}"
        for key, value in found.items()
        if plan.fingerprint.get(key) != value
    )
    _stop(
        tx,
        services,
        plan,
        PlanState.LOCKED,
        f"changed since it was planned ({changes}); nothing was changed. Ask again.",
    )


def give_up(plan_id: str, source: PlanState, why: str, services: Services, tx: Transaction) -> None:
    """It cannot be run; nothing was changed."""
    if tx.plans.get(plan_id).state is source:
        _stop(tx, services, tx.plans.get(plan_id), source, why)


def stumbled(plan_id: str, why: str, services: Services, tx: Transaction) -> None:
    """A fault in the middle: the plan ends with what is certain, and lets go of its target."""
    plan = tx.plans.get(plan_id)
    match plan.state:
        case PlanState.APPROVED | PlanState.LOCKED:
            _stop(tx, services, plan, plan.state, f"{why}; nothing was changed")
        case PlanState.EXECUTING:
            unsure = f"{why}; whether it happened is not known: look at it yourself"
            finish(plan.id, Ending(plan.state, PlanState.UNKNOWN, unsure), services, tx)
        case PlanState.VERIFYING:
            unsure = f"{plan.detail}; not verified: look at it yourself; {why}"
            finish(plan.id, Ending(plan.state, PlanState.DONE, unsure, verdict="inconclusive"), services, tx)
        case _:
            return


def _stop(tx: Transaction, services: Services, plan: Plan, source: PlanState, why: str) -> None:
    finish(plan.id, Ending(source, PlanState.FAILED, why), services, tx)


def begin(plan_id: str, executor: str, baseline: Reading, services: Services, tx: Transaction) -> Plan | None:
    """The intent, before the effect (rule 12). None: it was begun before, and must not run a second time.

    The clock is looked at again: between the lock and here, this process may have been dead for hours.
    """
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.LOCKED:
        return None
    if tx.now >= plan.execute_by:
        _stop(tx, services, plan, PlanState.LOCKED, f"{_TOO_LATE}; nothing was changed")
        return None
    plan = tx.plans.move(plan_id, PlanState.LOCKED, PlanState.EXECUTING, executor=executor, baseline=baseline)
    detail = {"plan": plan.id, "digest": plan.digest, "before": plan.before, "after": plan.after}
    tx.audit.append("intent", actor=plan.approver or plan.requester, subject=plan.target.key, detail=detail)
    _tell_timeline(tx, plan, ActionStarted(plan=plan.id, summary=plan.summary), plan.approver or plan.requester)
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan))
    return plan


def progress(plan_id: str, words: str, tx: Transaction) -> None:
    """Edit the one message; nothing else."""
    plan = tx.plans.get(plan_id)
    if plan.state in {PlanState.EXECUTING, PlanState.VERIFYING}:
        tx.messages.edit(plan_card_key(plan.id), plan_card(plan, progress=words))


def verifying(plan_id: str, found: str, tx: Transaction) -> Plan | None:
    """The effect was read back: it is there, whatever the measurements will say of it."""
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.EXECUTING:
        return plan if plan.state is PlanState.VERIFYING else None
    plan = tx.plans.move(plan_id, PlanState.EXECUTING, PlanState.VERIFYING, detail=found, took_effect=True)
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan, progress="Measuring error rate and latency …"))
    return plan


def finish(plan_id: str, ending: Ending, services: Services, tx: Transaction) -> None:
    """The end: the lock is let go, and the outcome is audited and told. A plan that has moved on is left alone."""
    plan = tx.plans.get(plan_id)
    if plan.state is not ending.source:
        return
    took_effect = plan.took_effect or ending.took_effect
    known = {"detail": ending.detail, "took_effect": took_effect, "verdict": ending.verdict}
    plan = tx.plans.move(plan_id, ending.source, ending.to, **known)
    tx.plans.unlock(plan.target.key, plan.id)
    if plan.undoes and took_effect:
        _mark_undone(plan.undoes, plan, tx)
    _tell_outcome(plan, services, tx)


def _mark_undone(plan_id: str, by: Plan, tx: Transaction) -> None:
    """Another undo may have been first: then there is nothing to mark, and that must not stop the end of this one."""
    plan = tx.plans.get(plan_id)
    if not plan.can_be_undone:
        return
    detail = "; ".join(part for part in (plan.detail, f"undone by {by.id}") if part)
    undone = tx.plans.move(plan_id, plan.state, PlanState.UNDONE, detail=detail)
    tx.messages.edit(plan_card_key(undone.id), plan_card(undone))


def _tell_outcome(plan: Plan, services: Services, tx: Transaction) -> None:
    outcome = {"plan": plan.id, "outcome": plan.outcome, "detail": plan.detail}
    tx.audit.append("outcome", actor=plan.approver or plan.requester, subject=plan.target.key, detail=outcome)
    event = ActionFinished(plan=plan.id, summary=plan.summary, outcome=plan.outcome, detail=plan.detail)
    _tell_timeline(tx, plan, event, SYSTEM.id)
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan, chart=_course(plan, services, tx)))
    if plan.incident:
        incident = tx.incidents.get(plan.incident)
        refresh(incident, tx.messages, services)
        if incident.resolved_at:  # the draft was written before this
            order_draft(incident, tx)


def _course(plan: Plan, services: Services, tx: Transaction) -> Chart | None:
    """How the service did before a change and since; only where there was one."""
    if plan.baseline is None or not plan.took_effect:
        return None
    window = Window(plan.target.name, plan.baseline.at - _LEAD, tx.now, services.zone)
    readings = tx.samples.between(window.service, window.since, window.until)
    return measured_chart(window, readings, (plan,), services.objectives)


def _tell_timeline(tx: Transaction, plan: Plan, event: IncidentEvent, actor: str) -> None:
    if plan.incident:
        tx.incidents.record(plan.incident, event, actor=actor)
