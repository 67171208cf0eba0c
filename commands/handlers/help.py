"""`/help`: made from the registry, for the reader: it shows only what they may run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Annotated

from commands import policed
from commands.cards import Card, Code, Table, fact, rich
from commands.context import Call
from commands.errors import NotFound
from commands.grammar.arguments import Rest, names_of
from commands.grammar.parser import described, usage
from commands.locating import Somewhere
from commands.ports import LogSource, Transaction
from commands.registry import READERS, ActionClass, Command, Reply, Where


@dataclass(frozen=True)
class HelpArgs:
    """Arguments of `/help`."""

    command: Annotated[str, Rest("a command, e.g. gw scale")] = ""


def show(args: HelpArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The families, the commands of one, or one command in full."""
    here = replace(call, incident=tx.incidents.in_channel(call.channel))
    visible = policed.visible(call.services.registry, here)
    words = tuple(args.command.replace("/", " ").casefold().split())
    if not words:
        return Reply(_families(visible), private=True)
    family = [one for one in visible if one.path[: len(words)] == words]
    exact = next((one for one in family if one.path == words), None)
    if exact:
        more = [one for one in family if one is not exact]
        return Reply(_one(exact, more, policed.who_may(exact, here), _hidden(call)), private=True)
    if not family:
        raise NotFound(f"There is no command /{' '.join(words)[:60]} that you can run.", example="/help")
    return Reply(_list(family, _hidden(call)), private=True)


def _hidden(call: Call) -> frozenset[str]:
    """Where there is one place, nobody has to say which; of local processes, nobody can name a pod."""
    places = frozenset() if call.services.several_places else names_of(Somewhere)
    return places if call.services.inspection else places | LogSource.model_fields.keys()


def _families(commands: list[Command]) -> Card:
    """A line for each first word, short enough for one look."""
    families = [list(found) for _, found in groupby(commands, key=lambda one: one.path[0])]
    rows = tuple((rich(Code(text=f"/{family[0].path[0]}")), rich(_within(family))) for family in families)
    largest = max(families, key=len)
    root = largest[0].path[0]
    return Card(
        title="What you can ask",
        table=Table(columns=("Command", "What follows"), rows=rows),
        footer=rich("More: ", Code(text=f"/help {root}"), " or ", Code(text=f"/help {' '.join(largest[0].path)}")),
    )


def _within(family: list[Command]) -> str:
    """What may follow the first word, or what the word does alone."""
    alone = [one.summary for one in family if len(one.path) == 1]
    following = ", ".join(dict.fromkeys(one.path[1] for one in family if len(one.path) > 1))
    return " Or: ".join([*alone, *([following] if following else [])])


def _list(family: list[Command], hidden: frozenset[str]) -> Card:
    rows = tuple((rich(Code(text=usage(command, hidden))), rich(command.summary)) for command in family)
    return Card(
        title=f"/{family[0].path[0]}",
        table=Table(columns=("Command", "What it does"), rows=rows),
        footer=rich("One in full: ", Code(text=f"/help {' '.join(family[0].path)}")),
    )


def _one(command: Command, more: list[Command], who: str, hidden: frozenset[str]) -> Card:
    rows = tuple((rich(Code(text=written)), rich(text)) for written, text in described(command, hidden))
    written = usage(command, hidden)
    example = [] if command.example == written else [rich("Example: ", Code(text=command.example))]
    where = [fact("Where", command.where.value)] if command.where is Where.INCIDENT else []
    return Card(
        title=command.name,
        paragraphs=(rich(command.summary), rich(Code(text=written)), *example),
        facts=(fact("Who may", who), *where),
        table=Table(columns=("Argument", "Meaning"), rows=rows) if rows else None,
        footer=rich("More: ", ", ".join(one.name for one in more)) if more else (),
    )


COMMANDS = (
    Command(
        path=("help",),
        args=HelpArgs,
        summary="Show what you can ask, the commands of a family, or one in full.",
        example="/help gw scale",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
