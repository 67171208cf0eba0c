"""`/gw evidence`: what was there before a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Code, Tone, When, fact, rich
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import NotFound
from commands.grammar.arguments import Word
from commands.ports import Transaction
from commands.registry import READERS, ActionClass, Command, Reply

_LOOKED_AT = 50


@dataclass(frozen=True)
class EvidenceArgs:
    """Arguments of `/gw evidence`."""

    plan: Annotated[str, Word("a plan's id; the last change in this channel when left out")] = ""


def show(args: EvidenceArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The captured text, with the hash by which the audit knows it."""
    plan = _meant(args.plan, call, tx)
    kept = tx.evidence.find(plan.id)
    if kept is None:
        raise NotFound(f"Nothing was captured for “{plan.summary}”.", hint="It is captured right before a change.")
    lacks = rich("Not captured, since it did not answer in time: ", ", ".join(kept.missing).lower(), ".")
    changed = rich("Somebody has changed it: the audit knows another hash, ", Code(text=kept.known_as), ".")
    tone = Tone.WARNING if kept.missing else Tone.NEUTRAL
    shown = Card(
        title=f"Before: {plan.summary}",
        tone=Tone.CRITICAL if kept.was_changed else tone,
        paragraphs=(*((changed,) if kept.was_changed else ()), *((lacks,) if kept.missing else ())),
        facts=(
            fact("Captured", When(at=kept.at, style="full")),
            fact("SHA-256", Code(text=kept.sha256)),
        ),
        preformatted=kept.text,
    )
    return Reply(shown, private=True)


def _meant(plan_id: str, call: Call, tx: Transaction) -> Plan:
    if plan_id:
        plan = tx.plans.get(plan_id)
        if tx.messages.may_read(plan.channel, call.person.id):
            return plan
        raise NotFound(f"There is no plan {plan_id[:60]}.", example="/gw history")
    here = [one for one in tx.plans.recent(target=None, limit=_LOOKED_AT) if one.channel == call.channel]
    begun = next((one for one in here if one.executed_at), None)
    if begun is None:
        raise NotFound("Nothing was changed from this channel lately.", example="/gw evidence plan-20260301-1a2b3c4d")
    return begun


COMMANDS = (
    Command(
        path=("gw", "evidence"),
        args=EvidenceArgs,
        summary="Show what was captured before a change: metrics, errors, log, configuration.",
        example="/gw evidence plan-20260301-1a2b3c4d",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
