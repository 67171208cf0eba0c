"""People who type and click, without a page: what the drill is played with."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.app import App
from bot.delivery import ClickDelivery, TextDelivery
from bot.store.views import MessageView
from commands.cards import transcript

PLATFORM = "console"


class DrillError(Exception):
    """A step had no effect; the message says which, and what was seen instead."""


async def until(what: str, check: Callable[[], Awaitable[object]], *, within: float) -> object:
    """Wait until `check` gives something true. Raises DrillError when the time is over."""
    deadline = time.monotonic() + within
    found: object = None
    while time.monotonic() < deadline:
        found = await check()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise DrillError(f"waited {within:.0f} s for {what}; last seen: {found!r}")


class Crew:
    """Types and clicks as people, and writes down what everybody sees."""

    def __init__(self, app: App, tell: Callable[[str], None] = print) -> None:
        self._app = app
        self._tell = tell
        self._names = app.services.directory.names()
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        """One entry of the transcript, printed as it happens."""
        stamped = f"{datetime.now(UTC):%H:%M:%S}  {text}"
        self.lines.append(stamped)
        self._tell(stamped)

    async def say(self, person: str, channel: str, text: str, *, within: float = 30) -> MessageView:
        """Type a command and wait for its answer."""
        self.write(f"#{channel} {self._names[person]} types: {text}")
        delivery = TextDelivery(platform=PLATFORM, id=uuid.uuid4().hex, person=person, channel=channel, text=text)
        await self._app.pipeline.command(delivery)
        answer = await self._answer(f"{PLATFORM}:{delivery.id}", person, text, within)
        self._show(answer)
        return answer

    async def press(self, person: str, message: MessageView, label: str, *, within: float = 30) -> MessageView:
        """Press a button of a message, as it is now, and wait for what comes of it."""
        self.write(f"#{message.channel} {self._names[person]} presses [{label}]")
        now = await self._app.record.message(message.key, person)
        token = next((button.token for button in (now.card.buttons if now.card else ()) if button.label == label), "")
        if not token:
            raise DrillError(f"{now.key} has no button {label!r}")
        delivery = ClickDelivery(
            platform=PLATFORM, id=uuid.uuid4().hex, person=person, channel=message.channel, token=token
        )
        await self._app.pipeline.click(delivery)
        answer = await self._answer(f"{PLATFORM}:{delivery.id}", person, label, within)
        self._show(answer)
        return answer

    async def shown(
        self, message: MessageView, person: str, what: str, check: Callable[[str], bool], *, within: float
    ) -> str:
        """Wait until a message reads as it should; its text."""

        async def read() -> str | None:
            now = await self._app.record.message(message.key, person)
            text = transcript(now.card, self._names) if now.card else now.text
            return text if check(text) else None

        text = str(await until(what, read, within=within))
        self.write(_indented(text))
        return text

    async def _answer(self, key: str, person: str, what: str, within: float) -> MessageView:
        async def look() -> MessageView | None:
            receipt = await self._app.store.look(lambda tx: tx.inbox.seen(key))
            if receipt is None or not receipt.reply_key:
                return None
            if not receipt.accepted:
                refused = await self._app.record.message(receipt.reply_key, person)
                raise DrillError(f"{what}: refused: {refused.card.title if refused.card else refused.text}")
            return await self._app.record.message(receipt.reply_key, person)

        found = await until(f"the answer to {what}", look, within=within)
        assert isinstance(found, MessageView)
        return found

    def _show(self, message: MessageView) -> None:
        text = transcript(message.card, self._names) if message.card else message.text
        self.write(_indented(text))


def _indented(text: str) -> str:
    """A card under the line that caused it."""
    return "\n" + "\n".join(f"    {line}" for line in text.splitlines())
