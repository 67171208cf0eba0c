"""`server.busy_poll_us`: for a while after a request, a worker looks for the next event instead of sleeping."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.proxy.busy_polling import BusyPolling
from gateway.settings import Settings
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.upstream import ControlledUpstream

REQUESTS = 100


class Looking(selectors.DefaultSelector):
    """Counts how often the loop looked for events without waiting, and found none."""

    in_vain = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout)
        self.in_vain += timeout == 0 and not found
        return found


def looked_in_vain(document: dict[str, Any]) -> int:
    """By one worker, while REQUESTS were answered."""
    looking = Looking()

    async def asking() -> int:
        async with one_worker(document) as worker, worker.caller() as caller:
            began = looking.in_vain
            for _ in range(REQUESTS):
                assert (await caller.get("/")).status == 200
            return looking.in_vain - began

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(looking)) as runner:
        return runner.run(asking())


def test_a_worker_looks_for_the_next_event_only_where_it_is_told_to(shared_upstream: ControlledUpstream) -> None:
    awake = looked_in_vain(settings_for(shared_upstream.url, server={"busy_poll_us": 10_000}))
    asleep = looked_in_vain(settings_for(shared_upstream.url))
    assert awake > 3 * REQUESTS > asleep


async def test_it_sleeps_again_when_nothing_more_comes() -> None:
    now, looks = 100.0, 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return now

    polling = BusyPolling(0.0001, clock)
    polling.stay()
    polling.stay()
    for _ in range(50):
        await asyncio.sleep(0)
    assert looks > 40, "it looks in each turn"
    now = 100.0002
    for _ in range(3):
        await asyncio.sleep(0)
    before = looks
    for _ in range(20):
        await asyncio.sleep(0)
    assert looks == before, "the loop has nothing to do any more"
    polling.stay()
    await asyncio.sleep(0)
    assert looks > before + 1, "with the next request, it begins anew"


async def test_a_reload_turns_it_on_and_off(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    async with one_worker(document) as worker, worker.caller() as caller:
        for number, server in enumerate(({"busy_poll_us": 200}, {"busy_poll_us": 50}, {}), 2):
            await worker.reload({**document, "server": {**document.get("server", {}), **server}}, number)
            assert (await caller.get("/")).status == 200


@pytest.mark.parametrize("value", [-1, 10_001, 0.5])
def test_it_is_bounded(value: float) -> None:
    with pytest.raises(ValidationError, match="busy_poll_us"):
        Settings.model_validate({**settings_for("http://a.example"), "server": {"busy_poll_us": value}})
