"""`/gw cache`: whether the response cache spares the upstreams, how full it is, and what has been taken out of it."""

from __future__ import annotations

from datetime import timedelta

from commands.cards import Card, Code, Fact, Tone, fact, rich, strong
from commands.context import Call
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import CacheFigures
from commands.presentation.words import counted, lasting
from commands.registry import ADMIN, READERS, ActionClass, Command


async def cache(args: Somewhere, call: Call) -> Card:
    """The figures of runbook 003, over all workers."""
    steering, workload = await steered(args, call)
    found, where = await steering.cache(workload.target), named(workload, call)
    if not found.routes:
        return Card(title=f"No route of {where} has the cache")
    return Card(
        title=f"Cache of {where}: {_judged(found)}",
        tone=Tone.INFO if found.hit_percent is None else Tone.GOOD,
        facts=tuple(_facts(found)),
        footer=rich("To have it forget something: ", Code(text="/gw purge prefix /catalogue --soft")),
    )


def _judged(found: CacheFigures) -> str:
    if found.hit_percent is None:
        return "nobody has asked it yet"
    return f"{found.hit_percent:.0f}% of what is asked for comes from it"


def _facts(found: CacheFigures) -> list[Fact]:
    answers = ", ".join(f"{name} {number:,}" for name, number in found.answers.items() if number)
    invalidated = ", ".join(f"{name} {number:,}" for name, number in found.invalidated.items() if number)
    full = f"{found.used:,.1f} of {found.most:,.0f} MB"
    age = lasting(timedelta(seconds=found.average_age_seconds))
    return [
        fact("Routes", ", ".join(found.routes)),
        fact("Stored", strong(counted(found.entries, "entry", "entries")), f", {full}, {age} old on average"),
        fact("Answers", answers or "none"),
        fact("Evicted", f"{found.evicted_lately:,} in the last minute, {found.evicted:,} in all ({found.policy})"),
        fact("Taken back", f"{found.invalidated_lately:,} in the last minute; in all: {invalidated or 'none'}"),
    ]


COMMANDS = (
    Command(
        path=("gw", "cache"),
        args=Somewhere,
        summary="Show how well the response cache works, and how full it is.",
        example="/gw cache",
        gather=cache,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="Ask a pod: GET /cache/stats.",
    ),
)
