"""An incident's channel in Slack: made once, with topic, purpose, bookmarks and the people it needs.

Channel names are deterministic, so a channel whose making was never answered is found by its name.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.platforms.slack.installs import Install
from bot.platforms.slack.inviting import Inviting
from bot.platforms.slack.places import Spot, team_of
from bot.platforms.slack.refusals import Tell, complain, final
from bot.platforms.slack.web import Barred, Busy, Refused, Unclear, Web
from commands.ports import Room, Undeliverable

_MOST_NAMES, _TOPIC, _PURPOSE, _LABEL = 5, 250, 250, 80
_TAKEN = {"name_taken", "name_already_taken"}

#: One thing at the top of a channel. It writes down in `done` what Slack has.
_Step = Callable[[Spot, Room, dict[str, Any], Install], Awaitable[None]]


class Rooms:
    """Opens channels and keeps their tops as they are to be."""

    def __init__(self, web: Web, inviting: Inviting, tell: Tell) -> None:
        self._web = web
        self._inviting = inviting
        self._tell = tell
        #: What could be done of an arrangement of which the rest is still to come.
        self._done: dict[str, dict[str, Any]] = {}

    async def open(self, room: Room) -> str:
        """Make the channel, or find the one that was made; its reference."""
        install = await self._web.install(team_of(room.platform))
        name, _, elsewhere = room.name.partition("@")
        with final():
            channel = await (self._standing if elsewhere else self._own)(install, name, room)
        return Spot(install.team, channel).reference

    async def _own(self, install: Install, name: str, room: Room) -> str:
        """A channel of our own; a name that somebody else has gets a number."""
        for attempt in range(1, _MOST_NAMES + 1):
            wanted = name if attempt == 1 else f"{name[:76]}-{attempt}"
            try:
                return await self._create(install.team, wanted, room)
            except Refused as refused:
                if refused.code not in _TAKEN:
                    raise
            found = await self._find(install.team, wanted)
            if found and _is_ours(found, install, room):
                return str(found["id"])
        raise Undeliverable(f"#{name} and its next {_MOST_NAMES - 1} numbers are taken by channels of others.")

    async def _standing(self, install: Install, name: str, room: Room) -> str:
        """A channel that may have been there before Tocsin was."""
        found = await self._find(install.team, name)
        if found is None:
            try:
                return await self._create(install.team, name, room)
            except Refused as refused:
                if refused.code in _TAKEN:
                    raise Undeliverable(
                        f"#{name} is there, but Tocsin is not in it: type /invite @Tocsin in it."
                    ) from refused
                raise
        if found.get("is_archived"):
            raise Undeliverable(f"#{name} is archived: unarchive it, or announce elsewhere (announce_in).")
        if not found.get("is_member"):
            await self._web.call(install.team, "conversations.join", channel=found["id"])
        return str(found["id"])

    async def _create(self, team: str, name: str, room: Room) -> str:
        said = await self._web.call(team, "conversations.create", name=name, is_private=room.private)
        return str(said["channel"]["id"])

    async def _find(self, team: str, name: str) -> dict[str, Any] | None:
        cursor = ""
        while True:
            said = await self._web.call(
                team,
                "conversations.list",
                types="public_channel,private_channel",
                exclude_archived=False,
                limit=1000,
                cursor=cursor or None,
            )
            for one in said.get("channels", ()):
                if one.get("name") == name:
                    return dict(one)
            cursor = said.get("response_metadata", {}).get("next_cursor", "")
            if not cursor:
                return None

    async def arrange(self, channel: str, room: Room, applied: Mapping[str, Any]) -> dict[str, Any]:
        """People first, then the topic, then the links. One that fails or is refused never holds up the others.

        What is refused is told in the channel, once; it is not asked for again until something else changes, unless
        it is our access that is wanting.
        """
        spot, done = Spot.of(channel), {**applied, **self._done.get(channel, {})}
        if "@" in room.name:
            return done  # a channel of theirs: its top is not ours
        install = await self._web.install(spot.team)
        failed: Exception | None = None
        for what, step in self._steps().items():
            try:
                await step(spot, room, done, install)
            except Refused as refused:
                await complain(self._tell, room.name, f"{what} could not be set.", refused, key=what)
                failed = failed or (refused if isinstance(refused, Barred) else None)
            except (Busy, Unclear) as error:
                failed = failed or error
        if failed is not None:
            self._done[channel] = done
            raise failed
        self._done.pop(channel, None)
        return done

    def _steps(self) -> dict[str, _Step]:
        return {
            "The people of this channel": self._inviting.invite,
            "The topic of this channel": self._set_topic,
            "The purpose of this channel": self._set_purpose,
            "The links of this channel": self._set_bookmarks,
        }

    async def _set_topic(self, spot: Spot, room: Room, done: dict[str, Any], install: Install) -> None:
        """A topic that a human wrote is left alone from then on."""
        wanted = _plain(room.topic, _TOPIC)
        if done.get("topic") == wanted or done.get("topic_is_theirs"):
            return
        said = await self._web.call(spot.team, "conversations.info", channel=spot.channel)
        now = said.get("channel", {}).get("topic", {})
        if now.get("value") and now.get("creator") not in {install.bot_user, ""}:
            done["topic_is_theirs"] = True
            return
        if html.unescape(str(now.get("value", ""))) != wanted:
            await self._web.call(spot.team, "conversations.setTopic", channel=spot.channel, topic=wanted)
        done["topic"] = wanted

    async def _set_purpose(self, spot: Spot, room: Room, done: dict[str, Any], _install: Install) -> None:
        if done.get("purpose") or not room.purpose:
            return
        wanted = _plain(room.purpose, _PURPOSE)
        await self._web.call(spot.team, "conversations.setPurpose", channel=spot.channel, purpose=wanted)
        done["purpose"] = wanted

    async def _set_bookmarks(self, spot: Spot, room: Room, done: dict[str, Any], _install: Install) -> None:
        there = set(done.get("bookmarks", ()))
        missing = [one for one in room.bookmarks if one.url not in there]
        if not missing:
            return
        said = await self._web.call(spot.team, "bookmarks.list", channel_id=spot.channel)
        there |= {str(one.get("link")) for one in said.get("bookmarks", ())}
        for one in missing:
            if one.url not in there:
                await self._web.call(
                    spot.team,
                    "bookmarks.add",
                    channel_id=spot.channel,
                    title=one.label[:_LABEL],
                    type="link",
                    link=one.url,
                )
            there.add(one.url)
        done["bookmarks"] = sorted(there)


def _plain(text: str, limit: int) -> str:
    """Slack shows tops as they are, without markup; a word that looks like a ping is none."""
    for word in ("@channel", "@here", "@everyone"):
        text = text.replace(word, f"@\N{WORD JOINER}{word[1:]}")
    return text[:limit]


def _is_ours(found: dict[str, Any], install: Install, room: Room) -> bool:
    """The channel that an earlier attempt made; an old one that others can see is never taken for a private one."""
    made_here = found.get("creator") == install.bot_user and not found.get("is_archived")
    return made_here and bool(found.get("is_private")) == room.private
