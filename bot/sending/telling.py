"""How whoever sends tells a human what does not work."""

from __future__ import annotations

from typing import Protocol

from commands.cards import Rich
from commands.ports import Post


class Teller(Protocol):
    """Says each thing once, whoever says it how often."""

    async def tell(self, channel: str, post: Post, why: str) -> None:
        """To whoever waits for a message: it could not be delivered."""

    async def there(self, channel: str, what: str, *why: Rich | str, key: str) -> None:
        """In a channel: something of it could not be done."""
