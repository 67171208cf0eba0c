"""Clients send the same headers again and again: what was found out about them is kept, and none of it goes stale."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.auth.authentication import Authentication
from gateway.auth.credentials import token_id
from gateway.configured import Configured
from gateway.proxy.admission import Rule
from gateway.proxy.message import Refused
from gateway.proxy.reader import Limits, RequestReader
from gateway.proxy.rewriting import HeaderEdits
from gateway.settings import ProxySettings, RouteSettings, Settings
from gateway.telemetry.tally import Tally
from tests.gateway.reading import HeadsOnly
from tests.gateway.running import settings_for
from tests.gateway.signing import API_KEY, SECRET, api_key_entry, token
from tests.gateway.stage import Answer, Caller, Stage, staged
from tests.gateway.upstream import ControlledUpstream, Received

LIMITS = Limits(head=600, target=60, body=1000)


def received(answer: Answer) -> Received:
    assert answer.status == 200, answer
    return Received(**answer.json())


def reader() -> RequestReader:
    made = RequestReader(HeadsOnly(), LIMITS)
    assert made.whole(b"GET /first HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n") is not None
    return made


def outcome(one: RequestReader, data: bytes) -> list[Any]:
    told = one._sink
    assert isinstance(told, HeadsOnly)
    try:
        one.feed(data)
    except Refused as refused:
        return [*told.heads, refused.error]
    return [*told.heads, one.started]


REST = b" HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET /a/b?c=d", (b"GET", b"/a/b?c=d", b"/a/b")),
        (b"DELETE /%41/x.y?z=%zz", (b"DELETE", b"/A/x.y?z=%zz", b"/A/x.y")),
        (b"OPTIONS /?", (b"OPTIONS", b"/?", b"/")),
        (b"POST /", (b"POST", b"/", b"/")),
    ],
)
def test_only_the_line_of_a_repeated_request_is_read(line: bytes, expected: tuple[bytes, bytes, bytes]) -> None:
    head = reader().whole(line + REST)
    assert head is not None
    assert (head.method, head.target, head.path) == expected
    assert head.headers == [(b"host", b"h"), (b"x-a", b"b")]


@pytest.mark.parametrize(
    "line",
    [
        b"GET /../x", b"GET /a#b", b"GET /a b", b"GET http://h/", b"get /", b"CONNECT h:1", b"GET /\r\nX-B: c",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /", b"GET /\x00", b"GET /" + b"x" * 60, b"\r\nGET /",
    ],
)  # fmt: skip
def test_what_is_more_than_a_plain_line_is_left_to_the_parser(line: bytes) -> None:
    made = reader()
    assert made.whole(line + REST) is None
    assert outcome(made, line + REST) == outcome(RequestReader(HeadsOnly(), LIMITS), line + REST)


def test_a_head_that_has_begun_before_is_no_repeated_one() -> None:
    made = reader()
    made.feed(b"GET /evil HTTP/1.1\r\nX-Evil: ")
    assert made.whole(b"GET /first" + REST) is None


def test_another_limit_holds_from_the_next_request_on() -> None:
    made = reader()
    made.limit_by(Limits(head=39, target=60, body=1))
    assert made.whole(b"GET /first" + REST) is None


async def test_headers_of_one_request_are_none_of_the_next(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        for number in range(3):
            plain = received(await caller.get(f"/p/{number}", X_A="1"))
            assert (plain.target, plain.header("x-a"), plain.header("x-b")) == (f"/p/{number}", ["1"], [])
            more = received(await caller.get("/more", X_A="2", X_B="c", Connection="keep-alive"))
            assert (more.header("x-a"), more.header("x-b"), more.header("connection")) == (["2"], ["c"], [])


async def test_ids_are_new_each_time_unless_the_client_sends_one(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        answers = [await caller.get("/") for _ in range(100)]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 100
        assert all(len(answer.headers["x-request-id"]) == 32 for answer in answers)
        for _ in range(2):
            assert (await caller.get("/", X_Request_Id="mine")).headers["x-request-id"] == "mine"
        assert received(await caller.get("/", X_Request_Id="a b")).header("x-request-id") != ["a b"]


SECTION: dict[str, Any] = {"jwt_secret": SECRET, "cache": {"ttl_secs": 60}}


@contextlib.asynccontextmanager
async def guarded(
    url: str, now: list[float], section: dict[str, Any] = SECTION
) -> AsyncIterator[tuple[Stage, Caller, Authentication]]:
    document = settings_for(url, auth=section)
    document["routes"] = [
        {"id": "open", "path": "/open", "upstream_id": "backend"},
        {"id": "staff", "path": "/staff", "upstream_id": "backend", "auth_required": True, "roles": ["nobody"]},
        {"id": "own", "path": "/own", "upstream_id": "backend", "auth_required": True},
    ]
    authentication = Authentication(Settings.model_validate(document).auth, tally=Tally(), now=lambda: now[0])
    async with staged(document, authentication.policy) as stage, stage.caller() as caller:
        yield stage, caller, authentication


async def test_a_token_that_was_good_on_this_connection_ends_at_once(shared_upstream: ControlledUpstream) -> None:
    now = [time.time()]
    sent = token(exp=now[0] + 30)
    async with guarded(shared_upstream.url, now) as (_, caller, authentication):
        for _ in range(2):
            assert (await caller.get("/own", Authorization=f"Bearer {sent}")).status == 200
        assert sum(authentication.tally.take()["auth_durations"]["jwt"][0]) == 1
        now[0] += 200
        await caller.get("/own", Authorization=f"Bearer {sent}")
        assert sum(authentication.tally.take()["auth_durations"]["jwt"][0]) == 1, "it is believed no longer unseen"
        now[0] -= 200
        for _ in range(2):
            assert (await caller.get("/own", Authorization=f"Bearer {sent}")).status == 200
        authentication.revoke({"tokens": {token_id(sent.encode()): now[0] + 60}, "clients": {}, "resets": None})
        for _ in range(2):
            assert (await caller.get("/own", Authorization=f"Bearer {sent}")).status == 401


async def test_what_one_route_found_out_is_not_what_another_one_allows(shared_upstream: ControlledUpstream) -> None:
    async with guarded(shared_upstream.url, [time.time()]) as (_, caller, _authentication):
        headers = {"Authorization": f"Bearer {token()}"}
        for _ in range(2):
            known = received(await caller.get("/own", **headers))
            assert known.header("x-authenticated-subject") != []
            assert received(await caller.get("/open", **headers)).header("x-authenticated-subject") == []
            assert (await caller.get("/staff", **headers)).status == 403
        assert (await caller.get("/own")).status == 401


async def test_other_settings_hold_for_the_same_headers(shared_upstream: ControlledUpstream) -> None:
    def parts(**changed: Any) -> tuple[ProxySettings, Any]:
        settings = ProxySettings.of(Settings.model_validate(settings_for(shared_upstream.url, **changed)))
        revocations: dict[str, Any] = {"tokens": {}, "clients": {}, "resets": []}
        made = Configured(
            settings, 2, "v", tally=Tally(), tell=lambda *_, **__: None, workers=1, revocations=revocations
        )
        return settings, tuple(made.policies)

    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        assert received(await caller.get("/", X_Forwarded_For="192.0.2.7")).header("x-forwarded-for") == ["127.0.0.1"]
        stage.plane.configure(*parts(server={"trusted_proxies": ["127.0.0.0/8"]}))
        told = received(await caller.get("/", X_Forwarded_For="192.0.2.7"))
        assert told.header("x-forwarded-for") == ["192.0.2.7, 127.0.0.1"]
        stage.plane.configure(*parts(headers={"request": {"set": {"x-new": "1"}, "remove": ["x-forwarded-for"]}}))
        assert received(await caller.get("/", X_Forwarded_For="192.0.2.7")).header("x-new") == ["1"]


async def test_a_header_that_a_rule_takes_away_stays_away(shared_upstream: ControlledUpstream) -> None:
    def taking(_route: RouteSettings) -> tuple[Rule, ...]:
        def rule(exchange: Any) -> None:
            if exchange.head.path == b"/without":
                exchange.head.headers = [header for header in exchange.head.headers if header[0] != b"x-secret"]

        return (rule,)

    async with staged(settings_for(shared_upstream.url), taking) as stage, stage.caller() as caller:
        for _ in range(3):
            assert received(await caller.get("/with", X_Secret="s")).header("x-secret") == ["s"]
            assert received(await caller.get("/without", X_Secret="s")).header("x-secret") == []


async def test_an_idle_connection_keeps_no_credentials(shared_upstream: ControlledUpstream) -> None:
    now = [100.0]
    async with staged(settings_for(shared_upstream.url), clock=lambda: now[0]) as stage, stage.caller() as caller:
        await caller.get("/", Authorization="Bearer secret-of-a-client")
        (connection,) = stage.plane._connections
        assert connection._reader._block is not None
        now[0] += 6
        stage.plane.tick()
        assert connection._reader._block is None
        assert received(await caller.get("/", X_A="b")).header("x-a") == ["b"]


DROPPED = HeaderEdits(frozenset({b"traceparent"}))
OWN = "X-Request-Id: {0}\r\nTraceparent: 00-{0}-01\r\n"


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_lines_of_one_request_only_are_passed_on_with_those_of_all(
    shared_upstream: ControlledUpstream, place: int
) -> None:
    lines = ["Host: h\r\n", "X-A: b\r\n"]
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        for number in range(3):
            own = OWN.format(f"{number:032x}")
            caller.send(f"GET /{number} HTTP/1.1\r\n{''.join([*lines[:place], own, *lines[place:]])}\r\n")
            told = received(await caller.answer())
            assert (told.target, told.header("x-a")) == (f"/{number}", ["b"])
            assert told.header("x-request-id") == [f"{number:032x}"]
            assert told.header("traceparent") == [f"00-{number:032x}-01"]
            caller.send(f"GET /plain HTTP/1.1\r\n{''.join(lines)}\r\n")
            plain = received(await caller.answer())
            assert (plain.header("traceparent"), plain.header("x-a")) == ([], ["b"])


async def test_lines_of_one_request_only_are_dropped_where_settings_say_so(shared_upstream: ControlledUpstream) -> None:
    def dropping(_route: RouteSettings) -> tuple[Rule, ...]:
        def rule(exchange: Any) -> None:
            exchange.request_headers = DROPPED

        return (rule,)

    async with staged(settings_for(shared_upstream.url), dropping) as stage, stage.caller() as caller:
        for _ in range(3):
            assert received(await caller.get("/", Traceparent="00-1-1-01", X_A="b")).header("traceparent") == []
            assert received(await caller.get("/", X_A="b")).header("x-a") == ["b"]


async def test_a_line_of_one_request_may_bear_its_credential(shared_upstream: ControlledUpstream) -> None:
    """A key and a token are two credentials, wherever the key stands."""
    section = {**SECTION, "api_key_header": "Idempotency-Key", "api_keys": [api_key_entry()]}
    async with guarded(shared_upstream.url, [time.time()], section) as (_, caller, _authentication):
        bearer = {"Authorization": f"Bearer {token()}"}
        for _ in range(2):
            assert (await caller.get("/own", **bearer)).status == 200
            assert (await caller.get("/own", Idempotency_Key="a-key", **bearer)).status == 400
            assert (await caller.get("/own", Idempotency_Key=API_KEY)).status == 200
