"""Chat platforms, one package each: they take what people do in, and render cards out.

The console is built in. Another platform is a package here that declares PLATFORM; it is found by itself
and connected when the settings have a section `platforms.<name>`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from bot.delivery import Intake
from bot.store.transaction import Store
from commands.context import Services
from commands.people import Directory, Person
from commands.ports import ChatPlatform
from commands.registry import Registry


@dataclass(frozen=True)
class Parts:
    """What a platform is given: where deliveries go, who is known, what can be asked, and the record.

    `address` is the base URL of the bot's own pages, as people reach them; empty when they cannot. `people` are
    the configured ones, `accounts` what the settings say of their accounts: by platform, the account to the person.
    """

    intake: Intake
    registry: Registry
    directory: Directory
    store: Store
    services: Services
    address: str = ""
    people: tuple[Person, ...] = ()
    accounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Connected(Protocol):
    """A platform at work."""

    @property
    def chat(self) -> ChatPlatform:
        """Where the outbox delivers."""

    async def load(self) -> None:
        """Before anything is worked: know again what was known before, as who people are and what they may."""

    async def run(self) -> None:
        """Take in what people do, until cancelled."""

    async def close(self) -> None:
        """Let go of what is held; `run` was cancelled before."""


@dataclass(frozen=True)
class Platform:
    """What a package offers: its name, the model of its section of the settings, and how it is connected."""

    name: str
    section: type[BaseModel]
    connect: Callable[[Parts, Any], Connected]


def discover(package: str = "bot.platforms") -> dict[str, Platform]:
    """Every platform that declares itself, by name."""
    root = importlib.import_module(package)
    modules = (importlib.import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(root.__path__))
    found = [module.PLATFORM for module in modules if hasattr(module, "PLATFORM")]
    return {platform.name: platform for platform in found}
