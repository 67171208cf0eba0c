"""Messages for the timeline: the reaction and the shortcut put them there; their edits and deletions are followed."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.delivery import CaptureDelivery
from bot.platforms.slack.asking import Asker, is_private, label_of
from bot.platforms.slack.messages import Messages, bare, files_of, said, source_of
from bot.platforms.slack.places import Spot
from bot.platforms.slack.subscriptions import ADD_TO_TIMELINE
from bot.platforms.slack.workshop import Bench
from bot.store.arrivals import Arrival
from commands import captures
from commands.captures import Message, What
from commands.people import SYSTEM


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    captured = Captured(bench)
    app.event("reaction_added")(captured.reacted)
    app.event("reaction_removed")(captured.took_back)
    app.event({"type": "message", "subtype": "message_changed"})(captured.changed)
    app.event({"type": "message", "subtype": "message_deleted"})(captured.deleted)
    app.shortcut(ADD_TO_TIMELINE)(captured.chosen)


class Captured:
    """Tells the pipeline what happened to messages."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._messages = Messages(bench)

    async def reacted(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """:pushpin: on a message of an incident's channel. Elsewhere it is an emoji like any other."""
        spot, asker = await self._reactor(body, event)
        found = await self._messages.found(spot, event["item"]["ts"]) if asker else None
        if asker and found:
            await self._hand_over(asker, "added", await self._captured(asker, found), context["arrival"])

    async def took_back(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """The reaction is gone; while somebody else's stands, the message stays."""
        spot, asker = await self._reactor(body, event)
        found = await self._messages.found(spot, event["item"]["ts"]) if asker else None
        if asker and found and not self._is_marked(found):
            await self._hand_over(asker, "taken_off", bare(spot, event["item"]["ts"]), context["arrival"])

    async def _reactor(self, body: dict[str, Any], event: dict[str, Any]) -> tuple[Spot, Asker | None]:
        """Who reacted; nobody, unless it is our emoji in an incident's channel."""
        item = event.get("item") or {}
        spot = Spot(body["team_id"], str(item.get("channel") or ""))
        if item.get("type") != "message" or not self._is_ours(str(event.get("reaction"))):
            return spot, None
        name = await self._bench.places.name(spot)
        incident = await self._bench.store.look(lambda tx: tx.incidents.in_channel(name)) if name else None
        if incident is None:
            return spot, None
        return spot, await self._bench.asking.who(spot.team, event["user"], spot.channel, private=incident.private)

    def _is_ours(self, reaction: str) -> bool:
        """Whatever its skin tone."""
        return reaction.partition("::")[0] == self._bench.settings.reaction.strip(":")

    def _is_marked(self, message: dict[str, Any]) -> bool:
        return any(self._is_ours(str(one.get("name"))) for one in message.get("reactions") or ())

    async def changed(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """A message was edited; one that people answered to is not deleted, but left as an empty stone."""
        message, before = event.get("message") or {}, event.get("previous_message") or {}
        spot, ts = Spot(body["team_id"], event["channel"]), str(message["ts"])
        same = (said(message), files_of(message)) == (said(before), files_of(before))
        if same or not await self._stands(spot, ts):
            return
        if message.get("subtype") == "tombstone":
            await self._follow(spot, "deleted", bare(spot, ts), context["arrival"])
        else:
            await self._follow(spot, "edited", await self._messages.reworded(spot, message), context["arrival"])

    async def deleted(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """A message was deleted."""
        spot, ts = Spot(body["team_id"], event["channel"]), str(event["deleted_ts"])
        if await self._stands(spot, ts):
            await self._follow(spot, "deleted", bare(spot, ts), context["arrival"])

    async def _stands(self, spot: Spot, ts: str) -> bool:
        """Whether a message is on a timeline: most are not, and most edits are our own."""
        channel, source = await self._name_of(spot), source_of(spot, ts)
        return bool(await self._bench.store.look(lambda tx: captures.holding(source, channel, tx)))

    async def _name_of(self, spot: Spot) -> str:
        return await self._bench.places.name(spot) or spot.name

    async def _follow(self, spot: Spot, what: What, message: Message, arrival: Arrival) -> None:
        channel = await self._name_of(spot)
        await self._bench.intake.capture(_delivery(arrival, SYSTEM.id, channel, what, message))

    async def chosen(self, ack: Any, body: dict[str, Any], context: Any) -> None:
        """The shortcut of a message's menu."""
        await ack()
        asker = await self._bench.asking.who(
            body["team_id"], body["user"]["id"], body["channel"]["id"], private=is_private(body), label=label_of(body)
        )
        if asker is not None:
            message = await self._captured(asker, body["message"])
            await self._hand_over(asker, "added", message, context["arrival"])

    async def _captured(self, asker: Asker, message: dict[str, Any]) -> Message:
        """The message as the timeline wants it; for somebody who may not put it there, nobody is asked about it."""
        incident = await self._bench.store.look(lambda tx: tx.incidents.in_channel(asker.channel))
        if not captures.ACCESS.allows(asker.person, incident):
            return bare(asker.spot, str(message["ts"]))
        return await self._messages.captured(asker.spot, message)

    async def _hand_over(self, asker: Asker, what: What, message: Message, arrival: Arrival) -> None:
        await self._bench.intake.capture(_delivery(arrival, asker.person.id, asker.channel, what, message))


def _delivery(arrival: Arrival, person: str, channel: str, what: What, message: Message) -> CaptureDelivery:
    return CaptureDelivery(
        platform=arrival.platform,
        id=arrival.id.removeprefix(f"{arrival.platform}:"),
        person=person,
        channel=channel,
        what=what,
        message=message,
    )
