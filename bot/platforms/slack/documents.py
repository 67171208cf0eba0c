"""Documents that belong to a message: uploaded into its thread, once."""

from __future__ import annotations

import logging

from bot.platforms.slack.places import Spot
from bot.platforms.slack.rooms import explained
from bot.platforms.slack.web import Refused, Unclear, Web
from bot.store.transaction import Store
from commands.cards import Document

log = logging.getLogger(__name__)


class Documents:
    """Uploads in three steps: an address, the bytes, and where it is shown."""

    def __init__(self, web: Web, store: Store) -> None:
        self._web = web
        self._store = store

    async def attach(self, spot: Spot, thread: str, document: Document) -> None:
        """Upload a document into the thread of its message, unless it is there. Slack's no is logged, no more."""
        text = await self._store.look(lambda tx: tx.postmortems.get(document.incident))
        if text is None:
            return
        try:
            if not await self._is_there(spot, thread, document.name):
                await self.upload(spot, thread, document.name, text, title=document.title)
        except Refused as refused:
            log.warning("%s could not be uploaded: %s", document.name, explained(refused))

    async def _is_there(self, spot: Spot, thread: str, name: str) -> bool:
        said = await self._web.call(spot.team, "conversations.replies", channel=spot.channel, ts=thread, limit=200)
        return any(one.get("name") == name for message in said.get("messages", ()) for one in message.get("files", ()))

    async def upload(self, spot: Spot, thread: str | None, name: str, text: str, *, title: str) -> None:
        """Raises Refused, Busy, Unclear."""
        content = text.encode("utf-8")
        said = await self._web.call(spot.team, "files.getUploadURLExternal", filename=name, length=len(content))
        await self._web.send_bytes(str(said["upload_url"]), content)
        try:
            await self._web.call(
                spot.team,
                "files.completeUploadExternal",
                files=[{"id": said["file_id"], "title": title}],
                channel_id=spot.channel,
                thread_ts=thread,
            )
        except Unclear:
            if thread is None or not await self._is_there(spot, thread, name):
                raise
