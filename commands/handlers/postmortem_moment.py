"""`/postmortem moment`: when it began, was seen, was taken up, stopped hurting, was over; corrected by who knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from commands.cards import Card, Code, Rich, Table, When, Who, card, rich
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.moments import KeyMoment, MomentSet
from commands.drafting import findings, order_draft
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Word
from commands.handlers.common import Which, at_hand, named_or_at_hand
from commands.ports import Transaction
from commands.postmortem import Report
from commands.presentation.incident import headline
from commands.presentation.words import lasting
from commands.registry import READERS, ActionClass, Command, Reply, Where

_EARLIEST = timedelta(days=30)
_EXAMPLE = "/postmortem moment detected 12:04"


@dataclass(frozen=True)
class MomentArgs:
    """Arguments of `/postmortem moment`."""

    moment: Annotated[KeyMoment, Word("began, detected, acknowledged, mitigated or resolved")]
    at: Annotated[datetime | None, Word("when it was, e.g. 14:05 or 2026-03-01T14:05")] = None
    record: Annotated[bool, Flag("--record", "take back what was set: as the record has it")] = False


def moment(args: MomentArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The times between them follow, and the draft where there is one."""
    incident = at_hand(call, tx)
    if (args.at is None) is not args.record:
        raise Malformed("When was it?", hint="Give a time, or --record for what the record says.", example=_EXAMPLE)
    if args.at:
        _check(args.at, incident, tx.now)
    event = MomentSet(moment=args.moment, at=args.at)
    changed = tx.incidents.record(incident.id, event, actor=call.person.id)
    if changed.resolved_at:
        order_draft(changed, tx)
    report = findings(changed, call.services, tx).report
    when = rich(Who(person=call.person.id), f" set when {args.moment.words}: ", *_when(args.at)) if args.at else None
    words = when or rich(Who(person=call.person.id), f" left it to the record when {args.moment.words}.")
    return Reply(_shown(changed, report, words))


def _check(at: datetime, incident: Incident, now: datetime) -> None:
    if at > now:
        raise Malformed(
            "That time is yet to come.",
            hint="For an earlier day, give the date too.",
            example="/postmortem moment began 2026-03-01T14:05",
        )
    if at < incident.declared_at - _EARLIEST:
        raise Malformed(f"That is more than {lasting(_EARLIEST)} before the incident was declared.", example=_EXAMPLE)


def moments(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """All of them, and how each is known."""
    incident = named_or_at_hand(args.incident, call, tx)
    report = findings(incident, call.services, tx).report
    shown = _shown(incident, report, rich("One is wrong? ", Code(text=_EXAMPLE)))
    return Reply(shown, private=True)


def _shown(incident: Incident, report: Report, words: Rich) -> Card:
    rows = tuple(
        (rich(one.name), rich(When(at=one.at, style="full")) if one.at else rich("not known"), rich(one.how))
        for one in report.moments
    )
    took = ", ".join(f"{one.short} {lasting(one.took) if one.took is not None else '?'}" for one in report.spans)
    warnings = [rich(f"Careful: {report.disorder}.")] if report.disorder else []
    shown = card(f"Key moments of {headline(incident)}", words, *warnings)
    table = Table(columns=("Moment", "When", "From"), rows=rows)
    return shown.model_copy(update={"table": table, "footer": rich(took)})


def _when(at: datetime) -> Rich:
    return rich(When(at=at, style="full"), ".")


COMMANDS = (
    Command(
        path=("postmortem", "moment"),
        args=MomentArgs,
        summary="Correct when the incident began, was detected, acknowledged, mitigated or resolved.",
        example=_EXAMPLE,
        decide=moment,
        where=Where.INCIDENT,
    ),
    Command(
        path=("postmortem", "moments"),
        args=Which,
        summary="Show the key moments, how they are known, and the times between them.",
        example="/postmortem moments",
        decide=moments,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
