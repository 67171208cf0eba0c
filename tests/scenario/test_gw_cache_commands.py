"""The cache of a real gateway: what is typed, what is planned, what came of it."""

from __future__ import annotations

import re

from tests.scenario.stage import golden, transcript
from tests.scenario.steering import Steered, timeless


@transcript("/gw cache")
async def test_the_cache_is_shown_in_figures(here: Steered) -> None:
    assert here.get("/users/cached").status_code == 200
    assert here.get("/users/cached").headers["x-cache"] == "HIT"
    said = await here.says("/gw cache")
    assert said.startswith("Cache of gateway: ")
    assert "Routes: users" in said
    assert "Stored: 1 entry, 0.0 of 64 MB, 0 s old on average" in said
    assert re.search(r"Answers: hit \d+, miss \d+", said)
    assert "Evicted: 0 in the last minute, 0 in all (lru)" in said


@transcript("/gw purge")
async def test_a_purge_says_what_there_is_to_lose_and_how_much_it_was(here: Steered) -> None:
    for path in ("/users/1", "/users/2", "/users/2"):
        assert here.get(path).status_code == 200
    said = timeless(await here.says("/gw purge prefix /users"))
    assert said.splitlines()[0] == "Have gateway forget what it has cached of the prefix /users?"
    assert "In the cache: 2 entries" in said
    assert "Undo: not needed: what is asked for again is fetched again" in said
    await here.says("/deny")
    shown = timeless(await here.runs("/gw purge prefix /users"))
    assert "2 entries purged in 1 worker; " in shown
    assert here.get("/users/2").headers["x-cache"] == "MISS"
    soft = timeless(await here.runs("/gw purge key /users/2 --soft"))
    assert "Have gateway ask upstreams about what it has cached of the url /users/2" in soft
    assert "1 entry purged in 1 worker; " in soft
    changes = here.ask("/admin/history?limit=2")["changes"]
    assert [(one["kind"], one["actor"], one["after"]["soft"]) for one in changes] == [
        ("cache_purged", "ben", True),
        ("cache_purged", "ben", False),
    ]


async def test_what_cannot_be_purged_is_refused_before_a_plan(here: Steered) -> None:
    assert await here.says("/gw purge prefix /") == golden("""
        That is everything.
          /gw purge all does that; --soft asks upstreams first, and spares them.
          Try: /gw purge prefix / --soft
          (You typed: /gw purge prefix /)
        """)
    assert (await here.says("/gw purge url users")).splitlines()[0] == "“users” is no url."
    assert (await here.says("/gw purge everything /")).splitlines()[0] == "“everything” is no scope."
    assert (await here.says("/gw purge tag")).startswith("/gw purge: value is missing")


@transcript("/gw purge all")
async def test_a_purge_of_everything_needs_a_second_person(here: Steered) -> None:
    here.get("/users/1")
    said = timeless(await here.says("/gw purge all"))
    assert "Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… gateway" in said
    assert "Needs 1 more approval" in said
    await here.says("/deny")
    shown = await here.agreed("/gw purge all")
    assert "Have gateway forget everything that it has cached" in shown
    assert here.ask("/cache/stats")["size"] == 0


async def test_a_purge_that_the_gateway_has_heard_of_is_not_asked_for_twice(here: Steered) -> None:
    here.get("/users/1")
    await here.runs("/gw purge tag news")
    plan = await here.bot.plan()
    before = len(here.ask("/admin/history")["changes"])
    live = {key: value for key, value in plan.fingerprint.items() if key != "uid"}
    alterations = here.bot.app.services.alterations
    assert alterations is not None
    await alterations.alter("purge", plan.target, plan.after, live=live, plan=plan.id, actor="ben")
    assert len(here.ask("/admin/history")["changes"]) == before
