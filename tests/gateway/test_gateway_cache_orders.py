"""What operators do with the cache: purge, optimise, snapshot, restore, warm; in one worker, then over all of them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx
import pytest

from gateway.cache.orders import CacheOrders
from gateway.settings import Settings
from gateway.supervisor.cache_control import CacheControl, IncompleteError
from tests.gateway.caching import Scene, scene
from tests.gateway.origin import Asked, origin, reply
from tests.gateway.running import RunningGateway, running, settings_for, wait_for
from tests.gateway.stage import staged, until
from tests.gateway.upstream import ControlledUpstream


def orders(here: Scene) -> CacheOrders:
    return CacheOrders(here.stage.cache, "w1", partial(here.stage.cache.warm, here.stage.plane))


def tagged(asked: Asked) -> bytes:
    return reply(
        asked.target, cache_control="max-age=60, stale-while-revalidate=600", etag='"v"',
        cache_tag=f"all, t{asked.target[1]}", surrogate_key="key1 key2",
    )  # fmt: skip


async def filled(here: Scene, *targets: str) -> CacheOrders:
    here.origin.answer = tagged
    for target in targets or ("/a", "/a/b", "/a?q=1", "/b"):
        await here.get(target)
    return orders(here)


def left(here: Scene) -> set[str]:
    return {entry.key.decode().removeprefix("http://h") for entry in here.stage.cache.store.entries()}


@pytest.mark.parametrize(
    ("by", "value", "remaining"),
    [
        ("url", "/a", {"/a/b", "/a?q=1", "/b"}),
        ("url", "http://H:80/a?q=1", {"/a", "/a/b", "/b"}),
        ("url", "http://other/a", {"/a", "/a/b", "/a?q=1", "/b"}),
        ("prefix", "/a", {"/b"}),
        ("prefix", "http://h/a/", {"/a", "/a?q=1", "/b"}),
        ("prefix", "http://h", set()),
        ("tag", "TA", {"/b"}),
        ("tag", "key2", set()),
        ("all", "", set()),
    ],
)
async def test_what_is_purged_is_asked_for_again(by: str, value: str, remaining: set[str]) -> None:
    async with scene() as here:
        found = await (await filled(here)).obey({"do": "purge", "by": by, "value": value, "soft": False})
        assert (left(here), found) == (remaining, {"worker": "w1", "purged": 4 - len(remaining)})


async def test_what_is_purged_softly_is_asked_about() -> None:
    async with scene() as here:
        one = await filled(here, "/a")
        assert (await one.obey({"do": "purge", "by": "tag", "value": "all", "soft": True}))["purged"] == 1
        here.origin.answer = lambda _: reply("", 304)
        assert (await here.get("/a")).headers["x-cache"] == "STALE"
        await_over(here)
        here.clock.now += 700
        assert (await here.get("/a")).headers["x-cache"] == "REVALIDATED"
        assert here.origin.asked[-1].headers["if-none-match"] == '"v"'


def await_over(here: Scene) -> None:
    """Give up what is fetched in the background: it is not what the test is about."""
    here.stage.cache.close()
    assert here.stage.cache.refreshing.under_way == 0


async def test_optimising_drops_what_can_be_of_no_use() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("x" * 1000, cache_control="max-age=10")
        await here.get("/old")
        here.clock.now += 20
        one = await filled(here, "/a")
        found = await one.obey({"do": "optimize"})
        assert found["removed"] == 1
        assert found["freed_bytes"] > 1000
        assert left(here) == {"/a"}


async def test_a_snapshot_is_taken_in_pages_and_restored_elsewhere_with_its_age() -> None:
    async with scene() as here, scene() as there:
        here.origin.answer = lambda asked: reply(asked.target * 50_000, cache_control="max-age=60", vary="x-a")
        for number in range(10):
            await here.get(f"/{number}")
        one, entries, after, pages = orders(here), list[Any](), dict[str, Any](), 0
        while after.get("w1", 0) is not None:
            found = json.loads(json.dumps(await one.obey({"do": "snapshot", "id": "s", "after": after})))
            entries += found["entries"]
            after, pages = {"w1": found["next"]}, pages + 1
        assert (len(entries), pages > 2) == (10, True)
        assert (await one.obey({"do": "snapshot", "id": "s", "after": after}))["entries"] == []
        other = orders(there)
        assert (await other.obey({"do": "restore", "entries": [*entries, {}, None], "elapsed": 20}))["restored"] == 10
        assert (await other.obey({"do": "restore", "entries": entries[:1], "elapsed": 30}))["restored"] == 0, (
            "an older one"
        )
        assert (await other.obey({"do": "restore", "entries": entries[:1], "elapsed": 70}))["restored"] == 0, (
            "of no use"
        )
        elsewhere = [{**entries[0], "route": "other"}]
        assert (await other.obey({"do": "restore", "entries": elsewhere, "elapsed": 0}))["restored"] == 0
        hit = await there.get("/1")
        assert (hit.body, hit.headers["age"], there.origin.asked) == (b"/1" * 50_000, "20", [])


async def test_warming_fetches_what_is_not_there_yet() -> None:
    async with scene() as here:
        here.origin.answer = tagged
        one = orders(here)
        order = {"do": "warm", "scheme": "http", "host": "h", "targets": ["/a", "/b?c", "/%2e%2e/x"]}
        assert (await one.obey(order)) == {"worker": "w1", "begun": 2}
        while here.stage.cache.refreshing.under_way:
            await here.get("/other")
        assert (await here.get("/b?c")).headers["x-cache"] == "HIT"
        assert (await one.obey(order))["begun"] == 0
        assert (await one.obey({**order, "scheme": "https", "targets": ["/a"]}))["begun"] == 1, "that is another URL"
        assert here.stage.cache.store.size == 3
        await_over(here)


async def test_what_is_warmed_is_asked_for_as_clients_would_have_it_asked_for() -> None:
    async with origin() as upstream:
        rules = {"request": {"set": {"x-tenant": "a"}}}
        document = settings_for(upstream.url, cache={"enabled": True, "default_ttl": 60}, headers=rules)
        async with staged(document) as stage:
            assert stage.cache.warm(stage.plane, b"http", b"h", b"/a")
            await until(lambda: upstream.asked)
            assert upstream.asked[0].headers["x-tenant"] == "a"


# Over all workers.


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two workers, and an upstream whose answers may be stored."""
    with ControlledUpstream() as upstream:
        document = settings_for(
            upstream.url,
            workers={"count": 2, "min": 1, "max": 4},
            cache={"enabled": True, "default_ttl": "1h", "max_entry_bytes": 65_536},
        )
        document["routes"].append(
            {"id": "plain", "path": "/plain", "upstream_id": "backend", "cache": {"enabled": False}}
        )
        with running(document, tmp_path_factory.mktemp("cached")) as gateway:
            yield gateway, upstream


