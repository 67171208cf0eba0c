"""The list of channels as one reader sees it: standing ones, running incidents, earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

from bot.platforms.console.incident_bar import IncidentBar
from bot.platforms.console.record import ConsoleRecord
from bot.platforms.console.rendering import Renderer
from bot.store.views import ChannelView, MessageView
from commands.people import Person

_MOST_KEPT = 2000


@dataclass(frozen=True)
class Listed:
    """A channel and, where it is an incident's, how that stands."""

    channel: ChannelView
    bar: IncidentBar


class ChannelList:
    """Builds the list. What an incident's card says is remembered until the channel moves on."""

    def __init__(self, record: ConsoleRecord, renderer: Renderer) -> None:
        self._record = record
        self._renderer = renderer
        self._bars: dict[str, tuple[int, IncidentBar]] = {}

    async def html(self, reader: Person) -> str:
        """The list as HTML. Which channel is open is the page's own knowledge, and not in it."""
        listed = [await self._listed(channel, reader) for channel in await self._record.channels(reader.id)]
        return self._renderer.page(
            "channels",
            standing=[one for one in listed if not one.channel.incident],
            running=[one for one in listed if one.channel.incident and not one.bar.over],
            earlier=[one for one in listed if one.channel.incident and one.bar.over],
        )

    def learn(self, pinned: MessageView) -> None:
        """Take note of an incident's card that has just changed."""
        known = self._bars.get(pinned.channel)
        self._keep(pinned.channel, known[0] if known else 0, self._renderer.bar(pinned.card))

    async def _listed(self, channel: ChannelView, reader: Person) -> Listed:
        if not channel.incident:
            return Listed(channel, IncidentBar())
        seen, bar = self._bars.get(channel.name, (-1, IncidentBar()))
        if seen != channel.last_message:
            pinned = await self._record.pinned(channel.name, reader.id)
            bar = self._renderer.bar(pinned.card if pinned else None)
            self._keep(channel.name, channel.last_message, bar)
        return Listed(channel, bar)

    def _keep(self, channel: str, last_message: int, bar: IncidentBar) -> None:
        self._bars[channel] = (last_message, bar)
        while len(self._bars) > _MOST_KEPT:
            del self._bars[next(iter(self._bars))]
