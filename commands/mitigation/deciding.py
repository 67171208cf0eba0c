"""People decide about a plan: they confirm it, approve it, veto it, cancel it, or let its time pass.

Every decision is authorised for the person who takes it, each time (rule 1); a person has one vote, whichever
platform it comes from, and who asked never approves what needs a second person (rule 4).
"""

from __future__ import annotations

from datetime import timedelta

from commands import policed
from commands.context import Call
from commands.domain.event import ActionDecided
from commands.domain.plan import FINAL, Plan, PlanState, Vote
from commands.errors import Conflict, Malformed
from commands.mitigation import leasing
from commands.mitigation.following import follower, undoable
from commands.mitigation.glass import tell_of_broken_glass
from commands.mitigation.ordering import order
from commands.mitigation.switch import refuse_frozen
from commands.mitigation.telling import show, tell_timeline
from commands.people import SYSTEM
from commands.ports import Transaction
from commands.presentation.plan import plan_card, plan_card_key


def confirm(plan_id: str, call: Call, tx: Transaction) -> None:
    """The click that says yes. Raises Conflict when the plan no longer waits, or it is not this person's to say."""
    approve(plan_id, "", call, tx)


def approve(plan_id: str, name: str, call: Call, tx: Transaction) -> Plan:
    """A yes, with the target's name where it must be typed. The last one that is needed sets the plan going."""
    plan = _waiting(plan_id, tx)
    refuse_frozen(plan, tx)
    _refuse_spent_undo(plan, tx)
    tx.plans.one_at_a_time(plan.target.name)
    named = _named(plan, name, call, tx)
    plan = _voted(named, call, tx, has_said_the_name=named is not plan)
    if plan.lacks or plan.must_be_named:
        show(plan, tx)
        return plan
    return _set_going(plan, call, tx)


def _waiting(plan_id: str, tx: Transaction) -> Plan:
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.PLANNED:
        raise Conflict(f"This plan is {plan.state.value} already.", hint="Ask for it again to see how things are now.")
    if plan.is_from_later(tx.now):
        raise Conflict("The clock has gone back since this plan was made.", hint="Ask for it again.")
    if tx.now >= plan.approve_by:
        raise Conflict("This plan ran out of time and was not run.", hint="Ask for it again to see how things are now.")
    return plan


def _named(plan: Plan, name: str, call: Call, tx: Transaction) -> Plan:
    """Typing the name of what is touched shows that somebody has read what is to be lost."""
    if name and name != plan.must_type:
        raise Malformed(f"The target is {plan.must_type}, not {name[:60]}; nothing was decided.")
    if not plan.must_be_named:
        return plan
    if not name:
        raise Conflict(
            f"This is dangerous: it is confirmed by typing the name of its target, {plan.must_type}.",
            example=f"/approve {plan.id} {plan.must_type}",
        )
    named = tx.plans.move(plan.id, PlanState.PLANNED, PlanState.PLANNED, named=True)
    _audited(tx, named, "named", call.person.id)
    return named


def _voted(plan: Plan, call: Call, tx: Transaction, *, has_said_the_name: bool) -> Plan:
    person = call.person.id
    if any(vote.person == person for vote in plan.votes):
        raise Conflict("You have approved this already.", hint="Others have still to say yes.", example="/plans")
    if plan.needs and person == plan.requester:  # who asked has no vote (rule 4)
        if has_said_the_name:  # what there was for them to do: the rest is for others
            return plan
        raise Conflict("You asked for this, so somebody else approves it.", hint=f"They can type /approve {plan.id}.")
    kept = policed.confirmed(plan, call, tx)
    votes = (*plan.votes, Vote(person=person, at=tx.now, signed=plan.content))
    voted = tx.plans.move(plan.id, PlanState.PLANNED, PlanState.PLANNED, votes=votes, **kept)
    if voted.needs:
        decided(tx, voted, "approved", person)
    return voted


def _set_going(plan: Plan, call: Call, tx: Transaction) -> Plan:
    approver = plan.votes[-1].person if plan.votes else call.person.id
    plan = tx.plans.move(plan.id, PlanState.PLANNED, PlanState.APPROVED, approver=approver)
    delay = max(plan.run_at - tx.now, timedelta(0)) if plan.run_at else None
    order(plan, tx, delay=delay)
    if plan.needs:
        show(plan, tx)
    else:
        decided(tx, plan, "confirmed", call.person.id)
    if plan.broke_glass:
        tell_of_broken_glass(plan, call, tx)
    return plan