def cached_everywhere(gateway: RunningGateway, target: str, entries: int) -> None:
    """Ask until each worker has it: which one a connection goes to is the kernel's choice."""

    def stored() -> bool:
        for _ in range(8):
            with gateway.client() as client:
                assert client.get(target).status_code < 400
        found: int = gateway.admin.get("/cache/stats").json()["size"]
        return found >= entries

    wait_for(stored, what="the entries")


def test_operators_do_what_the_runbook_says_in_all_workers(served: tuple[RunningGateway, ControlledUpstream]) -> None:
    gateway, upstream = served
    admin = gateway.admin
    admin.post("/cache/purge", json={"all": True})
    wait_for(lambda: admin.get("/cache/stats").json()["size"] == 0, what="an empty cache")
    before_this = admin.get("/cache/invalidation-stats").json()["by_cause"]
    cached_everywhere(gateway, "/status-200", 2)
    with gateway.client() as client:

        def told() -> bool:
            client.get("/status-200")
            found = client.get("/cache/stats").json()
            return bool(found["size"] == 2 and found["hit_ratio"] > 0)

        wait_for(told, what="the page")
        stats = client.get("/cache/stats").json()
        assert (stats["default_ttl"], stats["memory_usage"] > 0, stats["hit_ratio"] > 0) == (3600, True, True)
        assert client.get("/metrics/performance").json().keys() >= {
            "cache_hit_ratio",
            "cache_memory_usage",
            "eviction_rate",
        }
        page = client.get("/metrics").text
    for name in (
        'cache_requests_total{result="hit"}',
        "cache_entries 2.0",
        "cache_size_bytes",
        "cache_evictions_total 0.0",
    ):
        assert name in page
    snapshot = admin.post("/cache/snapshot")
    assert [entry["status"] for entry in snapshot.json()["entries"]] == [200]
    assert snapshot.json()["complete"] is True
    assert admin.post("/cache/optimize").json() == {"workers": 2, "removed": 0, "freed_bytes": 0}
    before = len(upstream.requests)
    purged = admin.post("/cache/purge", json={"url": "/status-200", "actor": "ana", "reason": "drill"})
    assert purged.json() == {"workers": 2, "purged": 2}
    wait_for(lambda: admin.get("/cache/stats").json()["size"] == 0, what="the purge")
    restored = admin.post("/cache/restore", content=snapshot.content, headers={"content-type": "application/json"})
    assert restored.json() == {"entries": 1, "restored": 1, "workers": 2}
    cached_everywhere(gateway, "/status-200", 2)
    assert len(upstream.requests) == before, "nobody had to ask"
    assert admin.post("/cache/purge", json={"all": True, "soft": True}).json()["purged"] == 2
    with gateway.client() as client:
        assert client.get("/status-200").headers["x-cache"] == "MISS"
        expected = {**before_this, "url": before_this.get("url", 0) + 2, "all": before_this.get("all", 0) + 2}
        wait_for(lambda: invalidations(client)["by_cause"] == expected, what="the figures")
        assert invalidations(client)["invalidation_count"] == sum(expected.values())
        wait_for(lambda: invalidations(client)["invalidation_rate"] > 0, what="the rate")
        counted = f'cache_invalidations_total{{cause="url"}} {expected["url"]}.0'
        wait_for(lambda: counted in client.get("/metrics").text, what="the metric")
    changes = admin.get("/admin/history").json()["changes"]
    made = [(one["kind"], one["actor"], one["reason"]) for one in changes if one["kind"].startswith("cache")]
    assert made[:4] == [
        ("cache_purged", "admin-api", ""),
        ("cache_restored", "admin-api", ""),
        ("cache_purged", "ana", "drill"),
        ("cache_optimized", "admin-api", ""),
    ]


