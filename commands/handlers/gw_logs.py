"""`/gw logs`, `errors` and `history`: what happened lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from commands.cards import Card, Rich, Table, Tone, When, Who, rich
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Option, Rest
from commands.ports import Change, LogLine, Transaction
from commands.presentation.words import counted, cut, cut_lines, lasting
from commands.reading import service_of
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Command, Reply

_FURTHEST, _LONGEST_GREP = timedelta(days=1), 200
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_NOT_SHOWN = {"timestamp", "level", "message", "service", "component", "user_agent", "worker", "worker_id"}


@dataclass(frozen=True)
class LogsArgs:
    """Arguments of `/gw logs`."""

    grep: Annotated[str, Rest("only lines with this text")] = ""
    level: Annotated[str, Option("--level", "DEBUG, INFO, WARNING or ERROR, and worse")] = "INFO"
    since: Annotated[timedelta, Option("--since", "how far back, e.g. 15m")] = timedelta(minutes=15)
    limit: Annotated[int, Option("--limit", "how many lines, at most 200")] = 40


@dataclass(frozen=True)
class ErrorsArgs:
    """Arguments of `/gw errors`."""

    since: Annotated[timedelta, Option("--since", "how far back, e.g. 15m")] = timedelta(minutes=15)


@dataclass(frozen=True)
class HistoryArgs:
    """Arguments of `/gw history`."""

    limit: Annotated[int, Option("--limit", "how many changes, at most 50")] = 15


def _at_most_a_day(since: timedelta, example: str) -> None:
    if since > _FURTHEST:
        raise Malformed(f"Logs are kept for a day; {lasting(since)} is further back.", example=example)


async def logs(args: LogsArgs, call: Call) -> Card:
    """`kubectl logs --tail | grep`, redacted and bounded."""
    level = args.level.upper()
    if level not in _LEVELS:
        raise Malformed(
            f"{args.level[:20]!r} is no log level.",
            hint=f"Levels: {', '.join(_LEVELS)}.",
            example="/gw logs --level ERROR",
        )
    if len(args.grep) > _LONGEST_GREP:
        raise Malformed(f"Search for {_LONGEST_GREP} characters at most; those are {len(args.grep):,}.")
    _at_most_a_day(args.since, "/gw logs --since 24h")
    limit = min(max(args.limit, 1), 200)
    lines = await call.services.logs.lines(service_of(call), limit=limit, level=level, grep=args.grep, since=args.since)
    title = f"{counted(len(lines), 'log line')} of {service_of(call)}, last {lasting(args.since)}"
    return Card(title=title, preformatted=cut_lines([_line(line) for line in lines], most=limit))


def _line(line: LogLine) -> str:
    fields = ((key, _text(value)) for key, value in line.fields.items() if key not in _NOT_SHOWN)
    extra = " ".join(f"{key}={text}" for key, text in fields if text)
    return redact(f"{line.at:%H:%M:%S} {line.level:<7} {line.message} {extra}".rstrip())


def _text(value: Any) -> str:
    """A field's value on one line; what nests is written as JSON."""
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


async def errors(args: ErrorsArgs, call: Call) -> Card:
    """Like errors counted together, the most frequent first."""
    _at_most_a_day(args.since, "/gw errors --since 24h")
    groups = await call.services.logs.errors(service_of(call), since=args.since)
    total = sum(group.count for group in groups)
    if not groups:
        return Card(title=f"No errors on {service_of(call)} in the last {lasting(args.since)}", tone=Tone.GOOD)
    rows = tuple(
        (
            rich(f"{group.count:,}"),
            rich(group.route),
            rich(str(group.status)),
            rich(redact(group.error_type)),
            rich(When(at=group.last_seen)),
        )
        for group in sorted(groups, key=lambda group: -group.count)[:20]
    )
    table = Table(columns=("Count", "Route", "Status", "Kind", "Last"), rows=rows, numeric=(0,))
    return Card(
        title=f"{counted(total, 'error')} on {service_of(call)} in the last {lasting(args.since)}",
        tone=Tone.CRITICAL,
        table=table,
    )


async def changes(args: HistoryArgs, call: Call) -> Sequence[Change]:
    """The target's own history."""
    workload = await call.services.deployments.find(service_of(call))
    return await call.services.deployments.history(workload.target, limit=min(max(args.limit, 1), 50))


def history(args: HistoryArgs, call: Call, tx: Transaction, found: Sequence[Change]) -> Reply:
    """Who changed what, newest first: our plans, and what the target saw besides them."""
    limit = min(max(args.limit, 1), 50)
    plans = [plan for plan in tx.plans.recent(target=None, limit=limit) if plan.target.name == service_of(call)]
    visible = [plan for plan in plans if tx.messages.may_read(plan.channel, call.person.id)]
    ours = {plan.id for plan in plans}
    rows = [(plan.created_at, _plan_row(plan)) for plan in visible]
    rows += [(change.at, _change_row(change)) for change in found if change.operation not in ours]
    newest = tuple(row for _, row in sorted(rows, key=lambda row: row[0], reverse=True)[:limit])
    if not newest:
        return Reply(Card(title=f"Nothing has changed {service_of(call)} yet"))
    return Reply(
        Card(
            title=f"Changes of {service_of(call)}",
            table=Table(columns=("When", "Who", "What", "Result"), rows=newest),
        )
    )


def _plan_row(plan: Plan) -> tuple[Rich, ...]:
    result = f"{plan.state.value}: {plan.detail}" if plan.detail else plan.state.value
    return (
        rich(When(at=plan.created_at, style="full")),
        rich(Who(person=plan.requester)),
        rich(plan.summary),
        rich(cut(result, 160)),
    )


def _change_row(change: Change) -> tuple[Rich, ...]:
    what = f"{change.kind}: {change.before} → {change.after}" if change.before != change.after else change.kind
    return (
        rich(When(at=change.at, style="full")),
        rich(change.actor),
        rich(cut(redact(what), 160)),
        rich(cut(redact(change.outcome), 120)),
    )


def show(_args: object, _call: Call, _tx: Transaction, facts: Card) -> Reply:
    """What was gathered is the answer."""
    return Reply(facts)


COMMANDS = (
    Command(
        path=("gw", "logs"),
        args=LogsArgs,
        summary="Show recent log lines; add words to search for them.",
        example="/gw logs upstream timeout --level ERROR --since 5m",
        gather=logs,
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("gw", "errors"),
        args=ErrorsArgs,
        summary="Count recent errors by route and kind.",
        example="/gw errors --since 30m",
        gather=errors,
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("gw", "history"),
        args=HistoryArgs,
        summary="Show who changed what, and what came of it.",
        example="/gw history --limit 5",
        gather=changes,
        decide=history,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
