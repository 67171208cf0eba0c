"""A message of Slack as the timeline wants it: whose it is, when, what it says, and where to read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bot.platforms.slack.places import Spot, platform_of
from bot.platforms.slack.web import Refused
from bot.platforms.slack.workshop import Bench
from commands.captures import Message


def source_of(spot: Spot, ts: str) -> str:
    """The id of a message here."""
    return f"{platform_of(spot.team)}/{spot.channel}/{ts}"


def bare(spot: Spot, ts: str) -> Message:
    """A message of which nothing more needs to be known."""
    return Message(source_of(spot, ts), datetime.fromtimestamp(float(ts), UTC), "")


def said(message: dict[str, Any]) -> str:
    """Its text and what its attachments say; blocks only where there is no text, which repeats them."""
    attached = [words for one in message.get("attachments") or () for words in _attached(one)]
    text = str(message.get("text") or "").strip()
    if not text and not attached:
        attached = list(_texts(message.get("blocks") or []))
    return "\n".join(part for part in (text, *attached) if part)


def _attached(attachment: dict[str, Any]) -> list[str]:
    """What a bot attached. The preview of a link was not said by anybody."""
    if attachment.get("from_url") or attachment.get("is_msg_unfurl"):
        return []
    found = [str(attachment[name]) for name in ("pretext", "title", "text") if attachment.get(name)]
    return found or list(_texts(attachment.get("blocks") or [])) or [str(attachment.get("fallback") or "")]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
            return
        for one in value.values():
            yield from _texts(one)


def files_of(message: dict[str, Any]) -> tuple[str, ...]:
    """The names of its files."""
    return tuple(str(one.get("name") or one.get("title") or "a file") for one in message.get("files") or ())


class Messages:
    """Reads messages."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def found(self, spot: Spot, ts: str) -> dict[str, Any] | None:
        """A message with its reactions, in a thread or not; None if it is gone."""
        try:
            answer = await self._bench.web.call(
                spot.team, "reactions.get", channel=spot.channel, timestamp=ts, full=True
            )
        except Refused as refused:
            if refused.code in {"message_not_found", "channel_not_found", "not_in_channel"}:
                return None
            raise
        return dict(answer.get("message") or {})

    async def captured(self, spot: Spot, message: dict[str, Any]) -> Message:
        """The whole message."""
        ts, user = str(message["ts"]), str(message.get("user") or "")
        person = await self._bench.people.person(spot.team, user) if user else None
        return Message(
            source=source_of(spot, ts),
            at=datetime.fromtimestamp(float(ts), UTC),
            text=await self._bench.asking.words(spot.team, said(message)),
            author=person.id if person else None,
            author_name="" if person else await self._name(spot.team, message),
            permalink=str(message.get("permalink") or "") or await self._permalink(spot, ts),
            files=files_of(message),
        )

    async def reworded(self, spot: Spot, message: dict[str, Any]) -> Message:
        """What an edit can change."""
        text = await self._bench.asking.words(spot.team, said(message))
        whole = bare(spot, str(message["ts"]))
        return Message(whole.source, whole.at, text, files=files_of(message))

    async def _name(self, team: str, message: dict[str, Any]) -> str:
        """What a bot is called."""
        known = message.get("username") or (message.get("bot_profile") or {}).get("name")
        if known or not message.get("user"):
            return str(known or "an app")
        try:
            user = (await self._bench.web.call(team, "users.info", user=message["user"])).get("user", {})
        except Refused:
            return "somebody whom Slack does not show"
        return str(user.get("real_name") or user.get("name") or "an app")

    async def _permalink(self, spot: Spot, ts: str) -> str:
        """The address of a message; none where Tocsin cannot see it."""
        try:
            answer = await self._bench.web.call(spot.team, "chat.getPermalink", channel=spot.channel, message_ts=ts)
        except Refused:
            return ""
        return str(answer.get("permalink") or "")
