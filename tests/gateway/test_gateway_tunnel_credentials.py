"""A WebSocket ends with the token or the key that allowed it: what is revoked is over, wherever it was used."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.auth.credentials import token_id
from gateway.settings import Settings
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.running import settings_for
from tests.gateway.signing import API_KEY, SECRET, token
from tests.gateway.stage import until

CLOSED = (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)
DIGEST = hashlib.sha256(API_KEY.encode()).hexdigest()


class Talker:
    """A server of WebSockets that sends back what it is sent; `hesitates` until it is told to answer."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.asked = 0

    async def talk(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.go_on.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket


@contextlib.asynccontextmanager
async def served(**auth: Any) -> AsyncIterator[tuple[OneWorker, Talker, dict[str, Any], aiohttp.ClientSession]]:
    """(the worker, its upstream, its configuration, a client of it)."""
    talker, application = Talker(), web.Application()
    application.router.add_get("/{any:.*}", talker.talk)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    key = {"id": "batch-1", "sha256": DIGEST, "client": "batch", "roles": ["reader"]}
    document = settings_for(
        f"http://127.0.0.1:{runner.addresses[0][1]}", auth={"jwt_secret": SECRET, "api_keys": [key], **auth}
    )
    document["routes"] = [
        {"id": "talk", "path": "/", "upstream_id": "backend", "auth_required": True, "upgrades": ["websocket"]}
    ]
    try:
        async with one_worker(document) as worker, aiohttp.ClientSession(f"http://127.0.0.1:{worker._port}") as session:
            yield worker, talker, document, session
    finally:
        talker.go_on.set()
        await runner.cleanup()


@contextlib.asynccontextmanager
async def tunnel(session: aiohttp.ClientSession, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with session.ws_connect("/", headers=headers) as socket:
        assert await says(socket), "it is there"
        yield socket


async def says(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether anybody answers."""
    await socket.send_str("are you there")
    return (await socket.receive()).data == "are you there"


def bearer(one: str) -> dict[str, str]:
    return {"authorization": f"Bearer {one}"}


def revoking(*tokens: str, clients: dict[str, float] | None = None, resets: Any = None) -> dict[str, Any]:
    named = {token_id(one.encode()): time.time() + 60 for one in tokens}
    return {"tokens": named, "clients": clients or {}, "resets": resets}


async def ended(worker: OneWorker) -> dict[str, int]:
    """How many tunnels were ended, by reason, since the start."""
    await worker.report()
    reports = [one["counted"]["tunnels_ended"] for one in worker.said if one["type"] == "report"]
    return {reason: sum(one.get(reason, 0) for one in reports) for reason in ("revoked", "expired")}


async def events(worker: OneWorker) -> list[str]:
    await worker.report()
    records = [record for one in worker.said if one["type"] == "report" for record in one["records"]]
    return [line for _, _, line in records if '"tunnel_ended"' in line]


async def test_a_revoked_token_ends_its_tunnel_within_a_second_and_no_other() -> None:
    leaked, good = token(jti="1"), token(jti="2", client_id="portal")
    async with (
        served() as (worker, _, _, session),
        tunnel(session, **bearer(leaked)) as one,
        tunnel(session, **bearer(good)) as other,
    ):
        begun = time.monotonic()
        await worker.ask("revocations", **revoking(leaked))
        assert (await one.receive()).type in CLOSED
        assert time.monotonic() - begun < 1.0
        assert await says(other)
        assert (await worker.report())["tunnels"] == 1
        assert await ended(worker) == {"revoked": 1, "expired": 0}
        (line,) = await events(worker)
        assert '"reason":"revoked"' in line
        assert '"client_id":"console"' in line
        assert '"route":"talk"' in line


async def test_a_revoked_client_loses_the_tunnels_of_all_its_tokens() -> None:
    first, second, other = token(jti="1"), token(jti="2"), token(jti="3", client_id="portal")
    async with (
        served() as (worker, _, _, session),
        tunnel(session, **bearer(first)) as one,
        tunnel(session, **bearer(second)) as two,
        tunnel(session, **bearer(other)) as three,
    ):
        await worker.ask("revocations", **revoking(clients={"console": time.time()}))
        assert (await one.receive()).type in CLOSED
        assert (await two.receive()).type in CLOSED
        assert await says(three)
        assert (await ended(worker))["revoked"] == 2


@pytest.mark.parametrize("by", ["reset", "name"])
async def test_a_key_that_is_reset_or_revoked_ends_its_tunnel(by: str) -> None:
    told = revoking(resets=[{"client": "batch", "void": [DIGEST], "sha256": None}])
    if by == "name":
        told = {"tokens": {DIGEST: time.time() + 60}, "clients": {}, "resets": None}
    async with (
        served() as (worker, _, _, session),
        tunnel(session, **{"x-api-key": API_KEY}) as one,
        tunnel(session, **bearer(token())) as other,
    ):
        await worker.ask("revocations", **told)
        assert (await one.receive()).type in CLOSED
        assert await says(other)


async def test_a_key_that_a_newer_configuration_does_not_have_ends_its_tunnel_and_tokens_go_on() -> None:
    async with (
        served() as (worker, _, document, session),
        tunnel(session, **{"x-api-key": API_KEY}) as one,
        tunnel(session, **bearer(token())) as other,
    ):
        document["auth"]["leeway_secs"] = 20
        await worker.reload(document, 2)
        assert await says(one), "another configuration is no reason"
        document["auth"]["api_keys"] = []
        await worker.reload(document, 3)
        assert (await one.receive()).type in CLOSED
        assert await says(other)


async def test_what_was_opened_by_an_earlier_configuration_is_ended_by_a_later_one() -> None:
    leaked = token(jti="1")
    async with (
        served() as (worker, _, document, session),
        tunnel(session, **bearer(leaked)) as one,
    ):
        document["auth"]["leeway_secs"] = 20
        await worker.reload(document)
        await worker.ask("revocations", **revoking(leaked))
        assert (await one.receive()).type in CLOSED


async def test_a_token_that_is_revoked_while_the_upstream_hesitates_opens_nothing() -> None:
    leaked = token(jti="1")
    async with served() as (worker, talker, _, session):
        talker.go_on.clear()
        opening = asyncio.create_task(session.ws_connect("/", headers=bearer(leaked)))
        await until(lambda: talker.asked == 1)
        await worker.ask("revocations", **revoking(leaked))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await opening
        assert caught.value.status == 401
        assert (await worker.report())["tunnels"] == 0


@pytest.mark.parametrize("wanted", [True, False])
async def test_expiry_ends_a_tunnel_only_where_that_is_wanted(wanted: bool) -> None:
    expires_at = int(time.time()) + 2
    async with (
        served(tunnels_end_at_expiry=wanted, leeway_secs=0) as (worker, _, _, session),
        tunnel(session, **bearer(token(exp=expires_at))) as one,
    ):
        await until(lambda: time.time() > expires_at + 0.2, "the end of the token")
        if wanted:
            assert (await one.receive()).type in CLOSED
            assert await ended(worker) == {"revoked": 0, "expired": 1}
        else:
            assert await says(one)


def test_the_metric_is_there_from_the_start() -> None:
    ledger = Ledger(100)
    page = exposition(ledger, Moment(0.0, 0.0, "v", 1, 1))
    assert 'tunnels_ended_total{reason="revoked"} 0.0' in page
    assert 'tunnels_ended_total{reason="expired"} 0.0' in page
    assert 'tunnels_ended_total{reason="unknown_session"} 0.0' in page
    assert Settings.model_validate(settings_for("http://a")).auth.tunnels_end_at_expiry is False
