"""Running the gateway: listeners, workers and the admin API, from the start to the last drained request."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from gateway.admin.app import admin_app
from gateway.admin.server import AdminServer
from gateway.background import tell_of_failures
from gateway.settings import Settings
from gateway.supervisor.fleet import FleetError
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError, listening_socket, url_of
from gateway.telemetry.log_writer import DESCRIPTORS, LogWriter
from gateway.telemetry.records import SERVICE, iso


class StartError(Exception):
    """The gateway cannot start; the text is one message for the operator."""


async def serve(settings: Settings, path: Path) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: a port is taken, the history cannot be written, or no worker becomes ready.
    """
    try:
        listeners = Listeners(settings.server.bind_address, settings.server.port, settings.server.backlog)
        admin_socket = listening_socket(settings.admin.bind_address, settings.admin.port, 128, reuse_port=False)
    except PortUnavailableError as error:
        raise StartError(str(error)) from None
    writer = LogWriter(DESCRIPTORS[settings.logging.output])
    history = _history(settings)
    gateway = Gateway(settings, path=path, listeners=listeners, history=history, writer=writer)
    admin_url = url_of(settings.admin.bind_address, admin_socket.getsockname()[1])
    admin = AdminServer(admin_app(gateway, settings.admin.token.get_secret_value()), admin_socket)
    try:
        await _run(gateway, admin, admin_url)
    finally:
        writer.close()


def _history(settings: Settings) -> History:
    try:
        return History(Path(settings.admin.history_path) if settings.admin.history_path else None)
    except OSError as error:
        raise StartError(f"admin.history_path {settings.admin.history_path!r} cannot be written: {error}") from None


async def _run(gateway: Gateway, admin: AdminServer, admin_url: str) -> None:
    stopping = _stop_on_signals()
    tell_of_failures(gateway.fleet.failed)
    try:
        # Operators are listened to when there is something to operate; until then their connections wait.
        if await _started(gateway, stopping):
            await _serve_operators(gateway, admin, admin_url, stopping)
    finally:
        await gateway.stop()


async def _serve_operators(gateway: Gateway, admin: AdminServer, admin_url: str, stopping: asyncio.Event) -> None:
    serving = asyncio.create_task(admin.serve())
    watching = asyncio.create_task(gateway.fleet.watch_silence())
    _announce(gateway, admin_url)
    await stopping.wait()
    watching.cancel()
    await gateway.stop()
    admin.stop()
    await serving


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


def _announce(gateway: Gateway, admin_url: str) -> None:
    """One line that programs wait for: the gateway serves, and where."""
    line = {
        "timestamp": iso(gateway.started_at),
        "level": "INFO",
        "service": SERVICE,
        "event_type": "gateway_ready",
        "message": "the gateway is ready",
        "listen": gateway.listeners.url,
        "admin": admin_url,
        "workers": gateway.fleet.ready,
        "uid": gateway.uid,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
