"""What the outbox reads and writes: messages that a platform does not have yet, channels that are not as wished."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.messages import may_read
from commands.cards import Card, card
from commands.context import HOME
from commands.ports import Bookmark, Post, Room, Urgency

_messages, _channels = schema.messages, schema.channels
_root = schema.messages.alias("root")

_BEHIND = _messages.c.delivered < _messages.c.change
_FIRST_WAITING = (
    sa.select(_messages.c.channel, _channels.c.platform, sa.func.min(_messages.c.urgency), sa.func.min(_messages.c.id))
    .join(_channels, _channels.c.name == _messages.c.channel)
    .where(_BEHIND)
    .group_by(_messages.c.channel, _channels.c.platform)
)
_FIRST_UNARRANGED = (
    sa.select(_channels.c.name, _channels.c.platform)
    .where(_channels.c.arranged < _channels.c.wish)
    .order_by(_channels.c.wish)
)
#: Asked for with every message that goes out, so it is put together once.
_WAITING = (
    sa.select(_messages, _root.c.reference.label("root_reference"), _channels.c.platform)
    .join(_channels, _channels.c.name == _messages.c.channel)
    .outerjoin(_root, _root.c.key == _messages.c.thread)
    .where(
        _BEHIND,
        _messages.c.channel == sa.bindparam("where"),
        _messages.c.id.not_in(sa.bindparam("besides", expanding=True)),
    )
    .order_by(_messages.c.urgency, _messages.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_BY_KEY = sa.select(_messages, sa.null().label("root_reference")).where(_messages.c.key == sa.bindparam("called"))
_PLACE = sa.select(_channels).where(_channels.c.name == sa.bindparam("called"))


@dataclass(frozen=True)
class Outgoing:
    """A message that is to be sent or changed. `post` None: a person's own words, said where they are to be read."""

    id: int
    key: str
    change: int
    reference: str | None
    post: Post | None


@dataclass(frozen=True)
class Place:
    """A channel as the outbox sees it. `reference` None: the platform has not made it yet."""

    room: Room
    reference: str | None
    wish: int
    arranged: int
    applied: dict[str, Any]

    @property
    def kind(self) -> str:
        """The platform's name, without the workspace."""
        return self.room.platform.partition(":")[0]


def busy_channels(
    connection: sa.Connection,
    platforms: Collection[str],
    *,
    besides: Collection[int] = (),
    unarranged: Collection[str] = (),
) -> list[str]:
    """The channels with something to send or to arrange; the one with the most urgent message first.

    What belongs to a platform that is not connected waits until it is. `besides` are messages, `unarranged` channels
    whose arrangement is not to be looked at now.
    """
    said = _FIRST_WAITING.where(_messages.c.id.not_in(besides)) if besides else _FIRST_WAITING
    waiting = sorted(connection.execute(said), key=lambda row: (row[2], row[3]))
    found = [*waiting, *(row for row in connection.execute(_FIRST_UNARRANGED) if row[0] not in unarranged)]
    return list(dict.fromkeys(row[0] for row in found if row[1].partition(":")[0] in platforms))


def place(connection: sa.Connection, channel: str) -> Place | None:
    """One channel."""
    row = connection.execute(_PLACE, {"called": channel}).one_or_none()
    return None if row is None else _place(row)


def unopened(connection: sa.Connection, names: list[str]) -> list[Place]:
    """Those of some channels that their platform is still to make."""
    query = sa.select(_channels).where(_channels.c.name.in_(names), _channels.c.reference.is_(None))
    return [_place(row) for row in connection.execute(query)]


def _place(row: sa.Row[Any]) -> Place:
    room = Room(
        name=row.name,
        platform=row.platform,
        private=row.private,
        topic=row.topic,
        purpose=row.purpose,
        members=tuple(json.loads(row.members)),
        invite=tuple(json.loads(row.invite)),
        bookmarks=tuple(Bookmark.model_validate(one) for one in json.loads(row.bookmarks)),
    )
    return Place(room, row.reference, row.wish, row.arranged, json.loads(row.applied))


def waiting(connection: sa.Connection, channel: str, limit: int, *, besides: Collection[int] = ()) -> list[Outgoing]:
    """What a channel is behind with: the urgent first, then in the order in which it was said."""
    known = {"where": channel, "besides": list(besides), "most": limit}
    return [_outgoing(row) for row in connection.execute(_WAITING, known)]


def _outgoing(row: sa.Row[Any]) -> Outgoing:
    elsewhere = row.card or row.platform != HOME
    return Outgoing(row.id, row.key, row.change, row.reference, _post(row) if elsewhere else None)


def _post(row: sa.Row[Any]) -> Post:
    return Post(
        key=row.key,
        card=Card.model_validate_json(row.card) if row.card else card("", row.text),
        author=None if row.card else row.author,
        only_for=row.only_for,
        pinned=row.pinned,
        thread=row.root_reference or row.thread,
        urgency=Urgency(row.urgency),
    )


def mark_sent(connection: sa.Connection, sent: list[dict[str, Any]]) -> None:
    """What was delivered, unless the message changed again meanwhile (then it stays behind, and is edited)."""
    behind = _messages.c.delivered < sa.bindparam("b_delivered")
    update = _messages.update().where(_messages.c.id == sa.bindparam("b_id"), behind)
    changed = update.values(
        delivered=sa.bindparam("b_delivered"), reference=sa.bindparam("reference"), failed=sa.bindparam("failed")
    )
    connection.execute(changed, sent)


def mark_known(connection: sa.Connection, references: dict[str, str]) -> None:
    """The platform has these messages, in whatever state: they are edited from now on, not said again."""
    for key, reference in references.items():
        query = _messages.update().where(_messages.c.key == key, _messages.c.reference.is_(None))
        connection.execute(query.values(reference=reference))


def mark_open(connection: sa.Connection, channel: str, reference: str) -> None:
    """The platform has the channel."""
    connection.execute(_channels.update().where(_channels.c.name == channel).values(reference=reference))


def mark_arranged(connection: sa.Connection, channel: str, wish: int, applied: dict[str, Any]) -> None:
    """The channel is as it was wished; what was wished since then is still to come."""
    changed = {"arranged": wish, "applied": json.dumps(applied)}
    connection.execute(_channels.update().where(_channels.c.name == channel).values(changed))


def readable(connection: sa.Connection, key: str, person: str, *, within: str) -> Post | None:
    """A message that a reader may have: it is for them alone, or for all in a channel that is in their sight.

    `within` is the channel where they are, so that it is in their sight.
    """
    row = connection.execute(_BY_KEY, {"called": key}).one_or_none()
    if row is None or row.only_for not in {None, person}:
        return None
    sees = row.only_for == person or row.channel == within or may_read(connection, row.channel, person)
    return _post(row) if sees else None
