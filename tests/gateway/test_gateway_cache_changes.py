"""The response cache over HTTP: what an unsafe request or an order has changed is forgotten."""

from __future__ import annotations

import pytest

from tests.gateway.caching import hold, scene, send, status
from tests.gateway.origin import origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until


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
