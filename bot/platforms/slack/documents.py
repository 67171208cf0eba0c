"""Documents that belong to a message: uploaded into its thread, once. The name of each is its own, so it is found."""

from __future__ import annotations

import hashlib
from typing import Any

from bot.platforms.slack.places import Spot
from bot.platforms.slack.web import Refused, Unclear, Web
from bot.store.transaction import Store
from commands.cards import Document

_PAGES, _PAGE = 5, 200
#: What Slack says of an upload whose bytes it does not have: something on the way took them.
_NO_BYTES = "file_not_found"


def name_of(key: str, text: str) -> str:
    """The file that shows the whole of a message: another name for each message, and for each of its versions."""
    digest = hashlib.sha256(f"{key}\0{text}".encode()).hexdigest()
    return f"tocsin-{digest[:10]}.txt"


class Documents:
    """Uploads in three steps: an address, the bytes, and where it is shown. All raise Refused, Busy, Unclear."""

    def __init__(self, web: Web, store: Store) -> None:
        self._web = web
        self._store = store

    async def attach(self, spot: Spot, thread: str, document: Document) -> None:
        """Upload a document into the thread of its message, unless it is there."""
        text: str | None = document.content
        if not text:
            text = await self._store.look(lambda tx: tx.postmortems.get(document.incident))
        if text is not None:
            await self.upload(spot, thread, document.name, text.encode(), title=document.title)

    async def upload(
        self, spot: Spot, thread: str | None, name: str, content: bytes, *, title: str, alt: str = ""
    ) -> bool:
        """Upload a file, into a thread or into the conversation. False: it was there already, by its name."""
        if await self._is_there(spot, thread, name):
            return False
        said = await self._web.call(
            spot.team, "files.getUploadURLExternal", filename=name, length=len(content), alt_txt=alt or None
        )
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
            if not await self._is_there(spot, thread, name):
                raise
        except Refused as refused:
            if refused.code != _NO_BYTES:
                raise
            raise Unclear(f"the bytes of {name} did not arrive") from refused
        return True

    async def _is_there(self, spot: Spot, thread: str | None, name: str) -> bool:
        method = "conversations.replies" if thread else "conversations.history"
        where: dict[str, Any] = {"channel": spot.channel, "limit": _PAGE} | ({"ts": thread} if thread else {})
        cursor = None
        for _ in range(_PAGES):
            said = await self._web.call(spot.team, method, cursor=cursor, **where)
            files = [one for message in said.get("messages", ()) for one in message.get("files") or ()]
            if any(one.get("name") == name for one in files):
                return True
            cursor = said.get("response_metadata", {}).get("next_cursor") or None
            if cursor is None:
                return False
        return False
