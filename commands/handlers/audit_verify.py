"""`/audit verify`: whether the chain of intents and outcomes is whole (mitigation.md, rule 12)."""

from __future__ import annotations

from commands.cards import Card, Tone, card, fact
from commands.context import Call
from commands.handlers.common import Nothing
from commands.ports import AuditReport, Transaction
from commands.registry import READERS, ActionClass, Command, Reply


async def gather(_args: Nothing, call: Call) -> AuditReport:
    """Walk the chain from its start; others write meanwhile."""
    return await call.services.auditor.verify()


def verify(_args: Nothing, _call: Call, _tx: Transaction, report: AuditReport) -> Reply:
    """What the walk found."""
    return Reply(_card(report))


def _card(report: AuditReport) -> Card:
    if report.broken_at is None:
        shown = card(
            "The audit is intact",
            f"{report.entries:,} {'entry' if report.entries == 1 else 'entries'}, each bound to the one before it.",
            tone=Tone.GOOD,
        )
        return shown.model_copy(update={"facts": (fact("Newest entry", report.head[:16]),)})
    return card(
        "The audit was changed",
        f"At entry {report.broken_at}: {report.why}.",
        "Keep a copy of the database, then find out who had access to it.",
        tone=Tone.CRITICAL,
    )


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
