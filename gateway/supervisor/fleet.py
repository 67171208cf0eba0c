"""The workers: started, kept running, scaled, replaced one by one, drained.

No request is lost on the way because no listening socket is ever closed (see `listeners`), and because a worker
stops accepting before it finishes what it has.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.background import Background, described
from gateway.control import Message
from gateway.settings import Settings
from gateway.supervisor.collecting import Collecting
from gateway.supervisor.listeners import assignment
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.questions import Questions
from gateway.supervisor.rollout import Rollout
from gateway.supervisor.shared_page import SharedPage

_POLL_SECS = 0.02
_AT_ONCE = 200
_KILL_GRACE_SECS = 3.0
_MAX_BACKOFF_SECS = 5.0
_HEALTHY_AFTER_SECS = 30.0
_SILENT_TOO_LONG_CHECKS = 15
_STOPPING = "the gateway is stopping"

Progress = Callable[[], None]
Logger = Callable[..., None]
Absorb = Callable[[dict[str, Any]], tuple[int, int]]


class FleetError(Exception):
    """Workers did not become ready; the text says which."""


class Fleet:
    """All workers of one gateway. Slots are numbered from 1; `desired` of them are filled."""

    def __init__(
        self,
        settings: Settings,
        listeners: PublicListeners,
        *,
        absorb: Absorb,
        log: Logger,
        pages: Mapping[str, Callable[[], str]],
        revocations: Callable[[], dict[str, Any]],
        log_socket: Callable[[], socket.socket],
    ) -> None:
        self.desired = 0
        self.crashes = 0
        self.rollout = Rollout(
            settings, workers=lambda: self.workers, ask=self.ask, desired=lambda: self.desired, revocations=revocations,
            listeners=listeners, reassign=self._reassign,
        )  # fmt: skip
        self._listeners = listeners
        self._absorb = absorb
        self._log = log
        self._pages = {name: self._page(render) for name, render in pages.items()}
        self._standing: dict[str, Message] = {}
        self._log_socket = log_socket
        self._questions = Questions()
        self._by_slot: dict[int, WorkerProcess] = {}
        self._others: set[WorkerProcess] = set()
        self._failures: dict[int, int] = {}
        self._restarts: dict[int, int] = {}
        self._filling: set[int] = set()
        self._background = Background(self.failed)
        self._collecting = Collecting()
        self._stopping = False
        # Python's start is all processor time; more at once than there are processors only makes each slower.
        self._starts = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    @property
    def workers(self) -> list[WorkerProcess]:
        """Every process, those that start or drain included, by slot."""
        return sorted([*self._by_slot.values(), *self._others], key=lambda worker: (worker.slot, worker.started_at))

    @property
    def ready(self) -> int:
        """How many workers serve."""
        return len(self._by_slot)

    # Scaling.

    async def scale_to(self, target: int, progress: Progress) -> None:
        """Have exactly `target` workers ready; `progress` is called for each that came or went.

        Raises:
            FleetError: some did not become ready in time. They are still being started.
        """
        before, self.desired = self.desired, target
        self._tell_share()
        if target > before:
            await self._fill(range(before + 1, target + 1), progress)
        else:
            await self._retire(range(target + 1, before + 1), progress)

    def _tell_share(self) -> None:
        """Have all workers know with how many they share what is limited for the gateway as a whole."""
        self._tell({"type": "share", "workers": self.desired})

    async def _fill(self, slots: range, progress: Progress) -> None:
        for slot in slots:
            self._background.spawn(self._keep_filled(slot))
        deadline = asyncio.get_running_loop().time() + self.rollout.settings.workers.start_timeout_secs
        waiting = set(slots)
        while waiting:
            for slot in sorted(waiting & set(self._by_slot)):
                waiting.discard(slot)
                progress()
            if waiting and asyncio.get_running_loop().time() > deadline:
                names = ", ".join(str(slot) for slot in sorted(waiting))
                raise FleetError(f"the workers of these slots did not become ready in time: {names}")
            await asyncio.sleep(_POLL_SECS)

    async def _retire(self, slots: range, progress: Progress) -> None:
        retired = [self._by_slot.pop(slot) for slot in slots if slot in self._by_slot]
        self._reassign()
        missing = len(slots) - len(retired)
        for _ in range(missing):
            progress()
        await asyncio.gather(*(self._drain(worker, progress) for worker in retired))

    async def _drain(self, worker: WorkerProcess, progress: Progress) -> None:
        worker.state = "draining"
        self._others.add(worker)
        worker.send({"type": "drain", "timeout": self.rollout.settings.server.drain_timeout_secs})
        await self._wait_for_end(worker)
        progress()

    async def _wait_for_end(self, worker: WorkerProcess) -> None:
        """Wait for a draining worker; one that does not keep its time is killed."""
        try:
            async with asyncio.timeout(self.rollout.settings.server.drain_timeout_secs + _KILL_GRACE_SECS):
                await worker.exited.wait()
        except TimeoutError:
            self._log("ERROR", "worker_killed", f"{worker.name} did not drain in time", worker=worker.name)
            worker.kill()
            await worker.exited.wait()

    # Restarting.

    async def restart_all(self, progress: Progress, names: frozenset[str] | None = None) -> None:
        """Replace every worker, or those with these names, one by one: the new one serves before the old one drains.

        A worker that is gone already is not waited for: its slot has a newer one.

        Raises:
            FleetError: a replacement did not become ready, and the worker it was meant for goes on serving; or the
                gateway is stopping.
        """
        for slot in sorted(self._by_slot):
            old = self._by_slot.get(slot)
            if names is not None and (old is None or old.name not in names):
                continue
            replacement = await self._launch(slot)
            if self._stopping:
                await self._drain(replacement, progress)
                raise FleetError(_STOPPING)
            current = self._by_slot.get(slot)
            if current is not None and current is not old:
                # The old one died meanwhile and its slot was filled again: one of the two new ones is too many.
                await self._drain(replacement, progress)
                continue
            self._install(replacement)
            if current is not None:
                await self._drain(current, progress)
            else:
                progress()

    # Keeping slots filled.

    async def _keep_filled(self, slot: int) -> None:
        """Start workers for the slot until one is ready, with growing pauses between failures."""
        if slot in self._filling:
            return
        self._filling.add(slot)
        try:
            while slot <= self.desired and slot not in self._by_slot and not self._stopping:
                await self._try_to_fill(slot)
        finally:
            self._filling.discard(slot)

    async def _try_to_fill(self, slot: int) -> None:
        await asyncio.sleep(pause_after(self._failures.get(slot, 0)))
        try:
            worker = await self._launch(slot)
        except FleetError as error:
            self._failures[slot] = self._failures.get(slot, 0) + 1
            self._log("ERROR", "worker_failed", str(error), slot=slot)
            return
        if slot <= self.desired and slot not in self._by_slot and not self._stopping:
            self._install(worker)
        else:
            await self._drain(worker, lambda: None)

    async def _launch(self, slot: int) -> WorkerProcess:
        async with self._starts:
            if self._stopping:
                raise FleetError(_STOPPING)
            worker = WorkerProcess(slot, self._restarts.get(slot, 0), self._received)
            self._others.add(worker)
            try:
                async with asyncio.timeout(self.rollout.settings.workers.start_timeout_secs):
                    await self._bring_up(worker)
            except Exception as error:  # Whatever it was, nothing half started stays, and the slot is tried again.
                worker.abandon()
                self._others.discard(worker)
                raise FleetError(f"{worker.name} did not start: {_why(error)}") from None
        return worker

    async def _bring_up(self, worker: WorkerProcess) -> None:
        await worker.start(self._log_socket)
        self._background.spawn(self._watch(worker))
        await _first_of(worker.hello, worker.exited)
        with self._log_socket() as log:
            worker.send({"type": "log"}, [log])
        worker.send(self.rollout.start(worker.name))
        self._send_standing(worker)
        self._have_accept(worker, self._listeners.places({worker.slot}))
        await _first_of(worker.listening, worker.exited)
        if worker.exited.is_set():
            raise OSError("it exited at once")

    def _install(self, worker: WorkerProcess) -> None:
        self._others.discard(worker)
        worker.state = "ready"
        worker.ready_at = asyncio.get_running_loop().time()
        # They may have changed while it started.
        self._send_standing(worker)
        self._by_slot[worker.slot] = worker
        self._reassign()
        self._log("INFO", "worker_ready", f"{worker.name} is ready", worker=worker.name, pid=worker.pid)

    def _reassign(self) -> None:
        shares = assignment(self._listeners.slots, self._by_slot)
        for slot, worker in self._by_slot.items():
            self._have_accept(worker, self._listeners.places(shares[slot]))

    def _have_accept(self, worker: WorkerProcess, places: set[tuple[str, int]]) -> None:
        add, drop = sorted(places - worker.accepting), sorted(worker.accepting - places)
        sockets = [self._listeners.at(place) for place in add]
        worker.accepting = places
        # A message carries so many, and no more.
        while add or drop:
            worker.send({"type": "listen", "add": add[:_AT_ONCE], "drop": drop}, sockets[:_AT_ONCE])
            add, sockets, drop = add[_AT_ONCE:], sockets[_AT_ONCE:], []

    # What happens to processes.

    async def _watch(self, worker: WorkerProcess) -> None:
        status = await worker.wait()
        self._others.discard(worker)
        self._collecting.reported(worker)
        if self._by_slot.get(worker.slot) is worker:
            del self._by_slot[worker.slot]
            self._crashed(worker, status)

    def _crashed(self, worker: WorkerProcess, status: int) -> None:
        slot = worker.slot
        self.crashes += 1
        self._restarts[slot] = self._restarts.get(slot, 0) + 1
        loop = asyncio.get_running_loop()
        lived = loop.time() - worker.ready_at if worker.ready_at else 0.0
        self._failures[slot] = 0 if lived > _HEALTHY_AFTER_SECS else self._failures.get(slot, 0) + 1
        message = f"{worker.name} exited with status {status}; it is being replaced"
        self._log("ERROR", "worker_crashed", message, worker=worker.name, pid=worker.pid, exit_status=status)
        if not self._stopping:
            self._background.spawn(self._keep_filled(slot))
            self._reassign()

    def _received(self, worker: WorkerProcess, message: Message) -> None:
        if message["type"] == "report":
            requests, errors = self._absorb(message)
            worker.requests_total += requests
            worker.errors_total += errors
            worker.last_report = message
            self._collecting.reported(worker, message["id"])
        elif message["type"] == "page":
            self._background.spawn(self._answer_page(worker, message["name"], message["id"]))
        elif message["type"] == "answer":
            self._questions.answered(worker, message)
        elif message["type"] == "changed":
            self._tell(message, but=worker)

    async def _answer_page(self, worker: WorkerProcess, name: str, request_id: int) -> None:
        worker.send({"type": "page", "id": request_id, "text": await self.page(name)})

    async def page(self, name: str) -> str:
        """A page about all workers, a second old at most."""
        return await self._pages[name].text()

    def _page(self, render: Callable[[], str]) -> SharedPage:
        async def rendered() -> str:
            await self.collect()
            return render()

        return SharedPage(rendered, time.monotonic)

    async def watch_silence(self) -> None:
        """Kill workers that have said nothing for long: they hang, and a hanging worker answers nobody."""
        while True:
            await asyncio.sleep(1.0)
            for worker in self._by_slot.values():
                # Checks are counted, not seconds: after a pause of the supervisor itself nobody is to blame.
                worker.silent_checks += 1
                if worker.silent_checks > _SILENT_TOO_LONG_CHECKS:
                    self._log("ERROR", "worker_hung", f"{worker.name} does not react", worker=worker.name)
                    worker.kill()

    # Fresh numbers, and what operators have ordered.

    async def collect(self) -> None:
        """Have every worker report now; a slow one is not waited for longer than a moment."""
        await self._collecting.collect(worker for worker in self.workers if worker.state != "starting")

    def broadcast(self, message: Message) -> None:
        """Tell all workers, and those that start later; of each type the last message holds."""
        self._standing[message["type"]] = message
        self._tell(message)

    def _tell(self, message: Message, but: WorkerProcess | None = None) -> None:
        for worker in self.workers:
            # It is sent what it accepts on right after its start, and what it has to know before that.
            if worker.accepting and worker is not but:
                worker.send(message)

    def _send_standing(self, worker: WorkerProcess) -> None:
        for message in self._standing.values():
            worker.send(message)

    async def ask(self, message: Message) -> list[Any]:
        """What the workers answer to a message; those that start later get the whole at their start."""
        # It is sent what it accepts on right after its start, which has told it all until then.
        return await self._questions.ask([worker for worker in self.workers if worker.accepting], message)

    # The end.

    async def stop(self) -> None:
        """Drain all workers at once, within the drain timeout."""
        if self._stopping:
            return
        self._stopping = True
        self._listeners.close()
        for worker in self.workers:
            if worker.state == "starting":
                worker.kill()
        draining = [worker for worker in self._others if worker.state == "draining"]
        serving = list(self._by_slot.values())
        self._by_slot.clear()
        await asyncio.gather(
            *(self._drain(worker, lambda: None) for worker in serving),
            *(self._wait_for_end(worker) for worker in draining),
        )
        for worker in self.workers:
            worker.kill()

    def failed(self, task: str, error: BaseException | None) -> None:
        """Log that work in the background failed."""
        self._log("ERROR", "task_failed", f"{task}: {described(error)}", task=task)


def pause_after(failures: int) -> float:
    """Seconds before the next start, after so many failures in a row."""
    return min(_MAX_BACKOFF_SECS, 0.05 * 2.0 ** min(failures, 10)) if failures else 0.0


def _why(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


async def _first_of(*events: asyncio.Event) -> None:
    while not any(event.is_set() for event in events):  # noqa: ASYNC110 - two events have no common wait
        await asyncio.sleep(0.005)
