"""`/incident status`, `severity`, `note`, `link`: what responders tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from commands.cards import Link, Tone, When, Who, card, fact, rich, strong
from commands.context import Call
from commands.domain.incident import Incident, Linked, Noted, NoteKind, SeverityChanged, Status, StatusChanged
from commands.domain.severity import Severity
from commands.drafting import order_draft
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Option, Rest, Word
from commands.handlers.common import at_hand, open_at_hand, over
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.public import offer_public_text
from commands.presentation.words import lasting
from commands.redaction import redact
from commands.registry import Command, Reply, Where


@dataclass(frozen=True)
class StatusArgs:
    """Arguments of `/incident status`."""

    status: Annotated[Status | None, Word("investigating, identified, monitoring; after it: postmortem, closed")] = None
    note: Annotated[str, Rest("what to tell everybody")] = ""


@dataclass(frozen=True)
class SeverityArgs:
    """Arguments of `/incident severity`."""

    severity: Annotated[Severity, Word("the new level")]
    reason: Annotated[str, Rest("why")] = ""


@dataclass(frozen=True)
class NoteArgs:
    """Arguments of `/incident note`."""

    text: Annotated[str, Rest("what to remember")]
    kind: Annotated[NoteKind, Option("--as", "cause, resolution, impact, decision, action or lesson")] = NoteKind.NOTE
    at: Annotated[datetime | None, Option("--at", "when it happened, e.g. 14:05")] = None


@dataclass(frozen=True)
class LinkArgs:
    """Arguments of `/incident link`."""

    url: Annotated[str, Word("an http(s) address")]
    label: Annotated[str, Rest("what it shows")] = ""


def status(args: StatusArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Without a status: say what it is. The same status again is an update; it restarts the update clock."""
    incident = at_hand(call, tx)
    if args.status is None:
        return _say_status(incident, call)
    return set_status(incident, args.status, args.note, call, tx)


def set_status(incident: Incident, to: Status, note: str, call: Call, tx: Transaction) -> Reply:
    """Move it, or say the same status again."""
    _check_move(incident, to)
    change = StatusChanged(before=incident.status, after=to, note=redact(note))
    changed = tx.incidents.record(incident.id, change, actor=call.person.id)
    offer_public_text(changed, call.services, tx)
    title = (
        f"Status: {changed.status.value}"
        if changed.status is not incident.status
        else f"Update: still {changed.status.value}"
    )
    due = changed.next_update_due(call.services.scheme)
    facts = (fact("Next update due", When(at=due)),) if due else ()
    return Reply(
        card(title, *([change.note] if change.note else []), tone=Tone.INFO).model_copy(update={"facts": facts})
    )


def _say_status(incident: Incident, call: Call) -> Reply:
    due = incident.next_update_due(call.services.scheme)
    facts = (
        fact("Status", strong(incident.status.value)),
        *((fact("Next update due", When(at=due)),) if due else ()),
    )
    return Reply(card(headline(incident)).model_copy(update={"facts": facts}), private=True)


def _check_move(incident: Incident, to: Status) -> None:
    if to is Status.RESOLVED and incident.status.is_open:
        raise Malformed("Resolving has its own command.", example="/incident resolve what fixed it")
    if to is Status.RESOLVED:
        raise Conflict(
            f"The incident was resolved before; its status is {incident.status.value}.",
            example="/incident reopen errors are back",
        )
    if incident.status.is_open and not to.is_open:
        raise Conflict(
            f"The incident is still open; {to.value} comes after it is resolved.",
            example="/incident resolve what fixed it",
        )
    if not incident.status.is_open and to.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")


def severity(args: SeverityArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Raise or lower it."""
    incident = open_at_hand(call, tx)
    if args.severity.id == incident.severity:
        raise Conflict(f"The incident is {incident.severity} already.")
    change = SeverityChanged(before=incident.severity, after=args.severity.id, reason=redact(args.reason))
    tx.incidents.record(incident.id, change, actor=call.person.id)
    title = f"Severity: {change.before} → {change.after}"
    return Reply(
        card(
            title,
            *([change.reason] if change.reason else []),
            f"{change.after}: {args.severity.criteria}.",
            tone=Tone.WARNING,
        )
    )


MAX_NOTE = 4000

#: How long before the declaration something may have happened that belongs to the incident.
_EARLIEST = timedelta(days=1)


def note(args: NoteArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Keep it on the timeline; a marked one fills its section of the postmortem."""
    incident = at_hand(call, tx)
    if len(args.text) > MAX_NOTE:
        raise Malformed(
            f"That note has {len(args.text):,} characters; at most {MAX_NOTE:,} fit.",
            hint="Put long output into a file and link to it.",
            example="/incident link https://files.example/dump the whole output",
        )
    _check_time(args.at, incident, tx.now)
    noted = Noted(text=redact(args.text), marked=args.kind, happened_at=args.at)
    changed = tx.incidents.record(incident.id, noted, actor=call.person.id)
    if changed.resolved_at and noted.marked is not NoteKind.NOTE:
        order_draft(changed, tx)
    title = "Noted" if noted.marked is NoteKind.NOTE else f"Noted as {noted.marked.value}"
    when = (fact("Happened at", When(at=args.at, style="full")),) if args.at else ()
    return Reply(card(title, noted.text).model_copy(update={"facts": when}))


def _check_time(at: datetime | None, incident: Incident, now: datetime) -> None:
    if at is None:
        return
    if at > now:
        raise Malformed(
            "That time is yet to come.",
            hint="For an earlier day, give the date too.",
            example="/incident note --at 2026-03-01T14:05 first complaints",
        )
    if at < incident.declared_at - _EARLIEST:
        raise Malformed(
            f"That is more than {lasting(_EARLIEST)} before the incident was declared.",
            hint="Give a later time, or write the time into the note.",
        )


MAX_LABEL, MAX_URL = 200, 2000


def link(args: LinkArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Add a dashboard, document or ticket."""
    incident = at_hand(call, tx)
    if len(args.url) > MAX_URL:
        raise Malformed(
            f"That address has {len(args.url):,} characters; at most {MAX_URL:,} fit.",
            hint="Link to a page that leads there.",
        )
    if not _is_address(args.url):
        raise Malformed(
            f"{args.url[:80]} is no http(s) address.",
            example="/incident link https://grafana.example/d/1 errors",
        )
    if len(args.label) > MAX_LABEL:
        raise Malformed(
            f"That label has {len(args.label):,} characters; at most {MAX_LABEL} fit.",
            hint="Give the link a short label, then put the rest into /incident note.",
        )
    linked = Linked(url=redact(args.url), label=redact(args.label))
    tx.incidents.record(incident.id, linked, actor=call.person.id)
    shown = rich(Who(person=call.person.id), " added ", Link(url=linked.url, text=linked.label or linked.url))
    return Reply(card("Link added", shown))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that opens no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


COMMANDS = (
    Command(
        path=("incident", "status"),
        args=StatusArgs,
        summary="Set the status, or post an update.",
        example="/incident status identified bad deploy of the auth service",
        decide=status,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "severity"),
        args=SeverityArgs,
        summary="Change the severity.",
        example="/incident severity sev2 only one route is affected",
        decide=severity,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "note"),
        args=NoteArgs,
        summary="Write something on the timeline; --as cause, resolution, impact, decision, action or lesson.",
        example="/incident note --as cause connection pool exhausted",
        decide=note,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "link"),
        args=LinkArgs,
        summary="Add a link to the incident.",
        example="/incident link https://grafana.example/d/gateway error rate",
        decide=link,
        where=Where.INCIDENT,
    ),
)
