"""Each request of one route in the log, for as long as an operator wants it, while others are sampled."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.running import settings_for
from tests.gateway.upstream import ControlledUpstream


def document(base_url: str, *, whole: bool, level: str = "INFO") -> dict[str, Any]:
    made = settings_for(base_url, logging={"sampling_rate": 0, "level": level})
    made["routes"][1]["log_every_request"] = whole
    return made


async def logged(worker: OneWorker) -> list[tuple[str, str]]:
    """(event, route) of what is logged while each of two routes is asked once."""
    await worker.report()
    worker.said.clear()
    async with worker.caller() as caller:
        for target in ("/limited", "/"):
            assert (await caller.get(target)).status == 200
    await worker.report()
    lines = [line for told in worker.said if told["type"] == "report" for _, _, line in told["records"]]
    found = [json.loads(line) for line in lines]
    return [(one["event_type"], one["route"]) for one in found if "route" in one]


async def test_each_request_of_a_route_is_logged_and_no_other(shared_upstream: ControlledUpstream) -> None:
    both = [("request_received", "limited"), ("request", "limited")]
    async with one_worker(document(shared_upstream.url, whole=False)) as worker:
        assert await logged(worker) == []
        await worker.reload(document(shared_upstream.url, whole=True), 2)
        assert await logged(worker) == both
        await worker.reload(document(shared_upstream.url, whole=True, level="WARNING"), 3)
        assert await logged(worker) == [], "the level holds for it, too"
        await worker.reload(document(shared_upstream.url, whole=False), 4)
        assert await logged(worker) == []
