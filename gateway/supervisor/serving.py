"""Running the gateway: listeners, workers and the admin API, from the start to the last drained request."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
from pathlib import Path

from gateway.admin.app import admin_app
from gateway.admin.metrics_port import metrics_app
from gateway.admin.server import AdminServer
from gateway.background import Background, tell_of_failures
from gateway.config_source import ConfigSource
from gateway.listening.certificates import CertificateError
from gateway.listening.settings import ListenerSettings
from gateway.settings import ObservabilitySettings, Settings
from gateway.supervisor.config_versions import Cause
from gateway.supervisor.configurations import Configurations, FileWatch
from gateway.supervisor.fleet import FleetError
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.handover import Given, Giving, HandoverError, Role, Taken
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError, listening_socket, url_of
from gateway.supervisor.orders_file import OrdersFile
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.resources import SAMPLE_SECS
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.supervisor.standing_orders import go_by, orders_of
from gateway.telemetry.log_writer import DESCRIPTORS, LogWriter
from gateway.telemetry.records import SERVICE, iso

_EXPIRY_SECS = 0.5
_LONGEST_EXPIRY_SECS = 30.0
_CLAIM_SECS = 0.05
_CLAIM_TRIES = 20


class StartError(Exception):
    """The gateway cannot start; the text is one message for the operator."""


async def serve(settings: Settings, source: ConfigSource) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: a port is taken, the history cannot be written, or no worker becomes ready.
    """
    signals = _Signals()
    try:
        taken = await Taken.at(settings.server.handover_path)
        listeners = _listeners(settings, taken)
        admin_socket = _socket_of("admin", settings.admin.bind_address, settings.admin.port, taken)
        metrics_socket = _metrics_socket(settings.observability, taken)
        taken.close()
    except (PortUnavailableError, CertificateError, HandoverError) as error:
        raise StartError(str(error)) from None
    writer = LogWriter(DESCRIPTORS[settings.logging.output])
    history, orders = _history(settings), await _orders(settings, taken)
    revocations, problems = _revocations(settings, orders, taken)
    gateway = Gateway(
        settings, source=source, listeners=listeners, history=history, orders=orders, revocations=revocations,
        writer=writer,
    )  # fmt: skip
    for event, words in problems:
        gateway.kept_orders.revocations_are_kept = False
        gateway.log("ERROR", event, words)
    pages = AdminServer(metrics_app(gateway.fleet.page, gateway.readiness), metrics_socket) if metrics_socket else None
    served = _Served(gateway, taken, AdminServer(admin_app(gateway), admin_socket), pages, signals)
    try:
        await served.run()
    finally:
        gateway.logs.writer.close()


def _listeners(settings: Settings, taken: Taken) -> PublicListeners:
    def there(one: ListenerSettings) -> dict[int, socket.socket]:
        return taken.public(one.bind_address, one.port, one.place)

    server = settings.server
    first = Listeners(server.bind_address, server.port, server.backlog, taken=there(server.all_listeners[0]))
    return PublicListeners(first, server, there)


def _metrics_socket(settings: ObservabilitySettings, taken: Taken) -> socket.socket | None:
    if settings.metrics_port is None:
        return None
    return _socket_of("metrics", settings.metrics_bind_address, settings.metrics_port, taken)


def _socket_of(role: Role, address: str, port: int, taken: Taken) -> socket.socket:
    return taken.one(role, address, port) or listening_socket(address, port, 128, reuse_port=False)


def _history(settings: Settings) -> History:
    try:
        return History(Path(settings.admin.history_path) if settings.admin.history_path else None)
    except OSError as error:
        raise StartError(f"admin.history_path {settings.admin.history_path!r} cannot be written: {error}") from None


