"""A plan that was approved, until its end: one transaction each; the engine does the I/O between them.

Every function moves the plan by compare-and-swap, writes the audit and the timeline, and edits the one
message that shows the plan. A function that finds the plan elsewhere returns None and changes nothing:
somebody else, or an earlier life of this process, has been there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from commands import policed
from commands.actions.known import ACTIONS
from commands.context import Services
from commands.domain.event import ActionDecided, ActionFinished, ActionStarted, EvidenceKept
from commands.domain.evidence import Evidence
from commands.domain.plan import Plan, PlanState, VerdictValue
from commands.domain.sli import Reading
from commands.drafting import order_draft
from commands.mitigation import leasing
from commands.mitigation.switch import frozen_words
from commands.mitigation.telling import course, show, tell_timeline
from commands.people import SYSTEM
from commands.ports import Transaction
from commands.presentation.incident import refresh
from commands.presentation.words import cut


@dataclass(frozen=True)
class Ending:
    """How a plan ends: from where to where, in what words, and what is known of its effect by then.

    `passing`: what stood in its way may be gone in a moment. `left`: what is left to do, within a step.
    """

    source: PlanState
    to: PlanState
    detail: str
    took_effect: bool = False
    verdict: VerdictValue | None = None
    measured: Reading | None = None
    passing: bool = False
    left: int | None = None


_UNDER_WAY = {PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}


def must_wait(plan_id: str, tx: Transaction) -> bool:
    """Whether another change holds the target, and this one has time to wait for its end.

    The queue lets one after the other begin; what was taken over from a process that died may come after it. What was
    to run at an hour, and what is taken back, is not late in silence: `lock` says so.
    """
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.APPROVED or plan.run_at or plan.undoes or tx.now >= plan.execute_by:
        return False
    if frozen_words(plan, tx):
        return False
    return any(held.target == plan.target.key and held.plan != plan.id for held in tx.plans.held())


def lock(plan_id: str, services: Services, tx: Transaction) -> Plan | None:
    """Take the target for this plan, unless another holds it or the plan is too old to run."""
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.APPROVED:
        return plan if plan.state in _UNDER_WAY else None
    tx.plans.one_at_a_time(plan.target.name)  # two that are counted together must see each other
    void = _void(plan, tx)
    held_up = "" if void else _held_up(plan, tx)
    refused = void or held_up or policed.denied_by_now(plan, services, tx)
    if refused:
        _stop(tx, services, plan, PlanState.APPROVED, f"{refused}; nothing was changed", passing=bool(held_up))
        return None
    plan = tx.plans.move(plan.id, PlanState.APPROVED, PlanState.LOCKED)
    show(plan, tx)
    return plan


_TOO_LATE = "confirmed too long ago to run now"


def _void(plan: Plan, tx: Transaction) -> str:
    if not _is_what_was_approved(plan, tx):
        return "not what was approved: somebody has changed the plan itself"
    if plan.is_from_later(tx.now):
        return "the clock has gone back since it was planned"
    return ""


def _held_up(plan: Plan, tx: Transaction) -> str:
    """What stands in its way for a while; else it has the lock on its target."""
    if tx.now >= plan.execute_by:
        return _TOO_LATE
    frozen = frozen_words(plan, tx)
    if frozen:
        return frozen
    holder = tx.plans.lock(plan.target.key, plan.id)
    return f"locked by “{tx.plans.get(holder).summary}”" if holder else ""


def _is_what_was_approved(plan: Plan, tx: Transaction) -> bool:
    """Nobody has written into the record since the last yes, which the audit has, nor between that one and another."""
    last = tx.audit.newest("confirmed", "approved", "lease end", plan=plan.id)
    return plan.is_what_was_approved and last is not None and last.detail.get("digest") == plan.digest


def drifted(plan_id: str, found: dict[str, Any], services: Services, tx: Transaction) -> None:
    """The target is not what was confirmed (rule 2): the confirmation is void."""
    plan = tx.plans.get(plan_id)
    changes = ", ".join(
        _drift(key, plan.fingerprint.get(key), value)
        for key, value in found.items()
        if plan.fingerprint.get(key) != value
    )
    _stop(
        tx,
        services,
        plan,
        PlanState.LOCKED,
        f"the target changed since it was planned ({changes}), so Tocsin did nothing. Ask again.",
    )


def _drift(key: str, was: Any, found: Any) -> str:
    """Ids say nothing to a person; numbers do, and the beginning of what is long."""
    if key == "uid":
        return "it was replaced"
    return f"{'workers' if key == 'replicas' else key} {cut(str(was), 100)} → {cut(str(found), 100)}"


def give_up(
    plan_id: str, source: PlanState, why: str, services: Services, tx: Transaction, *, passing: bool = False
) -> None:
    """It cannot be run; nothing was changed."""
    if tx.plans.get(plan_id).state is source:
        _stop(tx, services, tx.plans.get(plan_id), source, why, passing=passing)


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
            to = PlanState.FAILED if plan.step < len(plan.steps) else PlanState.DONE
            finish(plan.id, Ending(plan.state, to, unsure, verdict="inconclusive"), services, tx)
        case _:
            return


def _stop(
    tx: Transaction, services: Services, plan: Plan, source: PlanState, why: str, *, passing: bool = False
) -> None:
    finish(plan.id, Ending(source, PlanState.FAILED, why, passing=passing), services, tx)


def begin(
    plan_id: str, executor: str, baseline: Reading, evidence: Evidence, services: Services, tx: Transaction
) -> Plan | None:
    """The intent, before the effect (rule 12). None: it was begun before, and must not run a second time.

    The clock is looked at again: between the lock and here, this process may have been dead for hours.
    """
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.LOCKED:
        return None
    refused = _TOO_LATE if tx.now >= plan.execute_by else frozen_words(plan, tx)
    if refused:
        _stop(tx, services, plan, PlanState.LOCKED, f"{refused}; nothing was changed", passing=True)
        return None
    plan = tx.plans.move(plan_id, PlanState.LOCKED, PlanState.EXECUTING, executor=executor, baseline=baseline)
    tx.evidence.add(evidence)
    _intend(plan, tx, evidence)
    kept = EvidenceKept(plan=plan.id, summary=plan.summary, sha256=evidence.sha256, missing=evidence.missing)
    tell_timeline(tx, plan, kept, SYSTEM.id)
    tell_timeline(tx, plan, ActionStarted(plan=plan.id, summary=plan.summary), plan.approver or plan.requester)
    show(plan, tx)
    return plan


def go_on(plan_id: str, why_not: str, services: Services, tx: Transaction) -> Plan | None:
    """The next step of a gradual change: its intent, before its effect. None: somebody stopped it, or it must stop."""
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.VERIFYING:
        return None
    why_not = why_not or frozen_words(plan, tx)
    if plan.stopped_by or why_not:
        to = PlanState.CANCELLED if plan.stopped_by else PlanState.FAILED
        words = "; ".join(part for part in (plan.detail, why_not) if part)
        finish(plan.id, Ending(PlanState.VERIFYING, to, words), services, tx)
        return None
    plan = tx.plans.move(plan_id, PlanState.VERIFYING, PlanState.EXECUTING)
    _intend(plan, tx)
    show(plan, tx)
    return plan


def _intend(plan: Plan, tx: Transaction, evidence: Evidence | None = None) -> None:
    """What is about to be asked of the target, in the audit (rule 12)."""
    part = plan.part(plan.step)
    detail = {"plan": plan.id, "digest": plan.digest, "before": part.before, "after": part.after}
    step: dict[str, Any] = {"step": plan.step + 1, "of": len(plan.steps)} if plan.steps else {}
    step |= {"evidence": evidence.sha256} if evidence else {}
    tx.audit.append("intent", actor=plan.approver or plan.requester, subject=plan.target.key, detail=detail | step)


def progress(plan_id: str, words: str, tx: Transaction) -> None:
    """Edit the one message; nothing else."""
    plan = tx.plans.get(plan_id)
    if plan.state in {PlanState.EXECUTING, PlanState.VERIFYING}:
        show(plan, tx, progress=words)


def verifying(plan_id: str, found: str, tx: Transaction) -> Plan | None:
    """The effect was read back: it is there, whatever the measurements will say of it."""
    plan = tx.plans.get(plan_id)
    if plan.state is not PlanState.EXECUTING:
        return plan if plan.state is PlanState.VERIFYING else None
    step = plan.step + 1 if plan.steps else 0
    plan = tx.plans.move(plan_id, PlanState.EXECUTING, PlanState.VERIFYING, detail=found, took_effect=True, step=step)
    more = ", then the next step" if plan.can_be_stopped else ""
    show(plan, tx, progress=f"Measuring error rate and latency{more} …")
    return plan


def finish(plan_id: str, ending: Ending, services: Services, tx: Transaction) -> None:
    """The end: the lock is let go, and the outcome is audited and told. A plan that has moved on is left alone."""
    plan = tx.plans.get(plan_id)
    if plan.state is not ending.source:
        return
    took_effect = plan.took_effect or ending.took_effect
    step = _steps_made(plan, ending)
    steps = f"{step} of {len(plan.steps)} steps were made: " if step < len(plan.steps) else ""
    known = {"detail": f"{steps}{ending.detail}", "took_effect": took_effect, "verdict": ending.verdict, "step": step}
    known |= {"measured": ending.measured, "left": ending.left}
    plan = tx.plans.move(plan_id, ending.source, ending.to, **known)
    tx.plans.unlock(plan.target.key, plan.id)
    leasing.reverted(plan, services, tx, passing=ending.passing or ending.to is PlanState.INTERRUPTED)
    if plan.undoes and took_effect:
        _mark_undone(plan.undoes, plan, tx)
    _tell_outcome(plan, services, tx)


def _steps_made(plan: Plan, ending: Ending) -> int:
    """A step that ended badly and took effect is made, where it is what would be taken back; else it is done again."""
    within = ending.source is PlanState.EXECUTING and ending.took_effect
    can_be_taken_back = ACTIONS[plan.action].inverse(plan) is not None
    return plan.step + 1 if plan.steps and within and can_be_taken_back else plan.step


def _mark_undone(plan_id: str, by: Plan, tx: Transaction) -> None:
    """Another undo may have been first: then there is nothing to mark, and that must not stop the end of this one."""
    plan = tx.plans.get(plan_id)
    if not plan.can_be_undone:
        return
    detail = "; ".join(part for part in (plan.detail, f"undone by “{by.summary}”") if part)
    undone = tx.plans.move(plan_id, plan.state, PlanState.UNDONE, detail=detail)
    tell_timeline(tx, undone, ActionDecided(plan=undone.id, summary=undone.summary, decision="undone"), SYSTEM.id)
    leasing.undone(plan_id, by, tx)
    show(undone, tx)


def _tell_outcome(plan: Plan, services: Services, tx: Transaction) -> None:
    outcome = {"plan": plan.id, "outcome": plan.outcome, "detail": plan.result}
    tx.audit.append("outcome", actor=plan.approver or plan.requester, subject=plan.target.key, detail=outcome)
    event = ActionFinished(plan=plan.id, summary=plan.summary, outcome=plan.outcome, detail=plan.result)
    tell_timeline(tx, plan, event, SYSTEM.id)
    leasing.begin(plan, tx)
    show(plan, tx, chart=course(plan, services, tx))
    if plan.incident:
        incident = tx.incidents.get(plan.incident)
        refresh(incident, tx.messages, services)
        if incident.resolved_at:  # the draft was written before this
            order_draft(incident, tx)
