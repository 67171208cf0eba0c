"""The response cache over HTTP: what is answered without the upstream, with what fields, and for whom it is not."""

from __future__ import annotations

import pytest

from tests.gateway.caching import scene, status
from tests.gateway.origin import origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import staged


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
