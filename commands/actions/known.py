"""All actions by name: each module of this package that defines `ACTION`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from commands import actions
from commands.actions.action import Action, Leasable


def _found() -> dict[str, Action[Any]]:
    modules = (
        importlib.import_module(f"{actions.__name__}.{one.name}") for one in pkgutil.iter_modules(actions.__path__)
    )
    known: dict[str, Action[Any]] = {}
    for action in (module.ACTION for module in modules if hasattr(module, "ACTION")):
        if action.name in known:
            raise ValueError(f"two files define the action {action.name}")
        _check_lease(action)
        known[action.name] = action
    return known


def _check_lease(action: Action[Any]) -> None:
    """What ends by itself must be asked for so, and must have a way back."""
    leasable = issubclass(action.args, Leasable)
    if action.temporary and not leasable:
        raise ValueError(f"{action.name} is temporary, so its arguments are Leasable")
    if leasable and Action.inverse is type(action).inverse:
        raise ValueError(f"{action.name} may be temporary, so it has an inverse")


ACTIONS = _found()