def invalidations(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/cache/invalidation-stats").json()
    return found


def test_a_change_at_one_worker_is_one_for_all(served: tuple[RunningGateway, ControlledUpstream]) -> None:
    gateway, _ = served
    gateway.admin.post("/cache/purge", json={"all": True})
    cached_everywhere(gateway, "/status-203", 2)
    with gateway.client() as client:
        assert client.post("/status-203", content="x").status_code == 203
    wait_for(lambda: gateway.admin.get("/cache/stats").json()["size"] == 0, what="the change at the other worker")


def test_what_means_nothing_is_refused(served: tuple[RunningGateway, ControlledUpstream]) -> None:
    gateway, upstream = served
    admin = gateway.admin
    for wrong in (
        {}, {"url": "/a", "tag": "b"}, {"url": "a"}, {"url": "/a b"}, {"prefix": "ftp://h/"}, {"all": False},
        {"tag": ""}, {"url": "/a", "more": 1},
    ):  # fmt: skip
        assert admin.post("/cache/purge", json=wrong).status_code == 422, wrong
    for wrong_warm in ({"targets": ["/a"]}, {"host": "h", "targets": []}, {"host": "h\r\n", "targets": ["/a"]}):
        assert admin.post("/cache/warm", json=wrong_warm).status_code == 422
    for broken in (
        b"",
        b"[]",
        b'{"version": 2, "entries": [], "created_at": "2026-01-01T00:00:00Z"}',
        b'{"version": 1, "entries": [], "created_at": "2026-01-01T00:00:00"}',
        b"[" * 100_000,
    ):
        assert admin.post("/cache/restore", content=broken).status_code == 422
    admin.post("/cache/purge", json={"all": True})
    wait_for(lambda: admin.get("/cache/stats").json()["size"] == 0, what="an empty cache")
    warmed = admin.post("/cache/warm", json={"host": "h", "targets": ["/status-200?w", "/plain/status-200"]})
    assert (warmed.status_code, warmed.json()) == (202, {"workers": 2, "begun": 2})
    wait_for(lambda: admin.get("/cache/stats").json()["size"] == 2, what="what was warmed")
    with gateway.client() as client:
        assert "x-cache" not in client.get("/plain/status-200").headers
        assert client.post("/cache/optimize").status_code == 200, "on the public port it is a path of the upstream"
    assert upstream.requests[-1].target == "/cache/optimize"


def test_without_the_cache_there_is_nothing_to_do(shared: RunningGateway, shared_upstream: ControlledUpstream) -> None:
    for path in ("/cache/optimize", "/cache/snapshot", "/cache/restore"):
        refused = shared.admin.post(path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "cache_disabled")
    assert shared.admin.get("/cache/stats").json()["size"] == 0
    with shared.client() as client:
        assert client.get("/cache/stats").json()["target"] == "/cache/stats", "it is a path of the upstream"
    assert shared_upstream.requests


# What comes of answers that are missing, or too much.


def control(answers: list[list[dict[str, Any]]], workers: int = 2) -> tuple[CacheControl, list[dict[str, Any]]]:
    """One whose workers answer so, in turn; and what they were ordered."""
    ordered: list[dict[str, Any]] = []

    async def ask(message: dict[str, Any]) -> list[Any]:
        ordered.append(message["order"])
        return answers.pop(0)

    document = settings_for("http://127.0.0.1:1", cache={"enabled": True, "max_snapshot_bytes": 65_536})
    made = Settings.model_validate(document)
    return CacheControl(made, record=lambda *_: None, ask=ask, workers=lambda: workers, holds=dict), ordered


async def test_a_worker_that_does_not_say_so_is_told_of() -> None:
    one, _ = control([[{"worker": "a", "purged": 3}]])
    with pytest.raises(IncompleteError, match="1 of 2 workers") as caught:
        await one.purge("all", "", soft=False, actor="ana", reason="")
    assert caught.value.found == {"workers": 1, "purged": 3}


async def test_a_snapshot_has_each_entry_once_and_a_bound() -> None:
    def entry(number: int, size: int = 10) -> dict[str, Any]:
        return {"url": f"http://h/{number}", "route": "r", "selection": [], "body": "x" * size}

    def page(worker: str, entries: list[dict[str, Any]], following: int | None) -> dict[str, Any]:
        return {"worker": worker, "entries": entries, "next": following}

    one, ordered = control(
        [
            [page("a", [entry(1), entry(2)], 2), page("b", [entry(2)], None)],
            [page("a", [entry(3)], 3), page("b", [], None)],
            [page("a", [entry(4, 70_000), entry(5)], 9)],
        ]
    )
    whole = json.loads(b"".join([part async for part in one.snapshot()]))
    assert [told["url"] for told in whole["entries"]] == ["http://h/1", "http://h/2", "http://h/3"]
    assert [order["after"] for order in ordered] == [{}, {"a": 2, "b": None}, {"a": 3, "b": None}]
    assert whole["complete"] is False, "it was cut off"


@pytest.mark.parametrize(("late", "complete"), [(1, True), (3, False)])
async def test_a_snapshot_waits_for_a_worker_that_is_late_and_says_what_it_has_not(late: int, complete: bool) -> None:
    def page(worker: str, number: int) -> dict[str, Any]:
        entry = {"url": f"http://h/{number}", "route": "r", "selection": []}
        return {"worker": worker, "entries": [entry], "next": None}

    one, _ = control([[page("a", 1)]] * late + [[page("a", 1), page("b", 2)]])
    whole = json.loads(b"".join([part async for part in one.snapshot()]))
    assert (len(whole["entries"]), whole["complete"]) == (2 if complete else 1, complete)


async def test_what_is_restored_is_cut_into_messages_and_what_is_too_long_left_out() -> None:
    entries = [{"body": "x" * 100_000}] * 5 + [{"body": "x" * 17_000_000}]
    snapshot = {"version": 1, "created_at": "2026-01-01T00:00:00Z", "entries": entries, "complete": True}
    answer = [{"worker": "a", "restored": 2}, {"worker": "b", "restored": 1}]
    one, ordered = control([answer, answer, answer])
    assert await one.restore(json.dumps(snapshot).encode(), "ana", "") == {"entries": 5, "restored": 3, "workers": 2}
    assert [len(order["entries"]) for order in ordered] == [2, 2, 1]
    assert ordered[0]["elapsed"] > 0
