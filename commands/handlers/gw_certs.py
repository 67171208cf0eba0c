"""`/gw certs`: until when the TLS certificates beside the gateway last. Of their keys, nothing is read or shown."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.cards import Card, Rich, Table, Tone, When, rich, strong
from commands.context import Call
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, beneath, named
from commands.ports.inspecting import Certificate
from commands.presentation.words import counted, cut, lasting
from commands.registry import KUBERNETES, READERS, ActionClass, Command

_MOST_ROWS = 40
#: An issuer needs days where something is wrong with it, and people are away for weeks.
_URGENT, _SOON = timedelta(days=7), timedelta(days=30)


async def certs(args: Somewhere, call: Call) -> Card:
    """Those that end first come first."""
    inspection, workload = await beneath(args, call)
    found = await inspection.certificates(workload.target)
    if not found:
        return Card(title=f"No TLS certificates beside {named(workload, call)}")
    more = len(found) - _MOST_ROWS
    return Card(
        title=f"{counted(len(found), 'TLS certificate')} beside {named(workload, call)}{_first(found[0], call.now)}",
        tone=min((_tone(one, call.now) for one in found), key=_WORST.index),
        paragraphs=(rich(f"{more:,} more left out, which last longer."),) if more > 0 else (),
        table=Table(
            columns=("Secret", "For", "Ends", "Left"),
            rows=tuple(_row(one, call.now) for one in found[:_MOST_ROWS]),
            numeric=(3,),
        ),
    )


_WORST = (Tone.CRITICAL, Tone.WARNING, Tone.GOOD)


def _first(one: Certificate, now: datetime) -> str:
    return f"; the first {_ending(one.until, now)}" if one.until else f"; {one.secret} cannot be read"


def _ending(until: datetime, now: datetime) -> str:
    return f"ends in {lasting(until - now)}" if until > now else f"ended {lasting(now - until)} ago"


def _tone(one: Certificate, now: datetime) -> Tone:
    if one.until is None or one.until - now < _URGENT:
        return Tone.CRITICAL
    return Tone.WARNING if one.until - now < _SOON else Tone.GOOD


def _row(one: Certificate, now: datetime) -> tuple[Rich, ...]:
    if one.until is None:
        return (rich(one.secret), rich("-"), rich(one.trouble), rich("-"))
    days = (one.until - now).days
    left = "over" if one.until <= now else counted(days, "day")
    urgent = one.until - now < _SOON
    return (
        rich(one.secret),
        rich(cut(", ".join(one.hosts), 120) or "-"),
        rich(When(at=one.until, style="full")),
        rich(strong(left) if urgent else left),
    )


COMMANDS = (
    Command(
        path=("gw", "certs"),
        args=Somewhere,
        summary="Show the TLS certificates, and how many days they last.",
        example="/gw certs",
        gather=certs,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=KUBERNETES,
        instead="/gw config names the files of certificates, if there are any.",
    ),
)
