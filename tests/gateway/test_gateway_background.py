"""What runs unattended goes on after a failure, or says that it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.background import Background
from gateway.settings import Settings
from gateway.supervisor.fleet import Fleet, FleetError, pause_after
from gateway.supervisor.listeners import Listeners, PortUnavailableError
from tests.gateway.running import settings_for


class Told:
    """Remembers what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def log(self, level: str, event_type: str, message: str, **fields: Any) -> None:
        self.events.append((event_type, message))


class NoMorePorts(Listeners):
    """Every socket but the first is refused, as on a host that has run out of them."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 0, 16)
        self.refusals = 0

    def _opened(self) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise PortUnavailableError("cannot listen: too many open files")
        return super()._opened()


@pytest.fixture
def listeners() -> Any:
    found = NoMorePorts()
    yield found
    found.close()


def fleet_of(listeners: Listeners, told: Told) -> Fleet:
    settings = Settings.model_validate(settings_for("http://127.0.0.1:1"))
    return Fleet(settings, listeners, absorb=lambda _: (0, 0), log=told.log, render=str)


def test_pauses_grow_and_have_an_end() -> None:
    assert pause_after(0) == 0
    assert pause_after(1) == pytest.approx(0.1)
    assert pause_after(3) == pytest.approx(0.4)
    assert pause_after(20) == pause_after(1024) == pause_after(10**9) == 5


async def test_a_slot_without_a_socket_is_tried_again_and_leaves_no_ghost(listeners: NoMorePorts) -> None:
    told = Told()
    fleet = fleet_of(listeners, told)
    listeners.refusals = 1
    await fleet.scale_to(1, lambda: None)
    assert [event for event, _ in told.events] == ["worker_failed", "worker_ready"]
    assert "too many open files" in told.events[0][1]
    assert [worker.state for worker in fleet.workers] == ["ready"]
    await fleet.stop()


async def test_a_restart_does_not_start_workers_while_the_gateway_stops(listeners: NoMorePorts) -> None:
    fleet = fleet_of(listeners, Told())
    await fleet.scale_to(2, lambda: None)
    restarting = asyncio.create_task(fleet.restart_all(lambda: None))
    async with asyncio.timeout(20):
        while not any(worker.state == "draining" for worker in fleet.workers):  # noqa: ASYNC110 - a process's state
            await asyncio.sleep(0.005)
    await fleet.stop()
    with pytest.raises(FleetError, match="the gateway is stopping"):
        await restarting
    assert fleet.ready == 0
    assert fleet.workers == []


async def test_a_task_that_fails_is_told_of() -> None:
    failed: list[tuple[str, str]] = []
    background = Background(lambda task, error: failed.append((task, str(error))))

    async def breaks() -> None:
        raise ValueError("broken")

    async def waits() -> None:
        await asyncio.sleep(60)

    background.spawn(breaks())
    background.spawn(waits())
    await asyncio.sleep(0.01)
    background.cancel()
    await asyncio.sleep(0.01)
    assert [(task.rsplit(".", 1)[1], text) for task, text in failed] == [("breaks", "broken")]


async def test_what_is_repeated_goes_on_after_a_failure_that_is_told_once() -> None:
    failed: list[str] = []
    times: list[int] = []
    background = Background(lambda task, error: failed.append(str(error)))

    def works() -> None:
        times.append(len(times))
        if len(times) < 3:
            raise ValueError("broken")

    background.repeat(0.001, works)
    async with asyncio.timeout(5):
        while len(times) < 5:  # noqa: ASYNC110 - what is waited for is a count
            await asyncio.sleep(0.001)
    background.cancel()
    assert failed == ["broken"]
