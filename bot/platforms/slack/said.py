"""What Tocsin says, and what stands already: each message carries our key, so one whose answer was lost is found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bot.platforms.slack.blocks import Shown
from bot.platforms.slack.places import Spot
from bot.platforms.slack.web import Refused, Web
from commands.ports import Urgency

EVENT = "tocsin_message"
_PAGES, _PAGE = 5, 200


def content(key: str, shown: Shown) -> dict[str, Any]:
    """A message as Slack takes it."""
    return {"blocks": shown.blocks, **words(key, shown.text)}


def words(key: str, text: str) -> dict[str, Any]:
    """A message of words alone."""
    return {"text": text, "metadata": {"event_type": EVENT, "event_payload": {"key": key}}}


class Said:
    """Looks for messages of ours, and says them."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def find(
        self, spot: Spot, wanted: Collection[str], *, thread: str | None = None, pages: int = _PAGES
    ) -> dict[str, str]:
        """The newest messages of a conversation or a thread: which of these keys stand there, and their times."""
        method = "conversations.replies" if thread else "conversations.history"
        which: dict[str, Any] = {"ts": thread} if thread else {}
        found: dict[str, str] = {}
        cursor = None
        for _ in range(pages):
            said = await self._web.call(
                spot.team,
                method,
                channel=spot.channel,
                include_all_metadata=True,
                limit=_PAGE,
                cursor=cursor,
                **which,
            )
            for message in said.get("messages", ()):
                key = message.get("metadata", {}).get("event_payload", {}).get("key", "")
                if key in wanted:
                    found[key] = str(message["ts"])
            cursor = said.get("response_metadata", {}).get("next_cursor") or None
            if cursor is None or set(wanted) <= set(found):
                break
        return found

    async def post(self, spot: Spot, message: dict[str, Any], *, urgency: Urgency) -> str:
        """Say something; its time."""
        said = await self._web.call(
            spot.team,
            "chat.postMessage",
            urgency=urgency,
            channel=spot.channel,
            unfurl_links=False,
            unfurl_media=False,
            **message,
        )
        return str(said["ts"])

    async def change(self, spot: Spot, ts: str, message: dict[str, Any], *, urgency: Urgency) -> None:
        """Replace what was said."""
        await self._web.call(spot.team, "chat.update", urgency=urgency, channel=spot.channel, ts=ts, **message)

    async def directly(self, team: str, user: str, key: str, message: dict[str, Any], *, urgency: Urgency) -> str:
        """Say something to one person alone; the conversation and the time, as `D0123/1.2`.

        An earlier attempt may not have been answered. What it said is found, and brought up to date.
        """
        opened = await self._web.call(team, "conversations.open", urgency=urgency, users=user)
        spot = Spot(team, str(opened["channel"]["id"]))
        ts = (await self._stands(spot, key)).get(key)
        if ts is None:
            ts = await self.post(spot, message, urgency=urgency)
        else:
            await self.change(spot, ts, message, urgency=urgency)
        return f"{spot.channel}/{ts}"

    async def _stands(self, spot: Spot, key: str) -> dict[str, str]:
        """Where what was said cannot be read, it is said again: twice is better than never."""
        try:
            return await self.find(spot, {key}, pages=1)
        except Refused:
            return {}
