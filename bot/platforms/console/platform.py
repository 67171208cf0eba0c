"""The console as a chat platform. Its pages read the record, so there is nothing to send but a wake."""

from __future__ import annotations

from collections.abc import Sequence

from bot.platforms.console.hub import Hub
from commands.cards import Card


class ConsolePlatform:
    """The `ChatPlatform` of the console: what the outbox delivers is in the record already."""

    name = "console"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def open_channel(self, name: str, *, private: bool, topic: str, members: Sequence[str]) -> str:  # noqa: ARG002
        """Wake the pages; a channel's name is its reference."""
        self._hub.wake()
        return name

    async def post(self, channel: str, card: Card, *, key: str, only_for: str | None) -> str:  # noqa: ARG002
        """Wake the pages; a message's key is its reference."""
        self._hub.wake()
        return key

    async def edit(self, channel: str, reference: str, card: Card, *, key: str, only_for: str | None) -> None:  # noqa: ARG002
        """Wake the pages."""
        self._hub.wake()
