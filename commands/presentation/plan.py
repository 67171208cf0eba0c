"""The card of a plan: one message, from the question to the result (mitigation.md, rule 15)."""

from __future__ import annotations

from commands.cards import Button, Card, Fact, Rich, Tone, When, Who, fact, rich
from commands.charts import Chart
from commands.domain.plan import FINAL, Plan, PlanState

_TITLES = {
    PlanState.PLANNED: "{}?",
    PlanState.APPROVED: "Confirmed: {}",
    PlanState.LOCKED: "Checking: {}",
    PlanState.EXECUTING: "Running: {}",
    PlanState.VERIFYING: "Verifying: {}",
    PlanState.DONE: "Done: {}",
    PlanState.FAILED: "Failed: {}",
    PlanState.UNKNOWN: "Outcome unknown: {}",
    PlanState.INTERRUPTED: "Interrupted: {}",
    PlanState.CANCELLED: "Cancelled: {}",
    PlanState.EXPIRED: "Not confirmed in time: {}",
    PlanState.UNDONE: "Undone: {}",
}
_TONES = {
    PlanState.PLANNED: Tone.WARNING,
    PlanState.DONE: Tone.GOOD,
    PlanState.FAILED: Tone.CRITICAL,
    PlanState.UNKNOWN: Tone.CRITICAL,
    PlanState.INTERRUPTED: Tone.WARNING,
}


def plan_card_key(plan_id: str) -> str:
    """The message key of a plan's card."""
    return f"{plan_id}:card"


def plan_card(plan: Plan, facts: tuple[Fact, ...] = (), *, progress: str = "", chart: Chart | None = None) -> Card:
    """The plan as it is now.

    `facts` describe the change, `progress` is the newest word from the target, `chart` what the measurements say of it.
    """
    return Card(
        title=_title(plan),
        tone=_tone(plan),
        paragraphs=_paragraphs(plan, progress),
        facts=(*facts, *_standing_facts(plan)),
        chart=chart,
        buttons=_buttons(plan),
        footer=_footer(plan),
    )


def _title(plan: Plan) -> str:
    if _unverified(plan):
        return f"{plan.outcome.capitalize()}: {plan.summary}"
    return _TITLES[plan.state].format(plan.summary)


def _tone(plan: Plan) -> Tone:
    if _unverified(plan):
        return Tone.WARNING
    return _TONES.get(plan.state, Tone.NEUTRAL if plan.state in FINAL else Tone.INFO)


def _unverified(plan: Plan) -> bool:
    return plan.state is PlanState.DONE and plan.verdict == "inconclusive"


def _paragraphs(plan: Plan, progress: str) -> tuple[Rich, ...]:
    return tuple(rich(text) for text in (progress, plan.detail) if text)


def _standing_facts(plan: Plan) -> tuple[Fact, ...]:
    target = fact("Target", f"{plan.target.key} ({plan.target.uid[:8]})")
    if plan.state is not PlanState.PLANNED:
        return (target, fact("Undo", plan.undo)) if _may_want_undo(plan) else (target,)
    return (
        target,
        fact("Undo", plan.undo),
        fact("Verified by", "read-back, then error rate and p95 before and after"),
        fact("Confirm before", When(at=plan.approve_by)),
    )


def _may_want_undo(plan: Plan) -> bool:
    """The change was made, and it does not look as if it had helped."""
    unhappy = _unverified(plan) or plan.state in {PlanState.FAILED, PlanState.UNKNOWN}
    return unhappy and plan.in_force


def _buttons(plan: Plan) -> tuple[Button, ...]:
    if plan.state is not PlanState.PLANNED:
        return ()
    return (
        Button(label="Confirm", action="plan.confirm", subject=plan.id, style="primary"),
        Button(label="Cancel", action="plan.cancel", subject=plan.id),
    )


def _footer(plan: Plan) -> Rich:
    asked = rich("asked by ", Who(person=plan.requester))
    confirmed = rich(", confirmed by ", Who(person=plan.approver)) if plan.approver else ()
    return (*asked, *confirmed, *rich(f" · {plan.id}"))
