"""A worker process: the data plane, steered by the supervisor over the control channel.

Started as `python -m gateway.worker FD`, where FD is its end of the channel. It gets everything else in messages,
so no secret is ever in its arguments or environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import uvloop

from gateway.background import Background, described, tell_of_failures
from gateway.cache.orders import CacheOrders
from gateway.cache.response_cache import ResponseCache
from gateway.configured import Configured
from gateway.control import ControlChannel, Message
from gateway.listening.doors import Doors
from gateway.listening.listening import Listening
from gateway.proxy.admission import Policy
from gateway.proxy.dataplane import TICK_SECS, Dataplane
from gateway.settings import ProxySettings
from gateway.telemetry.journal import Journal
from gateway.telemetry.log_writer import DESCRIPTORS, LogWriter
from gateway.telemetry.tally import Tally

REPORT_SECS = 0.5
CERTIFICATE_SECS = 1.0
_PAGE_TIMEOUT_SECS = 2.0
_ORPHAN_DRAIN_SECS = 2.0
#: No rule asks elsewhere for longer, whatever a request may take.
_LONGEST_DECISION_SECS = 60.0


class Worker:
    """Reacts to the supervisor's messages; `finished` is set when the process may exit."""

    def __init__(self, channel: socket.socket) -> None:
        self.finished = asyncio.Event()
        self._channel = ControlChannel(channel, self._receive, self._orphaned)
        self._plane: Dataplane | None = None
        self._configured: Configured | None = None
        self._prepared: Configured | None = None
        self._cache_orders: CacheOrders | None = None
        self._tally = Tally()
        self._journal: Journal | None = None
        self._writer: LogWriter | None = None
        self._log_descriptor: int | None = None
        self._listening: Listening | None = None
        self._next_doors: Doors = {}
        self._pages_waiting: dict[int, Callable[[str | None], None]] = {}
        self._next_id = 0
        self._background = Background(self._failed)
        tell_of_failures(self._failed)
        self._drain_secs: float | None = None
        self._reactions = self._reacting()

    # Messages.

    def _receive(self, message: Message, sockets: list[socket.socket]) -> None:
        if message["type"] == "listen":
            self._background.spawn(self._listen(message, sockets))
        elif message["type"] == "log":
            self._log_descriptor = sockets[0].detach()
        else:
            self._reactions[message["type"]](message)

    def _reacting(self) -> dict[str, Callable[[Message], object]]:
        return {
            "start": self._start,
            "report": lambda message: self._report(message.get("id")),
            "faults": lambda message: self._started().faults.replace(message["faults"]),
            "targets": lambda message: self._started().target_orders.replace(message["orders"], time.time()),
            "checks": lambda message: self._started().targets_checked(message["well"]),
            "circuits": lambda message: self._started().circuit_orders.replace(message["orders"], time.time()),
            "maintenance": self._order,
            "blocks": self._order,
            "client_blocks": self._order,
            "prepare": self._prepare,
            "commit": self._commit,
            "config_refused": lambda message: self._started().running_config.update(refused_at=message["at"]),
            "discard": lambda _: self._discard(),
            "revocations": lambda message: self._answer(message, self._revoke(message)),
            "cache": lambda message: self._background.spawn(self._obey(message)),
            "changed": lambda message: self._caching().changed_elsewhere(message["keys"]),
            "token": lambda message: self._background.spawn(self._describe(message)),
            "log_sinks": lambda message: self._started().log_sinks.update(message["states"]),
            "share": lambda message: self._share(message["workers"]),
            "page": lambda message: self._page_arrived(message["id"], message["text"]),
            "drain": lambda message: self._begin_drain(message["timeout"]),
        }

    def _start(self, message: Message) -> None:
        settings = ProxySettings.model_validate(message["settings"])
        self._writer = LogWriter(self._log_descriptor_of(settings))
        self._journal = Journal(settings.logging, worker=message["name"], writer=self._writer)
        self._configured = self._made(settings, message)
        self._plane = Dataplane(
            settings,
            worker_name=message["name"],
            tally=self._tally,
            journal=self._journal,
            fetch_page=self._fetch_page,
            policies=self._policies(self._configured),
            cache=self._configured.cache,
        )
        self._hold(self._plane, self._configured)
        self._listening = Listening(self._plane, settings.server, self._journal.event)
        self._background.repeat(CERTIFICATE_SECS, self._listening.refresh)
        self._background.repeat(TICK_SECS, self._plane.tick)
        self._background.repeat(TICK_SECS, self._end_orders)
        self._background.repeat(REPORT_SECS, self._report_unless_congested)
        self._background.repeat(TICK_SECS, self._tell_changed)

    # Configurations: all workers prepare one before any goes by it, so that they agree or keep what they have.

    def _made(self, settings: ProxySettings, message: Message) -> Configured:
        journal = self._journal
        assert journal is not None
        made = Configured(
            settings, message["number"], message["version"], tally=self._tally, tell=journal.event,
            workers=message["workers"], revocations=message["revocations"], earlier=self._configured,
        )  # fmt: skip
        made.open(self._background)
        return made

    def _prepare(self, message: Message) -> None:
        """Make all of a configuration that can be wrong. It replaces one that was prepared and never used."""
        error = None
        self._discard()
        try:
            self._next_doors = self._accepting().doors_for(ProxySettings.model_validate(message["settings"]).server)
            self._prepared = self._made(ProxySettings.model_validate(message["settings"]), message)
        except Exception as failure:  # Whatever it was, this configuration cannot be used.
            error = described(failure)
        self._answer(message, {"number": message["number"], "error": error})

    def _discard(self) -> None:
        if self._prepared is not None:
            self._background.spawn(self._prepared.close())
            self._prepared = None

    def _commit(self, message: Message) -> None:
        """Go by the configuration that was prepared; the requests that have begun end by the one before."""
        earlier, prepared, self._prepared = self._knowing(), self._prepared, None
        if prepared is not None and prepared.number == message["number"]:
            self._report(None)  # What the former cache has counted.
            prepared.replace(earlier)
            self._configured, self._cache_orders = prepared, None
            self._log_by(prepared.settings)
            self._started().configure(prepared.settings, self._policies(prepared), prepared.cache)
            self._hold(self._started(), prepared)
            self._background.spawn(self._accepting().go_by(self._next_doors))
            patience = min(_LONGEST_DECISION_SECS, earlier.settings.server.request_timeout_secs)
            self._background.spawn(_closed_after(patience, earlier))
        self._answer(message, {"number": self._knowing().number})

    def _policies(self, configured: Configured) -> tuple[Policy, ...]:
        assert self._journal is not None
        return (self._journal.policy, *configured.policies)

    def _hold(self, plane: Dataplane, configured: Configured) -> None:
        plane.running_config = {"number": configured.number, "version": configured.version}
        plane.stores = configured.stores
        plane.unrouted = configured.unrouted

    def _log_by(self, settings: ProxySettings) -> None:
        assert self._journal is not None
        assert self._writer is not None
        descriptor = self._log_descriptor_of(settings)
        if descriptor != self._writer.descriptor:
            former, self._writer = self._writer, LogWriter(descriptor)
            self._background.spawn(asyncio.to_thread(former.close))
        self._journal.configure(settings.logging, self._writer)

    def _log_descriptor_of(self, settings: ProxySettings) -> int | None:
        """With sinks, the supervisor takes the records; otherwise each worker writes its own."""
        return self._log_descriptor if settings.log_to_supervisor else DESCRIPTORS[settings.logging.output]

    def _order(self, message: Message) -> None:
        self._knowing().order(message)
        self._started().reroute()

    def _end_orders(self) -> None:
        """What has expired is no rule of any route any more, and what was revoked allows no tunnel."""
        configured = self._knowing()
        configured.authentication.end_tunnels()
        if configured.orders_have_ended():
            self._started().reroute()

    def _share(self, workers: int) -> None:
        for one in (self._configured, self._prepared):
            if one is not None:
                one.limiter.shared_by(workers)

    def _revoke(self, message: Message) -> bool:
        for one in (self._configured, self._prepared):
            if one is not None:
                one.authentication.revoke(message)
        return True

    def _caching(self) -> ResponseCache:
        return self._knowing().cache

    async def _obey(self, message: Message) -> None:
        self._answer(message, await self._orders().obey(message["order"]))

    def _orders(self) -> CacheOrders:
        if self._cache_orders is None:
            cache, plane = self._caching(), self._started()
            fetch = partial(cache.warm, plane)
            self._cache_orders = CacheOrders(cache, plane.worker_name, fetch)
        return self._cache_orders

    def _tell_changed(self) -> None:
        """Have the other workers forget what this one's requests have changed."""
        if keys := self._caching().take_changed():
            self._channel.send({"type": "changed", "keys": keys})

    def _started(self) -> Dataplane:
        assert self._plane is not None, "the supervisor sends `start` first"
        return self._plane

    def _answer(self, question: Message, answer: Any) -> None:
        self._channel.send({"type": "answer", "id": question["id"], "answer": answer})

    async def _describe(self, question: Message) -> None:
        self._answer(question, await self._knowing().authentication.described(question["name"]))

    def _knowing(self) -> Configured:
        assert self._configured is not None, "the supervisor sends `start` first"
        return self._configured

    def _accepting(self) -> Listening:
        assert self._listening is not None, "the supervisor sends `start` first"
        return self._listening

    async def _listen(self, message: Message, sockets: list[socket.socket]) -> None:
        """Accept on these sockets, by the places and slots that they are for, and no longer on those to drop."""
        add, drop = ([(place, slot) for place, slot in message[name]] for name in ("add", "drop"))
        await self._accepting().change(add, drop, sockets)
        self._channel.send({"type": "listening", "places": self._accepting().places()})

    def _begin_drain(self, timeout: float) -> None:
        if self._drain_secs is None:
            self._drain_secs = timeout
            self._background.spawn(self._drain(timeout))

    async def _drain(self, timeout: float) -> None:
        try:
            if self._plane is not None:
                self._accepting().close()
                cut = await self._plane.drain(timeout)
                await self._knowing().drained()
                self._tell_changed()
                self._log_drained(cut)
                self._report(None)
        finally:
            self.finished.set()

    def _log_drained(self, cut: int) -> None:
        if self._journal is not None:
            level = "WARNING" if cut else "INFO"
            self._journal.event(level, "worker", "worker_drained", f"drained; {cut} connections were cut", cut=cut)

    def _orphaned(self) -> None:
        """The supervisor is gone: nobody counts, scales or replaces this process any more."""
        self._begin_drain(_ORPHAN_DRAIN_SECS)

    # Reports.

    def _report_unless_congested(self) -> None:
        if not self._channel.congested:
            self._report(None)

    def _report(self, request_id: int | None) -> None:
        if self._plane is None or self._journal is None or self._writer is None:
            return
        plane = self._plane
        self._channel.send(
            {
                "type": "report",
                "id": request_id,
                "config": self._knowing().number,
                "counted": self._tally.take(),
                **self._journal.take(),
                "open_connections": plane.open_connections,
                "listeners": self._accepting().connections(),
                "in_flight": plane.in_flight,
                "tunnels": plane.tunnels,
                "targets": plane.target_states(),
                "connection_uses": plane.take_connection_uses(),
                "breakers": plane.breakers(),
                "cache": self._caching().take_report(),
                "ready": plane.readiness()[0],
                "log_dropped": self._writer.take_dropped(),
            }
        )

    def _fetch_page(self, name: str, answer: Callable[[str | None], None]) -> None:
        self._next_id += 1
        request_id = self._next_id
        self._pages_waiting[request_id] = answer
        self._channel.send({"type": "page", "name": name, "id": request_id})
        loop = asyncio.get_running_loop()
        loop.call_later(_PAGE_TIMEOUT_SECS, self._page_arrived, request_id, None)

    def _page_arrived(self, request_id: int, text: str | None) -> None:
        answer = self._pages_waiting.pop(request_id, None)
        if answer is not None:
            answer(text)

    # Running.

    def announce(self) -> None:
        """Tell the supervisor that this process reads its channel."""
        self._channel.send({"type": "hello", "pid": os.getpid()})

    def _failed(self, task: str, error: BaseException | None) -> None:
        text = f"{task}: {described(error)}"
        if self._journal is not None:
            self._journal.event("ERROR", "worker", "task_failed", text, task=task)
        else:
            sys.stderr.write(f"{text}\n")

    async def stop(self) -> None:
        """Send and write what is left."""
        self._background.cancel()
        deadline = asyncio.get_running_loop().time() + 1.0
        while self._channel.congested and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - the end
            await asyncio.sleep(0.01)
        if self._configured is not None:
            await self._configured.close()
        if self._writer is not None:
            self._writer.close()
        self._channel.close()


async def _closed_after(seconds: float, one: Configured) -> None:
    """Nobody waits for what a rule asks elsewhere for longer than a request may take."""
    await asyncio.sleep(seconds)
    await one.close()


def _allow_many_descriptors() -> None:
    """Each client may need two descriptors; the usual soft limit is far below the connections that are allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(descriptor: int) -> None:
    """Run one worker on its end of the control channel until it has drained."""
    # The supervisor decides when a worker stops; a Ctrl-C at the terminal reaches the whole process group.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _allow_many_descriptors()
    # What was loaded at the start lives as long as the process; the collector need not look at it again.
    gc.freeze()
    worker = Worker(socket.socket(fileno=descriptor))
    worker.announce()
    await worker.finished.wait()
    await worker.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
