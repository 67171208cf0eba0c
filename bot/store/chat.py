"""What chat pages read: channels with unread counts, messages, live changes. Private channels do not leak."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.channels import shown_as
from bot.store.database import Database
from bot.store.messages import SqlMessages, homes, in_sight, may_read
from bot.store.views import ChannelView, MessageView
from commands.cards import Card
from commands.context import HOME
from commands.errors import NotFound
from commands.redaction import redact

_table = schema.messages


class ChatRecord:
    """Provides `bot.platforms.console.record.ConsoleRecord`."""

    def __init__(self, database: Database, now: Callable[[], datetime], committed: Callable[[], None]) -> None:
        self._database = database
        self._now = now
        self._committed = committed

    async def channels(self, person: str) -> list[ChannelView]:
        """Standing channels first, then incidents, newest first."""
        return await self._database.read(lambda c: _channels(c, person))

    async def check_in_sight(self, channel: str, person: str) -> None:
        """Raises NotFound for a channel out of sight."""
        await self._database.read(lambda c: _check(c, channel, person))

    async def messages(
        self,
        channel: str,
        person: str,
        *,
        before: int | None = None,
        limit: int = 100,
        thread: str | None = None,
    ) -> list[MessageView]:
        """Oldest first, at most `limit`. Raises NotFound for a channel out of sight."""
        return await self._database.read(lambda c: _messages(c, channel, person, before, limit, thread))

    async def replies(self, channel: str, person: str, thread: str) -> int:
        """How many replies a message has. Raises NotFound for a channel out of sight."""
        return await self._database.read(lambda c: _replies(c, channel, thread, person))

    async def pinned(self, channel: str, person: str) -> MessageView | None:
        """The newest pinned card."""
        return await self._database.read(lambda c: _pinned(c, channel, person))

    async def changes(self, since: int, person: str, *, limit: int = 200) -> list[MessageView]:
        """Posts and edits after a cursor, in order."""
        return await self._database.read(lambda c: _changes(c, since, person, limit))

    async def message(self, key: str, person: str) -> MessageView:
        """One message. Raises NotFound when it is not there or out of sight."""
        return await self._database.read(lambda c: _message(c, key, person))

    async def cursor(self) -> int:
        """The newest change."""
        return await self._database.read(lambda c: c.execute(sa.select(sa.func.max(_table.c.change))).scalar() or 0)

    async def say(self, channel: str, person: str, text: str, *, key: str, thread: str | None = None) -> MessageView:
        """Store what a person said, once for a key."""

        def store(connection: sa.Connection) -> MessageView:
            _check(connection, channel, person)
            SqlMessages(connection, self._now()).say(channel, person, redact(text), key=key, thread=thread)
            return _view(connection.execute(_select(person).where(_table.c.key == key)).one())

        said = await self._database.write(store)
        self._committed()
        return said

    async def mark_read(self, channel: str, person: str, message: int) -> None:
        """Never moves backwards."""
        await self._database.write(lambda c: _mark_read(c, channel, person, message))


def _select(person: str) -> sa.Select[Any]:
    replies = _table.alias()
    mine = sa.or_(replies.c.only_for.is_(None), replies.c.only_for == person)
    count = sa.select(sa.func.count()).where(replies.c.thread == _table.c.key, mine).scalar_subquery()
    return sa.select(_table, count.label("replies"))


def _view(row: sa.Row[Any]) -> MessageView:
    fields = dict(row._mapping)
    fields["card"] = Card.model_validate_json(fields["card"]) if fields["card"] else None
    return MessageView.model_validate(fields)


def _for(person: str) -> sa.ColumnElement[bool]:
    return sa.or_(_table.c.only_for.is_(None), _table.c.only_for == person)


def _check(connection: sa.Connection, channel: str, person: str) -> None:
    if not may_read(connection, channel, person):
        raise NotFound(f"There is no channel #{channel[:80]} that you can see.")


def _visible(connection: sa.Connection, person: str) -> list[sa.Row[Any]]:
    rows = connection.execute(sa.select(schema.channels).order_by(schema.channels.c.created_at.desc())).all()
    known_in = homes(connection, person)
    return [row for row in rows if in_sight(row, person, known_in)]


def _channels(connection: sa.Connection, person: str) -> list[ChannelView]:
    known = connection.execute(sa.select(schema.incidents.c.channel, schema.incidents.c.id))
    incidents = {row.channel: row.id for row in known}
    unread = _unread(connection, person)
    views = [
        ChannelView(
            name=row.name,
            label=shown_as(row.name, row.label),
            home="" if row.platform == HOME else row.platform.partition(":")[0].capitalize(),
            topic=row.topic,
            private=row.private,
            incident=incidents.get(row.name),
            unread=unread.get(row.name, (0, 0))[0],
            last_message=unread.get(row.name, (0, 0))[1],
        )
        for row in _visible(connection, person)
    ]
    standing = sorted((view for view in views if view.incident is None), key=lambda view: (view.home, view.label))
    return standing + [view for view in views if view.incident is not None]


def _unread(connection: sa.Connection, person: str) -> dict[str, tuple[int, int]]:
    """By channel: how many messages are new to a person, and the newest message's id.

    Asked channel by channel, over the index: a list of channels must not cost as much as all that was ever said.
    """
    reads, channels = schema.reads, schema.channels
    joined = channels.outerjoin(reads, sa.and_(reads.c.channel == channels.c.name, reads.c.person == person))
    here = sa.and_(_table.c.channel == channels.c.name, _for(person))
    fresh = sa.and_(_table.c.id > sa.func.coalesce(reads.c.message, 0), _table.c.author != person)
    new = sa.select(sa.func.count(_table.c.id)).where(here, fresh).scalar_subquery()
    last = sa.select(_table.c.id).where(here).order_by(_table.c.id.desc()).limit(1).scalar_subquery()
    query = sa.select(channels.c.name, new, last).select_from(joined)
    return {channel: (int(new), int(last or 0)) for channel, new, last in connection.execute(query)}


def _messages(
    connection: sa.Connection, channel: str, person: str, before: int | None, limit: int, thread: str | None
) -> list[MessageView]:
    _check(connection, channel, person)
    query = _select(person).where(_table.c.channel == channel, _for(person))
    query = query.where(_table.c.thread == thread if thread else _table.c.thread.is_(None))
    if before is not None:
        query = query.where(_table.c.id < before)
    rows = connection.execute(query.order_by(_table.c.id.desc()).limit(limit)).all()
    return [_view(row) for row in reversed(rows)]


def _replies(connection: sa.Connection, channel: str, thread: str, person: str) -> int:
    _check(connection, channel, person)
    query = sa.select(sa.func.count()).where(_table.c.channel == channel, _table.c.thread == thread, _for(person))
    return int(connection.execute(query).scalar_one())


def _pinned(connection: sa.Connection, channel: str, person: str) -> MessageView | None:
    if not may_read(connection, channel, person):
        return None
    query = _select(person).where(_table.c.channel == channel, _table.c.pinned, _for(person))
    row = connection.execute(query.order_by(_table.c.id.desc()).limit(1)).one_or_none()
    return _view(row) if row else None


def _message(connection: sa.Connection, key: str, person: str) -> MessageView:
    row = connection.execute(_select(person).where(_table.c.key == key, _for(person))).one_or_none()
    if row is None or not may_read(connection, row.channel, person):
        raise NotFound(f"There is no message {key[:80]} that you can see.")
    return _view(row)


def _changes(connection: sa.Connection, since: int, person: str, limit: int) -> list[MessageView]:
    """In order. The messages of one transaction share a number and are never parted: the last group comes whole."""
    visible = [row.name for row in _visible(connection, person)]
    query = _select(person).where(_table.c.change > since, _table.c.channel.in_(visible), _for(person))
    ordered = query.order_by(_table.c.change, _table.c.id)
    rows = list(connection.execute(ordered.limit(limit)))
    if len(rows) == limit:
        shown = {row.id for row in rows}
        rows += [
            row for row in connection.execute(ordered.where(_table.c.change == rows[-1].change)) if row.id not in shown
        ]
    return [_view(row) for row in rows]


def _mark_read(connection: sa.Connection, channel: str, person: str, message: int) -> None:
    _check(connection, channel, person)
    reads = schema.reads
    at = sa.and_(reads.c.person == person, reads.c.channel == channel)
    seen = connection.execute(sa.select(reads.c.message).where(at)).scalar_one_or_none()
    if seen is None:
        connection.execute(reads.insert().values(person=person, channel=channel, message=message))
    elif message > seen:
        connection.execute(reads.update().where(at).values(message=message))
