"""Adapters: the outside behind the core's ports. One file each; a file that declares ADAPTERS is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.settings import Settings

#: The ports that an adapter can provide; `adapters.<port>` in the settings chooses which one does.
PORTS = ("deployments", "telemetry", "logs", "on_call")


@dataclass(frozen=True)
class Adapter:
    """What a file of this package offers: a name, the ports that it provides, and how one is made.

    `build` gets the settings and returns an object with the methods of all its ports, and `async close()`
    where it has something to let go of. It raises SettingsError for settings that it cannot work with.
    """

    name: str
    ports: tuple[str, ...]
    build: Callable[[Settings], Any]


def discover(package: str = "bot.adapters") -> dict[tuple[str, str], Adapter]:
    """Every adapter, by port and name."""
    found: dict[tuple[str, str], Adapter] = {}
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__):
        for adapter in getattr(importlib.import_module(f"{package}.{module.name}"), "ADAPTERS", ()):
            for port in adapter.ports:
                if (port, adapter.name) in found:
                    raise ValueError(f"two adapters for {port} are called {adapter.name}")
                found[port, adapter.name] = adapter
    return found