async def _orders(settings: Settings, taken: Taken) -> OrdersFile | None:
    """The file of the standing orders; it is this gateway's now, unless a former one has it until it leaves."""
    if settings.admin.history_path is None:
        return None
    file = OrdersFile(Path(settings.admin.history_path))
    for _ in range(_CLAIM_TRIES):
        if taken.former or file.claim():
            break
        # What was killed a moment ago may have left a process half made, which has its files for so long.
        await asyncio.sleep(_CLAIM_SECS)
    return file


def _revocations(
    settings: Settings, orders: OrdersFile | None, taken: Taken
) -> tuple[RevocationRegistry, list[tuple[str, str]]]:
    """Those that hold, and what the log has to say where they are not kept beside the history, as they should be.

    Raises:
        StartError: they cannot be kept where the settings say.
    """
    path, most = settings.auth.revocations.path, settings.auth.revocations.max_kept
    if path is not None:
        try:
            return RevocationRegistry(Path(path), most, time.time, shared=taken.former), []
        except OSError as error:
            raise StartError(f"auth.revocations.path {path!r} cannot be written: {error}") from None
    if orders is not None and (orders.mine or taken.former):
        try:
            return RevocationRegistry(orders.revocations, most, time.time, shared=taken.former), []
        except OSError as error:
            return _unkept(orders.revocations, most, error)
    return RevocationRegistry(None, most, time.time), []


