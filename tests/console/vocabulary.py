"""A few commands to complete, so that these tests stand on the registry's shape and not on today's commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.cards import card
from commands.grammar.arguments import Flag, Option, Rest, Word
from commands.registry import OPERATORS, READERS, RESPONDERS, Access, Command, Registry, Reply


@dataclass(frozen=True)
class Nothing:
    """No arguments."""


@dataclass(frozen=True)
class Declare:
    severity: Annotated[str, Word("how bad")]
    title: Annotated[str, Rest("what is wrong")] = ""
    service: Annotated[str, Option("--service", "what is affected")] = "gateway"
    private: Annotated[bool, Flag("--private", "for invited people")] = False


@dataclass(frozen=True)
class Words:
    text: Annotated[str, Rest("the words")]


@dataclass(frozen=True)
class Scale:
    replicas: Annotated[int, Word("how many")]


def vocabulary() -> Registry:
    """The registry of these commands."""
    made = Registry()
    made.add(
        [
            _command("gw scale", Scale, "Change how many.", "/gw scale 5", OPERATORS),
            _command("gw status", Nothing, "How the gateway is.", "/gw status", READERS),
            _command("help", Nothing, "What there is.", "/help", READERS),
            _command("incident declare", Declare, "Open an incident.", "/incident declare sev1 Down", RESPONDERS),
            _command("incident list", Nothing, "List the open incidents.", "/incident list", READERS),
            _command("incident note", Words, "Write something down.", "/incident note seen", RESPONDERS),
        ]
    )
    return made


def _command(name: str, args: type[Any], summary: str, example: str, access: Access) -> Command:
    return Command(
        path=tuple(name.split()), args=args, summary=summary, example=example,
        decide=lambda *_: Reply(card("x")), access=access,
    )  # fmt: skip
