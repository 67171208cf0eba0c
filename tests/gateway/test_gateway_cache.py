"""The response cache over HTTP: what is answered without the upstream, with what fields, and when it is asked again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.auth.authentication import Authentication
from gateway.listening.certificates import Certificates
from gateway.settings import Settings
from gateway.telemetry.tally import Tally
from tests.gateway.certificates import Authority
from tests.gateway.origin import Asked, Clock, Origin, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import Answer, Caller, Stage, staged, until
from tests.gateway.test_gateway_tls import Heard, calling, listening, settings_of


class Scene(NamedTuple):
    origin: Origin
    stage: Stage
    clock: Clock

    async def get(self, target: str = "/", **headers: str) -> Answer:
        """By a client of its own."""
        async with self.stage.caller() as caller:
            return await caller.get(target, **headers)

    async def ask(self, method: str, target: str = "/", body: str = "", **headers: str) -> Answer:
        async with self.stage.caller() as caller:
            send(caller, method, target, body, **headers)
            return await caller.answer(to_head=method == "HEAD")

    async def twice(self, target: str = "/", **headers: str) -> int:
        """How often the upstream was asked for what two clients wanted, one after the other."""
        before = len(self.origin.asked)
        for _ in range(2):
            await self.get(target, **headers)
        return len(self.origin.asked) - before


def send(caller: Caller, method: str, target: str, body: str = "", **headers: str) -> None:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    length = f"content-length: {len(body)}\r\n" if body else ""
    caller.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n{length}{fields}\r\n{body}")


@contextlib.asynccontextmanager
async def scene(route: dict[str, Any] | None = None, **cache: Any) -> AsyncIterator[Scene]:
    clock = Clock()
    async with origin() as upstream:
        document = settings_for(upstream.url, cache={"enabled": True, **cache})
        document["routes"][0]["cache"] = route
        async with staged(document, clock=clock) as stage:
            yield Scene(upstream, stage, clock)


def status(answer: Answer) -> str:
    return answer.headers["cache-status"].removeprefix("tocsin-gateway; ")


# What is stored is given.


async def test_a_fresh_answer_is_given_without_the_upstream_until_it_is_stale() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60", x_own="1", age="10")
        first = await here.get("/a?b")
        assert (status(first), first.headers["x-cache"]) == ("fwd=miss; fwd-status=200; stored", "MISS")
        here.clock.now += 40
        again = await here.get("/a?b")
        assert (again.status, again.body, again.headers["x-own"], again.headers["age"]) == (200, b"one", "1", "50")
        assert (status(again), again.headers["x-cache"]) == ("hit; ttl=10", "HIT")
        assert again.headers["via"] == "1.1 tocsin-gateway"
        assert len(here.origin.asked) == 1
        here.clock.now += 10
        assert status(await here.get("/a?b")) == "fwd=stale; fwd-status=200; stored"
        assert here.stage.cache.take_report() is not None


async def test_head_conditions_and_ranges_are_answered_from_the_whole() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply(
            "0123456789", cache_control="max-age=60", etag='"v1"', last_modified=here.clock.date(-100), vary="x-a"
        )
        await here.get()
        head = await here.ask("HEAD")
        assert (head.status, head.headers["content-length"], status(head)) == (200, "10", "hit; ttl=60")
        for conditions in (
            {"if_none_match": '"v0", W/"v1"'},
            {"if_none_match": "*"},
            {"if_modified_since": here.clock.date(-100)},
            {"if_none_match": '"v1"', "if_modified_since": here.clock.date(-1000)},
        ):
            known = await here.get("/", **conditions)
            assert (known.status, known.body, known.headers["etag"]) == (304, b"", '"v1"')
            assert (known.headers["vary"], known.headers["cache-control"]) == ("x-a", "max-age=60")
        changed = await here.get("/", if_none_match='"v2"', if_modified_since=here.clock.date())
        assert (changed.status, changed.body) == (200, b"0123456789")
        for wanted, body, told in (("0-3", b"0123", "0-3"), ("7-", b"789", "7-9"), ("-2", b"89", "8-9")):
            part = await here.get("/", range=f"bytes={wanted}")
            assert (part.status, part.body, part.headers["content-range"]) == (206, body, f"bytes {told}/10")
        for whole in ({"range": "bytes=0-1,3-4"}, {"range": "bytes=0-1", "if_range": '"v2"'}, {"range": "lines=1"}):
            assert (await here.get("/", **whole)).status == 200
        assert len(here.origin.asked) == 1


async def test_connections_go_on_behind_a_stored_answer() -> None:
    async with scene() as here, here.stage.caller() as caller:
        here.origin.answer = lambda asked: reply(asked.target, cache_control="max-age=60")
        for target in ("/a", "/b"):
            await caller.get(target)
        caller.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n" * 20)
        assert [(await caller.answer()).body for _ in range(40)] == [b"/a", b"/b"] * 20
        caller.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await caller.answer()).headers["connection"] == "close"
        assert here.origin.targets() == ["/a", "/b"]


async def test_a_long_answer_is_given_as_a_whole() -> None:
    body = bytes(range(256)) * 8192
    async with scene(max_entry_bytes="4MB") as here:
        here.origin.answer = lambda _: reply(body, cache_control="max-age=60")
        await here.get()
        assert (await here.get()).body == body
        assert len(here.origin.asked) == 1


# Whether it has changed is asked.


async def test_a_stale_answer_is_given_when_the_upstream_says_that_it_is_still_so() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"', x_a="old", x_b="kept")
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=30", x_a="new", etag='"v1"')
        # The client's own condition is the gateway's to look at, and its range too.
        again = await here.get("/", if_none_match='"other"', range="bytes=0-0")
        assert (again.status, again.body) == (206, b"o")
        asked = here.origin.asked[-1].headers
        assert (asked["if-none-match"], "range" in asked) == ('"v1"', False)
        assert status(again) == "fwd=stale; fwd-status=304; ttl=30"
        here.clock.now += 20
        hit = await here.get()
        assert (hit.headers["x-a"], hit.headers["x-b"], hit.headers["age"]) == ("new", "kept", "20")
        here.clock.now += 20
        here.origin.answer = lambda _: reply("two", cache_control="max-age=10", etag='"v2"')
        assert (await here.get()).body == b"two"
        assert (await here.get("/", if_none_match='"v2"')).status == 304
        assert len(here.origin.asked) == 3


async def test_a_304_that_makes_it_somebodys_own_ends_it() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=10", set_cookie="session=mine")
        assert (await here.get()).headers["set-cookie"] == "session=mine"
        here.origin.answer = lambda _: reply("two", cache_control="no-store")
        other = await here.get()
        assert (other.body, "set-cookie" in other.headers) == (b"two", False)


async def test_what_may_not_be_used_without_asking_is_asked_about() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60, no-cache", etag='"v1"')
        await here.get()
        here.origin.answer = lambda asked: reply("", 304 if "if-none-match" in asked.headers else 500)
        assert [(await here.get()).status for _ in range(2)] == [200, 200]
        assert len(here.origin.asked) == 3


async def test_an_answer_to_head_says_whether_what_is_stored_is_still_so() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"', x_a="old")
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60", etag='"v1"', x_a="new")
        await here.ask("HEAD")
        assert (await here.get()).headers["x-a"] == "new"
        here.clock.now += 70
        here.origin.answer = lambda _: reply("four", cache_control="max-age=60", etag='"v1"')
        await here.ask("HEAD")
        assert here.stage.cache.store.size == 0
        assert [one.method for one in here.origin.asked] == ["GET", "HEAD", "HEAD"]


# Nobody gets another one's answer.


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, {"cache_control": "private, max-age=60"}),
        ({}, {"cache_control": "no-store"}),
        ({}, {"cache_control": "max-age=60", "set_cookie": "a=b"}),
        ({}, {"cache_control": "max-age=60", "vary": "accept, *"}),
        ({}, {"cache_control": "max-age=60", "vary": "x-forwarded-for"}),
        ({"authorization": "Bearer a"}, {"cache_control": "max-age=60"}),
        ({"x_api_key": "a"}, {"cache_control": "max-age=60"}),
        ({"cookie": "session=a"}, {"cache_control": "max-age=60"}),
        ({"cache_control": "no-store"}, {"cache_control": "max-age=60"}),
        ({"x_forwarded_scheme": "http"}, {"cache_control": "max-age=60"}),
        ({"x_original_url": "/admin"}, {"cache_control": "max-age=60"}),
        ({"x_http_method_override": "POST"}, {"cache_control": "max-age=60"}),
        ({"content_length": "0", "range": "bytes=0-0"}, {"cache_control": "max-age=60"}),
        ({}, {}),
        ({}, {"cache_control": "max-age=60", "age": "61"}),
        ({"if_none_match": '"a"'}, {"cache_control": "private"}),
    ],
)
async def test_what_may_be_somebodys_own_is_not_stored(sent: dict[str, str], told: dict[str, Any]) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", **told)
        assert await here.twice(**sent) == 2
        assert here.stage.cache.store.size == 0
        assert here.stage.cache.store.used == 0


@pytest.mark.parametrize("allowed", ["public", "s-maxage=60", "must-revalidate"])
async def test_answers_to_somebody_known_are_for_all_only_when_they_say_so(allowed: str) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control=f"max-age=60, {allowed}")
        assert await here.twice(authorization="Bearer a") == 1
        assert status(await here.get("/", cookie="session=b")).startswith("hit")


async def test_what_is_for_nobody_known_is_not_given_to_somebody_known() -> None:
    async with scene() as here:
        here.origin.answer = lambda asked: reply(asked.headers.get("cookie", "anybody"), cache_control="max-age=60")
        assert (await here.get()).body == b"anybody"
        assert (await here.get("/", cookie="session=a")).body == b"session=a"
        assert (await here.get()).body == b"anybody"
        assert len(here.origin.asked) == 2


async def test_a_route_may_ignore_cookies_and_then_its_upstream_gets_none() -> None:
    async with scene({"ignore_cookies": True}) as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60")
        assert await here.twice(cookie="session=a") == 1
        await here.ask("POST", "/", "x", cookie="session=a")
        assert ["cookie" in one.headers for one in here.origin.asked] == [False, True]


async def test_hosts_and_queries_are_apart_and_the_usual_port_is_not() -> None:
    async with scene() as here:
        here.origin.answer = lambda asked: reply(asked.headers["x-forwarded-host"], cache_control="max-age=60")
        async with here.stage.caller() as caller:
            for host, told in (("a", b"a"), ("b", b"b"), ("A:80", b"a"), ("b:8080", b"b:8080")):
                caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
                assert (await caller.answer()).body == told
        for target in ("/?a", "/?b", "/?a"):
            await here.get(target)
        assert here.origin.targets() == ["/", "/", "/", "/?a", "/?b"]


async def test_hosts_are_those_that_trusted_proxies_tell_of() -> None:
    async with origin() as upstream:
        server = {"trusted_proxies": ["127.0.0.0/8"]}
        document = settings_for(upstream.url, cache={"enabled": True}, server=server)
        async with staged(document) as stage, stage.caller() as caller:
            upstream.answer = lambda asked: reply(asked.headers["x-forwarded-proto"], cache_control="max-age=60")
            for proto in ("https", "http", "https"):
                told = await caller.get("/", x_forwarded_host="shop.example:443", x_forwarded_proto=proto)
                assert told.body == proto.encode()
            keys = {entry.key for entry in stage.cache.store.entries()}
            assert keys == {b"https://shop.example/", b"http://shop.example:443/"}
            forwarded = await caller.get("/", x_forwarded_host="shop.example:443", forwarded="host=other")
            assert forwarded.headers["x-cache"] == "BYPASS"


async def test_what_is_for_http_is_not_given_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificates = Certificates(settings_of(authority.signs("h")), Heard().event)
    async with scene() as here, listening(here.stage, certificates.context) as port:
        here.origin.answer = lambda asked: reply(asked.headers["x-forwarded-proto"], cache_control="max-age=60")
        for _ in range(2):
            assert (await here.get()).body == b"http"
            async with calling(port, authority, "h") as (caller, _certificate):
                assert (await caller.get()).body == b"https"
        assert {entry.key for entry in here.stage.cache.store.entries()} == {b"http://h/", b"https://h/"}
        assert len(here.origin.asked) == 2


async def test_answers_may_be_chosen_by_what_the_gateway_tells_of_the_client() -> None:
    async with origin() as upstream:
        document = settings_for(upstream.url, cache={"enabled": True}, auth={"jwt_secret": SECRET})
        document["routes"][0]["auth_required"] = True
        authentication = Authentication(Settings.model_validate(document).auth, tally=Tally())
        async with staged(document, authentication.policy) as stage, stage.caller() as caller:
            who = "x-authenticated-subject"
            upstream.answer = lambda asked: reply(asked.headers[who], cache_control="public, max-age=60", vary=who)
            for subject in ("ana", "ben", "ana", "ben"):
                bearer = f"Bearer {token(sub=subject)}"
                # What a client says of itself in that field is not what its upstream is told.
                told = await caller.get("/", authorization=bearer, x_authenticated_subject="cyn")
                assert told.body == subject.encode()
            assert (await caller.get("/")).status == 401, "whatever is stored"
            assert len(upstream.asked) == 2


async def test_variants_are_chosen_by_what_their_answers_name() -> None:
    async with scene(max_variants=2) as here:
        here.origin.answer = lambda asked: reply(
            asked.headers.get("accept-language", "none"), cache_control="max-age=60", vary="Accept-Language, X-A"
        )
        for language, body in (("en, de", b"en, de"), ("fr", b"fr"), ("DE,  en", b"en, de"), ("fr", b"fr")):
            assert (await here.get("/", accept_language=language)).body == body
        assert len(here.origin.asked) == 2
        assert (await here.get("/", x_a="1")).body == b"none"
        assert (await here.get("/", x_a="2")).body == b"none"
        assert here.stage.cache.store.size == 2, "the oldest variant made room"


# Several who ask at the same time.


async def test_requests_for_what_is_being_fetched_wait_for_it() -> None:
    async with scene() as here:
        release = hold(here.origin, reply("one", cache_control="max-age=60"))
        async with contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(here.stage.caller()) for _ in range(5)]
            for caller in callers:
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 5 and here.origin.asked)
            release.set()
            answers = [await caller.answer() for caller in callers]
        assert [one.body for one in answers] == [b"one"] * 5
        assert min(status(one) for one in answers) == "fwd=miss; fwd-status=200; stored"
        assert sum("collapsed" in status(one) for one in answers) == 4
        assert len(here.origin.asked) == 1


def hold(upstream: Origin, answer: bytes) -> Any:
    """Have it answer when the event that is returned is set."""
    release = asyncio.Event()

    async def held(_: Asked) -> bytes:
        await release.wait()
        return answer

    upstream.answer = held
    return release


async def test_an_answer_to_head_of_before_a_purge_does_not_make_it_good() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        release = hold(here.origin, reply("one", cache_control="max-age=10", etag='"v1"'))
        async with here.stage.caller() as caller:
            caller.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 2)
            here.stage.cache.store.purge(lambda _: True, "all", soft_at=here.clock.now)
            release.set()
            assert (await caller.answer(to_head=True)).status == 200
        assert status(await here.get()) == "fwd=stale; fwd-status=200; stored"


async def test_nobody_waits_twice_for_what_is_not_stored() -> None:
    async with scene() as here:
        release = hold(here.origin, reply("one", cache_control="private"))
        async with here.stage.caller() as first, here.stage.caller() as second, here.stage.caller() as third:
            for caller in (first, second):
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2 and here.origin.asked)
            release.set()
            assert [(await one.answer()).body for one in (first, second)] == [b"one"] * 2
            release.clear()
            for caller in (first, second, third):
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 5)
            release.set()
            assert [(await one.answer()).body for one in (first, second, third)] == [b"one"] * 3


@pytest.mark.parametrize(
    ("told", "begun"),
    [
        ({"cache_control": "private"}, "b"), ({"cache_control": "no-cache"}, "b"),
        ({"cache_control": "max-age=60"}, "b" * 70_000),
    ],
)  # fmt: skip
async def test_nobody_waits_for_the_end_of_what_is_not_stored(told: dict[str, str], begun: str) -> None:
    async with scene(max_entry_bytes=65_536, default_ttl=60) as here:
        here.origin.patient = True
        endless = b"99999\r\n"  # The begin of a chunk that never ends.
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
        here.origin.answer = lambda _: (
            f"HTTP/1.1 200 Some\r\ntransfer-encoding: chunked\r\n{head}\r\n".encode() + endless + begun.encode()
        )
        async with here.stage.caller() as first, here.stage.caller() as second:
            for caller in (first, second):
                caller.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
            # The second one either comes when that is known already, or waits until it is.
            await until(lambda: len(here.origin.asked) == 2)


async def test_waiting_has_a_bound_and_a_client_that_leaves_takes_nothing_along() -> None:
    async with scene(collapse_wait_secs=5) as here:
        release = hold(here.origin, reply("one", cache_control="max-age=60"))
        async with here.stage.caller() as leaver, here.stage.caller() as waiter, here.stage.caller() as last:
            leaver.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 1)
            waiter.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2)
            leaver.writer.close()
            await until(lambda: len(here.origin.asked) == 2)
            last.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2)
            here.clock.now += 5.1
            here.stage.plane.tick()
            await until(lambda: len(here.origin.asked) == 3)
            release.set()
            assert [(await one.answer()).body for one in (waiter, last)] == [b"one"] * 2


# Stale answers.


async def test_a_stale_answer_is_given_at_once_while_a_newer_one_is_fetched() -> None:
    async with scene() as here:
        told = "max-age=10, stale-while-revalidate=30"
        here.origin.answer = lambda _: reply("one", cache_control=told, etag='"v1"')
        await here.get()
        here.stage.records()
        here.clock.now += 20
        release = hold(here.origin, reply("two", cache_control="max-age=10", etag='"v2"'))
        stale = [await here.get() for _ in range(3)]
        assert [(one.body, one.headers["x-cache"], status(one)) for one in stale] == [
            (b"one", "STALE", "hit; ttl=-10")
        ] * 3
        await until(lambda: len(here.origin.asked) == 2)
        release.set()
        await until(lambda: here.stage.cache.refreshing.under_way == 0)
        assert (await here.get()).body == b"two"
        assert (len(here.origin.asked), here.origin.asked[-1].headers["if-none-match"]) == (2, '"v1"')
        assert len(here.stage.records()) == 4, "what nobody asked for is nobody's request"
        here.clock.now += 60
        here.origin.answer = lambda _: reply("three", cache_control="max-age=10")
        assert (await here.get()).body == b"three"


async def test_a_part_is_no_reason_to_fetch_a_part_in_the_background() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10, stale-while-revalidate=30")
        await here.get()
        here.clock.now += 20
        assert (await here.get("/", range="bytes=0-0")).body == b"o"
        await until(lambda: len(here.origin.asked) == 2 and here.stage.cache.refreshing.under_way == 0)
        assert "range" not in here.origin.asked[1].headers
        assert status(await here.get()) == "hit; ttl=10"


async def test_in_the_background_a_304_is_enough_and_a_failure_harms_nobody() -> None:
    async with scene(stale_while_revalidate="30s") as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: b""
        assert (await here.get()).body == b"one"
        await until(lambda: len(here.origin.asked) > 1 and here.stage.cache.refreshing.under_way == 0)
        here.origin.asked.clear()
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=10")
        assert (await here.get()).headers["x-cache"] == "STALE"
        await until(lambda: len(here.origin.asked) == 1 and here.stage.cache.refreshing.under_way == 0)
        assert (await here.get()).headers["x-cache"] == "HIT"


@pytest.mark.parametrize("failure", [b"", reply("down", 503), reply("broken", 500)])
async def test_a_stale_answer_is_given_in_place_of_an_error_for_as_long_as_it_may(failure: bytes) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10, stale-if-error=60")
        await here.get()
        here.origin.answer = lambda _: failure
        here.clock.now += 30
        stale = await here.get()
        assert (stale.status, stale.body, stale.headers["x-cache"]) == (200, b"one", "STALE")
        here.clock.now += 60
        assert (await here.get()).status >= 500


async def test_what_must_be_asked_about_is_not_given_in_place_of_an_error() -> None:
    async with scene(stale_if_error=60, stale_while_revalidate=60) as here:
        for number, told in enumerate(("must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache")):
            here.origin.answer = lambda _, told=told: reply("one", cache_control=f"max-age=10, {told}", etag='"v"')  # type: ignore[misc]
            await here.get(f"/{number}")
            here.clock.now += 20
            here.origin.answer = lambda _: reply("down", 503)
            assert (await here.get(f"/{number}")).status == 503


async def test_an_open_circuit_is_an_error_too() -> None:
    clock = Clock()
    async with origin() as upstream:
        document = settings_for(
            upstream.url, cache={"enabled": True, "stale_if_error": 600},
            circuit_breaker={"enabled": True, "failure_threshold": 1},
        )  # fmt: skip
        async with staged(document, clock=clock) as stage, stage.caller() as caller:
            upstream.answer = lambda _: reply("one", cache_control="max-age=10")
            await caller.get("/a")
            upstream.answer = lambda _: reply("down", 503)
            clock.now += 20
            assert (await caller.get("/b")).status == 503
            assert [(await caller.get(target)).status for target in ("/a", "/b")] == [200, 503]
            assert len(upstream.asked) == 2


# Changes.


async def test_what_an_unsafe_request_has_changed_is_forgotten_here_and_elsewhere() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60")
        for target in ("/a", "/b", "/c", "/d"):
            await here.get(target)
        here.origin.answer = lambda _: reply("no", 409)
        await here.ask("POST", "/a", "x")
        assert here.stage.cache.take_changed() == []
        here.origin.answer = lambda _: reply(
            "yes", 201, location="/b", content_location="http://h/c", link="http://h/d"
        )
        await here.ask("PUT", "/a", "x")
        assert {entry.key for entry in here.stage.cache.store.entries()} == {b"http://h/d"}
        assert here.stage.cache.take_changed() == ["http://h/a", "http://h/b", "http://h/c"]
        here.origin.answer = lambda _: reply("yes", 200, location="http://elsewhere/d")
        await here.ask("DELETE", "/x")
        here.stage.cache.changed_elsewhere(["http://h/d", "http://h/none"])
        assert here.stage.cache.store.size == 0
        report = here.stage.cache.take_report()
        assert report is not None
        assert report["counts"]["invalidation:unsafe"] == 4


async def test_a_change_on_a_route_without_the_cache_counts_too() -> None:
    async with origin() as upstream:
        document = settings_for(upstream.url)
        document["routes"] = [
            {"id": "read", "path": "/", "methods": ["GET"], "upstream_id": "backend", "cache": {"default_ttl": "1m"}},
            {"id": "write", "path": "/", "methods": ["POST", "OPTIONS"], "upstream_id": "backend"},
        ]
        async with staged(document) as stage, stage.caller() as caller:
            await caller.get("/a")
            for method, entries in (("OPTIONS", 1), ("POST", 0)):
                send(caller, method, "/a")
                bare = await caller.answer()
                assert (bare.status, "cache-status" in bare.headers, stage.cache.store.size) == (200, False, entries)


async def test_a_newer_answer_ends_what_was_stored_even_if_it_is_not_stored_itself() -> None:
    async with scene() as here:
        for status_now, left in ((503, 1), (403, 1), (404, 0)):
            here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v"')
            await here.get()
            here.clock.now += 20
            here.origin.answer = lambda _, now=status_now: reply("two", now, cache_control="private")  # type: ignore[misc]
            assert (await here.get()).status == status_now
            assert here.stage.cache.store.size == left
            here.stage.cache.changed_elsewhere(["*"])


async def test_waiting_does_not_outlast_the_time_of_a_request() -> None:
    async with origin() as upstream:
        clock = Clock()
        server = {"request_timeout_secs": 3}
        document = settings_for(upstream.url, cache={"enabled": True, "collapse_wait_secs": 60}, server=server)
        async with staged(document, clock=clock) as stage, stage.caller() as leader, stage.caller() as waiter:
            upstream.patient = True
            upstream.answer = lambda _: b"HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\ncontent-length: 9\r\n\r\nbegun"
            leader.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await leader.until(b"begun")
            waiter.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: stage.plane.in_flight == 2)
            clock.now += 4
            stage.plane.tick()
            assert (await waiter.answer()).status == 504
            assert (len(upstream.asked), stage.plane.in_flight) == (1, 1)


@pytest.mark.parametrize("host", ["[1.2.3]", "[::::]", "", "a:99999"])
async def test_odd_hosts_and_places_harm_nobody(host: str) -> None:
    async with scene() as here, here.stage.caller() as caller:
        here.origin.answer = lambda asked: reply(
            "one", cache_control="max-age=60", location="http://[x/", content_location="//" if asked.target else ""
        )
        for method in ("GET", "POST", "GET"):
            caller.send(f"{method} /a HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert (await caller.answer(to_head=False)).status == 200
        assert [one.method for one in here.origin.asked] == ["GET", "POST", "GET"]


async def test_a_304_that_has_it_chosen_by_something_else_ends_it() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=10", vary="x-a")
        assert (await here.get()).body == b"one"
        assert here.stage.cache.store.size == 0


async def test_thousands_of_requests_at_once_do_not_pile_up_their_answers() -> None:
    async with scene() as here, here.stage.caller() as caller:
        here.origin.answer = lambda _: reply(b"x" * 200_000, cache_control="max-age=60")
        await caller.get()
        given = [0]

        def some() -> bool:
            report = here.stage.cache.take_report()
            given[0] += report["counts"].get("hit", 0) if report else 0
            return given[0] > 0

        caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2000)
        await until(some)
        assert given[0] < 1000, "the client has not read any of it"
        caller.writer.transport.abort()


async def test_what_was_asked_for_before_a_change_is_not_stored_after_it() -> None:
    async with scene() as here:
        release = hold(here.origin, reply("old", cache_control="max-age=60"))
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.origin.asked)
            here.stage.cache.changed_elsewhere(["http://h/"])
            release.set()
            assert (await caller.answer()).body == b"old"
        assert here.stage.cache.store.size == 0


async def test_options_change_nothing_and_a_body_is_nothing_for_a_cache() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60")
        await here.get()
        await here.ask("OPTIONS")
        fat = await here.ask("GET", "/", "body")
        assert (status(fat), fat.headers["x-cache"]) == ("fwd=bypass", "BYPASS")
        assert status(await here.get()) == "hit; ttl=60"


# What a request asks of a cache.


@pytest.mark.parametrize(
    ("directive", "after", "told"),
    [
        ("no-cache", 0, "fwd=request"),
        ("max-age=5", 6, "fwd=request"),
        ("max-age=5", 4, "hit"),
        ("min-fresh=6", 5, "fwd=request"),
        ("min-fresh=4", 5, "hit"),
        ("max-stale", 20, "hit"),
        ("max-stale=20", 20, "hit"),
        ("max-stale=5", 20, "fwd=stale"),
        ("only-if-cached", 5, "hit"),
        ("something-else", 5, "hit"),
    ],
)
async def test_directives_of_requests(directive: str, after: float, told: str) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10")
        await here.get()
        here.clock.now += after
        assert status(await here.get("/", cache_control=directive)).startswith(told)


async def test_who_wants_a_stored_answer_only_gets_that_or_504() -> None:
    async with scene() as here:
        refused = await here.get("/", cache_control="only-if-cached")
        assert (refused.status, refused.json()["error"], here.origin.asked) == (504, "not_cached", [])


async def test_requests_need_not_be_obeyed() -> None:
    async with scene(obey_requests=False) as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10")
        await here.get()
        for sent in ({"cache_control": "no-cache"}, {"cache_control": "no-store"}, {"pragma": "no-cache"}):
            assert status(await here.get("/", **sent)) == "hit; ttl=10"


# Bounds.


async def test_what_is_too_long_is_passed_on_and_not_stored() -> None:
    async with scene(max_entry_bytes=65_536, cache_size=200_000) as here:
        long = b"x" * 70_000
        chunked = b"HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\ntransfer-encoding: chunked\r\n\r\n"
        here.origin.answer = lambda _: reply(long, cache_control="max-age=60")
        assert (await here.get()).body == long
        here.origin.answer = lambda _: chunked + b"11170\r\n" + long + b"\r\n0\r\n\r\n"
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert (await caller.rest()).partition(b"\r\n\r\n")[2].count(b"x") == len(long)
        assert (here.stage.cache.store.size, here.stage.cache.store.used) == (0, 0)
        here.origin.answer = lambda _: reply(b"x" * 50_000, cache_control="max-age=60")
        for number in range(9):
            await here.get(f"/{number}")
            assert here.stage.cache.store.used <= 200_000
        report = here.stage.cache.take_report()
        assert report is not None
        assert (report["entries"], report["counts"]["eviction"]) == (3, 6)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\r\nuntil the end",
    ],
)
async def test_what_may_not_be_whole_is_not_stored(answer: bytes) -> None:
    async with scene() as here:

        async def broken(_: Asked) -> bytes:
            return answer

        here.origin.answer = broken
        here.origin.closing = True
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                await caller.rest()
        await until(lambda: here.stage.plane.in_flight == 0)
        assert (here.stage.cache.store.size, here.stage.cache.store.used) == (0, 0)


# Settings.


async def test_routes_have_the_cache_by_themselves() -> None:
    async with origin() as upstream:
        document = settings_for(upstream.url)
        document["routes"][1]["cache"] = {"default_ttl": "1m"}
        async with staged(document) as stage, stage.caller() as caller:
            bare = await caller.get("/free")
            assert ("cache-status" in bare.headers, "x-cache" in bare.headers) == (False, False)
            await caller.get("/limited")
            assert (await caller.get("/limited")).headers["x-cache"] == "HIT"
            assert stage.cache.by_route.keys() == {"limited"}
