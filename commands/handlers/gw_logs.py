"""`/gw logs`, `errors` and `history`: what happened lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from commands.cards import Card, Code, Rich, Table, Tone, When, Who, card, rich
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Option, Rest
from commands.handlers.common import FURTHEST, at_most_a_day, may_be_told_here, show_gathered
from commands.locating import Somewhere, called, location_of, named, workload_of
from commands.people import Person
from commands.ports import Change, ErrorGroup, LogLine, LogPage, LogQuery, LogSource, Transaction, Workload
from commands.presentation.words import counted, cut, cut_lines, dated, lasting
from commands.reading import service_of
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Command, Reply

_LONGEST_GREP = 200
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_ALIASES = {"WARN": "WARNING"}
_NOT_SHOWN = {
    "timestamp", "level", "message", "service", "component", "event_type", "user_agent", "worker", "worker_id",
    "client_ip", "http_version", "request_size",
}  # fmt: skip
_MOST_KINDS = 20
_LOOKED_AT = 500
_SAME_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class LogsArgs(Somewhere):
    """Arguments of `/gw logs`."""

    grep: Annotated[str, Rest("only lines with this text")] = ""
    level: Annotated[str, Option("--level", "DEBUG, INFO, WARNING or ERROR, and worse")] = "INFO"
    since: Annotated[timedelta, Option("--since", "how far back, e.g. 15m")] = timedelta(minutes=15)
    limit: Annotated[int, Option("--limit", "how many lines, at most 200")] = 40
    pod: Annotated[str, Option("--pod", "only of this pod, or of those whose names begin so")] = ""
    selector: Annotated[str, Option("--selector", "only of pods with these labels, as tier=edge")] = ""
    container: Annotated[str, Option("--container", "only of this container")] = ""
    previous: Annotated[bool, Flag("--previous", "of the run before the last restart")] = False


@dataclass(frozen=True)
class ErrorsArgs(Somewhere):
    """Arguments of `/gw errors`."""

    since: Annotated[timedelta, Option("--since", "how far back, e.g. 15m")] = timedelta(minutes=15)


@dataclass(frozen=True)
class HistoryArgs(Somewhere):
    """Arguments of `/gw history`."""

    limit: Annotated[int, Option("--limit", "how many changes, at most 50")] = 15
    by: Annotated[Person | None, Option("--by", "only what this person asked for")] = None
    action: Annotated[str, Option("--action", "only this kind, e.g. scale")] = ""
    state: Annotated[str, Option("--state", "only what ended so, e.g. failed")] = ""
    since: Annotated[timedelta | None, Option("--since", "only the newest, e.g. 2h")] = None

    def fits(self, at: datetime, *, by: str, action: str, state: str, now: datetime) -> bool:
        """Whether it is what was asked for."""
        wanted = (self.by.id if self.by else "", self.action.casefold(), self.state.casefold())
        found = (by, action.casefold(), state.casefold())
        same = all(not want or want == have for want, have in zip(wanted, found, strict=True))
        return same and (self.since is None or at > now - self.since)

    @property
    def narrowed(self) -> bool:
        """Whether some are left out."""
        return bool(self.by or self.action or self.state or self.since)


def _level(typed: str) -> str:
    level = _ALIASES.get(typed.upper(), typed.upper())
    if level not in _LEVELS:
        raise Malformed(
            f"“{typed[:20]}” is no log level.", hint="Levels:", allowed=_LEVELS, example="/gw logs --level ERROR"
        )
    return level


async def logs(args: LogsArgs, call: Call) -> Card:
    """`kubectl logs --tail | grep`, redacted and bounded."""
    level = _level(args.level)
    if len(args.grep) > _LONGEST_GREP:
        raise Malformed(f"Search for {_LONGEST_GREP} characters at most; those are {len(args.grep):,}.")
    at_most_a_day(args.since, "/gw logs --since 24h")
    limit = min(max(args.limit, 1), 200)
    source = LogSource(pod=args.pod, selector=args.selector, container=args.container, previous=args.previous)
    query = LogQuery(limit=limit, level=level, since=args.since, grep=args.grep, source=source)
    page = await call.services.logs.lines(service_of(call), query, location_of(args, call))
    missed = (rich(f"{counted(page.missed, 'more line')} came too fast to be kept."),) if page.missed else ()
    searched = () if page.lines else _searched(args, level)
    return Card(
        title=f"{_how_many(page)} of {called(args, call)} in the last {lasting(args.since)}",
        paragraphs=(*searched, *_kept(page.kept_since, args.since, call), *missed),
        preformatted=cut_lines([_line(line) for line in page.lines], most=limit),
    )


def _how_many(page: LogPage) -> str:
    shown = len(page.lines)
    if not shown:
        return "No log lines"
    return f"Newest {shown} of {counted(page.total, 'log line')}" if shown < page.total else counted(shown, "log line")


def _searched(args: LogsArgs, level: str) -> tuple[Rich, ...]:
    """What was looked for, and a line that finds more."""
    words = (", containing ", Code(text=cut(args.grep, 80))) if args.grep else ()
    looked = rich(f"Looked for {level}{'' if level == _LEVELS[-1] else ' and worse'}", *words, ".")
    further = ["--since 24h"] if args.since < FURTHEST else []
    further += ["--level DEBUG"] if level != _LEVELS[0] else []
    line = " ".join(["/gw logs", *([args.grep] if args.grep else []), *further])
    return (looked, rich("Try: ", Code(text=line))) if further else (looked,)


def _kept(since: datetime | None, asked: timedelta, call: Call) -> tuple[Rich, ...]:
    """Says so, when what was asked for goes further back than what is kept."""
    if since is None or since <= call.now - asked:
        return ()
    style: Literal["clock", "full"] = "clock" if call.now - since < _SAME_DAY else "full"
    return (rich("Kept since ", When(at=since, style=style), "; what was before is not counted."),)


def _line(line: LogLine) -> str:
    fields = ((key, _text(value)) for key, value in line.fields.items() if key not in _NOT_SHOWN)
    extra = " ".join(f"{key}={text}" for key, text in fields if text and not _said(text, line.message))
    return redact(f"{line.at.astimezone(UTC):%H:%M:%SZ} {line.level:<7} {line.message} {extra}".rstrip())


def _said(text: str, message: str) -> bool:
    """Whether the message says it already: `GET /orders 502` has the method, the path and the status."""
    return f" {text} " in f" {message} "


def _text(value: Any) -> str:
    """A field's value on one line; what nests is written as JSON."""
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


