"""`/maintenance`: windows of planned work; plan, announce, start, end, extend, cancel (runbook 001)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from commands import maintaining
from commands.cards import Code, Tone, card, rich
from commands.context import Call
from commands.domain.maintenance import MARK, Maintenance, MaintenanceState
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Option, Word
from commands.handlers.common import Nothing
from commands.ports import Transaction
from commands.presentation.maintenance import window_card, window_line
from commands.presentation.words import lasting
from commands.redaction import redact
from commands.registry import OPERATORS, READERS, ActionClass, Click, Command, Decide, Reply

_EXAMPLE = '/maintenance plan "Database upgrade" from 22:00 to 23:30 --service gateway'
_MOST_TITLE, _MOST_DETAILS = 120, 1000
_LONGEST, _FURTHEST = timedelta(days=14), timedelta(days=365)
_SHOWN_AFTER = timedelta(days=1)
_MORE = timedelta(minutes=30)


@dataclass(frozen=True)
class PlanArgs:
    """Arguments of `/maintenance plan`."""

    title: Annotated[str, Word("what is done, in quotes; the public reads it")]
    start: Annotated[str, Word("22:00, or 2026-03-01T22:00", lead="from")]
    end: Annotated[str, Word("23:30, or 2026-03-01T23:30", lead="to")]
    service: Annotated[str, Option("--service", "what is worked on; nobody is told of its alerts meanwhile")] = ""
    components: Annotated[str, Option("--components", "ids of the status page, with commas between them")] = ""
    details: Annotated[str, Option("--details", "what the public should know, in quotes")] = ""
    internal: Annotated[bool, Flag("--internal", "the public is told nothing")] = False
    alerts: Annotated[bool, Flag("--alerts", "people are told of its alerts all the same")] = False


@dataclass(frozen=True)
class OneArgs:
    """Arguments of what is done with one."""

    maintenance: Annotated[str, Word("its id; can be left out where there is only one")] = ""


@dataclass(frozen=True)
class ExtendArgs:
    """Arguments of `/maintenance extend`."""

    span: Annotated[timedelta, Word("how much longer, e.g. 30m", lead="by")]
    maintenance: Annotated[str, Word("its id; can be left out where there is only one")] = ""


def show(_args: Nothing, _call: Call, tx: Transaction, _facts: None) -> Reply:
    """Those to come, those that last, and those of the last day."""
    found = tx.maintenances.since(tx.now - _SHOWN_AFTER)
    shown = card("Maintenance", *([window_line(one) for one in found] or [rich("None is planned.")]))
    how = rich("To plan one: ", Code(text=_EXAMPLE))
    return Reply(shown.model_copy(update={"footer": how}), private=True)


def plan(args: PlanArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """A window, with what the public will read of it."""
    start = _moment(args.start, tx.now, call)
    end = _moment(args.end, start, call)
    if not tx.now <= start < end or end - start > _LONGEST or start - tx.now > _FURTHEST:
        raise Malformed(
            "A maintenance begins within a year, ends after it began, and lasts two weeks at most.", example=_EXAMPLE
        )
    title, details = redact(" ".join(args.title.split())), redact(args.details.strip())
    if not title or len(title) > _MOST_TITLE or len(details) > _MOST_DETAILS:
        raise Malformed(f"A title has 1 to {_MOST_TITLE} characters, details at most {_MOST_DETAILS:,}.")
    if not args.internal:
        maintaining.check_public((title, details), call.services, example=_EXAMPLE)
    planned = Maintenance(
        id=f"{MARK}{hashlib.sha256(call.delivery.encode()).hexdigest()[:8]}",
        title=title,
        starts_at=start,
        ends_at=end,
        service=args.service.strip(),
        components=_components(args, call),
        details=details,
        internal=args.internal,
        silent=not args.alerts,
        channel=call.channel,
        platform=call.platform,
        planned_by=call.person.id,
        planned_at=tx.now,
    )
    return _shown(maintaining.plan(planned, call.services, tx), call)


def _moment(word: str, after: datetime, call: Call) -> datetime:
    """The first such time after another, on the clock of whoever asks. Raises Malformed."""
    zone = ZoneInfo(call.person.timezone)
    try:
        if len(word) > 5:
            at = datetime.fromisoformat(word)
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(after.tzinfo)
        hour, _, minute = word.partition(":")
        clock, day = time(int(hour), int(minute)), after.astimezone(zone).date()
        days = (datetime.combine(day + timedelta(days=n), clock, tzinfo=zone) for n in range(3))
        return next(at for at in days if at > after).astimezone(after.tzinfo)
    except (ValueError, OverflowError, StopIteration):
        raise Malformed(
            f"“{word[:40]}” is no time.", hint="Write it as", allowed=["22:00", "2026-03-01T22:00"]
        ) from None


def _components(args: PlanArgs, call: Call) -> tuple[str, ...]:
    """Those that were named, else those of the service."""
    known = {one.id: one.name for one in call.services.publicity.components}
    asked = tuple(dict.fromkeys(args.components.replace(",", " ").split()))
    if strange := [one for one in asked if one not in known]:
        raise Malformed(f"There is no component {strange[0][:60]}.", allowed=known)
    mine = (one.id for one in call.services.publicity.components if args.service and one.service == args.service)
    return asked or tuple(mine)


def _one(maintenance_id: str, tx: Transaction) -> Maintenance:
    """The one that was named, else the only one that stands. Raises Conflict and NotFound."""
    if maintenance_id:
        return tx.maintenances.get(maintenance_id)
    standing = tx.maintenances.standing()
    if len(standing) != 1:
        many = f"{len(standing)} are planned" if standing else "None is planned"
        hint = f"Say which: {', '.join(one.id for one in standing[:5])}." if standing else ""
        raise Conflict(f"{many}.", hint=hint, example="/maintenance")
    return standing[0]


def _shown(maintenance: Maintenance, call: Call) -> Reply:
    return Reply(window_card(maintenance, call.services))


def announce(args: OneArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The public reads of it now."""
    before = _one(args.maintenance, tx)
    if before.internal:
        raise Conflict("That maintenance is internal.", hint="Cancel it, and plan it again without `--internal`.")
    return _shown(maintaining.announce(before, call.person.id, call.services, tx), call)


