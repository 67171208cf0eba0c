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
from gateway.listening.certificates import CertificateError, Certificates
from gateway.settings import ObservabilitySettings, Settings
from gateway.supervisor.config_versions import Cause
from gateway.supervisor.configurations import Configurations, FileWatch
from gateway.supervisor.fleet import FleetError
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError, listening_socket, url_of
from gateway.supervisor.resources import SAMPLE_SECS
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.telemetry.log_writer import DESCRIPTORS, LogWriter
from gateway.telemetry.records import SERVICE, iso

_EXPIRY_SECS = 0.5


class StartError(Exception):
    """The gateway cannot start; the text is one message for the operator."""


async def serve(settings: Settings, source: ConfigSource) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: a port is taken, the history cannot be written, or no worker becomes ready.
    """
    try:
        certificates = _certificates(settings)
        listeners = _listeners(settings)
        admin_socket = listening_socket(settings.admin.bind_address, settings.admin.port, 128, reuse_port=False)
        metrics_socket = _metrics_socket(settings.observability)
    except (PortUnavailableError, CertificateError) as error:
        raise StartError(str(error)) from None
    writer = LogWriter(DESCRIPTORS[settings.logging.output])
    history, revocations = _history(settings), _revocations(settings)
    gateway = Gateway(
        settings, source=source, listeners=listeners, history=history, revocations=revocations, writer=writer
    )
    gateway.certificates = certificates
    operators = AdminServer(admin_app(gateway), admin_socket)
    pages: AdminServer | None = None
    urls = {"admin": url_of(settings.admin.bind_address, admin_socket.getsockname()[1])}
    if metrics_socket is not None:
        pages = AdminServer(metrics_app(gateway.fleet.page, gateway.readiness), metrics_socket)
        address = settings.observability.metrics_bind_address
        urls["metrics"] = url_of(address, metrics_socket.getsockname()[1])
    try:
        await _run(gateway, operators, pages, urls)
    finally:
        gateway.logs.writer.close()


def _listeners(settings: Settings) -> Listeners:
    server = settings.server
    scheme = "http" if server.tls is None else "https"
    return Listeners(server.bind_address, server.port, server.backlog, scheme=scheme)


def _certificates(settings: Settings) -> Certificates | None:
    """Those that workers will offer: what is wrong with them is found before anybody listens."""
    return None if settings.server.tls is None else Certificates(settings.server.tls, lambda *_, **__: None)


def _metrics_socket(settings: ObservabilitySettings) -> socket.socket | None:
    if settings.metrics_port is None:
        return None
    return listening_socket(settings.metrics_bind_address, settings.metrics_port, 128, reuse_port=False)


def _history(settings: Settings) -> History:
    try:
        return History(Path(settings.admin.history_path) if settings.admin.history_path else None)
    except OSError as error:
        raise StartError(f"admin.history_path {settings.admin.history_path!r} cannot be written: {error}") from None


def _revocations(settings: Settings) -> RevocationRegistry:
    path = settings.auth.revocations.path
    try:
        return RevocationRegistry(Path(path) if path else None, settings.auth.revocations.max_kept, time.time)
    except OSError as error:
        raise StartError(f"auth.revocations.path {path!r} cannot be written: {error}") from None


async def _run(gateway: Gateway, operators: AdminServer, pages: AdminServer | None, urls: dict[str, str]) -> None:
    stopping = _stop_on_signals()
    tell_of_failures(gateway.fleet.failed)
    # Probes are answered from the start: that nobody is served yet is an answer, too.
    answering = None if pages is None else asyncio.create_task(pages.serve())
    try:
        # Operators are listened to when there is something to operate; until then their connections wait.
        if await _started(gateway, stopping):
            await _serve_operators(gateway, operators, urls, stopping)
    finally:
        await gateway.stop()
        if pages is not None and answering is not None:
            pages.stop()
            await answering


async def _serve_operators(
    gateway: Gateway, operators: AdminServer, urls: dict[str, str], stopping: asyncio.Event
) -> None:
    serving = asyncio.create_task(operators.serve())
    background = Background(gateway.fleet.failed)
    background.spawn(gateway.fleet.watch_silence())
    gateway.sample_resources()
    background.repeat(SAMPLE_SECS, gateway.sample_resources)
    _notice_changes(gateway, background)
    _announce(gateway, urls)
    await stopping.wait()
    background.cancel()
    await gateway.stop()
    operators.stop()
    await serving


def _notice_changes(gateway: Gateway, background: Background) -> None:
    """Load the configuration on SIGHUP, and when its source has changed."""
    configurations, settings = gateway.configurations, gateway.settings.reload

    def notice(cause: Cause) -> None:
        background.spawn(configurations.noticed(cause, cause))

    background.spawn(_expiring(configurations))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, notice, "signal")
    if settings.watch:
        watch = FileWatch(configurations.source, lambda: configurations.digest, lambda: notice("file"))
        background.repeat(settings.check_secs, watch.look)


async def _expiring(configurations: Configurations) -> None:
    while True:
        await asyncio.sleep(_EXPIRY_SECS)
        await configurations.expire()


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


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
        raise StartError(str(error)) from None
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
        **urls,
        "workers": gateway.fleet.ready,
        "uid": gateway.uid,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
