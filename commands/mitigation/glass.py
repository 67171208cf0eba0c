"""Breaking the glass skips the approval, and nothing else: it is announced, and reviewed afterwards (rule 10)."""

from __future__ import annotations

from commands.cards import Card, Channel, Code, Tone, Who, card, fact, rich
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import Conflict, NotAllowed
from commands.ports import Transaction, Urgency

#: How far back is looked for what nobody has reviewed.
_LOOKED_AT = 500


def tell_of_broken_glass(plan: Plan, call: Call, tx: Transaction) -> None:
    """Audit it, and tell where everybody reads: of a private incident its own channel alone."""
    detail = {"plan": plan.id, "digest": plan.digest, "reason": plan.broke_glass}
    tx.audit.append("broke-glass", actor=call.person.id, subject=plan.target.key, detail=detail)
    incident = tx.incidents.get(plan.incident) if plan.incident else None
    announced = call.services.standing(call.services.announce_in, plan.platform)
    channel = plan.channel if incident and incident.private else announced
    tx.messages.post(channel, _announcement(plan), key=f"{plan.id}:glass", urgency=Urgency.ANSWER)


def _announcement(plan: Plan) -> Card:
    shown = card(
        "Changed without approval",
        rich(Who(person=plan.approver or plan.requester), f": {plan.summary}. Why: {plan.broke_glass}"),
        rich("Somebody else looks at it, then: ", Code(text=f"/review {plan.id} what you think of it")),
        tone=Tone.WARNING,
    )
    return shown.model_copy(update={"facts": (fact("Where", Channel(name=plan.channel)),)})


def unreviewed(tx: Transaction, person: str) -> list[Plan]:
    """What was run without approval and nobody has looked at, newest first; only what somebody may see."""
    recent = tx.plans.recent(target=None, limit=_LOOKED_AT)
    waiting = [plan for plan in recent if plan.broke_glass and plan.approver and not plan.reviewed_by]
    return [plan for plan in waiting if tx.messages.may_read(plan.channel, person)]


def review(plan: Plan, words: str, call: Call, tx: Transaction) -> None:
    """Somebody else than who ran it has looked at it. Raises Conflict, NotAllowed."""
    if not plan.broke_glass or not plan.approver:
        raise Conflict(f"{plan.id} was not run without approval.", example="/reviews")
    if plan.reviewed_by:
        raise Conflict(f"{plan.id} was reviewed already.", hint="did it.", who=plan.reviewed_by, example="/reviews")
    if call.person.id in {plan.requester, plan.approver}:
        raise NotAllowed("Whoever ran it does not review it.", hint="Ask somebody else.")
    tx.plans.move(plan.id, plan.state, plan.state, reviewed_by=call.person.id)
    detail = {"plan": plan.id, "words": words}
    tx.audit.append("reviewed", actor=call.person.id, subject=plan.target.key, detail=detail)
