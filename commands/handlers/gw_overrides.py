"""`/gw overrides` and `/gw blocks`: all that somebody has ordered of the gateway, whatever its settings say."""

from __future__ import annotations

from collections.abc import Sequence

from commands.cards import Card, Code, Rich, Table, Tone, When, rich
from commands.context import Call
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import StandingOrder
from commands.presentation.whose import actor
from commands.presentation.words import counted, cut
from commands.redaction import redact
from commands.registry import ADMIN, READERS, ActionClass, Command

_MOST = 60


async def overrides(args: Somewhere, call: Call) -> Card:
    """What ends first comes first."""
    steering, workload = await steered(args, call)
    found, where = await steering.orders(workload.target), named(workload, call)
    if not found:
        return Card(title=f"{where} goes by its settings: nothing is ordered otherwise")
    return _listed(f"{counted(len(found), 'order')} above the settings of {where}", found, call)


def _listed(title: str, found: Sequence[StandingOrder], call: Call) -> Card:
    more = len(found) - _MOST
    return Card(
        title=title,
        tone=Tone.INFO,
        paragraphs=(rich(f"{more:,} more left out, which last longer."),) if more > 0 else (),
        table=Table(
            columns=("What", "Of", "Order", "By", "Until", "Why"),
            rows=tuple(_row(one, call) for one in found[:_MOST]),
        ),
        footer=rich("What Tocsin takes back by itself, a few minutes earlier: ", Code(text="/leases")),
    )


def _row(one: StandingOrder, call: Call) -> tuple[Rich, ...]:
    return (
        rich(one.kind),
        rich(cut(one.about, 60)),
        rich(cut(redact(one.what), 120)),
        rich(actor(one.by, call)),
        rich(When(at=one.until, style="full")),
        rich(cut(redact(one.reason), 80) or "-"),
    )


async def blocks(args: Somewhere, call: Call) -> Card:
    """Who is kept out."""
    steering, workload = await steered(args, call)
    found = [one for one in await steering.orders(workload.target) if one.kind in {"block", "client block"}]
    where = named(workload, call)
    if not found:
        return Card(title=f"Nobody is blocked from {where}")
    clients = sum(one.kind == "client block" for one in found)
    who = [counted(number, word) for number, word in ((len(found) - clients, "network"), (clients, "client")) if number]
    return _listed(f"{' and '.join(who)} blocked from {where}", found, call)


COMMANDS = (
    Command(
        path=("gw", "overrides"),
        args=Somewhere,
        summary="Show all that is ordered of the gateway above its settings, by whom and until when.",
        example="/gw overrides",
        gather=overrides,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="/leases shows what Tocsin takes back.",
    ),
    Command(
        path=("gw", "blocks"),
        args=Somewhere,
        summary="Show which addresses and clients are blocked, by whom and until when.",
        example="/gw blocks",
        gather=blocks,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="/leases shows what is blocked for a while.",
    ),
)
