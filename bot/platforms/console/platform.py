"""The console as a chat platform. Its pages read the record, so there is nothing to send but a wake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.platforms.console.hub import Hub
from commands.ports import Post, Room


class ConsolePlatform:
    """The `ChatPlatform` of the console: what the outbox delivers is in the record already."""

    name = "console"
    at_a_time = 200

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def open_channel(self, room: Room) -> str:
        """Wake the pages; a channel's name is its reference."""
        self._hub.wake()
        return room.name

    async def arrange(self, channel: str, room: Room, applied: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Wake the pages."""
        self._hub.wake()
        return {}

    async def sent(self, channel: str, posts: Sequence[Post]) -> dict[str, str]:  # noqa: ARG002
        """Nothing that matters: saying it again changes nothing."""
        return {}

    async def post(self, channel: str, post: Post) -> str:  # noqa: ARG002
        """Wake the pages; a message's key is its reference."""
        self._hub.wake()
        return post.key

    async def edit(self, channel: str, reference: str, post: Post) -> None:  # noqa: ARG002
        """Wake the pages."""
        self._hub.wake()
