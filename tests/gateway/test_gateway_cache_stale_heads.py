"""A HEAD of what is stored and stale, while the upstream fails: as the GET is answered, but for the body."""

from __future__ import annotations

import pytest

from tests.gateway.caching import Scene, hold, scene, send, status
from tests.gateway.origin import reply
from tests.gateway.stage import Answer, until


async def head(here: Scene) -> Answer:
    return await here.ask("HEAD")


async def begun(here: Scene, failure: bytes) -> None:
    here.origin.answer = lambda _: reply("one", cache_control="max-age=10, stale-if-error=60", etag='"v1"')
    await here.get()
    here.clock.now += 20
    here.origin.answer = lambda _: failure


@pytest.mark.parametrize("failure", [b"no HTTP\r\n\r\n", reply("down", 503)])
async def test_it_is_given_in_place_of_an_error_and_the_upstream_has_a_rest(failure: bytes) -> None:
    async with scene() as here:
        await begun(here, failure)
        for _ in range(3):
            answer = await head(here)
            assert (answer.status, answer.headers["x-cache"], answer.headers["content-length"]) == (200, "STALE", "3")
            assert status(answer) == "hit; ttl=-10"
        assert len([one for one in here.origin.asked if one.method == "HEAD"]) == 1
        assert (await here.get()).headers["x-cache"] == "STALE"
        assert here.stage.cache._counts == {"miss": 1, "stale": 4, "refresh_failed": 1}


async def test_for_no_longer_than_it_may() -> None:
    async with scene() as here:
        await begun(here, reply("down", 503))
        here.clock.now += 60
        answer = await head(here)
        assert (answer.status, answer.headers["x-cache"], status(answer)) == (503, "MISS", "fwd=stale")


async def test_an_answer_that_is_good_is_passed_on_and_renews_what_is_stored() -> None:
    async with scene() as here:
        await begun(here, reply("one", cache_control="max-age=10, stale-if-error=60", etag='"v1"'))
        answer = await head(here)
        assert (answer.status, status(answer)) == (200, "fwd=stale")
        assert (await here.get()).headers["x-cache"] == "HIT"
        assert here.stage.cache._counts == {"miss": 2, "hit": 1}


@pytest.mark.parametrize("soft", [True, False])
async def test_what_is_purged_meanwhile_is_not_given(soft: bool) -> None:
    async with scene() as here:
        await begun(here, b"")
        release = hold(here.origin, reply("down", 503))
        async with here.stage.caller() as caller:
            send(caller, "HEAD", "/", "")
            await until(lambda: len(here.origin.asked) == 2)
            list(here.stage.cache.store.purging(lambda _: True, "all", soft_at=here.clock.now if soft else None))
            release.set()
            assert (await caller.answer(to_head=True)).status == 503
