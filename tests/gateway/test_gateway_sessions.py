"""Opaque tokens: sessions on a real Valkey that is there, dead, slow, or holds nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.auth.authentication import Authentication
from gateway.auth.settings import AuthSettings
from gateway.settings import Settings
from gateway.supervisor.credentials import Credentials
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.telemetry.tally import Tally
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import free_port, relayed, valkey


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with valkey() as url:
        yield url


async def put(url: str, token: str, session: Any) -> None:
    redis = Redis.from_url(url)
    text = session if isinstance(session, str) else json.dumps(session)
    await redis.set(f"tocsin:session:{hashlib.sha256(token.encode()).hexdigest()}", text, ex=60)
    await redis.aclose()


def session(**changed: Any) -> dict[str, Any]:
    return {"sub": "ana", "client_id": "console", "roles": ["reader"], "exp": time.time() + 60, **changed}


@contextlib.asynccontextmanager
async def guarded(
    upstream: ControlledUpstream, url: str, now: list[float] | None = None, **place: float
) -> AsyncIterator[tuple[Stage, Authentication]]:
    place = {"timeout_secs": 5, **place}
    document = settings_for(upstream.url, auth={"token_format": "opaque", "sessions": {"redis_url": url, **place}})
    document["routes"][0]["auth_required"] = True
    clock = time.monotonic if now is None else lambda: now[0]
    tally = Tally()
    authentication = Authentication(Settings.model_validate(document).auth, tally=tally, clock=clock)
    async with staged(document, authentication.policy) as stage:
        try:
            yield stage, authentication
        finally:
            await authentication.close()


async def test_a_session_says_who_it_is_and_is_cached(shared_upstream: ControlledUpstream, store: str) -> None:
    await put(store, "token.of-ana", session())
    async with guarded(shared_upstream, store) as (stage, authentication), stage.caller() as caller:
        for _ in range(2):
            assert (await caller.get(authorization="Bearer token.of-ana")).status == 200
        assert shared_upstream.requests[-1].header("x-authenticated-subject") == ["ana"]
        assert sum(authentication.tally.take()["auth_durations"]["session"][0]) == 1
        unknown = await caller.get(authorization="Bearer token.of-nobody")
        assert (unknown.status, "not known" in unknown.headers["www-authenticate"]) == (401, True)
        assert (await caller.get(authorization=f"Bearer {'x' * 9000}")).status == 401

        asked: list[Any] = []

        async def ask(message: dict[str, Any]) -> list[Any]:
            asked.append(message)
            if message["type"] == "token":
                return [None, await authentication.described(message["name"])]
            return [authentication.revoke(message)]

        registry = RevocationRegistry(None, 10, time.time)
        operators = Credentials(authentication.settings, registry, record=lambda *_: None, ask=ask)
        found = await operators.inspected("token.of-ana")
        assert found is not None
        assert (found["active"], found["client_id"]) == (True, "console")
        await operators.revoke_token("token.of-ana", "console", "ana", "")
        assert (await caller.get(authorization="Bearer token.of-ana")).status == 401
        await put(store, "token.of-bob", session(sub="bob"))
        assert (await caller.get(authorization="Bearer token.of-bob")).status == 200, "the dot says nothing"
        assert await operators.inspected("token.of-nobody") is None


async def test_what_workers_still_believe_is_revoked_whatever_the_store_says(
    shared_upstream: ControlledUpstream, store: str
) -> None:
    redis = Redis.from_url(store)
    for one in ("logged-out", "held"):
        await put(store, one, session())
    async with guarded(shared_upstream, store) as (stage, worker), stage.caller() as caller:
        dead = f"redis://127.0.0.1:{free_port()}/0"
        cut_off = Authentication(
            AuthSettings.model_validate({"token_format": "opaque", "sessions": {"redis_url": dead}}), tally=Tally()
        )
        workers, registry = [cut_off, worker], RevocationRegistry(None, 10, time.time)

        async def ask(message: dict[str, Any]) -> list[Any]:
            if message["type"] == "token":
                return [await one.described(message["name"]) for one in workers]
            return [one.revoke(message) for one in workers]

        operators = Credentials(worker.settings, registry, record=lambda *_: None, ask=ask)
        for one in ("logged-out", "held"):
            assert (await caller.get(authorization=f"Bearer {one}")).status == 200
            await redis.delete(f"tocsin:session:{hashlib.sha256(one.encode()).hexdigest()}")
            found = await operators.inspected(one)
            assert found is not None
            assert found["active"], "a worker believes it, whatever another cannot look up"
            done = await operators.revoke_token(one, "console", "ana", "")
            assert "note" not in done
            assert (await caller.get(authorization=f"Bearer {one}")).status == 401
        await redis.aclose()

        unseen = await operators.inspected("nowhere")
        assert unseen is not None
        assert (unseen["active"], "cannot be looked up" in unseen["why"]) == (None, True)
        silent = await operators.revoke_token("nowhere", "console", "ana", "")
        assert ("for good" in silent["note"], silent["expires_at"][:4]) == (True, "9999")
        workers.remove(cut_off)
        deleted = await operators.revoke_token("deleted", "console", "ana", "")
        assert "no session" in deleted["note"]
        for one in ("nowhere", "deleted"):
            await put(store, one, session())
            assert (await caller.get(authorization=f"Bearer {one}")).status == 401, "another may have believed it"
            revoked = await operators.inspected(one)
            assert revoked is not None
            assert (revoked["active"], revoked["revoked"]) == (False, True)
        await cut_off.close()


NONSENSE = {
    "no JSON": "ana", "no object": [], "no end": session(exp=None), "an end that is none": session(exp="soon"),
    "over": session(exp=1), "not begun": session(nbf=time.time() + 1000), "an odd beginning": session(nbf=[]),
    "eternal": '{"exp": Infinity}', "deep": "[" * 100_000, "half a character": session(client_id="bad\ud800"),
}  # fmt: skip


async def test_a_session_that_makes_no_sense_lets_nobody_in(shared_upstream: ControlledUpstream, store: str) -> None:
    async with guarded(shared_upstream, store) as (stage, _), stage.caller() as caller:
        for number, (name, held) in enumerate(NONSENSE.items()):
            await put(store, f"nonsense-{number}", held)
            assert (await caller.get(authorization=f"Bearer nonsense-{number}")).status == 401, name


async def test_all_that_is_asked_at_once_is_one_call(store: str) -> None:
    settings = AuthSettings.model_validate({"token_format": "opaque", "sessions": {"redis_url": store}})
    authentication = Authentication(settings, tally=Tally())
    tokens = [f"many-{number}" for number in range(50)]
    for one in tokens:
        await put(store, one, session(sub=one))
    redis: Any = Redis.from_url(store)
    before = (await redis.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]
    asking = [authentication.by_session(one.encode()) for one in [*tokens, *tokens]]
    found = await asyncio.gather(*asking)
    assert [one.identity.subject for one in found] == [*tokens, *tokens]
    assert (await redis.info("commandstats"))["cmdstat_mget"]["calls"] == before + 1
    await redis.aclose()
    await authentication.close()


async def test_a_dead_store_is_a_503_that_costs_nothing_and_what_is_cached_goes_on(
    shared_upstream: ControlledUpstream, store: str
) -> None:
    now = [100.0]
    await put(store, "known", session())
    await put(store, "other", session())
    async with (
        relayed(store) as (relay, url),
        guarded(shared_upstream, url, now, timeout_secs=0.05) as (stage, _),
        stage.caller() as caller,
    ):
        while (await caller.get(authorization="Bearer known")).status != 200:
            now[0] += 2  # The first call connects, too: on a busy machine that may be too late.
        relay.flowing.clear()
        late = await caller.get(authorization="Bearer other")
        assert (late.status, late.json()["error"]) == (503, "authentication_unavailable")
        assert (await caller.get(authorization="Bearer other")).status == 503, "it is not asked again so soon"
        assert (await caller.get(authorization="Bearer known")).status == 200
        relay.flowing.set()
        now[0] += 2
        while (await caller.get(authorization="Bearer other")).status != 200:
            now[0] += 2
    async with guarded(shared_upstream, f"redis://127.0.0.1:{free_port()}/0") as (stage, _), stage.caller() as caller:
        assert (await caller.get(authorization="Bearer known")).status == 503


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"token_format": "opaque", "jwt_secret": SECRET}, "do not go with token_format opaque"),
        ({"sessions": {"redis_url": "redis://localhost"}}, "needs token_format: opaque"),
        ({"token_format": "opaque", "sessions": {"redis_url": "http://localhost"}}, "redis://"),
        *(
            ({"token_format": "opaque", section: {"redis_url": f"redis://:word@h:{port}/0"}}, "redis://")
            for section in ("sessions", "revocations")
            for port in ("notaport", "99999", "0")
        ),
    ],
)
def test_wrong_settings_are_explained(section: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        AuthSettings.model_validate(section)
    shown = [error["msg"] for error in caught.value.errors()]  # type: ignore[attr-defined]
    assert "notaport" not in str(shown), "a part of a password may be taken for the port"