def start(args: OneArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It begins."""
    return _started(_one(args.maintenance, tx), call, tx)


def _started(before: Maintenance, call: Call, tx: Transaction) -> Reply:
    shown = window_card(maintaining.start(before, call, tx), call.services)
    if before.service not in {"", call.services.default_service}:
        return Reply(shown)
    page = rich("To show everybody a page meanwhile: ", Code(text="/gw maintenance on"))
    return Reply(shown.model_copy(update={"paragraphs": (page,)}))


def end(args: OneArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It is over."""
    return _ended(_one(args.maintenance, tx), call, tx)


def _ended(before: Maintenance, call: Call, tx: Transaction) -> Reply:
    shown = window_card(maintaining.end(before, call, tx), call.services)
    look = rich("See that all is well: ", Code(text="/gw status"), " ", Code(text="/gw errors"))
    again = f"You are reminded to look once more in {lasting(maintaining.WATCHED)}."
    return Reply(shown.model_copy(update={"paragraphs": (look, rich(again)), "tone": Tone.GOOD}))


def extend(args: ExtendArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It takes longer."""
    before = _one(args.maintenance, tx)
    if not timedelta(0) < args.span <= _LONGEST or before.ends_at + args.span - before.starts_at > _LONGEST:
        raise Malformed("A maintenance lasts two weeks at most.", example="/maintenance extend 30m")
    return _shown(maintaining.extend(before, args.span, call, tx), call)


def cancel(args: OneArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It does not take place, or is broken off."""
    return _shown(maintaining.cancel(_one(args.maintenance, tx), call, tx), call)


def click_start(subject: str, call: Call, tx: Transaction) -> Reply:
    """The answer to the question whether it begins."""
    return _started(tx.maintenances.get(subject), call, tx)


def click_end(subject: str, call: Call, tx: Transaction) -> Reply:
    """The answer to the question whether it is over."""
    return _ended(tx.maintenances.get(subject), call, tx)


def click_extend(subject: str, call: Call, tx: Transaction) -> Reply:
    """Not yet."""
    return _shown(maintaining.extend(tx.maintenances.get(subject), _MORE, call, tx), call)


def click_cancel(subject: str, call: Call, tx: Transaction) -> Reply:
    """It does not begin at all."""
    before = tx.maintenances.get(subject)
    if before.state is MaintenanceState.RUNNING:
        raise Conflict("It has begun by now.", example=f"/maintenance cancel {before.id}")
    return _shown(maintaining.cancel(before, call, tx), call)


def _command(name: str, summary: str, decide: Decide, args: type = OneArgs, example: str = "") -> Command:
    return Command(
        path=("maintenance", name),
        args=args,
        summary=summary,
        example=example or f"/maintenance {name} maint-1a2b3c4d",
        decide=decide,
        access=OPERATORS,
    )


COMMANDS = (
    Command(
        path=("maintenance",),
        args=Nothing,
        summary="Show planned maintenance windows. The page at the gateway is /gw maintenance on.",
        example="/maintenance",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    _command("plan", "Plan a maintenance window; the public reads of it a day before.", plan, PlanArgs, _EXAMPLE),
    _command("announce", "Tell the public of a planned maintenance now.", announce),
    _command("start", "Begin a maintenance: the public is told, alerts of its service are silenced.", start),
    _command("end", "End a maintenance: the public is told, alerts are heard again.", end),
    _command("extend", "Let a maintenance take longer.", extend, ExtendArgs, "/maintenance extend 30m maint-1a2b3c4d"),
    _command("cancel", "Call a maintenance off, or break it off.", cancel),
)

CLICKS = (
    Click(action="maintenance.start", decide=click_start, access=OPERATORS),
    Click(action="maintenance.end", decide=click_end, access=OPERATORS),
    Click(action="maintenance.extend", decide=click_extend, access=OPERATORS),
    Click(action="maintenance.cancel", decide=click_cancel, access=OPERATORS),
)
