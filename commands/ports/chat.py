"""The port of a chat system, as the outbox drives it, and what it hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from commands.cards import Card


class Undeliverable(Exception):  # noqa: N818 - an answer of the platform
    """The platform will never take this, however often it is asked; the message says why and what helps."""


class Unfinished(Exception):  # noqa: N818 - a state of the other side
    """The message is there, under `reference`; what belongs to it (a pin, a document) is still to come."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(why)
        self.reference = reference


class NoAccess(Exception):  # noqa: N818 - a state of the other side
    """The platform does not let us in, or not do this, until a human renews our access; the message says what helps.

    All that was to be done is kept, and done then.
    """


class Urgency(IntEnum):
    """What goes first where a platform lets only so much through."""

    PAGE = -1  # somebody is called: what is for them alone is told directly, where it stays
    ANSWER = 0  # somebody asked, or has to decide
    NORMAL = 1
    LATER = 2  # reminders, measurements


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bookmark(_Value):
    """A link that a channel keeps at hand."""

    label: str
    url: str


class Room(_Value):
    """A channel as it is to be. `platform`: the platform's name, and its workspace after a colon."""

    name: str
    platform: str
    private: bool
    topic: str = ""
    purpose: str = ""
    members: tuple[str, ...] = ()
    invite: tuple[str, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()


class Post(_Value):
    """A message as it is to be. `thread` is the reference of the message that this one replies to.

    `author`: the card holds the words of this person, who said them in the console.
    """

    key: str
    card: Card
    author: str | None = None
    only_for: str | None = None
    pinned: bool = False
    thread: str | None = None
    urgency: Urgency = Urgency.NORMAL


class ChatPlatform(Protocol):
    """A chat system. Every call may come again after a crash: the room's name and the post's key tell.

    All raise Undeliverable for what is refused for good, and NoAccess while nothing can be done; anything else that
    is raised is tried again. `post` and `edit` raise Unfinished when only a part of it is to be done again: they are
    asked to edit once more. What belongs to a channel or a message and is refused for good (a topic, a pin) is told to
    its people by the platform, and no error: it holds up nothing.
    """

    name: str
    at_a_time: int
    """How many messages of a channel are sent before the outbox looks whether something more urgent came."""

    async def open_channel(self, room: Room) -> str:
        """Make the channel, or find the one that an earlier call made; its reference on the platform."""

    async def arrange(self, channel: str, room: Room, applied: Mapping[str, Any]) -> dict[str, Any]:
        """Bring topic, members and bookmarks to what the room says.

        `applied` is what the last call returned (empty at first): what the platform was given so far.
        """

    async def sent(self, channel: str, posts: Sequence[Post]) -> dict[str, str]:
        """Which of these messages the platform has already, by key: their references.

        Asked where an earlier attempt may have gone out without our knowing.
        """

    async def post(self, channel: str, post: Post) -> str:
        """Say something; the message's reference on the platform."""

    async def edit(self, channel: str, reference: str, post: Post) -> None:
        """Replace what was said."""
