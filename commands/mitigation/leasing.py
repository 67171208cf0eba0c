"""Leases: a temporary change ends by itself, is renewed, or is taken back early (mitigation.md, rule 8).

A lease is a row with a term. Its two timers carry the term, so one that was set before a renewal does nothing. The end
is a plan of its own, which undoes the change: it runs through the engine as any other, and refuses when somebody
changed the target since.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from commands import policed
from commands.actions.action import Leasable, Proposal, planned_on
from commands.actions.known import ACTIONS
from commands.cards import Card, Tone, card
from commands.context import Call, Services
from commands.domain.event import ActionLeased
from commands.domain.lease import HELD, Lease, LeaseState
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict, Malformed, NotFound
from commands.locating import summed_up, taken_back
from commands.mitigation.following import follower
from commands.mitigation.ordering import order
from commands.mitigation.telling import course, show, tell_timeline
from commands.people import SYSTEM
from commands.ports import Transaction, Urgency
from commands.presentation.lease import kept_card, notice_card, notice_key, settled_card
from commands.presentation.plan import plan_card, plan_card_key
from commands.presentation.words import lasting

#: The workflows: people are told, the change is taken back, and a target that ends it by itself is told to wait.
NOTICE, END, PROLONG = "lease-notice", "lease-end", "lease-prolong"
#: How often, and how far apart, the end is tried while the target does not answer.
TRIES, TRY_AGAIN = 20, timedelta(seconds=30)


# ------------------------------------------------------------ asked for, and begun


def was_typed(proposal: Proposal) -> bool:
    """Whether somebody said how long it is to last."""
    return isinstance(proposal.options, Leasable) and proposal.options.lasts is not None


def asked_for(proposal: Proposal, services: Services) -> timedelta | None:
    """How long the change is to last: what was typed, else what is usual for what is always temporary."""
    action, options = ACTIONS[proposal.action], proposal.options
    if proposal.undoes or not isinstance(options, Leasable):
        return None
    if options.lasts is not None and options.lasts <= timedelta(0):
        raise Malformed("A change lasts longer than nothing.", example=f"{action.example} --for 30m")
    usual = timedelta(seconds=services.limits.lease_seconds) if action.temporary else None
    return options.lasts or usual


def bounded(plan: Plan, services: Services, *, typed: bool) -> Plan:
    """The plan with a lease that the policy allows. What was typed is refused if it is too long, never shortened."""
    if plan.lease is None:
        return plan
    bound = _bound(plan.decision.lease if plan.decision else None, services)
    if typed:
        _refuse_longer(plan.lease, bound, plan)
    return plan.model_copy(update={"lease": min(plan.lease, bound)})


def _bound(by_rule: timedelta | None, services: Services) -> timedelta:
    return by_rule or timedelta(seconds=services.limits.longest_lease_seconds)


def _refuse_longer(span: timedelta, bound: timedelta, plan: Plan) -> None:
    if span > bound:
        rule = f" The rule {plan.decision.rule} says so." if plan.decision and plan.decision.lease else ""
        raise Malformed(
            f"{lasting(span)} is too long: such a change lasts {lasting(bound)} at most.{rule}",
            hint="It can be renewed before it ends.",
        )


def begin(plan: Plan, tx: Transaction) -> None:
    """The change was made, or may have been: from now on it has an end."""
    unsure = plan.unsure and plan.state is PlanState.UNKNOWN
    if plan.lease is None or not (plan.in_force or unsure):
        return
    lease = Lease(plan=plan.id, target=plan.target.key, until=tx.now + plan.lease)
    tx.leases.add(lease)
    _set_timers(lease, tx)
    _tell(plan, lease, "begun", SYSTEM.id, tx)


def _set_timers(lease: Lease, tx: Transaction) -> None:
    work, term = {"plan": lease.plan, "term": lease.term}, f"{lease.plan}:lease:{lease.term}"
    tx.work.enqueue(NOTICE, key=f"{term}:notice", payload=work, delay=lease.notice_at(tx.now) - tx.now)
    tx.work.enqueue(END, key=f"{term}:end", payload=work | {"try": 1}, delay=lease.until - tx.now)


def _tell(plan: Plan, lease: Lease, what: str, actor: str, tx: Transaction) -> None:
    """Into the audit and onto the timeline."""
    detail = {"plan": plan.id, "until": lease.until.isoformat(), "term": lease.term, "why": lease.why}
    tx.audit.append(f"lease {what}", actor=actor, subject=plan.target.key, detail=detail)
    told = {"plan": plan.id, "summary": plan.summary, "what": what, "until": lease.until, "why": lease.why}
    tell_timeline(tx, plan, ActionLeased.model_validate(told), actor)


# ------------------------------------------------------------ people: renew it, end it now


def held(plan_id: str, call: Call, tx: Transaction) -> tuple[Plan, Lease]:
    """The lease of a plan that may be renewed or ended. Raises NotFound, Conflict."""
    plan = tx.plans.get(plan_id)
    if not tx.messages.may_read(plan.channel, call.person.id):
        raise NotFound(f"There is no plan {plan_id[:60]}.", example="/gw history")  # as of one that is not there
    lease = tx.leases.find(plan_id)
    if lease is None:
        raise Conflict(f"“{plan.summary}” is not temporary.", example="/leases")
    if lease.state not in HELD:
        gone = "is being taken back already" if lease.state is LeaseState.ENDING else "is over"
        raise Conflict(f"The lease of “{plan.summary}” {gone}.", example="/leases")
    return plan, lease


def renew(plan_id: str, span: timedelta | None, call: Call, tx: Transaction) -> tuple[Plan, Lease]:
    """It lasts so long from now on; without a span, as long as it was planned for. Raises Refusal."""
    plan, lease = held(plan_id, call, tx)
    bound = _bound(policed.may_renew(plan, call, tx), call.services)
    if span is not None:
        if span <= timedelta(0):
            raise Malformed("A change lasts longer than nothing.", example=f"/lease renew {plan.id} 30m")
        _refuse_longer(span, bound, plan)
    until = tx.now + min(span or plan.lease or bound, bound)
    _settle(lease, settled_card(plan, "Renewed", call.person.id, until), tx)
    lease = tx.leases.move(lease, LeaseState.RUNNING, **_anew(lease), until=until, ended_by=None)
    _set_timers(lease, tx)
    if ACTIONS[plan.action].ends_there:
        work = {"plan": plan.id, "term": lease.term}
        tx.work.enqueue(PROLONG, key=f"{plan.id}:lease:{lease.term}:prolong", payload=work)
    _tell(plan, lease, "renewed", call.person.id, tx)
    show(plan, tx, chart=course(plan, call.services, tx))
    return plan, lease


def _anew(lease: Lease) -> dict[str, Any]:
    """Somebody decided: the timers that were set and the tries that were made count no more."""
    return {"term": lease.term + 1, "revert": None, "why": ""}


def end_now(plan_id: str, call: Call, tx: Transaction) -> Plan:
    """Have it taken back at once. Raises Refusal."""
    plan, lease = held(plan_id, call, tx)
    policed.check_may_take_back(plan, call, tx)
    _settle(lease, settled_card(plan, "Taking back", call.person.id), tx)
    moved = tx.leases.move(lease, LeaseState.RUNNING, **_anew(lease), ended_by=call.person.id)
    work = {"plan": moved.plan, "term": moved.term, "try": 1}
    tx.work.enqueue(END, key=f"{moved.plan}:lease:{moved.term}:end", payload=work)
    _tell(plan, moved, "ended early", call.person.id, tx)
    return plan


def keep(plan_id: str, call: Call, tx: Transaction) -> Plan:
    """It is temporary no longer, and nothing takes it back but an undo. Raises Refusal."""
    plan, lease = held(plan_id, call, tx)
    policed.may_renew(plan, call, tx)
    if lease.state is LeaseState.RUNNING and not _may_stay(plan):
        raise Conflict(
            f"“{plan.summary}” may only be temporary.",
            hint="It can be renewed, and taken back.",
            example=f"/lease renew {plan.id}",
        )
    _settle(lease, settled_card(plan, "Made to stay", call.person.id), tx)
    over = tx.leases.move(lease, LeaseState.VOID, term=lease.term + 1, ended_by=call.person.id, why="")
    _tell(plan, over, "made to stay", call.person.id, tx)
    show(plan, tx, chart=course(plan, call.services, tx))
    return plan


def _may_stay(plan: Plan) -> bool:
    """Whether it may be made to stay before its end: not what is always temporary, nor what the policy bounds."""
    return not ACTIONS[plan.action].temporary and not (plan.decision and plan.decision.lease)


# ------------------------------------------------------------ the timers


def notice(plan_id: str, term: int, tx: Transaction) -> None:
    """Its end is near: everybody reads it, while there is time to renew."""
    plan, lease = tx.plans.get(plan_id), tx.leases.find(plan_id)
    if _is_current(lease, term) and lease and tx.now < lease.until and not lease.ended_by:
        shown = notice_card(plan, lease, tx.now, may_stay=_may_stay(plan))
        tx.messages.post(plan.channel, shown, key=notice_key(lease), urgency=Urgency.ANSWER)


def _is_current(lease: Lease | None, term: int) -> bool:
    return lease is not None and lease.state is LeaseState.RUNNING and lease.term == term


async def prolong(plan: Plan, term: int, lease: Lease | None, services: Services) -> None:
    """The target, which would end it by itself, is told of the renewal. Raises Refusal, Rejected, OutcomeUnknown."""
    if _is_current(lease, term) and lease:
        await ACTIONS[plan.action].prolong(services, plan, lease.until - services.clock.now())


def not_prolonged(plan_id: str, term: int, why: str, tx: Transaction) -> None:
    """It is renewed here, and may end there all the same: people are told."""
    plan, lease = tx.plans.get(plan_id), tx.leases.find(plan_id)
    if _is_current(lease, term):
        words = f"It was renewed, and {plan.target.name} may end it by itself before: {why}"
        shown = card(f"Not prolonged: {plan.summary}", words, tone=Tone.WARNING)
        _post(plan, shown, f"{plan.id}:lease:{term}:prolong", tx)


async def way_back(plan: Plan, services: Services) -> Proposal:
    """What takes the change back, on the target as it is now. Raises Refusal where it cannot or must not be done."""
    action = ACTIONS[plan.action]
    target = await action.look(services, plan)
    inverse = action.inverse(plan)
    if inverse is None or target.target.uid != plan.target.uid:
        raise Conflict(f"{target.target.name} was replaced since, so there is nothing to take back.")
    if not action.shows(plan, target):
        raise Conflict(_not_there(plan, target.target.name))
    call = Call(SYSTEM, plan.platform, plan.channel, plan.id, services.clock.now(), None, services)
    found = await planned_on(target, *inverse, call, undoes=plan)
    return replace(found, preview=replace(found.preview, summary=found.preview.summary.replace("Undo:", "Revert:", 1)))


def _not_there(plan: Plan, name: str) -> str:
    if plan.unsure:
        return f"Nobody saw it happen, and {name} does not show it: there is nothing to take back."
    return f"Somebody changed {name} since."


def end(plan_id: str, term: int, found: Proposal, services: Services, tx: Transaction) -> None:
    """The time is up: the plan that takes it back is made and set going, once, whoever comes here how often."""
    plan, lease = tx.plans.get(plan_id), tx.leases.find(plan_id)
    if lease is None or not _is_current(lease, term):
        return
    newest = follower(plan, tx)
    if newest:
        _keep(plan, lease, f"“{newest.summary}” came after it.", services, tx)
        return
    revert = _revert(plan, lease, found, services, tx)
    tx.leases.move(lease, LeaseState.ENDING, revert=revert.id)
    if not lease.ended_by:
        tx.messages.edit(notice_key(lease), settled_card(plan, "Its time is up"))
    tx.plans.add(revert)
    detail = {"plan": revert.id, "digest": revert.digest, "summary": revert.summary, "ends": plan.id}
    tx.audit.append("lease end", actor=revert.requester, subject=plan.target.key, detail=detail)
    if revert.tries_again:
        show(revert, tx)
    else:
        _post(revert, plan_card(revert), plan_card_key(revert.id), tx)
    order(revert, tx)


def _revert(plan: Plan, lease: Lease, found: Proposal, services: Services, tx: Transaction) -> Plan:
    """It was approved with the plan that it ends, so nobody is asked again."""
    kept = {"incident", "channel", "platform", "klass", "decision", "asked_as"}
    preview = found.preview
    return Plan(
        **{name: getattr(plan, name) for name in kept},
        id=f"plan-{tx.now:%Y%m%d}-{secrets.token_hex(4)}",
        action=found.action,
        summary=summed_up(preview.summary, found.target, services),
        arguments=found.arguments,
        target=found.target,
        fingerprint=found.fingerprint,
        before=preview.before,
        after=preview.after,
        undo=taken_back(preview.undo, preview.back, plan.id, found.target, services),
        diff=preview.diff,
        findings=found.findings,
        removes=preview.removes,
        undoes=plan.id,
        ends_lease=True,
        tries_again=tx.plans.get(lease.revert).told_in if lease.revert else None,
        state=PlanState.APPROVED,
        history=(f"{tx.now:%Y-%m-%dT%H:%M:%S.%f}Z {PlanState.APPROVED.value}",),
        requester=lease.ended_by or SYSTEM.id,
        created_at=tx.now,
        approve_by=tx.now,
        execute_by=tx.now + timedelta(seconds=services.limits.execute_within_seconds),
    )


# ------------------------------------------------------------ what became of it


def put_off(payload: Mapping[str, Any], why: str, services: Services, tx: Transaction) -> None:
    """The target does not answer: it is tried again for a while, and told at once that it was not done yet."""
    plan, lease = tx.plans.get(payload["plan"]), tx.leases.find(payload["plan"])
    tried = int(payload["try"])
    if lease is None or not _is_current(lease, payload["term"]):
        return
    if tried >= TRIES:
        _keep(plan, lease, why, services, tx)
        return
    _try_again(plan, lease, why, tried, tx)


def _try_again(plan: Plan, lease: Lease, why: str, tried: int, tx: Transaction) -> None:
    if tried == 1:
        shown = kept_card(plan, f"{why} It is tried again for {lasting(TRIES * TRY_AGAIN)}.", held=False)
        _post(plan, shown, _waits_key(lease), tx)
        if lease.ended_by:  # an earlier try of somebody may have said so already
            tx.messages.edit(_waits_key(lease), shown)
    work = {"plan": plan.id, "term": lease.term, "try": tried + 1}
    tx.work.enqueue(END, key=f"{plan.id}:lease:{lease.term}:end:{tried + 1}", payload=work, delay=TRY_AGAIN)


def left(plan_id: str, term: int, why: str, services: Services, tx: Transaction) -> None:
    """It must not be taken back any more: people are told, and have the word."""
    plan, lease = tx.plans.get(plan_id), tx.leases.find(plan_id)
    if lease and _is_current(lease, term):
        _keep(plan, lease, why, services, tx)


def reverted(revert: Plan, services: Services, tx: Transaction, *, passing: bool = False) -> None:
    """The plan that takes a change back has ended, somehow. After a `passing` obstacle there is another."""
    if not revert.ends_lease or revert.undoes is None:
        return
    plan, lease = tx.plans.get(revert.undoes), tx.leases.find(revert.undoes)
    if lease is None or lease.state is not LeaseState.ENDING:
        return
    if revert.took_effect:
        tx.leases.move(lease, LeaseState.REVERTED)
        tx.messages.edit(_waits_key(lease), settled_card(plan, "Taken back"))
        return
    why = f"{revert.outcome.capitalize()}: {revert.detail or revert.summary}."
    tried = sum(one.ends_lease and one.undoes == plan.id for one in tx.plans.recent(target=lease.target, limit=50))
    if passing and tried < TRIES:
        _try_again(plan, tx.leases.move(lease, LeaseState.RUNNING, term=lease.term + 1), why, tried, tx)
        return
    _keep(plan, lease, why, services, tx)


def undone(plan_id: str, by: Plan, tx: Transaction) -> None:
    """Somebody took the change back before its time."""
    lease = tx.leases.find(plan_id)
    if lease is None or lease.state in {LeaseState.REVERTED, LeaseState.VOID} or by.ends_lease:
        return
    plan = tx.plans.get(plan_id)
    _settle(lease, settled_card(plan, "Was undone", by.approver or by.requester), tx)
    why = f"“{by.summary}”"
    _tell(plan, tx.leases.move(lease, LeaseState.VOID, why=why), "void", by.approver or by.requester, tx)


def _keep(plan: Plan, lease: Lease, why: str, services: Services, tx: Transaction) -> None:
    kept = tx.leases.move(lease, LeaseState.KEPT, why=why)
    tx.messages.edit(notice_key(lease), settled_card(plan, "Its time is up"))
    tx.messages.edit(_waits_key(lease), settled_card(plan, "Not taken back"))
    _tell(plan, kept, "kept", SYSTEM.id, tx)
    _post(plan, kept_card(plan, why, held=True), _kept_key(kept), tx)
    show(plan, tx, chart=course(plan, services, tx))


def _kept_key(lease: Lease) -> str:
    return f"{lease.plan}:lease:{lease.term}:kept"


def _waits_key(lease: Lease) -> str:
    """One message for all tries of one end: their terms differ, the time does not."""
    return f"{lease.plan}:lease:{lease.until:%Y%m%dT%H%M%S}:waits"


def _post(plan: Plan, shown: Card, key: str, tx: Transaction) -> None:
    tx.messages.post(plan.channel, shown, key=key, urgency=Urgency.ANSWER)


def _settle(lease: Lease, shown: Card, tx: Transaction) -> None:
    """The questions that were asked of people have their answer, and lose their buttons."""
    tx.messages.edit(notice_key(lease), shown)
    tx.messages.edit(_kept_key(lease), shown)
    tx.messages.edit(_waits_key(lease), shown)
