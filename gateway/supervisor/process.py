"""One worker process as the supervisor sees it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import psutil

from gateway.control import ControlChannel, Message
from gateway.telemetry.records import iso

State = Literal["starting", "ready", "draining"]
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV", "TMPDIR")
_PASSED_PREFIXES = ("LC_", "PYTHON", "DYLD_", "LD_")


class WorkerProcess:
    """A started process, its channel and what it last reported."""

    def __init__(self, slot: int, restarts: int, on_message: Callable[[WorkerProcess, Message], None]) -> None:
        self.slot = slot
        self.restarts = restarts
        self.name = f"gateway-{slot}-{secrets.token_hex(2)}"
        self.state: State = "starting"
        self.started_at = time.time()
        self.ready_at = 0.0
        self.pid = 0
        self.requests_total = 0
        self.errors_total = 0
        self.last_report: dict[str, Any] = {}
        self.silent_checks = 0
        self.prepared = 0
        """Of the newest configuration that it was sent to prepare."""
        self.accepting: set[tuple[str, int]] = set()
        """The places and slots of the sockets that it has."""
        self.hello = asyncio.Event()
        self.listening = asyncio.Event()
        self.exited = asyncio.Event()
        self._on_message = on_message
        self._process: asyncio.subprocess.Process | None = None
        self._channel: ControlChannel | None = None

    async def start(self, log_socket: Callable[[], socket.socket]) -> None:
        """Start the process; it says `hello` when it runs. It may write its records to the socket, which it is sent."""
        ours, theirs = socket.socketpair()
        self._channel = ControlChannel(ours, self._received, lambda: None)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "gateway.worker", str(theirs.fileno()),
                pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, env=_environment(),
            )  # fmt: skip
        self.pid = self._process.pid
        with log_socket() as log:
            self.send({"type": "log"}, [log])

    async def wait(self) -> int:
        """Wait until the process is gone; its exit status."""
        assert self._process is not None
        status = await self._process.wait()
        # What it wrote last is still in the channel: its final report is read before the end is told.
        await asyncio.sleep(0.05)
        if self._channel is not None:
            self._channel.close()
        self.exited.set()
        return status

    def send(self, message: Message, sockets: list[socket.socket] | None = None) -> None:
        """Send a message; without effect when the process is gone."""
        if self._channel is not None:
            self._channel.send(message, sockets)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def abandon(self) -> None:
        """End a process that did not start properly."""
        self.kill()
        if self._channel is not None:
            self._channel.close()

    def described(self) -> dict[str, Any]:
        """As the admin API shows it, by what it last reported."""
        return {
            "name": self.name,
            "slot": self.slot,
            "pid": self.pid,
            "state": self.state,
            "started_at": iso(self.started_at),
            "restarts": self.restarts,
            "requests_total": self.requests_total,
            "errors_total": self.errors_total,
            "open_connections": self.last_report.get("open_connections", 0),
            "in_flight": self.last_report.get("in_flight", 0),
            "config": self.last_report.get("config", 0),
            "rss_bytes": _rss(self.pid),
        }

    def _received(self, message: Message, _sockets: list[socket.socket]) -> None:
        self.silent_checks = 0
        if message["type"] == "hello":
            self.hello.set()
        elif message["type"] == "listening":
            self.listening.set()
        else:
            self._on_message(self, message)


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, ValueError):
        return 0


def _environment() -> dict[str, str]:
    """What a worker needs of the environment; whatever else is there may be secret."""
    kept = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_PREFIXES)
    }
    paths = [_PACKAGE_ROOT, *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}
