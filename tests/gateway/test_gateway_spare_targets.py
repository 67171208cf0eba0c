"""Requests whose target fails are sent to another one: beyond the own zone, and after a reload, too."""

from __future__ import annotations

from tests.gateway.caching import hold
from tests.gateway.one_worker import one_worker
from tests.gateway.origin import origin
from tests.gateway.stage import staged, until
from tests.gateway.targets import asked, document_for, targets
from tests.gateway.upstream_http2 import Http2Upstream
from tests.gateway.upstream_http2 import document_for as speaking_http2


async def test_requests_to_the_only_target_that_is_near_count_for_the_budget_of_retries() -> None:
    with targets(2) as (near, far):
        near.always = "status-503"
        document = document_for(near, far, retry={"budget_percent": 50, "budget_min_per_sec": 0})
        document["upstreams"][0]["targets"][0]["zone"] = document["server"]["zone"] = "a"
        async with staged(document) as stage:
            assert await asked(stage, 10) == [200, 503] * 5, "half of them may be"
            assert len(far.requests) == 5


async def test_a_request_of_before_a_reload_goes_to_another_target_when_its_own_fails() -> None:
    async with origin() as ill, origin() as well:
        places = [one.url.removeprefix("http://") for one in (ill, well)]
        release = hold(ill, b"")
        spreading = {
            "load_balancing": {"algorithm": "least_connections"},
            "outlier_detection": {"consecutive_failures": 1},
        }
        async with (
            one_worker(document_for(*places, **spreading)) as worker,
            worker.caller() as one,
            worker.caller() as other,
        ):
            for caller in (one, other):
                caller.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: ill.asked and well.asked)
            await worker.reload(document_for(*places, timeout_secs=17, **spreading))
            release.set()
            assert [(await caller.answer()).status for caller in (one, other)] == [200, 200]
            assert (len(ill.asked), len(well.asked)) == (1, 2)
            assert [(await one.get("/x")).status for _ in range(3)] == [200] * 3


async def test_a_connection_of_http_2_of_before_a_reload_is_closed_when_its_last_client_has_left() -> None:
    with Http2Upstream() as upstream:
        async with one_worker(speaking_http2(upstream)) as worker:
            async with worker.caller() as leaving:
                leaving.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
                await until(lambda: upstream.seen["waiting"] == 1)
                await worker.reload(speaking_http2(upstream, timeout_secs=17))
            await until(lambda: upstream.seen["closed"] == 1)
