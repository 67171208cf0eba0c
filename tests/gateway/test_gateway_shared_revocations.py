"""Several gateways go by each other's revocations, over a real Valkey that is there, away, or holds nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from gateway.auth.settings import AuthSettings
from gateway.supervisor.credentials import Credentials
from gateway.supervisor.revocation_registry import RevocationRegistry, RevokedToken
from gateway.supervisor.shared_revocations import SharedRevocations
from tests.gateway.signing import SECRET, api_key_entry, token
from tests.gateway.stage import until
from tests.gateway.valkey import free_port, relayed, valkey


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with valkey() as url:
        yield url


class Replica:
    """One gateway's supervisor, and what its workers were told."""

    def __init__(self, url: str, key: str, timeout: float, path: Path | None) -> None:
        section = {
            "jwt_secret": SECRET, "api_keys": [api_key_entry()],
            "revocations": {"redis_url": url, "redis_key": key, "redis_timeout_secs": timeout},
        }  # fmt: skip
        settings = AuthSettings.model_validate(section)
        self.told: list[dict[str, Any]] = []
        self.logged: list[str] = []
        self.registry = RevocationRegistry(path, 100, time.time)
        self.shared = SharedRevocations(
            settings.revocations, self.registry, lambda _, kind, __: self.logged.append(kind)
        )
        self.credentials = Credentials(
            settings, self.registry, record=lambda *_: None, ask=self._ask, shared=self.shared
        )

    async def _ask(self, message: dict[str, Any]) -> list[Any]:
        self.told.append(message)
        return [True]

    async def revoke(self, one: str) -> dict[str, Any]:
        return await self.credentials.revoke_token(one, "console", "ana", "")


@contextlib.asynccontextmanager
async def replica(url: str, key: str, *, timeout: float = 5, path: Path | None = None) -> AsyncIterator[Replica]:
    one = Replica(url, key, timeout, path)
    await one.shared.catch_up(one.credentials.apply)
    following = asyncio.create_task(one.shared.follow(one.credentials.apply))
    try:
        yield one
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await one.shared.close()


async def test_what_one_revokes_the_others_go_by(store: str) -> None:
    key = uuid4().hex
    async with replica(store, key) as first, replica(store, key) as second:
        done = await first.revoke(token())
        assert (done["shared"], done["workers"]) == (True, 1)
        await until(lambda: second.told, "the other hears of it")
        assert list(second.told[0]["tokens"]) == [done["id"]]
        reset = await second.credentials.reset_secret("batch", "ana", "")
        await until(lambda: len(first.told) == 2, "and the first of the second's")
        assert first.registry.resets() == second.registry.resets()
        async with replica(store, key) as third:
            assert third.registry.token(done["id"]) is not None, "who starts later knows before it serves"
            assert third.registry.resets() == first.registry.resets()
            await third.revoke(token(jti="other"))
            await until(lambda: len(first.told) == len(second.told) == 3)
        assert reset["api_key"] not in str(first.told)
        assert first.logged == ["revocation_received", "revocation_received"], "what is its own is no news to it"


async def test_without_redis_it_is_revoked_here_and_told_later(store: str) -> None:
    key = uuid4().hex
    async with relayed(store) as (relay, url), replica(url, key, timeout=0.2) as first, replica(store, key) as second:
        relay.flowing.clear()
        while (done := await first.revoke(token(jti=uuid4().hex)))["shared"]:
            continue  # What had been sent before may still get through.
        assert done["workers"] == 1
        assert "revocations_redis_lost" in first.logged
        relay.flowing.set()
        await until(lambda: second.registry.token(done["id"]) is not None, "it is told")
    async with replica(f"redis://127.0.0.1:{free_port()}/0", key) as alone:
        assert not (await alone.revoke(token()))["shared"]
        assert alone.logged == ["revocations_redis_lost"]


async def test_what_redis_did_not_take_is_told_after_a_restart(store: str, tmp_path: Path) -> None:
    key, path = uuid4().hex, tmp_path / "revocations.jsonl"
    async with replica(f"redis://127.0.0.1:{free_port()}/0", key, path=path) as cut_off:
        done = await cut_off.revoke(token())
        await cut_off.credentials.revoke_client("portal", "ana", "")
    async with replica(store, key) as second, replica(store, key, path=path) as first:
        await until(lambda: len(second.told) == 2, "the other hears of both")
        assert second.registry.token(done["id"]) is not None
        assert second.registry.client("portal") == first.registry.client("portal")
    async with replica(store, key, path=path) as again:
        await again.shared.publish(RevokedToken("last", "console", 0.0, time.time() + 60))
        redis = Redis.from_url(store)
        assert await redis.xlen(key) == 3, "what the stream shows is not told again"
        await redis.aclose()


async def test_what_is_heard_holds_also_where_it_cannot_be_written_down(store: str, tmp_path: Path) -> None:
    key, path = uuid4().hex, tmp_path / "revocations.jsonl"
    async with replica(store, key) as first, replica(store, key, path=path) as second:
        path.unlink()
        path.mkdir()
        done = await first.revoke(token())
        await until(lambda: second.told, "the workers are told")
        assert list(second.told[0]["tokens"]) == [done["id"]]
        assert second.registry.token(done["id"]) is not None
        assert second.logged == ["revocation_not_recorded", "revocation_received"]


async def test_nonsense_in_the_stream_is_left_out(store: str) -> None:
    key, redis = uuid4().hex, Redis.from_url(store)
    odd = (
        '{"id":[1],"client_id":"x","revoked_at":1,"expires_at":9e9}', "[" * 100_000,
        '{"id":"a","client_id":"x","revoked_at":1,"expires_at":1e999}',
        '{"id":"a","client_id":"x","revoked_at":1,"expires_at":NaN}',
        '{"id":"a","client_id":{},"revoked_at":1,"expires_at":9e9}',
        '{"id":"bad\\ud800","client_id":"x","revoked_at":1,"expires_at":9e9}',
        '{"client":"x","at":true,"void":[]}', '{"client":"x","at":1,"void":[[]]}',
        '{"client":[],"at":1,"void":[]}', '{"client":"x","at":1,"void":[],"sha256":7}',
    )  # fmt: skip
    for text in (*odd, "", "[]", "{}", '{"id": "a"}', '{"client": "a", "at": "x", "void": 7}', '{"id": 1, "more": 2}'):
        await redis.xadd(key, {"revocation": text})
    await redis.xadd(key, {"other": "field"})
    over = '{"id": "over", "client_id": "a", "revoked_at": 1, "expires_at": 2}'
    await redis.xadd(key, {"revocation": over})
    await redis.xadd(key, {"revocation": over.replace("2}", f"{time.time() + 60}}}").replace("over", "good")})
    await redis.aclose()
    async with replica(store, key) as one:
        assert [list(message["tokens"]) for message in one.told] == [["good"]]
