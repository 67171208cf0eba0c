"""What checks and requests have found of a target holds on when a newer configuration changes its upstream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.stage import until
from tests.gateway.targets import document_for, nobody, shares, targets

FOR_LONG = {"consecutive_failures": 2, "base_ejection_secs": 300}


async def why(worker: OneWorker, target: str = "blue") -> str | None:
    """In one word, why it is left out."""
    found: str | None = (await worker.report())["targets"]["backend"][target][3]
    return found


async def got(worker: OneWorker, count: int) -> list[int]:
    async with worker.caller() as caller:
        return [(await caller.get("/x")).status for _ in range(count)]


def changed(document: dict[str, Any]) -> dict[str, Any]:
    """Its upstream has other settings, so it gets connections, a balancer and a budget anew."""
    [upstream] = document["upstreams"]
    return {**document, "upstreams": [{**upstream, "timeout_secs": 7}]}


async def test_who_was_ejected_stays_so() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "status-500"
        document = document_for(*upstreams, outlier_detection=FOR_LONG)
        async with one_worker(document) as worker:
            assert sorted(await got(worker, 4)) == [200, 200, 500, 500]
            assert await why(worker) == "ejected"
            await worker.reload(changed(document))
            assert await got(worker, 4) == [200] * 4
            assert shares(upstreams) == [2, 6]
            assert await why(worker) == "ejected"


async def test_failures_that_were_not_enough_yet_count_on() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "status-500"
        document = document_for(*upstreams, outlier_detection=FOR_LONG)
        async with one_worker(document) as worker:
            assert sorted(await got(worker, 2)) == [200, 500]
            await worker.reload(changed(document))
            await got(worker, 2)
            assert await why(worker) == "ejected"


async def test_who_checks_have_found_ill_stays_so() -> None:
    with targets(2) as upstreams:
        document = document_for(*upstreams, health_check={"interval_secs": 60})
        async with one_worker(document) as worker:
            worker.tell("checks", well={"backend": {"blue": False, "green": True}})
            assert await why(worker) == "unhealthy"
            await worker.reload(changed(document))
            assert await got(worker, 4) == [200] * 4
            assert shares(upstreams) == [0, 4]


async def test_who_cannot_be_reached_stays_so() -> None:
    with targets(1) as (well,), nobody() as dead:
        document = document_for(dead, well)
        async with one_worker(document) as worker:
            assert await got(worker, 2) == [200, 200]
            assert await why(worker) == "unreachable"
            await worker.reload(changed(document))
            assert await why(worker) == "unreachable"


@pytest.mark.parametrize("place", ["name", "place"])
async def test_it_is_known_by_its_address_and_by_nothing_else(place: str) -> None:
    with targets(2) as upstreams, targets(1) as (other,):
        upstreams[0].always = "status-500"
        document = document_for(*upstreams, outlier_detection=FOR_LONG)
        async with one_worker(document) as worker:
            await got(worker, 4)
            assert await why(worker) == "ejected"
            if place == "name":
                await worker.reload(renamed(document))
                assert await why(worker, "azure") == "ejected"
            else:
                await worker.reload(document_for(other, upstreams[1], outlier_detection=FOR_LONG))
                assert await why(worker) is None
                assert await got(worker, 4) == [200] * 4
                await until(lambda: len(other.requests) == 2)


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    [upstream] = document["upstreams"]
    first, second = upstream["targets"]
    return {**document, "upstreams": [{**upstream, "targets": [{**first, "id": "azure"}, second]}]}
