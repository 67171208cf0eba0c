"""On-call people from the settings: those who take turns, then those who are on duty at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.adapters import Adapter
from commands.domain.page import Paging
from commands.domain.rotation import Layer
from commands.ports import Contact


class StaticOnCall:
    """`duty` maps a service, or `*`, to the people on duty for it at any time, `rotations` to those by turns."""

    def __init__(
        self, duty: Mapping[str, Sequence[str]], rotations: Mapping[str, Sequence[Layer]] | None = None
    ) -> None:
        always = {service: tuple(people) for service, people in duty.items()}
        layers = {service: tuple(some) for service, some in (rotations or {}).items()}
        self._paging = Paging(always=always, rotations=layers)

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:
        """Who to call, in order."""
        shifts = enumerate(self._paging.on_duty(service, at), start=1)
        return [Contact(person=one.person, level=level, until=one.until, after=one.after) for level, one in shifts]


ADAPTERS = (
    Adapter(
        name="static",
        ports=("on_call",),
        build=lambda settings: StaticOnCall(settings.on_call, settings.how_people_are_paged().rotations),
    ),
)
