"""`/gw slow`: the requests that took longest, each with what it is found by in the log and in traces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.cards import Card, Code, Rich, Table, Tone, When, rich
from commands.context import Call
from commands.grammar.arguments import Option, Word
from commands.handlers.common import at_most_a_quarter, show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import SlowRequest
from commands.presentation.words import cut, lasting
from commands.redaction import redact
from commands.registry import ADMIN, READERS, ActionClass, Command

_SHOWN = 15
_LONGEST_PATH = 60


@dataclass(frozen=True)
class SlowArgs(Somewhere):
    """Arguments of `/gw slow`."""

    route: Annotated[str, Word("only of this route")] = ""
    since: Annotated[timedelta, Option("--since", "how far back, at most 15m")] = timedelta(minutes=15)


async def slow(args: SlowArgs, call: Call) -> Card:
    """A row for each, the slowest first."""
    at_most_a_quarter(args.since, "/gw slow --since 5m")
    steering, workload = await steered(args, call)
    found = await steering.slow(workload.target, route=args.route, since=args.since, limit=_SHOWN)
    of_route = f" of route {cut(args.route, 60)}" if args.route else ""
    where = f"{named(workload, call)} in the last {lasting(args.since)}"
    if not found.requests:
        return Card(title=f"No requests{of_route} at {where}")
    return Card(
        title=f"Slowest requests{of_route} at {where}: {_milliseconds(found.requests[0])} and less",
        tone=Tone.INFO,
        paragraphs=(rich("Up to ten of a route in each half minute are remembered."),),
        table=Table(
            columns=("When", "Took", "Route", "Request", "Status", "Target", "Id"),
            rows=tuple(map(_row, found.requests)),
            numeric=(1, 4),
        ),
        footer=rich("All about one: ", Code(text="/gw logs ID --level DEBUG")),
    )


def _milliseconds(one: SlowRequest) -> str:
    return f"{one.milliseconds:,.0f} ms" if one.milliseconds >= 10 else f"{one.milliseconds:,.1f} ms"


def _row(one: SlowRequest) -> tuple[Rich, ...]:
    asked = redact(f"{one.method} {cut(one.path, _LONGEST_PATH)}")
    return (
        rich(When(at=one.at, style="clock")),
        rich(_milliseconds(one)),
        *map(rich, (one.route, asked, str(one.status), one.target or "-")),
        rich(Code(text=one.correlation_id)),
    )


COMMANDS = (
    Command(
        path=("gw", "slow"),
        args=SlowArgs,
        summary="Show the requests that took longest, of all routes or of one.",
        example="/gw slow",
        gather=slow,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="Look for slow records in its log: /gw logs high latency",
    ),
)
