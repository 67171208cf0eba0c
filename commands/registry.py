"""What can be asked: commands and clicks, each declared by the file that handles it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from commands.cards import Card
from commands.context import Call
from commands.domain.incident import Incident, Role
from commands.people import OrgRole, Person
from commands.ports import Transaction


class ActionClass(StrEnum):
    """How much harm a command can do (mitigation.md): it reads, it changes (confirmed), it endangers."""

    DIAGNOSTIC = "diagnostic"
    RECORD = "record"
    MITIGATION = "mitigation"
    DANGEROUS = "dangerous"


#: What a command may need of that which runs the gateway (`Command.needs`), as a refusal says it.
KUBERNETES, ADMIN = "kubernetes", "admin"
NEEDS = {
    KUBERNETES: "the gateway in Kubernetes, and here it runs as local processes",
    ADMIN: "the gateway as local processes, and in Kubernetes each pod has an admin API of its own",
}


class Where(StrEnum):
    """Where a command makes sense."""

    ANYWHERE = "anywhere"
    INCIDENT = "an incident's channel"


@dataclass(frozen=True)
class Access:
    """Who may run something: a standing role, or a role held in the incident at hand while it is open."""

    org: frozenset[OrgRole]
    incident: frozenset[Role] = frozenset()

    def allows(self, person: Person, incident: Incident | None) -> bool:
        """Whether a person may, given the incident at hand."""
        held = set(incident.held_by(person.id)) if incident and incident.status.is_open else set()
        return bool(self.org & person.roles) or bool(self.incident & held)

    def hint(self, person: Person, advice: str = "") -> str:
        """What somebody is told who may not: who may, and why it is not them, who usually may."""
        return " ".join(part for part in (f"Who may: {self.words()}.", advice, person.caveat) if part)

    def words(self) -> str:
        """Who may, as a sentence says it."""
        org = [f"{role.value}s" for role in OrgRole if role in self.org]
        held = [f"the {role.full_name.lower()}" for role in Role if role in self.incident]
        everybody = ["whoever has a role in the incident"]
        return ", ".join(org + (everybody if len(held) == len(Role) else held))


READERS = Access(frozenset(OrgRole))
RESPONDERS = Access(frozenset({OrgRole.RESPONDER, OrgRole.OPERATOR, OrgRole.ADMIN}), frozenset(Role))
OPERATORS = Access(frozenset({OrgRole.OPERATOR, OrgRole.ADMIN}), frozenset({Role.COMMANDER, Role.TECH}))
ADMINS = Access(frozenset({OrgRole.ADMIN}))


@dataclass(frozen=True)
class Reply:
    """The answer to a command. `private`: only the asker sees it. `key`: the message's own, for later edits."""

    card: Card
    private: bool = False
    key: str = ""
    channel: str = ""


Gather = Callable[[Any, Call], Awaitable[Any]]
Decide = Callable[[Any, Call, Transaction, Any], Reply]


@dataclass(frozen=True)
class Command:
    """One command.

    `gather` asks the outside for facts, before the transaction; `decide` reads and writes the record in
    one transaction and awaits nothing. `summary` is a sentence for the help, `example` a line to copy. `needs` is a
    key of `NEEDS`: where that is missing, the help is silent about it, and it says `instead`.
    """

    path: tuple[str, ...]
    args: type[Any]
    summary: str
    example: str
    decide: Decide
    gather: Gather | None = None
    klass: ActionClass = ActionClass.RECORD
    access: Access = RESPONDERS
    where: Where = Where.ANYWHERE
    needs: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """`/incident declare`."""
        return "/" + " ".join(self.path)


ClickDecide = Callable[[str, Call, Transaction], Reply | None]


@dataclass(frozen=True)
class Click:
    """What a button does. It is authorised for the person who clicks, each time; `decide` may refuse further."""

    action: str
    decide: ClickDecide
    access: Access = RESPONDERS


@dataclass
class Registry:
    """All commands and clicks, by name."""

    commands: dict[tuple[str, ...], Command] = field(default_factory=dict)
    clicks: dict[str, Click] = field(default_factory=dict)

    def add(self, commands: Iterable[Command], clicks: Iterable[Click] = ()) -> None:
        """Register; a name that is taken is a mistake of the program."""
        for command in commands:
            if command.path in self.commands:
                raise ValueError(f"two handlers declare {command.name}")
            self.commands[command.path] = command
        for click in clicks:
            if click.action in self.clicks:
                raise ValueError(f"two handlers declare the click {click.action}")
            self.clicks[click.action] = click

    def visible(self, person: Person, incident: Incident | None) -> list[Command]:
        """The commands that a person may run, in the order of their names."""
        allowed = (c for c in self.commands.values() if c.access.allows(person, incident))
        return sorted(allowed, key=lambda command: command.path)


def discover(package: str = "commands.handlers") -> Registry:
    """The registry of every handler file: each module of the package with COMMANDS, and CLICKS if it has any."""
    registry = Registry()
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__):
        found = importlib.import_module(f"{package}.{module.name}")
        registry.add(getattr(found, "COMMANDS", ()), getattr(found, "CLICKS", ()))
    return registry
