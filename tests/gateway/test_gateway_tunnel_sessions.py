"""A WebSocket ends with the session that it was opened with, when the login service deletes that from a real Valkey."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.auth.authentication import Authentication
from gateway.settings import Settings
from gateway.telemetry.tally import Tally
from tests.gateway.origin import Clock, origin
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, Stage, staged, until
from tests.gateway.valkey import relayed, valkey

UPGRADE = "Connection: upgrade\r\nUpgrade: websocket\r\n"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with valkey() as url:
        yield url


class Scene:
    """A gateway whose routes ask for sessions; `now` is the time of the epoch, and `clock` what checks go by."""

    def __init__(
        self, redis: Redis, stage: Stage, authentication: Authentication, clock: Clock, now: list[float]
    ) -> None:
        self.redis, self.stage, self.authentication, self.clock, self.now = redis, stage, authentication, clock, now
        self._stack = contextlib.AsyncExitStack()

    @staticmethod
    def key(token: str) -> str:
        return f"tocsin:session:{hashlib.sha256(token.encode()).hexdigest()}"

    async def put(self, token: str, *, lasts: float = 600) -> None:
        await self.redis.set(self.key(token), json.dumps({"sub": "ana", "exp": self.now[0] + lasts}), ex=600)

    async def opened(self, token: str) -> Caller:
        caller = await self._stack.enter_async_context(self.stage.caller())
        caller.send(f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n{UPGRADE}\r\n")
        assert (await caller.answer()).status == 101
        return caller

    async def checked(self, seconds: float = 30.0) -> None:
        """So much later, all sessions have been looked up."""
        self.clock.now += seconds
        self.now[0] += seconds
        checks: Any = self.authentication._checks
        self.authentication.end_tunnels()
        await until(lambda: checks._looking is None)

    async def looked_up(self) -> int:
        """How many calls Valkey has answered for sessions."""
        return (await self.redis.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]  # type: ignore[no-any-return]


@contextlib.asynccontextmanager
async def scene(store: str, **auth: Any) -> AsyncIterator[Scene]:
    now, clock = [time.time()], Clock()
    redis = Redis.from_url(store)
    async with origin() as upstream:
        upstream.answer = lambda _: f"HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}\r\n".encode()
        place = {"redis_url": store, "timeout_secs": 5}
        document = settings_for(upstream.url, auth={"token_format": "opaque", "sessions": place, **auth})
        document["routes"][0] |= {"auth_required": True, "upgrades": ["websocket"]}
        settings, tally = Settings.model_validate(document).auth, Tally()
        authentication = Authentication(settings, tally=tally, now=lambda: now[0], clock=clock)
        async with staged(document, authentication.policy) as stage:
            here = Scene(redis, stage, authentication, clock, now)
            try:
                async with here._stack:
                    yield here
            finally:
                await authentication.close()
                await redis.aclose()


async def test_a_session_that_is_deleted_ends_its_tunnels_and_no_other(store: str) -> None:
    async with scene(store) as here:
        for token in ("gone", "stays"):
            await here.put(token)
        ended = [await here.opened("gone") for _ in range(2)]
        await here.opened("stays")
        await here.redis.delete(here.key("gone"))
        await here.checked(29)
        assert here.stage.plane.tunnels == 3, "it is not time yet"
        await here.checked(1)
        for caller in ended:
            assert await caller.rest() == b""
        assert here.stage.plane.tunnels == 1
        assert here.stage.plane.tally.take()["tunnels_ended"] == {"unknown_session": 2}
        told = [one for one in here.stage.records() if one["event_type"] == "tunnel_ended"]
        assert [one["reason"] for one in told] == ["unknown_session"] * 2
        async with here.stage.caller() as caller:
            answer = await caller.get(authorization="Bearer gone")
            assert answer.status == 401, "nor is it believed for as long as it is cached otherwise"


async def test_many_tunnels_are_few_calls(store: str) -> None:
    async with scene(store) as here:
        for number in range(250):
            await here.put(f"one-{number}")
        for number in range(250):
            await here.opened(f"one-{number}")
        await here.opened("one-0")
        before = await here.looked_up()
        await here.checked()
        assert await here.looked_up() - before == 2
        assert here.stage.plane.tunnels == 251
        await here.checked(1)
        assert await here.looked_up() - before == 2


async def test_an_end_that_the_login_service_has_moved_holds(store: str) -> None:
    async with scene(store, tunnels_end_at_expiry=True) as here:
        await here.put("one", lasts=60)
        await here.opened("one")
        await here.put("one", lasts=200)
        await here.checked(30)
        await here.checked(40)
        assert here.stage.plane.tunnels == 1, "it would have ended ten seconds ago"
        await here.checked(200)
        await until(lambda: here.stage.plane.tunnels == 0)
        assert here.stage.plane.tally.take()["tunnels_ended"] == {"expired": 1}


async def test_a_session_that_ends_by_itself_takes_its_tunnel_along_only_where_that_is_wanted(store: str) -> None:
    async with scene(store) as here:
        await here.put("one", lasts=40)
        await here.opened("one")
        await here.redis.delete(here.key("one"))
        await here.checked(30)
        await here.checked(30)
        assert here.stage.plane.tunnels == 1


async def test_while_nobody_can_say_nothing_ends(store: str) -> None:
    async with relayed(store) as (relay, url):
        place = {"redis_url": url, "timeout_secs": 0.2, "retry_secs": 0.01}
        async with scene(store, sessions=place) as here:
            await here.put("one")
            await here.opened("one")
            await here.redis.delete(here.key("one"))
            relay.flowing.clear()
            await here.checked()
            assert here.stage.plane.tunnels == 1
            relay.flowing.set()
            await here.checked()
            await until(lambda: here.stage.plane.tunnels == 0)


async def test_it_can_be_switched_off(store: str) -> None:
    place = {"redis_url": store, "timeout_secs": 5, "tunnel_check_secs": 0}
    async with scene(store, sessions=place) as here:
        await here.put("one")
        await here.opened("one")
        await here.redis.delete(here.key("one"))
        await here.checked(3600)
        assert here.stage.plane.tunnels == 1


async def test_settings_without_sessions_end_the_tunnels_of_all(store: str) -> None:
    async with scene(store) as here:
        await here.put("ana")
        caller = await here.opened("ana")
        bare = settings_for("http://127.0.0.1:9", auth={"jwt_secret": "s" * 64})
        later = Authentication(
            Settings.model_validate(bare).auth, tally=Tally(), now=lambda: here.now[0], clock=here.clock
        )
        later.inherit(here.authentication)
        later.revoke({"tokens": {}, "clients": {}, "resets": None})  # As each configuration is told at its beginning.
        later.end_tunnels()
        assert await caller.rest() == b""
        assert here.stage.plane.tally.take()["tunnels_ended"] == {"unknown_session": 1}
