"""`/gw talkers`: who asks the gateway most. What to look at first in a flood, before anybody is blocked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from commands.cards import Card, Code, Rich, Table, Tone, When, rich
from commands.context import Call
from commands.grammar.arguments import Option, Word
from commands.handlers.common import at_most_a_quarter, show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import Talker, Talkers
from commands.presentation.words import counted, lasting
from commands.registry import ADMIN, RESPONDERS, ActionClass, Command

_SHOWN = 15


class Most(StrEnum):
    """What somebody may have the most of."""

    REQUESTS = "requests"
    REFUSED = "refused"
    FAILED = "failed"
    BYTES = "bytes"


class By(StrEnum):
    """How senders are told apart."""

    ADDRESS = "address"
    CLIENT = "client"


@dataclass(frozen=True)
class TalkersArgs(Somewhere):
    """Arguments of `/gw talkers`."""

    most: Annotated[Most, Word("of what: requests, refused (4xx), failed (5xx) or bytes")] = Most.REQUESTS
    by: Annotated[By, Option("--by", "address, or client: who was let in by a token or a key")] = By.ADDRESS
    since: Annotated[timedelta, Option("--since", "how far back, at most 15m")] = timedelta(minutes=15)


async def talkers(args: TalkersArgs, call: Call) -> Card:
    """A row for each of the loudest, and one for all others."""
    at_most_a_quarter(args.since, "/gw talkers --since 5m")
    steering, workload = await steered(args, call)
    found = await steering.talkers(
        workload.target, by=args.by.value, most=args.most.value, since=args.since, limit=_SHOWN
    )
    where = f"{named(workload, call)} in the last {lasting(args.since)}"
    if not found.loudest:
        return Card(title=f"Nobody asked {where}", paragraphs=_hint(args))
    return Card(
        title=f"Who asked {where}: {_judged(found)}",
        tone=Tone.INFO,
        paragraphs=(rich("Counted since ", When(at=found.since, style="clock"), ", by ", args.by, "."),),
        table=Table(
            columns=(args.by.value.capitalize(), "Share", "Requests", "4xx", "5xx", "Bytes"),
            rows=tuple(_rows(found)),
            numeric=(1, 2, 3, 4, 5),
        ),
        footer=rich("To keep one out: ", Code(text="/gw block ADDRESS --for 1h")) if args.by is By.ADDRESS else (),
    )


def _hint(args: TalkersArgs) -> tuple[Rich, ...]:
    if args.by is By.ADDRESS:
        return ()
    return (rich("Only who was let in by a token or a key is a client. Try: ", Code(text="/gw talkers")),)


def _judged(found: Talkers) -> str:
    first, total = found.loudest[0], sum(one.requests for one in (*found.loudest, found.others))
    return f"{counted(total, 'request')}, {first.requests / max(total, 1):.0%} of them from {first.who}"


def _rows(found: Talkers) -> list[tuple[Rich, ...]]:
    total = sum(one.requests for one in (*found.loudest, found.others))
    rows = [_row(one.who, one, total) for one in found.loudest]
    return [*rows, _row("all others", found.others, total)] if found.others.requests else rows


def _row(who: str, one: Talker, total: int) -> tuple[Rich, ...]:
    numbers = (f"{number:,}" for number in (one.requests, one.refused, one.failed))
    share, size = f"{one.requests / max(total, 1):.0%}", f"{one.bytes / 2**20:,.1f} MB"
    return (rich(who), rich(share), *map(rich, numbers), rich(size))


COMMANDS = (
    Command(
        path=("gw", "talkers"),
        args=TalkersArgs,
        summary="Show who asks most, by address or client: requests, refusals, failures, bytes.",
        example="/gw talkers refused --since 5m",
        gather=talkers,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=RESPONDERS,
        needs=ADMIN,
        instead="Count src_ip in its log.",
    ),
)
