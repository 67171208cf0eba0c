"""Who gave an order to the gateway: one of us, or somebody whom only the gateway has a name of."""

from __future__ import annotations

from commands.cards import Part, Who
from commands.context import Call


def actor(name: str, call: Call) -> Part:
    """A person, where we know one by this id; else the name as it was given."""
    return Who(person=name) if call.services.directory.get(name, call.platform) else name
