"""The admin API of a whole gateway in the test's own process: the real supervisor and real workers, over real channels.

Only processes are left out: workers run on the supervisor's loop, so that a fuzzer may scale and restart them as often
as it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import uvloop
import yaml

from gateway.admin.app import admin_app
from gateway.admin.server import AdminServer
from gateway.config_source import ConfigSource
from gateway.control import ControlChannel
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.telemetry.log_writer import LogWriter
from gateway.worker import Worker
from tests.gateway.running import TOKEN, settings_for
from tests.gateway.signing import SECRET, api_key_entry

#: By role; `admin` is `admin.token`, the others are in `admin.tokens`.
TOKENS = {"viewer": "a-token-to-look", "operator": "a-token-to-operate", "admin": TOKEN}


class WorkerInside(WorkerProcess):
    """A worker on the loop of its supervisor."""

    async def start(self, log_socket: Callable[[], socket.socket]) -> None:
        ours, theirs = socket.socketpair()
        self._channel = ControlChannel(ours, self._received, lambda: None)
        self._worker = Worker(theirs)
        self._worker.announce()
        self.pid = os.getpid()

    async def wait(self) -> int:
        await self._worker.finished.wait()
        await self._worker.stop()
        assert self._channel is not None
        self._channel.close()
        self.exited.set()
        return 0

    def kill(self) -> None:
        self._worker.finished.set()


def document_for(**sections: Any) -> dict[str, Any]:
    """A configuration in which each endpoint has something to do."""
    tokens = [{"name": name, "role": name, "token": TOKENS[name]} for name in ("viewer", "operator")]
    document = settings_for(
        "http://127.0.0.1:1",
        server={"drain_idle_secs": 0, "drain_timeout_secs": 0.1},
        workers={"max": 3},
        logging={"output": "none"},
        admin={"tokens": tokens},
        auth={"jwt_secret": SECRET, "api_keys": [api_key_entry()], "revocations": {"max_kept": 1_000_000}},
        cache={"enabled": True},
        **sections,
    )
    document["upstreams"][0]["targets"] = [{"id": name, "address": f"127.0.0.1:{port}"} for name, port in _TARGETS]
    return document


_TARGETS = (("blue", 1), ("green", 2))


class AdminStand:
    """Use it as a context manager, in which the admin API is at `url`."""

    def __init__(self, directory: Path, document: dict[str, Any] | None = None) -> None:
        self.config_path = directory / "gateway.yaml"
        self.document = document or document_for()
        self.write()
        self._ready, self._error = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self) -> None:
        """Have `document` in the file."""
        self.config_path.write_text(yaml.safe_dump(self.document))

    def __enter__(self) -> AdminStand:
        self._thread.start()
        assert self._ready.wait(60), "the gateway does not start"
        if self._error:
            raise self._error[0]
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the gateway does not end"
        if self._error:
            raise self._error[0]

    @contextlib.contextmanager
    def client(self, role: str | None = "admin") -> Iterator[httpx.Client]:
        """Somebody with the token of a role."""
        headers = {} if role is None else {"authorization": f"Bearer {TOKENS[role]}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False) as client:
            yield client

    def history(self) -> list[dict[str, Any]]:
        """All changes, the newest first."""
        return self.gateway.history.newest(1000)

    def _run(self) -> None:
        try:
            uvloop.run(self._serve())
        except BaseException as error:
            self._error.append(error)
            self._ready.set()

    async def _serve(self) -> None:
        self.loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        source = ConfigSource(self.config_path, {})
        settings = source.load()
        self.gateway = Gateway(
            settings, source=source, listeners=PublicListeners(Listeners("127.0.0.1", 0, 16), settings.server),
            history=History(None), orders=None, writer=LogWriter(None),
            revocations=RevocationRegistry(None, settings.auth.revocations.max_kept, time.time),
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            server = AdminServer(admin_app(self.gateway), sock)
            # A process is all that a fuzzed fleet cannot afford; nothing else of it is replaced.
            with patch("gateway.supervisor.fleet.WorkerProcess", WorkerInside):
                await self.gateway.start()
                serving = asyncio.create_task(server.serve())
                self._ready.set()
                await self._stopping.wait()
                await self.gateway.stop()
                server.stop()
                await serving
