"""A WebSocket that ends when its token expires ends no earlier than requests with that token are refused."""

from __future__ import annotations

import time

from gateway.auth.authentication import Authentication
from gateway.settings import Settings
from gateway.telemetry.tally import Tally
from tests.gateway.origin import origin
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import staged, until

UPGRADE = "Connection: upgrade\r\nUpgrade: websocket\r\n"


async def test_clocks_may_differ_for_a_tunnel_as_they_may_for_a_request() -> None:
    now = [time.time()]
    async with origin() as upstream:
        upstream.answer = lambda _: f"HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}\r\n".encode()
        auth = {"jwt_secret": SECRET, "leeway_secs": 30, "tunnels_end_at_expiry": True}
        document = settings_for(upstream.url, auth=auth)
        document["routes"][0] |= {"auth_required": True, "upgrades": ["websocket"]}
        authentication = Authentication(Settings.model_validate(document).auth, tally=Tally(), now=lambda: now[0])
        async with staged(document, authentication.policy) as stage, stage.caller() as caller:
            sent = token(exp=int(now[0]) - 10)
            caller.send(f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {sent}\r\n{UPGRADE}\r\n")
            assert (await caller.answer()).status == 101
            authentication.end_tunnels()
            assert stage.plane.tunnels == 1, "it was let in a moment ago"
            now[0] += 25
            authentication.end_tunnels()
            await until(lambda: stage.plane.tunnels == 0)
            assert (await caller.rest()) == b""
