"""`make demo`: everything on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from pathlib import Path
from typing import Any

from bot.app import running
from bot.demo.people import ON_CALL, PEOPLE
from bot.demo.processes import DemoError, Stack, stack
from bot.outside import outside
from bot.platforms.console.server import ConsoleServer
from bot.settings import Settings, load

__all__ = ["DemoError", "demo", "demo_settings"]

DIRECTORY = Path("var/demo")
_NO_FILE = Path("/dev/null")
PER_SECOND = 40.0


def demo_settings(running_stack: Stack, directory: Path, *, database: str = "tocsin.db", **overrides: Any) -> Settings:
    """The defaults with five people, the demo's gateway, and a database of its own."""
    return load(
        _NO_FILE,
        database_url=f"sqlite:///{directory / database}",
        people=PEOPLE,
        on_call=ON_CALL,
        log_level="WARNING",
        gateway={"admin_url": running_stack.admin_url, "admin_token": running_stack.admin_token},
        **overrides,
    )


def demo(*, port: int, workers: int, any_port: bool, fresh: bool) -> None:
    """Start all, say where, wait for Ctrl-C, end all."""
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    port = free_port(port, any_port=any_port)
    if fresh:
        shutil.rmtree(DIRECTORY, ignore_errors=True)
    print(
        f"Starting an upstream, the gateway ({workers} workers), a load of {PER_SECOND:.0f} requests/s and Tocsin ..."
    )
    with stack(DIRECTORY, workers=workers, per_second=PER_SECOND) as started:
        settings = demo_settings(started, DIRECTORY, console={"port": port})
        asyncio.run(_serve(settings, started))
    print("Stopped: everything that was started has ended.")


async def _serve(settings: Settings, started: Stack) -> None:
    async with outside(settings) as found, running(settings, found) as app:
        print(_welcome(settings.console.port, started), flush=True)
        await ConsoleServer(app.console, settings.console, app.hub).serve()
        print("Stopping ...", flush=True)


def _welcome(port: int, started: Stack) -> str:
    return (
        f"\n  Tocsin is ready:  http://127.0.0.1:{port}\n\n"
        f"  The gateway:      {started.gateway_url}/users\n"
        "  Try:              /incident declare sev1 API answers 502\n"
        "                    /gw status    /gw scale 5    /handover @dev    /help\n"
        f"  Logs and data:    {DIRECTORY}/\n"
        "  End with Ctrl-C.\n"
    )


def free_port(wanted: int, *, any_port: bool) -> int:
    """The wanted port, or a free one where that was asked for. Raises DemoError when it is busy."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            if not any_port:
                raise DemoError(
                    f"Port {wanted} cannot be used: {error.strerror}. Stop what listens there (another demo?), "
                    "or take another port:\n"
                    f"  make demo ARGS='--port {wanted + 1}'     or     make demo ARGS=--any-port"
                ) from None
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
