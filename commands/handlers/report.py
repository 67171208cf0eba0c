"""`/report`: what happened in a span of time. It is made by durable work, since it reads a lot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from commands.cards import card
from commands.context import Call
from commands.domain.period import LONGEST, ReportKind
from commands.errors import Malformed
from commands.grammar.arguments import Word
from commands.ports import Transaction
from commands.presentation.words import lasting
from commands.registry import READERS, ActionClass, Command, Reply
from commands.reporting import WORKFLOW


@dataclass(frozen=True)
class ReportArgs:
    """Arguments of `/report`."""

    kind: Annotated[ReportKind, Word("daily, weekly, monthly, quarterly or mttr")] = ReportKind.WEEKLY
    span: Annotated[timedelta | None, Word("over how long, e.g. 30d")] = None


def report(args: ReportArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It comes into this channel."""
    span = args.span or args.kind.span
    if not timedelta(minutes=1) <= span <= LONGEST:
        raise Malformed(f"A report goes over a minute to {lasting(LONGEST)}.", example="/report mttr 30d")
    order = what(args.kind, tx.now - span, tx.now, call.channel)
    tx.work.enqueue(WORKFLOW, key=f"report:{call.delivery}", payload=order)
    return Reply(card(f"{args.kind.heading}: it is being made", "It comes here in a moment."), private=True)


def what(kind: ReportKind, since: datetime, until: datetime, channel: str) -> dict[str, Any]:
    """What the work is told."""
    begin, end = since.replace(microsecond=0), until.replace(microsecond=0)
    return {"kind": kind.value, "since": begin.isoformat(), "until": end.isoformat(), "channel": channel}


COMMANDS = (
    Command(
        path=("report",),
        args=ReportArgs,
        summary="Report on incidents, response times and objectives: of a day, a week, a month, a quarter.",
        example="/report mttr 30d",
        decide=report,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
