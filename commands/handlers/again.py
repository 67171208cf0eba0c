"""`/again`: the last look of this channel, anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from commands import policed
from commands.cards import rich
from commands.context import Call
from commands.errors import Conflict, Refusal
from commands.grammar.parser import parse
from commands.grammar.types import Vocabulary
from commands.handlers.common import Nothing
from commands.ports import Transaction
from commands.registry import READERS, ActionClass, Command, Reply

_NAME = ("again",)


@dataclass(frozen=True)
class _Look:
    """A command that was typed before, with what it finds now."""

    command: Command
    line: str
    args: Any
    facts: Any


async def look(_args: Nothing, call: Call) -> _Look:
    """Read the line anew, for who asks now, and ask the outside. Raises Refusal."""
    lines = await call.services.ledger.asked(channel=call.channel, person=call.person.id, limit=50)
    found = next(_looks(lines, call), None)
    if found is None:
        raise Conflict("You have looked at nothing here lately.", example="/gw status")
    line, command, args = found
    policed.check_command(command, call)
    policed.check_typed(command, args, call)
    facts = await command.gather(args, call) if command.gather else None
    return _Look(command, line, args, facts)


def _looks(lines: list[str], call: Call) -> Iterator[tuple[str, Command, Any]]:
    """Those that only read: what changes something is asked for in its own words, each time."""
    services = call.services
    words = Vocabulary(
        services.scheme, services.directory, call.now, call.person.timezone, reader=call.person, platform=call.platform
    )
    for line in lines:
        try:
            parsed = parse(line, services.registry, words)
        except Refusal:
            continue
        if parsed.command.klass is ActionClass.DIAGNOSTIC and parsed.command.path != _NAME:
            yield line, parsed.command, parsed.args


def again(_args: Nothing, call: Call, tx: Transaction, found: _Look) -> Reply:
    """As the command itself answers."""
    reply = found.command.decide(found.args, call, tx, found.facts)
    footer = (*reply.card.footer, *rich(" · " if reply.card.footer else "", f"again: {found.line}"))
    return Reply(reply.card.model_copy(update={"footer": footer}), reply.private, reply.key, reply.channel)


COMMANDS = (
    Command(
        path=_NAME,
        args=Nothing,
        summary="Look again: repeat the last command of yours here that only reads.",
        example="/again",
        gather=look,
        decide=again,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
