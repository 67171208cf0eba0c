"""Buttons: a click is handed to the pipeline, which authorises it anew; "Show all" sends what did not fit."""

from __future__ import annotations

import logging
import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.delivery import ClickDelivery
from bot.platforms.slack.asking import Asker, is_private
from bot.platforms.slack.blocks import CLICK, SHOW_ALL, whole
from bot.platforms.slack.documents import name_of
from bot.platforms.slack.home import Home
from bot.platforms.slack.places import Spot
from bot.platforms.slack.web import Busy, Refused, Unclear
from bot.platforms.slack.workshop import Bench
from bot.store import outgoing
from commands.ports import Post

log = logging.getLogger(__name__)


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    pressed = Pressed(bench)
    app.action(re.compile(rf"^{re.escape(CLICK)}\."))(pressed.button)
    app.action(SHOW_ALL)(pressed.show_all)


class Pressed:
    """What follows a press."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._home = Home(bench)

    async def button(self, ack: Any, body: dict[str, Any], action: dict[str, Any], context: Any) -> None:
        """A button of a card."""
        await ack()
        arrival = context["arrival"]
        asker = await self._asker(body)
        if asker is not None:
            await self._bench.intake.click(
                ClickDelivery(
                    platform=arrival.platform,
                    id=arrival.id.removeprefix(f"{arrival.platform}:"),
                    person=asker.person.id,
                    channel=asker.channel,
                    token=str(action["value"]),
                )
            )
        if (body.get("view") or {}).get("type") == "home":
            try:
                await self._home.publish(body["team_id"], body["user"]["id"])
            except (Refused, Busy, Unclear) as error:  # the press counts, whatever the tab shows
                log.warning("a home tab could not be refreshed: %s", error)

    async def _asker(self, body: dict[str, Any]) -> Asker | None:
        """Who pressed, and where; in a view that is nowhere, so what they are told comes by direct message."""
        team, user, channel = body["team_id"], body["user"]["id"], _channel_of(body)
        if not channel:
            opened = await self._bench.web.call(team, "conversations.open", users=user)
            channel = str(opened["channel"]["id"])
        return await self._bench.asking.who(team, user, channel, private=is_private(body))

    async def show_all(self, ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
        """The whole card as a file: in its thread, or directly to the one who alone may see it."""
        await ack()
        asker = await self._asker(body)
        if asker is None:
            return
        found = await self._bench.store.database.read(
            lambda c: outgoing.readable(c, str(action["value"]), asker.person.id, within=asker.channel)
        )
        if found is None:
            await self._say(asker, "That message is not there any more, or it is not for you to read.")
        else:
            await self._show(asker, found, _thread_of(body))

    async def _show(self, asker: Asker, found: Post, thread: str | None) -> None:
        bench, team, spot = self._bench, asker.team, asker.spot
        text = whole(found.card, bench.chat.names(team))
        if found.only_for is not None:
            said = await bench.web.call(team, "conversations.open", users=asker.user)
            spot, thread = Spot(team, str(said["channel"]["id"])), None
        name = name_of(found.key, text)
        if not await bench.documents.upload(spot, thread, name, text.encode(), title=found.card.title[:100]):
            where = "the thread of the message" if thread else "your direct messages with me"
            await self._say(asker, f"The whole text is in {where} already.")

    async def _say(self, asker: Asker, text: str) -> None:
        try:
            await self._bench.web.call(
                asker.team, "chat.postEphemeral", channel=asker.spot.channel, user=asker.user, text=text
            )
        except Refused as refused:  # they are not in the channel any more
            log.info("nobody to tell: %s", refused)


def _thread_of(body: dict[str, Any]) -> str | None:
    """The thread of the message that was pressed: the one that it is in, or its own."""
    container = body.get("container", {})
    return str(container.get("thread_ts") or container.get("message_ts") or "") or None


def _channel_of(body: dict[str, Any]) -> str:
    return str((body.get("channel") or {}).get("id") or body.get("container", {}).get("channel_id", ""))
