"""Kinds of senders, one file each: how a delivery shows that it is genuine, and what it says.

A file here that defines KIND is a kind; its name is what `kind` takes in the settings.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from bot.alerts.kinds.kind import Kind


@cache
def discover() -> dict[str, Kind]:
    """Every kind, by name."""
    modules = (importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__))
    return {found.name: found for found in (getattr(module, "KIND", None) for module in modules) if found}