def _unkept(path: Path, most: int, why: OSError) -> tuple[RevocationRegistry, list[tuple[str, str]]]:
    """Those of the file as far as it can be read, in memory; it cannot be written."""
    registry = RevocationRegistry(None, most, time.time)
    problems = [("orders_not_kept", f"revocations end with this process: {path} cannot be used: {why}")]
    try:
        registry.learn(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        problems.append(("orders_lost", f"no revocation of before holds: {path} cannot be read: {error}"))
    return registry, problems


class _Served:
    """A gateway with what listens for its operators and for who reads its metrics."""

    def __init__(
        self, gateway: Gateway, taken: Taken, operators: AdminServer, pages: AdminServer | None, signals: _Signals
    ) -> None:
        self._gateway = gateway
        self._taken = taken
        self._operators = operators
        self._pages = pages
        self._signals = signals
        self._stopping = signals.stopping

    async def run(self) -> None:
        """Until somebody asks to stop, or another gateway has taken its place."""
        gateway, pages = self._gateway, self._pages
        tell_of_failures(gateway.fleet.failed)
        # Probes are answered from the start: that nobody is served yet is an answer, too.
        answering = None if pages is None else asyncio.create_task(pages.serve())
        try:
            if self._taken.former:
                # Before anybody is served: whom operators keep out gets in at no moment.
                await go_by(gateway, self._taken.orders)
                gateway.kept_orders.wait_for_former()
            else:
                await gateway.kept_orders.begin()
            # Operators are listened to when there is something to operate; until then their connections wait.
            if await _started(gateway, self._stopping):
                await self._take_over()
                await self._serve_operators()
        finally:
            await gateway.stop()
            if pages is not None and answering is not None:
                pages.stop()
                await answering

    async def _take_over(self) -> None:
        """Have the former gateway leave, and go by what was ordered and revoked there until then."""
        if self._taken.former:
            await self._taken.ready()
            await go_by(self._gateway, self._taken.orders)
            if not self._taken.parted:
                await self._gateway.kept_orders.catch_up(self._taken.orders)
            await self._read_revocations_again()
            self._gateway.log("INFO", "gateway_taken_over", "the former gateway has left its place to this one")

    async def _read_revocations_again(self) -> None:
        try:
            await self._gateway.credentials.read_again()
        except OSError as error:
            # The former gateway has left: whoever stops now leaves nobody to serve.
            words = f"what was revoked while this gateway started may not hold: it cannot be read: {error}"
            self._gateway.log("ERROR", "orders_lost", words)

    async def _serve_operators(self) -> None:
        gateway, operators = self._gateway, self._operators
        serving = asyncio.create_task(operators.serve())
        background = Background(gateway.fleet.failed)
        background.spawn(gateway.fleet.watch_silence())
        background.spawn(gateway.kept_orders.follow())
        gateway.sample_resources()
        background.repeat(SAMPLE_SECS, gateway.sample_resources)
        _notice_changes(gateway, background, self._signals)
        giving = self._giving(serving)
        _announce(gateway, self._urls())
        await self._stopping.wait()
        if giving is not None:
            giving.close()
        background.cancel()
        await gateway.stop()
        operators.stop()
        await serving
        await gateway.kept_orders.release()

    def _urls(self) -> dict[str, str]:
        settings = self._gateway.settings
        urls = {"admin": url_of(settings.admin.bind_address, self._operators.port)}
        if self._pages is not None:
            urls["metrics"] = url_of(settings.observability.metrics_bind_address, self._pages.port)
        return urls

    def _giving(self, serving: asyncio.Task[None]) -> Giving | None:
        """Wait for a newer process, where settings say where."""
        path = self._gateway.settings.server.handover_path
        if path is None:
            return None

        def given() -> list[Given]:
            found: list[Given] = self._gateway.listeners.all()
            found.append(("admin", 0, self._operators.socket))
            if self._pages is not None:
                found.append(("metrics", 0, self._pages.socket))
            return found

        async def leave() -> None:
            """Operators and probes are the newer one's from now on."""
            self._gateway.log("INFO", "gateway_handed_over", "a newer gateway takes the place of this one")
            for server in (self._operators, self._pages):
                if server is not None:
                    server.stop()
            await serving
            await self._gateway.kept_orders.release()
            self._stopping.set()

        try:
            return Giving(path, given=given, orders=lambda: orders_of(self._gateway), leave=leave)
        except OSError as error:
            self._gateway.log("ERROR", "handover_path", f"{path!r}: no newer process can take over: {error}")
            return None


class _Signals:
    """What the gateway was told by signals: one that comes while it starts is not its end."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.hung_up = False
        """Whether the configuration is to be loaded as soon as it can be."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        self.hung_up = True


def _notice_changes(gateway: Gateway, background: Background, signals: _Signals) -> None:
    """Load the configuration on SIGHUP, and when its source has changed."""
    configurations, settings = gateway.configurations, gateway.settings.reload

    def notice(cause: Cause) -> None:
        background.spawn(configurations.noticed(cause, cause))

    background.spawn(_expiring(configurations))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, notice, "signal")
    if signals.hung_up:
        notice("signal")
    if settings.watch:
        watch = FileWatch(configurations.source, lambda: configurations.digest, lambda: notice("file"))
        background.repeat(settings.check_secs, watch.look)


async def _expiring(configurations: Configurations) -> None:
    pause = _EXPIRY_SECS
    while True:
        await asyncio.sleep(pause)
        # What is refused is told each time: twice a second, it would push everything else out of the log.
        pause = _EXPIRY_SECS if await configurations.expire() else min(2 * pause, _LONGEST_EXPIRY_SECS)


async def _started(gateway: Gateway, stopping: asyncio.Event) -> bool:
    """Whether all workers became ready before somebody asked to stop."""
    starting = asyncio.create_task(gateway.start())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not starting.done():
        starting.cancel()
        return False
    try:
        starting.result()
    except FleetError as error:
        raise StartError(f"{error}{gateway.kept_orders.hint}") from None
    return True


def _announce(gateway: Gateway, urls: dict[str, str]) -> None:
    """One line that programs wait for: the gateway serves, and where."""
    line = {
        "timestamp": iso(gateway.started_at),
        "level": "INFO",
        "service": SERVICE,
        "event_type": "gateway_ready",
        "message": "the gateway is ready",
        "listen": gateway.listeners.url,
        "listeners": gateway.listeners.urls,
        **urls,
        "workers": gateway.fleet.ready,
        "uid": gateway.uid,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
