"""Deliveries by Socket Mode: several connections, each envelope to one of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.simulators.slack.deliveries import Ack, Delivery

TYPES = {"event": "events_api", "slash": "slash_commands", "interactive": "interactive"}
MOST = 10


@dataclass(eq=False)
class Connection:
    """One socket. A dead one stays open, says nothing and hears nothing."""

    socket: web.WebSocketResponse
    number: int
    dead: bool = False
    leaving: bool = False
    request: web.Request | None = None
    waiting: dict[str, asyncio.Future[Ack]] = field(default_factory=dict)


class Sockets:
    """The connections of the app, in the order in which they came."""

    def __init__(self, app_id: str, *, timeout: float = 3.0) -> None:
        self.timeout = timeout
        self.connections: list[Connection] = []
        self.tickets: set[str] = set()
        self.violations: Callable[[str], None] = lambda _what: None
        self.changed: Callable[[], None] = lambda: None
        self._app_id = app_id
        self._numbers = itertools.count(1)
        self._turn = itertools.count()

    def ticket(self) -> str:
        """Lets one connection in, once."""
        ticket = uuid.uuid4().hex
        self.tickets.add(ticket)
        return ticket

    @property
    def alive(self) -> list[Connection]:
        """Where Slack believes that somebody listens; a dead one looks like the others."""
        return [one for one in self.connections if not one.leaving and not one.socket.closed]

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=403)
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(socket, next(self._numbers), request=request)
        if len(self.alive) >= MOST:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            return socket
        self.connections.append(connection)
        try:
            await socket.send_json(self._hello())
            self.changed()
            await self._listen(connection)
        finally:
            self._gone(connection)
        return socket

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.alive),
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app_id},
        }

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if connection.dead:
                continue
            if message.type == WSMsgType.PING:
                await connection.socket.pong(message.data)
            elif message.type == WSMsgType.TEXT:
                self._acknowledged(connection, message.data)

    def _acknowledged(self, connection: Connection, words: str) -> None:
        try:
            body = json.loads(words)
            envelope = body["envelope_id"]
        except (ValueError, KeyError, TypeError):
            return self.violations(f"a socket sent something that is no acknowledgement: {words[:200]}")
        waiting = connection.waiting.pop(envelope, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(Ack(ok=True, status=200, body=body.get("payload")))
        return None

    def _gone(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_result(Ack(ok=False, error="connection_failed"))
        self.changed()

    async def bring(self, delivery: Delivery, *, to_all: bool = False) -> Ack:
        """See Way."""
        alive = self.alive
        if not alive:
            return Ack(ok=False, error="connection_failed")
        if to_all:
            return (await asyncio.gather(*(self._give(one, delivery) for one in alive)))[0]
        return await self._give(alive[next(self._turn) % len(alive)], delivery)

    async def _give(self, connection: Connection, delivery: Delivery) -> Ack:
        envelope = _envelope(delivery)
        waiting: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope["envelope_id"]] = waiting
        if not connection.dead:
            try:
                await connection.socket.send_json(envelope)
            except (ConnectionError, RuntimeError):
                return Ack(ok=False, error="connection_failed")
        try:
            ack = await asyncio.wait_for(waiting, self.timeout)
        except TimeoutError:
            return Ack(ok=False, error="timeout")
        if ack.body and not envelope["accepts_response_payload"]:
            self.violations(f"an acknowledgement of {envelope['type']} carried a payload, which Slack does not take")
        return ack

    def _chosen(self, which: Connection | int | None) -> list[Connection]:
        """All of them, or one by itself or by its place in the order of their coming."""
        if which is None:
            return list(self.connections)
        return [self.connections[which] if isinstance(which, int) else which]

    async def disconnect(
        self, reason: str = "refresh_requested", *, connection: Connection | int | None = None
    ) -> None:
        """Tell one or all that they must go; `warning` lets them stay for a while."""
        body = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}
        for one in self._chosen(connection):
            await one.socket.send_json(body)
            if reason != "warning":
                one.leaving = True
                await one.socket.close()

    def deaden(self, connection: Connection | int | None = None) -> None:
        """One or all are open from now on, and silent."""
        for one in self._chosen(connection):
            one.dead = True

    def kill(self, connection: Connection | int | None = None) -> None:
        """Cut one or all without a word."""
        for one in self._chosen(connection):
            if one.request is not None and one.request.transport is not None:
                one.request.transport.abort()

    async def close(self) -> None:
        """The end."""
        for one in list(self.connections):
            self.kill(one)


def _envelope(delivery: Delivery) -> dict[str, Any]:
    kind = delivery.payload.get("type")
    body: dict[str, Any] = {
        "envelope_id": str(uuid.uuid4()),
        "payload": delivery.payload,
        "type": TYPES[delivery.kind],
        "accepts_response_payload": delivery.kind == "slash" or kind in {"view_submission", "block_suggestion"},
    }
    if delivery.kind == "event":
        body |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
    return body
