"""All actions by name: each module of this package that defines `ACTION`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from commands import actions
from commands.actions.action import Action


def _found() -> dict[str, Action[Any]]:
    modules = (
        importlib.import_module(f"{actions.__name__}.{one.name}") for one in pkgutil.iter_modules(actions.__path__)
    )
    known: dict[str, Action[Any]] = {}
    for action in (module.ACTION for module in modules if hasattr(module, "ACTION")):
        if action.name in known:
            raise ValueError(f"two files define the action {action.name}")
        known[action.name] = action
    return known


ACTIONS = _found()
