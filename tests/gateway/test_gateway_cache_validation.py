"""The response cache over HTTP: when an upstream is asked whether an answer has changed, and what a 304 is good for."""

from __future__ import annotations

from tests.gateway.caching import scene, status
from tests.gateway.origin import reply


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


async def test_a_304_that_has_it_chosen_by_something_else_ends_it() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=10", vary="x-a")
        assert (await here.get()).body == b"one"
        assert here.stage.cache.store.size == 0


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
