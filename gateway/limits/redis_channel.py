"""One connection to Redis: a command goes out, and its answer to a callback.

The client library makes the connection, with all that its URL asks for (TLS, credentials, a database, a socket of
Unix). Its own way to call took four times the processor's time, measured, and every request may have to wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio import Redis

#: Is told what came of a command: what Redis answered, or an exception.
Answered = Callable[[Any], None]


class RedisChannel(asyncio.Protocol):
    """Commands are answered in their order. After an error of the connection, it is of no use any more."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer  # It would close the connection if nobody held it.
        self._transport = cast(asyncio.Transport, writer.transport)
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader()
        self._waiting: deque[Answered] = deque()
        self.closed = False

    def call(self, command: tuple[Any, ...], answered: Answered) -> None:
        """Send a command; a Redis that refuses it is an answer, too, and an exception as such."""
        self._waiting.append(answered)
        self._transport.write(hiredis.pack_command(command))

    async def asked(self, *command: Any) -> Any:
        """What Redis answers.

        Raises:
            OSError: the connection is lost.
            hiredis.HiredisError: Redis refuses.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.call(command, lambda found: None if answer.done() else answer.set_result(found))
        found = await answer
        if isinstance(found, Exception):
            raise found
        return found

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._waiting.popleft()(answer)
        except (hiredis.ProtocolError, IndexError):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        waiting, self._waiting = self._waiting, deque()
        for answered in waiting:
            answered(exc or ConnectionResetError("Redis has closed the connection"))

    def close(self) -> None:
        """Close it at once; whoever waits hears nothing more of it."""
        self.closed = True
        self._waiting.clear()
        self._transport.abort()


async def channel_of(redis: Redis) -> RedisChannel:
    """A new connection, as the client library makes it.

    Raises:
        RedisError: there is none, or Redis lets nobody in so.
        OSError: there is none.
    """
    connection = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()
    writer = connection._writer
    assert writer is not None
    connection._writer = connection._reader = None  # Else the library would close what it does not use any more.
    return RedisChannel(writer)
