"""What Tocsin says in Slack: the platform, as the outbox drives it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bot.platforms.slack.belongings import Belongings
from bot.platforms.slack.blocks import Names, Shown, render
from bot.platforms.slack.people import People
from bot.platforms.slack.places import PLATFORM, Places, Spot, platform_of
from bot.platforms.slack.refusals import final
from bot.platforms.slack.responses import Responses
from bot.platforms.slack.rooms import Rooms
from bot.platforms.slack.said import Said, content
from bot.platforms.slack.web import Barred, Busy, Refused, Web
from commands.cards import channels_of, people_of
from commands.people import Directory
from commands.ports import Post, Room, Undeliverable, Urgency
from commands.presentation import relayed

log = logging.getLogger(__name__)

_OUTSIDE = {"not_in_channel", "channel_not_found"}
_NOT_SEEN = {"user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived", "messages_tab_disabled"}
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
#: References of what cannot be changed any more, nor found again: a whisper, an answer to a response_url.
_FLEETING = "fleeting:"
#: References of what was said to one person directly: `direct:D0123/1.2`.
_DIRECT = "direct:"

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
        belongings: Belongings,
        *,
        address: str,
    ) -> None:
        self._web = web
        self._said = Said(web)
        self._rooms = rooms
        self._people = people
        self._places = places
        self._directory = directory
        self._responses = responses
        self._belongings = belongings
        self.pictures = belongings.pictures
        self._address = address
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
        for thread in dict.fromkeys(post.thread for post in posts):
            try:
                found |= await self._said.find(spot, wanted, thread=thread)
            except Refused as refused:
                if isinstance(refused, Barred) and refused.everything:
                    raise
                log.warning("what was said in %s cannot be read, and may be said again: %s", channel, refused)
        return found

    async def post(self, channel: str, post: Post) -> str:
        """See ChatPlatform."""
        spot = Spot.of(channel)
        waiting = await self._in_views(spot.team, post)
        if waiting is None:
            return f"{_FLEETING}{post.key}"
        post = waiting
        if post.only_for is not None:
            return await self._whisper(spot, post, await self._render(spot.team, post), post.only_for)
        reference = await self.pictures.say(spot, post, partial(self._say, spot, post))
        if not reference.startswith(_FLEETING):
            await self._belongings.bring(spot, reference, post)
        return reference

    async def edit(self, channel: str, reference: str, post: Post) -> None:
        """See ChatPlatform. What cannot be changed is said anew."""
        spot = Spot.of(channel)
        shown = await self._render(spot.team, post, self.pictures.of(spot, post))
        if reference.startswith(_DIRECT):
            conversation, _, ts = reference.removeprefix(_DIRECT).partition("/")
            await self._change(Spot(spot.team, conversation), ts, post, shown)
        elif post.only_for is not None:
            await self._whisper(spot, post, shown, post.only_for)
        elif reference.startswith(_FLEETING):
            await self._say(spot, post)
        elif await self._change(spot, reference, post, shown):
            await self._belongings.bring(spot, reference, post)

    async def _change(self, spot: Spot, ts: str, post: Post, shown: Shown) -> bool:
        """Whether the message is still there."""
        with final():
            try:
                await self._said.change(spot, ts, content(post.key, shown), urgency=post.urgency)
            except Refused as refused:
                if refused.code not in _GONE:
                    raise
                log.info("%s was taken away in Slack: its change is kept in the record only", post.key)
                return False
        return True

    async def _say(self, spot: Spot, post: Post, picture: str | None = None) -> str:
        shown = await self._render(spot.team, post, picture)
        message = content(post.key, shown) | _threaded(post)
        with final():
            try:
                return await self._said.post(spot, message, urgency=post.urgency)
            except Refused as refused:
                if refused.code not in _OUTSIDE:
                    raise
                return await self._from_outside(spot, post, message, refused)

    async def _from_outside(self, spot: Spot, post: Post, message: dict[str, Any], refused: Refused) -> str:
        """Tocsin is not in the channel: it joins a public one; else it answers by the address that came along.

        Whoever reads such an answer has no right to see a file of Tocsin's, so it has no picture.
        """
        try:
            await self._web.call(spot.team, "conversations.join", channel=spot.channel)
            return await self._said.post(spot, message, urgency=post.urgency)
        except Refused:
            shown = await self._render(spot.team, post)
            if await self._responses.answer(platform_of(spot.team), post.key, shown, everybody=True):
                return f"{_FLEETING}{post.key}"
            raise refused from None

    async def _whisper(self, spot: Spot, post: Post, shown: Shown, person: str) -> str:
        """To one person: where they asked, else in the channel, else directly; somebody who is called, directly."""
        called = post.urgency is Urgency.PAGE
        if (
            post.thread is None
            and not called
            and await self._responses.answer(platform_of(spot.team), post.key, shown, everybody=False)
        ):
            return f"{_FLEETING}{post.key}"
        user = self._people.user(spot.team, person)
        if user is None and self._people.is_looked_for(spot.team, person):
            raise Busy(f"Slack does not say who {person} is")
        if user is None:
            raise Undeliverable(f"{self._name(person)} has no account in this Slack workspace.")
        with final():
            try:
                if not called:
                    return await self._ephemeral(spot, user, post, shown)
            except Refused as refused:
                if refused.code not in _NOT_SEEN:
                    raise
            message = content(post.key, shown)
            said = await self._said.directly(spot.team, user, post.key, message, urgency=post.urgency)
            return f"{_DIRECT}{said}"

    async def _ephemeral(self, spot: Spot, user: str, post: Post, shown: Shown) -> str:
        """Slack keeps no trace of it, so where the answer is lost it is said again: twice is better than never."""
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

    async def _render(self, team: str, post: Post, picture: str | None = None) -> Shown:
        card = relayed.card_of(post, self._directory.names())
        await self._places.learn(team, channels_of(card))
        await self._people.meet(team, [*people_of(card), *([post.only_for] if post.only_for else [])])
        return await asyncio.to_thread(render, card, self.names(team), key=post.key, picture=picture)

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


def _threaded(post: Post) -> dict[str, Any]:
    return {"thread_ts": post.thread} if post.thread else {}
