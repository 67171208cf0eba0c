"""All orders by the name of their action: each module of this package that has ORDERS."""

from __future__ import annotations

import importlib
import pkgutil

from bot.adapters.gateway import orders
from bot.adapters.gateway.orders.order import Order


def _found() -> dict[str, Order]:
    names = [one.name for one in pkgutil.iter_modules(orders.__path__) if one.name != "known"]
    modules = (importlib.import_module(f"{orders.__name__}.{name}") for name in names)
    return {one.name: one for module in modules for one in getattr(module, "ORDERS", ())}


ORDERS = _found()
