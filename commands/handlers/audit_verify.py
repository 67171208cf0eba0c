"""`/audit verify`: whether the chain of intents and outcomes is whole (mitigation.md, rule 12)."""

from __future__ import annotations

from commands.cards import Card, Fact, Tone, When, card, fact
from commands.context import Call
from commands.handlers.common import Nothing
from commands.ports import AuditReport, Transaction
from commands.presentation.words import counted
from commands.registry import READERS, ActionClass, Command, Reply


async def gather(_args: Nothing, call: Call) -> AuditReport:
    """Walk the chain from its start; others write meanwhile."""
    return await call.services.auditor.verify()


def verify(_args: Nothing, _call: Call, _tx: Transaction, report: AuditReport) -> Reply:
    """What the walk found."""
    return Reply(_card(report))


def _card(report: AuditReport) -> Card:
    if report.broken_at is None:
        bound = f"{counted(report.entries, 'entry', 'entries')}, each bound to the one before it."
        warned = [f"The anchors could not be read, so only the chain was looked at: {report.trouble}"]
        tone = Tone.WARNING if report.trouble else Tone.GOOD
        shown = card("The audit is intact", bound, *(warned if report.trouble else ()), tone=tone)
        return shown.model_copy(update={"facts": (fact("Newest entry", report.head[:16]), *_anchors(report))})
    return card(
        "The audit was changed",
        f"At entry {report.broken_at}: {report.why}.",
        "Keep a copy of the database, then find out who had access to it.",
        tone=Tone.CRITICAL,
    )


def _anchors(report: AuditReport) -> tuple[Fact, ...]:
    """What was signed and kept elsewhere, if anything."""
    if report.anchored_at is None:
        return ()
    return (fact("Anchored", f"up to entry {report.anchored_entry:,}, ", When(at=report.anchored_at)),)


COMMANDS = (
    Command(
        path=("audit", "verify"),
        args=Nothing,
        summary="Check that nobody changed the audit.",
        example="/audit verify",
        gather=gather,
        decide=verify,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
