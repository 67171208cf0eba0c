"""`/help`: made from the registry, for the reader: it shows only what they may run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from commands import policed
from commands.cards import Card, Code, Table, rich
from commands.context import Call
from commands.errors import NotFound
from commands.grammar.arguments import Rest
from commands.grammar.parser import described, usage
from commands.ports import Transaction
from commands.registry import READERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class HelpArgs:
    """Arguments of `/help`."""

    command: Annotated[str, Rest("a command, e.g. gw scale")] = ""


def show(args: HelpArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """All commands, those of one family, or one in full."""
    here = replace(call, incident=tx.incidents.in_channel(call.channel))
    visible = policed.visible(call.services.registry, here)
    words = tuple(args.command.replace("/", " ").casefold().split())
    family = [one for one in visible if one.path[: len(words)] == words]
    exact = next((one for one in family if one.path == words), None)
    if exact:
        more = [one for one in family if one is not exact]
        return Reply(_one(exact, more, policed.who_may(exact, here)), private=True)
    if not family:
        raise NotFound(
            f"There is no command /{' '.join(words)[:60]} that you can run.",
            example="/help",
        )
    return Reply(_list(family), private=True)


def _one(command: Command, more: list[Command], who: str) -> Card:
    rows = tuple((rich(Code(text=written)), rich(text)) for written, text in described(command))
    details = rich(f"Who: {who}. Where: {command.where.value}. Kind: {command.klass.value}.")
    return Card(
        title=command.name,
        paragraphs=(
            rich(command.summary),
            rich(Code(text=usage(command))),
            rich("Example: ", Code(text=command.example)),
            details,
        ),
        table=Table(columns=("Argument", "Meaning"), rows=rows) if rows else None,
        footer=rich(f"more: {', '.join(one.name for one in more)}") if more else (),
    )


def _list(commands: list[Command]) -> Card:
    rows = tuple((rich(Code(text=usage(command))), rich(command.summary)) for command in commands)
    example = commands[0].name.lstrip("/")
    return Card(
        title="What you can ask",
        table=Table(columns=("Command", "What it does"), rows=rows),
        footer=rich(f"/help {example} shows one in full"),
    )


COMMANDS = (
    Command(
        path=("help",),
        args=HelpArgs,
        summary="Show what you can ask, or one command in full.",
        example="/help gw scale",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
