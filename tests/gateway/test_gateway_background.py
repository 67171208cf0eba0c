"""What runs unattended goes on after a failure, or says that it does not."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.background import Background, tell_of_failures
from gateway.config_source import ConfigSource
from gateway.control import ControlChannel, Message
from gateway.settings import Settings
from gateway.supervisor.fleet import Fleet, FleetError, pause_after
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.supervisor.shared_page import SharedPage
from gateway.telemetry.log_writer import LogWriter
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
    revocations = RevocationRegistry(None, 10, time.time).for_workers
    return Fleet(
        settings, PublicListeners(listeners, settings.server), absorb=lambda _: (0, 0), log=told.log,
        pages={"metrics": str}, revocations=revocations, log_socket=lambda: socket.socketpair()[1],
    )  # fmt: skip


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


class Process(WorkerProcess):
    """No process: remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__(1, 0, lambda *_: None)
        self.sent: list[Message] = []

    def send(self, message: Message, sockets: list[socket.socket] | None = None) -> None:
        self.sent.append(message)


async def test_a_worker_is_told_nothing_before_its_start(listeners: NoMorePorts) -> None:
    fleet, starting, serving = fleet_of(listeners, Told()), Process(), Process()
    for worker in (starting, serving):
        worker.hello.set()
        fleet._others.add(worker)
    serving.accepting = {("main", 1)}
    fleet.broadcast({"type": "faults", "faults": []})
    assert (starting.sent, serving.sent) == ([], [{"type": "faults", "faults": []}])
    fleet._send_standing(starting)
    assert starting.sent == serving.sent, "what stands comes after its start"


async def test_a_restart_does_not_start_workers_while_the_gateway_stops(listeners: NoMorePorts) -> None:
    fleet = fleet_of(listeners, Told())
    await fleet.scale_to(2, lambda: None)
    restarting = asyncio.create_task(fleet.restart_all(lambda: None))
    async with asyncio.timeout(60):
        while not any(worker.state == "draining" for worker in fleet.workers):  # noqa: ASYNC110 - a process's state
            await asyncio.sleep(0.005)
    await fleet.stop()
    with pytest.raises(FleetError, match="the gateway is stopping"):
        await restarting
    assert fleet.ready == 0
    assert fleet.workers == []


async def test_a_restart_of_some_replaces_those_and_no_other(listeners: NoMorePorts) -> None:
    fleet = fleet_of(listeners, Told())
    await fleet.scale_to(2, lambda: None)
    first, second = fleet.workers
    done: list[str] = []
    await fleet.restart_all(lambda: done.append("one"), frozenset({second.name, "gateway-7-gone"}))
    assert fleet.workers[0] is first
    assert fleet.workers[1] is not second
    assert (fleet.ready, done) == (2, ["one"])
    await fleet.stop()


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
    async with asyncio.timeout(60):
        while len(times) < 5:  # noqa: ASYNC110 - what is waited for is a count
            await asyncio.sleep(0.001)
    background.cancel()
    assert failed == ["broken"]


async def test_a_message_that_cannot_be_handled_takes_no_other_along() -> None:
    handled: list[int] = []
    failed: list[str] = []
    tell_of_failures(lambda what, error: failed.append(f"{what}: {error}"))

    def handle(message: Message, _sockets: list[socket.socket]) -> None:
        if message["number"] == 2:
            raise ValueError("broken")
        handled.append(message["number"])

    ours, theirs = socket.socketpair()
    sending = ControlChannel(ours, lambda *_: None, lambda: None)
    receiving = ControlChannel(theirs, handle, lambda: None)
    for number in (1, 2, 3):
        sending.send({"type": "count", "number": number})
    async with asyncio.timeout(60):
        while 3 not in handled:  # noqa: ASYNC110 - what is waited for is in a list
            await asyncio.sleep(0.005)
    sending.close()
    receiving.close()
    assert handled == [1, 3]
    assert failed == ["the control message 'count' could not be handled: broken"]


async def test_a_page_is_made_once_for_all_who_ask_within_a_second() -> None:
    made: list[int] = []
    now = 100.0

    async def make() -> str:
        made.append(len(made))
        await asyncio.sleep(0.01)
        if len(made) == 2:
            raise OSError("no page")
        return f"page {len(made)}"

    page = SharedPage(make, lambda: now)
    assert await asyncio.gather(*(page.text() for _ in range(20))) == ["page 1"] * 20
    now += 0.9
    assert await page.text() == "page 1"
    now += 0.2
    with pytest.raises(OSError, match="no page"):
        await page.text()
    assert await page.text() == "page 3"


async def test_one_who_no_longer_waits_takes_the_page_from_nobody() -> None:
    async def make() -> str:
        await asyncio.sleep(0.05)
        return "page"

    page = SharedPage(make, lambda: 100.0)
    first, second = asyncio.create_task(page.text()), asyncio.create_task(page.text())
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == "page"


async def test_a_fault_that_is_refused_is_not_told_as_added(listeners: NoMorePorts, tmp_path: Path) -> None:
    path = tmp_path / "there" / "history.jsonl"
    settings = Settings.model_validate(settings_for("http://127.0.0.1:1"))
    gateway = Gateway(
        settings, source=ConfigSource(tmp_path), listeners=listeners, history=History(path), orders=None,
        writer=LogWriter(None), revocations=RevocationRegistry(None, 10, time.time),
    )  # fmt: skip
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        gateway.faults.inject(
            actor="ana", reason="", route="*", latency_ms=0, error_rate=1, status=503, expires_in_seconds=60
        )
    ask: dict[str, Any] = {"limit": 5, "level": None, "grep": "fault_added", "since": 0}
    assert gateway.ledger.recent.found(**ask)["total_matched"] == 0
    assert gateway.faults.active() == []
    path.rmdir()
    gateway.faults.inject(
        actor="ana", reason="", route="*", latency_ms=0, error_rate=1, status=503, expires_in_seconds=60
    )
    assert gateway.ledger.recent.found(**ask)["total_matched"] == 1
