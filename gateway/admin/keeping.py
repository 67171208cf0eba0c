"""What operators order is written down before they are told that it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOKS = frozenset({"GET", "HEAD"})


class KeptFirst:
    """ASGI middleware that waits for `settle` between a change and its answer."""

    def __init__(self, app: ASGIApp, settle: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self._settle = settle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _LOOKS:
            await self._app(scope, receive, send)
            return

        async def settled(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._settle()
            await send(message)

        await self._app(scope, receive, settled)
