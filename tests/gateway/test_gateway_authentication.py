"""Who may send a request: what clients are answered, what upstreams are told, what is counted and logged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.auth.authentication import Authentication
from gateway.auth.jwks import KeySource
from gateway.limits.limiter import RateLimiter
from gateway.settings import Settings
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from tests.gateway.reports import report_of
from tests.gateway.running import settings_for
from tests.gateway.signing import API_KEY, SECRET, api_key_entry, claims, ec_key, forged, jwk, token
from tests.gateway.stage import Answer, Caller, Stage, staged, until
from tests.gateway.upstream import ControlledUpstream

SECTION: dict[str, Any] = {
    "jwt_secret": SECRET, "jwt_issuer": "issuer", "jwt_audience": "gateway", "cookie_name": "session_token",
    "api_keys": [api_key_entry()],
}  # fmt: skip
BY_URL: dict[str, Any] = {"jwt_algorithm": "ES256", "jwks_url": "http://keys.example/jwks"}


def document(url: str, section: dict[str, Any]) -> dict[str, Any]:
    written = settings_for(url, auth=section)
    written["routes"][0]["auth_required"] = True
    written["routes"] += [
        {"id": "open", "path": "/open", "upstream_id": "backend"},
        {"id": "staff", "path": "/staff", "upstream_id": "backend", "auth_required": True, "roles": ["writer", "boss"]},
        {"id": "paid", "path": "/paid", "upstream_id": "backend", "auth_required": True, "permissions": ["a", "b"]},
    ]
    return written


class Guarded:
    """A plane whose routes ask who a client is."""

    def __init__(self, stage: Stage, caller: Caller, authentication: Authentication) -> None:
        self.stage = stage
        self.caller = caller
        self.authentication = authentication

    async def get(self, target: str = "/", **headers: str) -> Answer:
        return await self.caller.get(target, **headers)

    def counted(self) -> dict[str, Any]:
        return self.stage.plane.tally.take()


@contextlib.asynccontextmanager
async def guarded(
    upstream: ControlledUpstream, section: dict[str, Any] = SECTION, **clocks: Any
) -> AsyncIterator[Guarded]:
    written = document(upstream.url, section)
    tally = Tally()
    authentication = Authentication(Settings.model_validate(written).auth, tally=tally, **clocks)
    async with staged(written, authentication.policy) as stage, stage.caller() as caller:
        stage.plane.tally = tally
        yield Guarded(stage, caller, authentication)


def bearer(**changed: Any) -> str:
    return f"Bearer {token(**changed)}"


async def test_who_is_known_is_let_in_and_the_upstream_is_told(shared_upstream: ControlledUpstream) -> None:
    async with guarded(shared_upstream) as gate:
        sent = bearer(sub="Zoë, 100%\r\n", roles=["reader", "a,b"])
        answer = await gate.get(
            authorization=sent,
            x_authenticated_subject="root",
            **{"X-Authenticated-Roles": "admin", "X_AUTHENTICATED_CLIENT": "root"},
        )
        assert answer.status == 200
        raw = "GET / HTTP/1.1\r\nHost: h\r\nX_Authenticated_Client: root\r\nX-Authenticated_Roles: root\r\n"
        gate.caller.send(f"{raw}Authorization: {sent}\r\n\r\n")
        assert (await gate.caller.answer()).status == 200
        assert (await gate.get("/open", x_authenticated_subject="root")).status == 200
        first, second, unknown = shared_upstream.requests[-3:]
        for told in (first, second):
            assert told.header("x-authenticated-subject") == ["Zo%C3%AB%2C%20100%25%0D%0A"]
            assert told.header("x-authenticated-client") == ["console"]
            assert told.header("x-authenticated-roles") == ["a%2Cb,reader"]
            assert told.header("authorization") == [sent]
            assert "root" not in str(told.headers)
        assert "root" not in str(unknown.headers), "who is not asked is nobody"
        records = gate.stage.records()
        assert [one.get("client_id") for one in records] == ["console", "console", None]


async def test_tokens_come_in_a_cookie_and_keys_in_their_header(shared_upstream: ControlledUpstream) -> None:
    async with guarded(shared_upstream, {**SECTION, "forward_token": False}) as gate:
        assert (await gate.get(cookie=f"a=1; session_token={token()}; b=2")).status == 200
        assert (await gate.get(cookie=f"session_token={token()}")).status == 200
        assert (await gate.get(cookie="theme=dark", authorization=bearer())).status == 200
        assert (await gate.get(x_api_key=API_KEY, authorization="Basic YTpi")).status == 200
        assert (await gate.get(authorization=f"bearer  {token()}")).status == 200
        several, alone, beside, key, spelt = shared_upstream.requests[-5:]
        assert [one.header("cookie") for one in (several, alone, beside)] == [["a=1; b=2"], [], ["theme=dark"]]
        assert key.header("x-authenticated-subject") == ["batch-1"]
        assert key.header("x-authenticated-client") == ["batch"]
        assert (key.header("x-api-key"), key.header("authorization")) == ([], ["Basic YTpi"])
        assert spelt.header("authorization") == [], "tokens are not passed on"


ANSWERS: dict[str, tuple[dict[str, str], int, str]] = {
    "nothing": ({}, 401, 'Bearer realm="tocsin-gateway"'),
    "another scheme": ({"authorization": "Basic YTpi"}, 401, 'Bearer realm="tocsin-gateway"'),
    "no token": ({"authorization": "Bearer "}, 401, "malformed"),
    "two tokens in one": ({"authorization": f"{bearer()}, {bearer()}"}, 401, "malformed"),
    "expired": ({"authorization": bearer(exp=int(time.time()) - 90)}, 401, "the token has expired"),
    "unsigned": ({"authorization": f"Bearer {forged({'alg': 'none'}, claims())}"}, 401, "malformed"),
    "too long": ({"authorization": "Bearer " + "a" * 9000}, 401, "too long"),
    "a key of nobody": ({"x_api_key": "guess"}, 401, "not known"),
    "a key that is too long": ({"x_api_key": "a" * 1000}, 401, "too long"),
    "a token as a key": ({"x_api_key": bearer()}, 401, "not known"),
    "two cookies": ({"cookie": f"session_token={token()}; session_token=x"}, 400, "more than one"),
    "a cookie and a header": ({"cookie": f"session_token={token()}", "authorization": bearer()}, 400, "more than one"),
    "a key and a header": ({"x_api_key": API_KEY, "authorization": bearer()}, 400, "more than one"),
}


async def test_who_is_not_known_is_told_what_is_missing(shared_upstream: ControlledUpstream) -> None:
    before = len(shared_upstream.requests)
    async with guarded(shared_upstream) as gate:
        for name, (headers, status, words) in ANSWERS.items():
            answer = await gate.get(**headers)
            assert answer.status == status, name
            assert words in answer.headers["www-authenticate"], name
            assert ("error=" in answer.headers["www-authenticate"]) == (words != 'Bearer realm="tocsin-gateway"')
        repeated = f"Authorization: {bearer()}\r\n"
        for two in (repeated * 2, repeated + "Authorization: Basic YTpi\r\n"):
            gate.caller.send(f"GET / HTTP/1.1\r\nHost: h\r\n{two}\r\n")
            assert (await gate.caller.answer()).status == 400
        assert len(shared_upstream.requests) == before, "nothing of it is passed on"
        records = gate.stage.records()
        assert len(records) == len(ANSWERS) + 2
        assert all(one["error_message"].startswith("authentication failed: ") for one in records)
        assert {one["error_type"] for one in records} == {"unauthorized", "invalid_request"}


async def test_a_route_asks_for_roles_and_permissions(shared_upstream: ControlledUpstream) -> None:
    async with guarded(shared_upstream) as gate:
        reader = bearer(scope="b c a")
        for _ in ("looked at", "cached"):
            refused = await gate.get("/staff", authorization=reader)
            assert (refused.status, refused.json()["error"]) == (403, "forbidden")
            assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
        assert (await gate.get("/staff", x_api_key=API_KEY)).status == 200
        assert (await gate.get("/staff", authorization=bearer(roles=["x", "boss"]))).status == 200
        assert (await gate.get("/paid", authorization=reader)).status == 200
        lacking = await gate.get("/paid", authorization=bearer(scope="a"))
        assert (lacking.status, 'scope="a b"' in lacking.headers["www-authenticate"]) == (403, True)
        assert {one.get("client_id") for one in gate.stage.records() if one["status"] == 403} == {"console"}


async def test_what_was_found_good_is_believed_until_its_end_or_its_revocation(
    shared_upstream: ControlledUpstream,
) -> None:
    now = [time.time()]
    async with guarded(shared_upstream, now=lambda: now[0]) as gate:
        sent = bearer(exp=int(now[0]) + 100)
        for _ in range(3):
            assert (await gate.get(authorization=sent)).status == 200
        assert (await gate.get(authorization=sent.replace("Bearer", "BEARER"))).status == 200
        counted = gate.counted()
        assert sum(counted["auth_durations"]["jwt"][0]) == 1, "it was looked at once"
        assert (counted["auth_succeeded"], counted["auth_failures"]) == (4, {})
        known = gate.authentication.cache.found("token-1")
        assert known is not None
        assert known.until == int(now[0]) + 100
        described = await gate.authentication.described("token-1")
        assert described is not None
        assert (described["active"], described["client_id"], described["roles"]) == (True, "console", ["reader"])
        gate.authentication.revoke({"tokens": {known.id: now[0] + 100}, "clients": {}, "resets": None})
        for again in (sent, sent.replace("Bearer", "bearer"), sent.replace("Bearer ", "Bearer  ")):
            answer = await gate.get(authorization=again)
            assert (answer.status, "revoked" in answer.headers["www-authenticate"]) == (401, True)
        assert (await gate.get(cookie=f"session_token={sent.removeprefix('Bearer ')}")).status == 401
        assert (await gate.get(authorization=bearer(jti="token-2"))).status == 200, "others are"
        assert gate.counted()["auth_failures"] == {"revoked": 4}


async def test_a_clients_tokens_and_keys_are_revoked_as_one(shared_upstream: ControlledUpstream) -> None:
    issued = int(time.time()) - 100
    async with guarded(shared_upstream) as gate:
        ahead = bearer(iat=issued + 20)
        old, undated, others = bearer(iat=issued), bearer(iat=None), bearer(client_id="portal")
        for sent in (old, undated, others):
            assert (await gate.get(authorization=sent)).status == 200
        digest = api_key_entry()["sha256"]
        resets = [{"client": "batch", "void": [digest], "sha256": api_key_entry(sha256="0" * 64)["sha256"]}]
        gate.authentication.revoke({"tokens": {}, "clients": {"console": issued}, "resets": resets})
        found = [(await gate.get(authorization=sent)).status for sent in (old, undated, others, bearer())]
        assert found == [401, 401, 200, 200], "what was issued later is believed"
        assert (await gate.get(authorization=ahead)).status == 401, "by a clock that is ahead, it seems later"
        refused = await gate.get(x_api_key=API_KEY)
        assert (refused.status, "revoked" in refused.headers["www-authenticate"]) == (401, True)
        described = await gate.authentication.described(token(iat=issued))
        assert described is not None
        assert (described["active"], described["revoked"]) == (False, True)


async def test_addresses_are_limited_before_anybody_is_asked_and_users_after(
    shared_upstream: ControlledUpstream,
) -> None:
    written = document(shared_upstream.url, SECTION)
    written["routes"][0]["rate_limit"] = {"limit": 3, "window_secs": 600, "key_type": "ip"}
    written["routes"].append(
        {
            "id": "each", "path": "/each", "upstream_id": "backend", "auth_required": True,
            "rate_limit": {"limit": 1, "window_secs": 600, "key_type": "user"},
        }
    )  # fmt: skip
    settings = Settings.model_validate(written)
    authentication, limiter = Authentication(settings.auth, tally=Tally()), RateLimiter(settings.rate_limiting)
    policies = (limiter.by_address, authentication.policy, limiter.by_identity)
    async with staged(written, *policies) as stage, stage.caller() as caller:
        guesses = [(await caller.get(authorization=bearer(exp=1))).status for _ in range(4)]
        assert guesses == [401, 401, 401, 429], "who guesses is slowed down"
        for sent, status in ((bearer(), 200), (bearer(), 429), (bearer(sub="bob"), 200), ("", 401)):
            assert (await caller.get("/each", authorization=sent)).status == status
        assert (await caller.get("/each", x_api_key=API_KEY)).status == 200


async def test_it_is_counted_and_exposed(shared_upstream: ControlledUpstream) -> None:
    from gateway.telemetry.exposition import Moment, exposition

    async with guarded(shared_upstream) as gate:
        await gate.get(authorization=bearer())
        await gate.get(authorization=bearer(exp=1))
        await gate.get(x_api_key=API_KEY)
        await gate.get()
        ledger = Ledger(100)
        for _ in range(2):
            ledger.absorb(report_of(gate.counted()), 1.0)
        page = exposition(ledger, Moment(1.0, 1.0, "v", 1, 1))
    for line in (
        'auth_attempts_total{result="success"} 2.0',
        'auth_attempts_total{result="failure"} 2.0',
        'auth_failures_total{reason="expired"} 1.0',
        'auth_failures_total{reason="missing"} 1.0',
        'auth_duration_seconds_count{scheme="jwt"} 2.0',
        'auth_duration_seconds_count{scheme="api_key"} 1.0',
    ):
        assert line in page


async def test_no_secret_gets_into_the_log(shared_upstream: ControlledUpstream) -> None:
    async with guarded(shared_upstream) as gate:
        good, bad = token(), token(exp=1)
        for headers in ({"authorization": f"Bearer {good}"}, {"authorization": f"Bearer {bad}"}):
            await gate.get(f"/token/{good}?access_token={bad}", **headers, user_agent=f"agent Bearer {bad}")
        await gate.get(cookie=f"session_token={bad}", x_api_key=API_KEY)
        await gate.get(x_api_key=f"{API_KEY}x")
        text = str(gate.stage.records()) + str(gate.stage.plane.journal.take_groups()) + str(gate.counted())
    for secret in (good.split(".")[2], bad.split(".")[2], good.split(".")[1], bad.split(".")[1], API_KEY, SECRET):
        assert secret not in text


WRONG_ROUTES: dict[str, tuple[dict[str, Any], str]] = {
    "roles of anybody": ({"roles": ["boss"]}, "need auth_required"),
    "a permission that breaks a header": ({"auth_required": True, "permissions": ['a"b']}, "permissions"),
    "two in one": ({"auth_required": True, "permissions": ["a b"]}, "permissions"),
    "nobody can be known": ({"auth_required": True}, "needs auth.jwt_secret"),
}


@pytest.mark.parametrize("name", WRONG_ROUTES)
def test_routes_ask_for_what_can_be_answered(name: str) -> None:
    route, expected = WRONG_ROUTES[name]
    written = settings_for("http://a")
    written["routes"][0].update(route)
    with pytest.raises(ValueError, match=expected):
        Settings.model_validate(written)


class KeyServer:
    """Answers with `keys`, or fails; `gate` holds its answers back."""

    def __init__(self, *names: str) -> None:
        self.keys = [jwk(ec_key(name), name) for name in names]
        self.asked = 0
        self.dead = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str, timeout: float) -> Any:
        self.asked += 1
        await self.gate.wait()
        if self.dead:
            raise OSError("no route to the key server")
        return {"keys": self.keys}


def signed(kid: str, **changed: Any) -> str:
    return f"Bearer {token(ec_key(kid), 'ES256', header={'kid': kid}, **changed)}"


async def test_an_unknown_key_is_asked_for_once_in_a_while(shared_upstream: ControlledUpstream) -> None:
    server, now = KeyServer("first"), [100.0]
    held = guarded(shared_upstream, BY_URL, clock=lambda: now[0], fetch=server.fetch)
    async with held as gate, gate.stage.caller() as other:
        server.gate.clear()
        known = signed("first")
        waiting = asyncio.gather(gate.get(authorization=known), other.get(authorization=signed("second")))
        await until(lambda: gate.stage.plane.in_flight == 2)
        server.gate.set()
        assert [answer.status for answer in await waiting] == [200, 401]
        assert server.asked == 1, "who waits, waits for the same answer"
        for _ in range(5):
            assert (await gate.get(authorization=signed("second"))).status == 401
        assert server.asked == 1
        server.keys = KeyServer("second").keys
        now[0] += 11
        assert (await gate.get(authorization=signed("second"))).status == 200
        assert (await gate.get(authorization=known)).status == 401, "its key was withdrawn"
        assert server.asked == 2


async def test_a_dead_key_server_takes_away_no_key(shared_upstream: ControlledUpstream) -> None:
    server, now = KeyServer("first"), [100.0]
    server.dead = True
    async with guarded(shared_upstream, BY_URL, clock=lambda: now[0], fetch=server.fetch) as gate:
        unavailable = await gate.get(authorization=signed("first"))
        assert (unavailable.status, unavailable.json()["error"]) == (503, "authentication_unavailable")
        assert "retry-after" in unavailable.headers
        assert (await gate.get(authorization=signed("first"))).status == 503
        assert server.asked == 1
        server.dead = False
        now[0] += 11
        assert (await gate.get(authorization=signed("first"))).status == 200
        server.dead = True
        now[0] += 1000
        assert (await gate.get(authorization=signed("second"))).status == 401
        assert (await gate.get(authorization=signed("first", jti="other"))).status == 200


async def test_keys_are_kept_fresh_and_failures_are_told_once() -> None:
    from gateway.auth.keys import Keys
    from gateway.auth.settings import AuthSettings

    server, told, pauses = KeyServer("first"), list[tuple[str, str]](), list[float]()
    settings = AuthSettings.model_validate(BY_URL)
    server.dead = True

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        server.dead = len(pauses) < 2
        if len(pauses) == 3:
            raise asyncio.CancelledError

    source = KeySource(
        settings, Keys(settings), clock=lambda: 0.0, tell=lambda *words: told.append(words), fetch=server.fetch,
        pause=pause,
    )  # fmt: skip
    with pytest.raises(asyncio.CancelledError):
        await source.keep_fresh()
    assert pauses == [10.0, 10.0, 300.0]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
