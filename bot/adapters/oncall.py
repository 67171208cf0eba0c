"""On-call people from the settings: a plain list, first level first. The default without a pager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.adapters import Adapter
from commands.ports import Contact


class StaticOnCall:
    """`duty` maps a service, or `*`, to the people on duty for it."""

    def __init__(self, duty: Mapping[str, Sequence[str]]) -> None:
        self._duty = duty

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:  # noqa: ARG002 - the same at any time
        """Who to call, in order."""
        people = self._duty.get(service) or self._duty.get("*") or ()
        return [Contact(person=person, level=level) for level, person in enumerate(people, start=1)]


ADAPTERS = (Adapter(name="static", ports=("on_call",), build=lambda settings: StaticOnCall(settings.on_call)),)
