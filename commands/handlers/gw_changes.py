"""`/gw changes 30m`: whatever has changed lately, on one time line beside the error rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from commands.cards import Card, Part, Rich, Table, Tone, Who, rich
from commands.charts import Mark
from commands.context import Call
from commands.domain.plan import Plan, Target
from commands.domain.sli import Reading
from commands.grammar.arguments import Word
from commands.handlers.common import at_most_a_day, may_be_told_here
from commands.locating import Somewhere, is_watched, named, workload_of
from commands.ports import Change, Transaction, Workload
from commands.presentation.measured import Window, measured_chart
from commands.presentation.words import counted, cut, dated, lasting
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Command, Reply

_MOST_ROWS, _LOOKED_AT = 40, 50
#: What a change does to the error rate shows in this time, or is somebody else's.
_AFTERWARDS = timedelta(minutes=3)


@dataclass(frozen=True)
class ChangesArgs(Somewhere):
    """Arguments of `/gw changes`."""

    span: Annotated[timedelta, Word("how far back, e.g. 30m or 4h")] = timedelta(minutes=30)


@dataclass(frozen=True)
class Found:
    """What the outside says has changed, and what could not be looked at."""

    workload: Workload
    changes: tuple[Change, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """One change, from wherever it is known. `label` is short enough for a chart."""

    at: datetime
    words: tuple[Part, ...]
    label: str


async def look(args: ChangesArgs, call: Call) -> Found:
    """Of a cluster, all that it knows; of local processes, their own record."""
    at_most_a_day(args.span, "/gw changes 24h")
    workload = await workload_of(args, call)
    if call.services.inspection:
        found = await call.services.inspection.changes(workload.target, since=args.span)
        return Found(workload, found.changes, found.missing)
    known = await call.services.deployments.history(workload.target, limit=_LOOKED_AT)
    return Found(workload, tuple(one for one in known if one.at >= call.now - args.span))


def show(args: ChangesArgs, call: Call, tx: Transaction, found: Found) -> Reply:
    """With our own plans among them; oldest first, as it happened."""
    target, window = (
        found.workload.target,
        Window(found.workload.target.name, tx.now - max(args.span, timedelta(minutes=1)), tx.now, call.services.zone),
    )
    plans = [one for one in _ours(target, window, tx) if may_be_told_here(one, call, tx)]
    known = {one.id for one in _ours(target, window, tx)}
    others = [one for one in found.changes if one.operation.partition(".")[0] not in known]
    entries = [*map(_of_plan, plans), *map(_of_change, others)]
    entries.sort(key=lambda one: one.at)
    watched = is_watched(target.location, call.services)
    readings = tx.samples.between(window.service, window.since - _AFTERWARDS, window.until) if watched else []
    marks = [Mark(at=one.at, label=one.label) for one in entries]
    chart = measured_chart(window, readings, (), call.services.objectives, marks)
    span = lasting(args.span)
    undrawn = "" if chart else _undrawn(call, watched=watched, span=span)
    count = counted(len(entries), "change") if entries else "No changes"
    return Reply(
        Card(
            title=f"{count} around {named(found.workload, call)} in the last {span}",
            tone=Tone.NEUTRAL,
            paragraphs=tuple(_notes(found, entries, undrawn)),
            chart=chart,
            table=_table(entries, readings, call) if entries else None,
        )
    )


def _ours(target: Target, window: Window, tx: Transaction) -> list[Plan]:
    """Our plans that did something in the window, or may have."""
    recent = tx.plans.recent(target=target.key, limit=_LOOKED_AT)
    sent = [(one.executed_at, one) for one in recent]
    return [one for at, one in sent if at is not None and at >= window.since]


def _of_plan(plan: Plan) -> _Entry:
    who = Who(person=plan.requester)
    assert plan.executed_at is not None
    words = (f"{plan.summary}, by ", who, f": {plan.outcome}")
    return _Entry(plan.executed_at, words, cut(plan.summary, 40))


def _of_change(one: Change) -> _Entry:
    what = f"{one.kind}: {one.before} → {one.after}" if one.before else f"{one.kind}: {one.after}".rstrip(": ")
    by = f", by {one.actor}" if one.actor != "-" else ""
    why = f" ({one.reason})" if one.reason else ""
    return _Entry(one.at, (f"{cut(redact(f'{what}{why}'), 200)}{by}",), cut(one.kind, 40))


def _undrawn(call: Call, *, watched: bool, span: str) -> str:
    if watched:
        return f"No chart: too little was measured in the last {span}."
    return f"No chart: only {call.services.home.words} is measured all the time."


def _notes(found: Found, entries: Sequence[_Entry], undrawn: str) -> Iterable[Rich]:
    yield from (rich(f"Not looked at: {cut(redact(one), 300)}") for one in found.missing)
    if len(entries) > _MOST_ROWS:
        yield rich(f"The newest {_MOST_ROWS} of {len(entries)}.")
    if undrawn:
        yield rich(undrawn)


def _table(entries: Sequence[_Entry], readings: Sequence[Reading], call: Call) -> Table:
    shown = entries[-_MOST_ROWS:]
    times = dated([one.at for one in shown], call.person.timezone, now=call.now)
    rows = [(rich(at), rich(*one.words), rich(_errors(one.at, readings))) for at, one in zip(times, shown, strict=True)]
    return Table(columns=("When", "What", "Errors"), rows=tuple(rows))


def _errors(at: datetime, readings: Sequence[Reading]) -> str:
    """`0.2% → 31.0%`: the last reading before a change, and the worst right after it."""
    before = [one for one in readings if one.at <= at and at - one.at <= _AFTERWARDS]
    after = [one for one in readings if at < one.at <= at + _AFTERWARDS]
    if not before and not after:
        return "-"
    worst = max(after, key=lambda one: (not one.up, one.error_rate), default=None)
    return f"{_rate(before[-1] if before else None)} → {_rate(worst)}"


def _rate(reading: Reading | None) -> str:
    if reading is None or (reading.up and not reading.requests):
        return "?"
    return f"{reading.error_rate:.1%}" if reading.up else "no answer"


COMMANDS = (
    Command(
        path=("gw", "changes"),
        args=ChangesArgs,
        summary="Show everything that has changed lately, beside the error rate.",
        example="/gw changes 30m",
        gather=look,
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
