"""WebSocket through the gateway, with a real client and a real server of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged, until

SIZE = 2 * 1024 * 1024


async def talk(request: web.Request) -> web.StreamResponse:
    """Sends back what it is sent; on `bye` it closes, on `vanish` it is gone."""
    if request.path == "/refused":
        return web.Response(status=403, text="not you")
    socket = web.WebSocketResponse(protocols=["chat"], max_msg_size=0)
    await socket.prepare(request)
    await socket.send_str(f"hello {request.headers['x-forwarded-for']}")
    async for message in socket:
        if message.data == "bye":
            await socket.close(code=4000, message=b"as you wish")
        elif message.data == "vanish":
            assert request.transport is not None
            request.transport.abort()
        elif message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


@contextlib.asynccontextmanager
async def tunnelled(**route: Any) -> AsyncIterator[tuple[Stage, str, aiohttp.ClientSession]]:
    """(the plane, its address, a client)."""
    served = web.Application()
    served.router.add_get("/{any:.*}", talk)
    runner = web.AppRunner(served, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    document = settings_for(f"http://127.0.0.1:{runner.addresses[0][1]}", server={"tunnel_idle_timeout_secs": 60})
    document["routes"][0] |= {"upgrades": ["websocket"], **route}
    try:
        async with staged(document) as stage, aiohttp.ClientSession() as session:
            yield stage, f"http://127.0.0.1:{stage._port}", session
    finally:
        await runner.cleanup()


async def test_messages_go_both_ways_until_one_side_closes() -> None:
    async with tunnelled() as (stage, url, session):
        async with session.ws_connect(f"{url}/chat", protocols=["chat"], max_msg_size=0) as socket:
            assert socket.protocol == "chat"
            assert await socket.receive_str() == "hello 127.0.0.1"
            assert stage.plane.tunnels == 1
            await socket.send_str("ping")
            assert await socket.receive_str() == "ping"
            sending = asyncio.create_task(socket.send_bytes(b"\0\xff" * (SIZE // 2)))
            assert len(await socket.receive_bytes()) == SIZE
            await sending
            await socket.send_str("bye")
            closed = await socket.receive()
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4000)
        await until(lambda: stage.plane.tunnels == 0)
        (record,) = stage.records()
        assert (record["status"], record.get("error_type"), record["level"]) == (101, None, "INFO")
        assert record["request_size"] > SIZE
        assert record["response_size"] > SIZE
        async with session.ws_connect(f"{url}/chat") as socket:
            await socket.receive_str()
        await until(lambda: stage.plane.tunnels == 0)
        assert (record["status"], record.get("error_type")) == (101, None), "nor is a client that leaves an error"
        counted = stage.plane.tally.take()
        assert ["GET", "default", 101, 2] in counted["requests"]


async def test_an_upstream_that_does_not_want_it_says_so() -> None:
    async with tunnelled() as (stage, url, session):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{url}/refused")
        assert caught.value.status == 403
        assert stage.plane.tunnels == 0


async def test_a_route_that_does_not_allow_it_asks_nothing_of_the_upstream() -> None:
    async with tunnelled(upgrades=[]) as (stage, url, session):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{url}/chat")
        assert stage.plane.tunnels == 0


async def test_one_that_breaks_is_broken_for_the_client_too() -> None:
    async with tunnelled() as (stage, url, session), session.ws_connect(f"{url}/chat") as socket:
        await socket.receive_str()
        await socket.send_str("vanish")
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        await until(lambda: stage.plane.tunnels == 0)


async def test_silence_of_both_sides_ends_it() -> None:
    async with tunnelled() as (stage, url, session), session.ws_connect(f"{url}/chat") as socket:
        await socket.receive_str()
        begun = stage.plane.clock()
        stage.plane.tick()
        assert stage.plane.tunnels == 1
        for connection in tuple(stage.plane._connections):
            connection.check_deadlines(begun + 59)
        assert stage.plane.tunnels == 1
        for connection in tuple(stage.plane._connections):
            connection.check_deadlines(stage.plane.clock() + 61)
        assert stage.plane.tunnels == 0
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        (record,) = stage.records()
        assert (record["status"], record["error_message"]) == (101, "both sides were silent for too long")


class Other(asyncio.Protocol):
    """Goes over to something else, whatever it is asked for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, _: bytes) -> None:
        self.transport.write(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nsecret")


async def test_a_protocol_that_was_not_asked_for_is_no_answer() -> None:
    server = await asyncio.get_running_loop().create_server(Other, "127.0.0.1", 0)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    document["routes"][0]["upgrades"] = ["websocket"]
    try:
        async with staged(document) as stage:
            for headers in ("Connection: upgrade\r\nUpgrade: websocket\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n"):
                async with stage.caller() as caller:
                    caller.send(f"GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n")
                    answer = await caller.answer()
                    assert (answer.status, answer.json()["error"]) == (502, "bad_answer")
    finally:
        server.close()


@pytest.mark.parametrize("later", [False, True])
async def test_who_begins_before_the_upstream_agrees_is_not_tunnelled_with_a_gap(later: bool) -> None:
    heard: list[tuple[asyncio.Transport, bytes]] = []

    class Late(Other):
        def data_received(self, data: bytes) -> None:
            heard.append((self.transport, data))

    server = await asyncio.get_running_loop().create_server(Late, "127.0.0.1", 0)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    document["routes"][0]["upgrades"] = ["websocket"]
    wanted = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    try:
        async with staged(document) as stage, stage.caller() as caller:
            caller.send(wanted if later else f"{wanted}early")
            await until(lambda: heard)
            (connection,) = stage.plane._connections
            if later:
                caller.send("early")
                await until(lambda: connection._reader.has_dropped)
            heard[0][0].write(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            answer = await caller.answer()
            assert (answer.status, answer.json()["error"], answer.headers["connection"]) == (400, "early_data", "close")
            assert (len(heard), stage.plane.tunnels, stage.plane._pools["backend"].open) == (1, 0, 0)
    finally:
        server.close()


def test_it_needs_http_1_towards_the_upstream() -> None:
    from gateway.settings import Settings

    document = settings_for("http://127.0.0.1:1", upstream={"protocol": "http2"})
    document["routes"][0]["upgrades"] = ["websocket"]
    with pytest.raises(ValueError, match="upgrades needs an upstream with protocol: http1"):
        Settings.model_validate(document)
