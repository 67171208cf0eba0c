"""All changes by the name of their action: each module of this package that has CHANGES."""

from __future__ import annotations

import importlib
import pkgutil

from bot.adapters.kubernetes import altering
from bot.adapters.kubernetes.altering.thought import Change


def _found() -> dict[str, Change]:
    names = [one.name for one in pkgutil.iter_modules(altering.__path__) if one.name not in {"known", "carrying"}]
    modules = (importlib.import_module(f"{altering.__name__}.{name}") for name in names)
    return {one.name: one for module in modules for one in getattr(module, "CHANGES", ())}


CHANGES = _found()
