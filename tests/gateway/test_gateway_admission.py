"""A route's rules: what they let through, what they answer, and what happens while they ask elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.proxy.admission import Asking, Identity, Policy
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused
from gateway.proxy.rewriting import HeaderEdits
from gateway.settings import RouteSettings
from gateway.telemetry.journal import Journal
from gateway.telemetry.log_writer import LogWriter
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.upstream import ControlledUpstream

NO = Refused(401, "who_are_you", "nobody knows you", ((b"www-authenticate", b"Bearer"),))


def on_default(*rules: Callable[[Exchange], Asking | None]) -> Policy:
    """A policy for the route `default` only."""

    def policy(route: RouteSettings) -> tuple[Any, ...]:
        return rules if route.id == "default" else ()

    return policy


def asking(elsewhere: Callable[[Exchange], Awaitable[None]]) -> Callable[[Exchange], Asking]:
    async def asked(exchange: Exchange) -> None:
        await elsewhere(exchange)

    return asked


async def test_rules_are_asked_in_order_and_the_first_refusal_is_the_answer(
    shared_upstream: ControlledUpstream,
) -> None:
    asked: list[str] = []

    def first(exchange: Exchange) -> None:
        asked.append("first")
        exchange.answer_headers.append((b"x-first", b"asked"))

    def second(exchange: Exchange) -> None:
        asked.append("second")
        if exchange.head.target == b"/no":
            raise NO

    def third(_: Exchange) -> None:
        asked.append("third")

    document = settings_for(shared_upstream.url)
    async with staged(document, on_default(first, second), on_default(third)) as stage, stage.caller() as caller:
        passed = await caller.get("/yes")
        assert (passed.status, passed.headers["x-first"]) == (200, "asked")
        before = len(shared_upstream.requests)
        refused = await caller.get("/no")
        assert (refused.status, refused.json()["error"]) == (401, "who_are_you")
        assert (refused.headers["x-first"], refused.headers["www-authenticate"]) == ("asked", "Bearer")
        assert (await caller.get("/stripped/no")).status == 200, "the other routes have no rules"
        assert asked == ["first", "second", "third", "first", "second"]
        assert len(shared_upstream.requests) == before + 1
        logged = {one["path"]: one for one in stage.records()}
        assert logged["/no"]["error_message"] == "nobody knows you"
        assert ("upstream" in logged["/yes"], "upstream" in logged["/no"]) == (True, False)


async def test_a_rule_says_who_it_is_and_changes_what_the_upstream_is_sent(shared_upstream: ControlledUpstream) -> None:
    edits = HeaderEdits(frozenset({b"authorization", b"x-user"}), ((b"x-user", b"ana"),))

    def authenticate(exchange: Exchange) -> None:
        exchange.identity = Identity("ana", "console", frozenset({"reader"}), "jwt")
        exchange.request_headers = edits

    async with staged(settings_for(shared_upstream.url), on_default(authenticate)) as stage, stage.caller() as caller:
        await caller.get("/", authorization="Bearer x", x_user="root", accept="*/*")
    sent = dict(shared_upstream.requests[-1].headers)
    assert sent["x-user"] == "ana"
    assert sent["accept"] == "*/*"
    assert "authorization" not in sent


async def test_what_asks_elsewhere_holds_the_request_and_then_its_body_goes_on(
    shared_upstream: ControlledUpstream,
) -> None:
    gate, waiting = asyncio.Event(), asyncio.Event()

    async def elsewhere(exchange: Exchange) -> None:
        waiting.set()
        await gate.wait()
        if exchange.head.target == b"/no":
            raise NO

    async with staged(settings_for(shared_upstream.url), on_default(asking(elsewhere))) as stage:
        before = len(shared_upstream.requests)
        async with stage.caller() as caller, stage.caller() as other:
            caller.send("POST /yes HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + "x" * 300_000)
            other.send("POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            await waiting.wait()
            assert len(shared_upstream.requests) == before
            gate.set()
            passed, refused = await caller.answer(), await other.answer()
            assert (passed.status, passed.json()["body_size"]) == (200, 300_000)
            assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert (await other.get("/again")).status == 200, "the refused one's body was read and dropped"


@pytest.mark.parametrize("at_once", [True, False])
async def test_nobody_asks_for_a_client_that_left(shared_upstream: ControlledUpstream, at_once: bool) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def elsewhere(_: Exchange) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("given up")

    async with staged(settings_for(shared_upstream.url), on_default(asking(elsewhere))) as stage:
        async with stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            if not at_once:
                await begun.wait()
        await until(lambda: not stage.plane.open_connections)
        assert stage.plane.in_flight == 0
        if begun.is_set():
            await until(lambda: ended == ["given up"])


async def test_a_decision_that_never_comes_is_a_504(shared_upstream: ControlledUpstream) -> None:
    waiting = asyncio.Event()

    async def elsewhere(_: Exchange) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with staged(settings_for(shared_upstream.url), on_default(asking(elsewhere))) as stage:
        now = [stage.plane.clock()]
        stage.plane.clock = lambda: now[0]
        async with stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await waiting.wait()
            now[0] += stage.plane.request_timeout
            stage.plane.tick()
            assert stage.plane.in_flight == 1
            now[0] += 1
            stage.plane.tick()
            answer = await caller.answer()
            assert (answer.status, answer.json()["error"]) == (504, "timeout")


def breaks_at_once(_: Exchange) -> None:
    raise ValueError("broken")


async def breaks(_: Exchange) -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


async def is_cancelled(_: Exchange) -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


@pytest.mark.parametrize("rule", [breaks_at_once, breaks, is_cancelled])
async def test_a_rule_that_breaks_lets_nothing_through(shared_upstream: ControlledUpstream, rule: Any) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    before = len(shared_upstream.requests)
    async with staged(settings_for(shared_upstream.url), on_default(rule)) as stage, stage.caller() as caller:
        answer = await caller.get("/")
        assert (answer.status, answer.json()["error"]) == (500, "internal_error")
        assert (await caller.get("/stripped/x")).status == 200
    assert told == ["a rule of a route failed"]
    assert len(shared_upstream.requests) == before + 1


class BrokenJournal(Journal):
    def access(self, exchange: Exchange, seconds: float) -> None:
        raise RuntimeError(f"cannot write {exchange.status}")


async def test_a_record_that_cannot_be_written_holds_up_no_client(shared_upstream: ControlledUpstream) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    async with staged(settings_for(shared_upstream.url)) as stage:
        stage.plane.journal = BrokenJournal(stage.plane.settings.logging, worker="gateway-1", writer=LogWriter(None))
        async with stage.caller() as caller:
            assert [(await caller.get("/")).status for _ in range(2)] == [200, 200], "the connection goes on"
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert (await caller.answer()).status == 200
        await until(lambda: stage.plane.open_connections == 0, "it has ended")
        assert told == ["cannot write 200"] * 3
