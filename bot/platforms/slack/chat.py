"""What Tocsin says in Slack: the platform, as the outbox drives it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.platforms.slack.blocks import Names, Shown, render
from bot.platforms.slack.documents import Documents
from bot.platforms.slack.people import People
from bot.platforms.slack.places import PLATFORM, Places, Spot, platform_of
from bot.platforms.slack.responses import Responses
from bot.platforms.slack.rooms import Rooms, explained
from bot.platforms.slack.web import Busy, Refused, Unclear, Web
from commands.cards import channels_of, people_of
from commands.people import Directory
from commands.ports import Post, Room, Undeliverable, Unfinished

log = logging.getLogger(__name__)

#: Messages carry our key in their metadata, so that one whose answer was lost is found.
EVENT = "tocsin_message"
_PAGES, _PAGE = 5, 200
_OUTSIDE = {"not_in_channel", "channel_not_found"}
_NOT_SEEN = {"user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived", "messages_tab_disabled"}
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
#: References of what cannot be changed any more: a whisper, an answer to a response_url.
_FLEETING = "fleeting:"

#: Shows a post of a workspace in the view that it answers; gives it back, as it is to be said, where there is none.
InViews = Callable[[str, Post], Awaitable[Post | None]]


async def _nowhere(_team: str, post: Post) -> Post | None:
    return post


class SlackChat:
    """See ChatPlatform. References: `T1/C1` of a channel, a timestamp of a message in it."""

    name = PLATFORM
    at_a_time = 5

    def __init__(
        self,
        web: Web,
        rooms: Rooms,
        people: People,
        places: Places,
        directory: Directory,
        responses: Responses,
        documents: Documents,
        *,
        address: str,
    ) -> None:
        self._web = web
        self._rooms = rooms
        self._people = people
        self._places = places
        self._directory = directory
        self._responses = responses
        self._documents = documents
        self._address = address
        self._pinned: set[tuple[str, str]] = set()
        self._in_views: InViews = _nowhere

    def answer_in_views(self, answered: InViews) -> None:
        """What answers a form is shown in the form's place."""
        self._in_views = answered

    async def open_channel(self, room: Room) -> str:
        """See ChatPlatform."""
        return await self._rooms.open(room)

    async def arrange(self, channel: str, room: Room, applied: Mapping[str, Any]) -> dict[str, Any]:
        """See ChatPlatform."""
        return await self._rooms.arrange(channel, room, applied)

    async def sent(self, channel: str, posts: Sequence[Post]) -> dict[str, str]:
        """See ChatPlatform: by the metadata of the newest messages, and of the threads that are asked about."""
        spot, wanted = Spot.of(channel), {post.key for post in posts}
        found: dict[str, str] = {}
        try:
            if any(post.thread is None for post in posts):
                await self._search(spot, wanted, found, "conversations.history", {})
            for thread in {post.thread for post in posts if post.thread}:
                await self._search(spot, wanted, found, "conversations.replies", {"ts": thread})
        except Refused as refused:
            log.info("what was said in %s cannot be read: %s", channel, refused)
        return found

    async def _search(
        self, spot: Spot, wanted: set[str], found: dict[str, str], method: str, which: dict[str, Any]
    ) -> None:
        cursor = None
        for _ in range(_PAGES):
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
            if cursor is None or wanted <= set(found):
                return

    async def post(self, channel: str, post: Post) -> str:
        """See ChatPlatform."""
        spot = Spot.of(channel)
        waiting = await self._in_views(spot.team, post)
        if waiting is None:
            return f"{_FLEETING}{post.key}"
        post = waiting
        shown = await self._render(spot.team, post)
        if post.only_for is not None:
            return await self._whisper(spot, post, shown, post.only_for)
        reference = await self._say(spot, post, shown)
        if not reference.startswith(_FLEETING):
            await self._finish(spot, reference, post)
        return reference

    async def edit(self, channel: str, reference: str, post: Post) -> None:
        """See ChatPlatform. What cannot be changed is said anew."""
        spot = Spot.of(channel)
        shown = await self._render(spot.team, post)
        if post.only_for is not None:
            await self._whisper(spot, post, shown, post.only_for)
            return
        if reference.startswith(_FLEETING):
            await self._say(spot, post, shown)
            return
        try:
            await self._web.call(
                spot.team,
                "chat.update",
                urgency=post.urgency,
                channel=spot.channel,
                ts=reference,
                **_content(post, shown),
            )
        except Refused as refused:
            if refused.code not in _GONE:
                raise Undeliverable(explained(refused)) from refused
            log.info("%s was taken away in Slack: its change is kept in the record only", post.key)
            return
        await self._finish(spot, reference, post)

    async def _finish(self, spot: Spot, reference: str, post: Post) -> None:
        """What belongs to a message: the pin, the document. Each is done once, and by itself."""
        try:
            if post.pinned and (spot.reference, reference) not in self._pinned:
                await self._pin(spot, reference)
                self._pinned.add((spot.reference, reference))
            if post.card.document is not None:
                await self._documents.attach(spot, reference, post.card.document)
        except (Busy, Unclear) as error:
            raise Unfinished(reference, f"{type(error).__name__}: {error}") from error

    async def _pin(self, spot: Spot, reference: str) -> None:
        try:
            await self._web.call(spot.team, "pins.add", channel=spot.channel, timestamp=reference)
        except Refused as refused:
            if refused.code != "already_pinned":
                log.warning("the card in %s cannot be pinned: %s", spot.reference, explained(refused))

    async def _say(self, spot: Spot, post: Post, shown: Shown) -> str:
        content = _content(post, shown) | _threaded(post)
        try:
            return await self._post_message(spot, post, content)
        except Refused as refused:
            if refused.code in _OUTSIDE:
                return await self._from_outside(spot, post, shown, content, refused)
            raise Undeliverable(explained(refused)) from refused

    async def _post_message(self, spot: Spot, post: Post, content: dict[str, Any]) -> str:
        said = await self._web.call(
            spot.team,
            "chat.postMessage",
            urgency=post.urgency,
            channel=spot.channel,
            unfurl_links=False,
            unfurl_media=False,
            **content,
        )
        return str(said["ts"])

    async def _from_outside(
        self, spot: Spot, post: Post, shown: Shown, content: dict[str, Any], refused: Refused
    ) -> str:
        """Tocsin is not in the channel: it joins a public one; else it answers by the address that came along."""
        try:
            await self._web.call(spot.team, "conversations.join", channel=spot.channel)
            return await self._post_message(spot, post, content)
        except Refused:
            if await self._responses.answer(platform_of(spot.team), post.key, shown, everybody=True):
                return f"{_FLEETING}{post.key}"
            raise Undeliverable(explained(refused)) from refused

    async def _whisper(self, spot: Spot, post: Post, shown: Shown, person: str) -> str:
        """To one person: where they asked, else in the channel, else directly."""
        if post.thread is None and await self._responses.answer(
            platform_of(spot.team), post.key, shown, everybody=False
        ):
            return f"{_FLEETING}{post.key}"
        user = self._people.user(spot.team, person)
        if user is None:
            raise Undeliverable(f"{self._name(person)} has no account in this Slack workspace.")
        try:
            said = await self._web.call(
                spot.team,
                "chat.postEphemeral",
                urgency=post.urgency,
                channel=spot.channel,
                user=user,
                text=shown.text,
                blocks=shown.blocks,
                **_threaded(post),
            )
            return f"{_FLEETING}{said.get('message_ts', post.key)}"
        except Refused as refused:
            if refused.code not in _NOT_SEEN:
                raise Undeliverable(explained(refused)) from refused
        return await self._directly(spot.team, user, post, shown)

    async def _directly(self, team: str, user: str, post: Post, shown: Shown) -> str:
        try:
            said = await self._web.call(team, "conversations.open", users=user)
            there = Spot(team, str(said["channel"]["id"]))
            return f"{_FLEETING}{await self._post_message(there, post, _content(post, shown))}"
        except Refused as refused:
            raise Undeliverable(explained(refused)) from refused

    async def _render(self, team: str, post: Post) -> Shown:
        await self._places.learn(team, channels_of(post.card))
        await self._people.meet(team, [*people_of(post.card), *([post.only_for] if post.only_for else [])])
        return await asyncio.to_thread(render, post.card, self.names(team), key=post.key)

    def names(self, team: str) -> Names:
        """How a workspace calls things."""
        return Names(
            user=lambda person: self._people.user(team, person),
            name=self._name,
            channel=lambda name: self._places.id(team, name),
            address=self._address,
        )

    def _name(self, person: str) -> str:
        return self._directory.names().get(person, person)


def _content(post: Post, shown: Shown) -> dict[str, Any]:
    return {
        "text": shown.text,
        "blocks": shown.blocks,
        "metadata": {"event_type": EVENT, "event_payload": {"key": post.key}},
    }


def _threaded(post: Post) -> dict[str, Any]:
    return {"thread_ts": post.thread} if post.thread else {}
