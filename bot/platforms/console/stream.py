"""Live updates by server-sent events.

Each event's id is a cursor of the record. A browser that reconnects sends the last one back and gets what it
missed; a cursor that makes no sense any more is answered with `reset`, and the page loads itself anew.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from bot.platforms.console.console import AReader, Console, Reader, TheConsole
from bot.platforms.console.rendering import iso
from bot.platforms.console.wire import Number, message_out
from bot.store.errors import StoreUnavailable
from bot.store.views import MessageView

BATCH = 200
BEAT_SECONDS = 10.0
#: A browser that is further behind loads the page anew; that is quicker than replaying.
MOST_BEHIND = 5000
routes = APIRouter()


@routes.get("/events")
async def events(
    console: TheConsole,
    reader: AReader,
    since: Number | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """The stream of everything that the reader may see, from a cursor on."""
    feed = Feed(console, reader, cursor=_cursor(last_event_id, since))
    return StreamingResponse(feed.lines(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _cursor(last_event_id: str | None, since: int | None) -> int | None:
    """Where to go on; None: nowhere that makes sense."""
    if last_event_id:
        return int(last_event_id) if re.fullmatch(r"[0-9]{1,18}", last_event_id) else None
    return since


class Feed:
    """What one open page is sent."""

    def __init__(self, console: Console, reader: Reader, *, cursor: int | None) -> None:
        self._console = console
        self._reader = reader
        self._cursor = cursor
        self._channels = ""
        self._reads = -1
        self._quiet_since = float("-inf")
        self._trouble = ""

    async def lines(self) -> AsyncIterator[str]:
        """Events until the page closes, the server stops or the session ends."""
        yield "retry: 1500\n\n"
        with self._console.hub.subscribe() as subscription:
            async for _ in subscription.beats():
                if self._console.sessions.remaining(self._reader.session) <= 0:
                    return
                for line in await self._due():
                    yield line

    async def _due(self) -> list[str]:
        """What is to be sent now. A store that does not answer is said, and asked again at the next beat."""
        try:
            lines = await self._news()
        except StoreUnavailable as error:
            return self._in_trouble(str(error))
        recovered, self._trouble = bool(self._trouble), ""
        return lines + self._beat(now=recovered)

    def _in_trouble(self, error: str) -> list[str]:
        """Said when it begins, and then as often as a beat: silence would look like a dead connection."""
        if error == self._trouble and not self._is_quiet():
            return []
        self._trouble, self._quiet_since = error, time.monotonic()
        return [_event("trouble", {"error": error})]

    async def _news(self) -> list[str]:
        newest = await self._console.record.cursor()
        if self._cursor is None or not newest - MOST_BEHIND <= self._cursor <= newest:
            self._cursor = newest
            return [_event("reset", {}, cursor=newest)]
        changes, reached = await self._changes(self._cursor, newest)
        await self._console.renderer.prepare(*changes)
        lines = [await self._message(view) for view in changes]
        lines += await self._channel_list(moved=reached > self._cursor, cursor=reached)
        # Only now: had the store failed half-way, the next beat would begin again and lose nothing.
        self._cursor = reached
        return lines

    async def _changes(self, cursor: int, newest: int) -> tuple[list[MessageView], int]:
        """Everything after the cursor, and the cursor then: what is missing up to `newest` is out of sight."""
        found: list[MessageView] = []
        while cursor < newest:
            batch = await self._console.record.changes(cursor, self._reader.person.id, limit=BATCH)
            found += batch
            cursor = batch[-1].change if len(batch) == BATCH else max([newest, *(view.change for view in batch)])
        return found, cursor

    async def _message(self, view: MessageView) -> str:
        if view.pinned:
            self._console.channels.learn(view)
        out = message_out(view, self._reader.person, self._console.renderer)
        if view.thread:
            replies = await self._console.record.replies(view.channel, self._reader.person.id, view.thread)
            out["thread_replies"] = replies
        return _event("message", out, cursor=view.change)

    async def _channel_list(self, *, moved: bool, cursor: int) -> list[str]:
        """The list of channels when it has changed. It is looked at when something moved, and now and then."""
        reads = self._console.reads[self._reader.person.id]
        if not (moved or reads != self._reads or self._is_quiet()):
            return []
        html = await self._console.channels.html(self._reader.person)
        changed, self._channels, self._reads = html != self._channels, html, reads
        return [_event("channels", {"html": html}, cursor=cursor)] if changed else []

    def _is_quiet(self) -> bool:
        return time.monotonic() - self._quiet_since >= BEAT_SECONDS

    def _beat(self, *, now: bool) -> list[str]:
        """The server's time: it shows that the connection lives, and sets the page's clocks."""
        if not (now or self._is_quiet()):
            return []
        self._quiet_since = time.monotonic()
        return [_event("beat", {"now": iso(datetime.now(UTC))}, cursor=self._cursor)]


def _event(name: str, content: dict[str, Any], *, cursor: int | None = None) -> str:
    """One event as it goes over the wire; JSON has no line breaks of its own."""
    identity = "" if cursor is None else f"id: {cursor}\n"
    return f"{identity}event: {name}\ndata: {json.dumps(content)}\n\n"
