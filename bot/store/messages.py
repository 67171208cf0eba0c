"""What is said where, and the single-use tokens behind its buttons."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once
from commands.cards import Card
from commands.errors import Conflict, NotFound
from commands.ports import Bookmark, Room, Urgency

_CHANGE = "change"

_channels, _messages, _buttons, _counters = schema.channels, schema.messages, schema.buttons, schema.counters
_READ_SIGHT = sa.select(_channels.c.private, _channels.c.members, _channels.c.platform).where(
    _channels.c.name == sa.bindparam("channel")
)
_HOMES = sa.select(schema.accounts.c.platform).where(schema.accounts.c.person == sa.bindparam("whose"))
_READ_PLACE = sa.select(_channels.c.private, _channels.c.platform).where(_channels.c.name == sa.bindparam("channel"))
_EDIT = _messages.update().where(_messages.c.key == sa.bindparam("message"))
_VOID_BUTTONS = _buttons.delete().where(_buttons.c.message == sa.bindparam("edited"), _buttons.c.used_by.is_(None))
_ADD_BUTTONS = _buttons.insert()
_LOCK_AND_READ_BUTTON = (
    sa.select(_buttons, _messages.c.channel, _messages.c.only_for)
    .join(_messages, _messages.c.key == _buttons.c.message)
    .where(_buttons.c.token == sa.bindparam("pressed"))
    .with_for_update()
)
_USE_IF_UNUSED = _buttons.update().where(_buttons.c.token == sa.bindparam("pressed"), _buttons.c.used_by.is_(None))
_TAKE_NEXT_CHANGE = (
    _counters.update()
    .where(_counters.c.name == _CHANGE)
    .values(value=_counters.c.value + 1)
    .returning(_counters.c.value)
)
_INSERT_FIRST_CHANGE = _counters.insert().values(name=_CHANGE, value=1)


class SqlMessages:
    """See the Messages port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._number: int | None = None

    def open_channel(self, room: Room, *, reference: str | None = None) -> None:
        """Create the channel, once for a name. `reference`: the platform has it already, under this one.

        Raises:
            Conflict: the name is that of a channel elsewhere, or of one that others can see, or cannot.
        """
        if self._is_there(room):
            return
        row = {
            "name": room.name,
            "platform": room.platform,
            "private": room.private,
            "topic": room.topic,
            "purpose": room.purpose,
            "members": json.dumps(sorted(set(room.members))),
            "invite": json.dumps(room.invite),
            "bookmarks": json.dumps([one.model_dump() for one in room.bookmarks]),
            "created_at": self._now,
            "reference": reference,
            "wish": 0 if reference else self._change(),
        }
        if not insert_once(self._connection, _channels, row):
            self._is_there(room)

    def _is_there(self, room: Room) -> bool:
        """What is said in one must not appear in another, so a name alone makes no two channels the same."""
        row = self._connection.execute(_READ_PLACE, {"channel": room.name}).one_or_none()
        if row is not None and (row.private, row.platform) != (room.private, room.platform):
            kind = "private" if row.private else "public"
            raise Conflict(
                f"There is a {kind} channel #{room.name} on {row.platform} already.", hint="Choose another name."
            )
        return row is not None

    def arrange(
        self,
        name: str,
        *,
        topic: str | None = None,
        bookmarks: Sequence[Bookmark] | None = None,
        invite: Sequence[str] | None = None,
    ) -> None:
        """See Messages. The platform follows only where something differs."""
        changes: dict[str, Any] = {} if topic is None else {"topic": topic}
        if bookmarks is not None:
            changes["bookmarks"] = json.dumps([one.model_dump() for one in bookmarks])
        if invite is not None:
            changes["invite"] = json.dumps(list(invite))
        self._rearrange(name, lambda row: {k: v for k, v in changes.items() if getattr(row, k) != v})

    def add_member(self, channel: str, person: str) -> None:
        """Let somebody into a channel."""
        self._rearrange(channel, lambda row: _with_members(row, {*json.loads(row.members), person}))

    def remove_member(self, channel: str, person: str) -> None:
        """A private channel is out of their sight from now on."""
        self._rearrange(channel, lambda row: _with_members(row, {*json.loads(row.members)} - {person}))

    def _rearrange(self, name: str, changed: Callable[[sa.Row[Any]], dict[str, Any]]) -> None:
        which = _channels.c.name == name
        row = self._connection.execute(sa.select(_channels).where(which).with_for_update()).one_or_none()
        changes = changed(row) if row is not None else {}
        if changes:
            self._connection.execute(_channels.update().where(which).values(wish=self._change(), **changes))

    def may_read(self, channel: str, person: str) -> bool:
        """Whether the channel exists and is in sight of a person."""
        return may_read(self._connection, channel, person)

    def post(
        self,
        channel: str,
        card: Card,
        *,
        key: str,
        only_for: str | None = None,
        pinned: bool = False,
        thread: str | None = None,
        urgency: Urgency = Urgency.NORMAL,
    ) -> None:
        """Say something once: the same key again changes nothing."""
        self._insert(
            channel,
            "tocsin",
            key,
            thread,
            only_for=only_for,
            pinned=pinned,
            urgency=urgency.value,
            card=self._mint(key, card).model_dump_json(),
        )

    def say(self, channel: str, person: str, text: str, *, key: str, thread: str | None) -> None:
        """Keep what a person said."""
        self._insert(channel, person, key, thread, text=text, pinned=False)

    def _insert(self, channel: str, author: str, key: str, thread: str | None, **content: Any) -> None:
        row = {"key": key, "channel": channel, "author": author, "at": self._now, "thread": thread}
        insert_once(self._connection, _messages, row | {"change": self._change(), "delivered": 0} | content)

    def edit(self, key: str, card: Card) -> None:
        """Replace a card; the buttons that it had are void."""
        self._connection.execute(_VOID_BUTTONS, {"edited": key})
        shown = self._mint(key, card).model_dump_json()
        changed = {"card": shown, "edited_at": self._now, "change": self._change()}
        self._connection.execute(_EDIT, {"message": key, **changed})

    def _mint(self, key: str, card: Card) -> Card:
        """The card with a fresh random token in each button."""
        if not card.buttons:
            return card
        minted = tuple(b.model_copy(update={"token": secrets.token_urlsafe(16)}) for b in card.buttons)
        rows = [{"token": b.token, "message": key, "action": b.action, "subject": b.subject} for b in minted]
        self._connection.execute(_ADD_BUTTONS, rows)
        return card.model_copy(update={"buttons": minted})

    def forget(self) -> None:
        """The number that was taken is free again: it was rolled back."""
        self._number = None

    def _change(self) -> int:
        """This transaction's number: it grows in the order of commits, since its row stays locked until then."""
        if self._number is None:
            self._number = self._next_change()
        return self._number

    def _next_change(self) -> int:
        value = self._connection.execute(_TAKE_NEXT_CHANGE).scalar_one_or_none()
        if value is None:
            self._connection.execute(_INSERT_FIRST_CHANGE)
            return 1
        return int(value)

    def read_until(self, channel: str, person: str) -> datetime | None:
        """See Messages. Only the console tells what was read."""
        reads = schema.reads
        joined = _messages.join(reads, reads.c.message == _messages.c.id)
        query = sa.select(_messages.c.at).select_from(joined)
        found = self._connection.execute(query.where(reads.c.channel == channel, reads.c.person == person))
        return found.scalar_one_or_none()

    def newest(self, *, only_for: str, begins: str) -> datetime | None:
        """See Messages."""
        which = (_messages.c.key.startswith(begins, autoescape=True), _messages.c.only_for == only_for)
        query = sa.select(_messages.c.at).where(*which).order_by(_messages.c.id.desc()).limit(1)
        return self._connection.execute(query).scalar_one_or_none()

    def title(self, key: str) -> str:
        """The first line of a message of the bot's."""
        shown = self._connection.execute(sa.select(_messages.c.card).where(_messages.c.key == key)).scalar_one_or_none()
        return Card.model_validate_json(shown).title if shown else "there is no answer"

    def button(self, token: str) -> sa.Row[Any]:
        """What a token stands for: action, subject, message, channel and only_for of its message.

        Raises:
            NotFound: never sent, or void since its message changed. Conflict: used already.
        """
        row = self._connection.execute(_LOCK_AND_READ_BUTTON, {"pressed": token}).one_or_none()
        if row is None:
            raise NotFound("That button is out of date.", hint="Use the newest message.")
        if row.used_by:
            raise Conflict("That button was used already.", hint="The message shows what came of it.")
        return row

    def use(self, token: str, person: str) -> None:
        """Consume a token. Raises Conflict when another click was first."""
        used = {"pressed": token, "used_by": person, "used_at": self._now}
        if self._connection.execute(_USE_IF_UNUSED, used).rowcount != 1:
            raise Conflict("That button was used already.", hint="The message shows what came of it.")


def _with_members(row: sa.Row[Any], members: set[str]) -> dict[str, Any]:
    listed = json.dumps(sorted(members))
    return {} if listed == row.members else {"members": listed}


def may_read(connection: sa.Connection, channel: str, person: str) -> bool:
    """Whether a channel exists and is in sight of a person."""
    row = connection.execute(_READ_SIGHT, {"channel": channel}).one_or_none()
    return row is not None and in_sight(row, person, homes(connection, person) if ":" in row.platform else frozenset())


def homes(connection: sa.Connection, person: str) -> frozenset[str]:
    """The workspaces, of any platform, where somebody is known."""
    return frozenset(connection.execute(_HOMES, {"whose": person}).scalars())


def in_sight(channel: Any, person: str, homes: Collection[str]) -> bool:
    """A private channel is its members'; another is everybody's, but not of people of other workspaces only.

    Whoever has no account on the channel's platform is of the house: they see it in the console.
    """
    if channel.private:
        return person in json.loads(channel.members)
    kind, _, workspace = channel.platform.partition(":")
    alike = [home for home in homes if home.partition(":")[0] == kind]
    return not workspace or not alike or channel.platform in alike