async def errors(args: ErrorsArgs, call: Call) -> Card:
    """Like errors counted together, the most frequent first."""
    at_most_a_day(args.since, "/gw errors --since 24h")
    found = await call.services.logs.errors(service_of(call), since=args.since, at=location_of(args, call))
    kept, where = (
        _kept(found.kept_since, args.since, call),
        f"on {called(args, call)} in the last {lasting(args.since)}",
    )
    if not found.groups:
        return Card(title=f"No errors {where}", paragraphs=kept, tone=Tone.GOOD)
    kinds = sorted(found.groups, key=lambda group: -group.count)
    rows = tuple(_error_row(group) for group in kinds[:_MOST_KINDS])
    more = (rich(f"The {_MOST_KINDS} most frequent of {len(kinds):,} kinds."),) if len(kinds) > _MOST_KINDS else ()
    return Card(
        title=f"{counted(found.total, 'error')} {where}",
        tone=Tone.WARNING,
        paragraphs=(*kept, *more),
        table=Table(columns=("Count", "Route", "Status", "Kind", "Last"), rows=rows, numeric=(0,)),
    )


def _error_row(group: ErrorGroup) -> tuple[Rich, ...]:
    return (
        rich(f"{group.count:,}"),
        rich(group.route),
        rich(str(group.status)),
        rich(redact(group.error_type)),
        rich(When(at=group.last_seen)),
    )


async def changes(args: HistoryArgs, call: Call) -> tuple[Workload, Sequence[Change]]:
    """The target, and its own history."""
    workload = await workload_of(args, call)
    limit = _LOOKED_AT if args.narrowed else min(max(args.limit, 1), 50)
    return workload, await call.services.deployments.history(workload.target, limit=limit)


def history(args: HistoryArgs, call: Call, tx: Transaction, known: tuple[Workload, Sequence[Change]]) -> Reply:
    """Who changed what, newest first: our plans, and what the target saw besides them."""
    workload, found = known
    limit = min(max(args.limit, 1), 50)
    plans = tx.plans.recent(target=workload.target.key, limit=_LOOKED_AT)
    visible = [plan for plan in plans if may_be_told_here(plan, call, tx) and _plan_fits(args, plan, call.now)]
    ours = {plan.id for plan in plans}
    rows = [(plan.created_at, _plan_row(plan)) for plan in visible]
    rows += [
        (change.at, _change_row(change))
        for change in found
        if change.operation.partition(".")[0] not in ours
        and args.fits(change.at, by=change.actor, action=change.kind, state=change.outcome, now=call.now)
    ]
    newest = sorted(rows, key=lambda row: row[0], reverse=True)[:limit]
    times = dated([at for at, _ in newest], call.person.timezone, now=call.now)
    if not newest and args.narrowed:
        return Reply(
            card(f"No such changes to {named(workload, call)}", rich("All of them: ", Code(text="/gw history")))
        )
    if not newest:
        return Reply(Card(title=f"No changes to {named(workload, call)} yet"))
    return Reply(
        Card(
            title=f"Changes to {named(workload, call)}",
            table=Table(
                columns=("When", "What", "Result"),
                rows=tuple((rich(at), *row) for at, (_, row) in zip(times, newest, strict=True)),
            ),
        )
    )


def _plan_fits(args: HistoryArgs, plan: Plan, now: datetime) -> bool:
    """An undo is asked for as one, and as what it does."""
    undo = args.action.casefold() == "undo" and plan.undoes is not None
    action = "undo" if undo else plan.action
    return args.fits(plan.created_at, by=plan.requester, action=action, state=plan.state.value, now=now)


def _plan_row(plan: Plan) -> tuple[Rich, ...]:
    result = f"{plan.outcome}: {plan.result}" if plan.result else plan.outcome
    return (rich(plan.summary, ", by ", Who(person=plan.requester)), rich(cut(result, 160)))


def _change_row(change: Change) -> tuple[Rich, ...]:
    what = f"{change.kind}: {change.before} → {change.after}" if change.before != change.after else change.kind
    return (rich(f"{cut(redact(what), 160)}, by {change.actor}"), rich(cut(redact(change.outcome), 120)))


COMMANDS = (
    Command(
        path=("gw", "logs"),
        args=LogsArgs,
        summary="Show recent log lines; add words to search for them.",
        example="/gw logs upstream timeout --level ERROR --since 5m",
        gather=logs,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("gw", "errors"),
        args=ErrorsArgs,
        summary="Count recent errors by route and kind.",
        example="/gw errors --since 30m",
        gather=errors,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("gw", "history"),
        args=HistoryArgs,
        summary="Show who changed what, and what came of it.",
        example="/gw history --by @ben --since 2h",
        gather=changes,
        decide=history,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