def _refuse_spent_undo(plan: Plan, tx: Transaction) -> None:
    """An undo takes back one change: not one that was taken back before, nor one that another of its kind followed."""
    if plan.undoes is None:
        return
    undone = tx.plans.get(plan.undoes)
    if not undone.can_be_undone:
        raise Conflict(f"“{undone.summary}” was undone already.", example="/gw history")
    if newest := follower(undone, tx):
        raise Conflict(f"“{newest.summary}” came after “{undone.summary}”.", example="/gw undo")


def cancel(plan_id: str, call: Call, tx: Transaction) -> None:
    """Nothing is done."""
    _stop(plan_id, PlanState.CANCELLED, call, tx)


def veto(plan_id: str, call: Call, tx: Transaction) -> None:
    """Anybody on the incident stops a plan, until it is dispatched (rule 3)."""
    _stop(plan_id, PlanState.VETOED, call, tx)


def stop(plan_id: str, call: Call, tx: Transaction) -> None:
    """A gradual change goes no further than the step that is under way; it says what had already happened."""
    plan = tx.plans.get(plan_id)
    if not plan.can_be_stopped:
        raise _too_late(plan, "" if plan.state in FINAL else "Its last step is under way.")
    decided(tx, tx.plans.move(plan_id, plan.state, plan.state, stopped_by=call.person.id), "stopped", call.person.id)


_STOPPABLE = {PlanState.PLANNED, PlanState.APPROVED, PlanState.LOCKED}


def _stop(plan_id: str, to: PlanState, call: Call, tx: Transaction) -> None:
    plan = tx.plans.get(plan_id)
    if plan.can_be_stopped:
        stop(plan_id, call, tx)
        return
    if plan.state not in _STOPPABLE:
        asked = plan.state in {PlanState.EXECUTING, PlanState.VERIFYING}
        raise _too_late(
            plan, f"It was asked of {plan.target.name} already, and cannot be called back." if asked else ""
        )
    stopped = tx.plans.move(plan_id, plan.state, to, stopped_by=call.person.id)
    tx.plans.unlock(plan.target.key, plan.id)
    leasing.reverted(stopped, call.services, tx)
    decided(tx, stopped, to.value, call.person.id)


def _too_late(plan: Plan, why: str) -> Conflict:
    """It is not to be stopped any more; what helps instead, where anything does."""
    why = why or f"This plan is {plan.outcome} already."
    if plan.state in FINAL:
        made, told = plan, "Its message says what came of it."
    else:
        made, told = plan.model_copy(update={"state": PlanState.DONE}), "Its message tells how it goes."
    if not undoable([made]):
        return Conflict(why, hint=told)
    return Conflict(why, hint="A change that was made can be taken back.", example="/gw undo")


def expire(seen: Plan, tx: Transaction) -> None:
    """Its time is over. `seen` is the plan as it was a moment ago; one that was decided before is left alone.

    The message comes first, since a click takes its button before the plan: in the other order, a click at this very
    moment and the expiry would wait for each other.
    """
    if seen.state is not PlanState.PLANNED:
        return
    tx.messages.edit(plan_card_key(seen.told_in), plan_card(seen.model_copy(update={"state": PlanState.EXPIRED})))
    plan = tx.plans.get(seen.id)
    if plan.state is PlanState.PLANNED:
        decided(tx, tx.plans.move(plan.id, PlanState.PLANNED, PlanState.EXPIRED), "expired", SYSTEM.id)
    else:
        show(plan, tx)


def decided(tx: Transaction, plan: Plan, decision: str, actor: str) -> None:
    """What somebody decided goes into the audit, the timeline and the plan's message."""
    _audited(tx, plan, decision, actor)
    event = ActionDecided.model_validate({"plan": plan.id, "summary": plan.summary, "decision": decision})
    tell_timeline(tx, plan, event, actor)
    show(plan, tx)


def _audited(tx: Transaction, plan: Plan, decision: str, actor: str) -> None:
    rule = {"policy": plan.decision.version, "rule": plan.decision.rule} if plan.decision else {}
    detail = {"plan": plan.id, "digest": plan.digest, "summary": plan.summary, **rule}
    tx.audit.append(decision, actor=actor, subject=plan.target.key, detail=detail)
