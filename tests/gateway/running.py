"""Running the real gateway: processes on free ports, and a raw HTTP client that sends exactly what a test says."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import yaml

from tests.forked import Forked

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests"
T = TypeVar("T")


def wait_for(condition: Callable[[], T], *, within: float = 60.0, what: str = "condition") -> T:
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not become true within {within} s"
        threading.Event().wait(0.02)


def settings_for(base_url: str, **sections: dict[str, Any]) -> dict[str, Any]:
    """A configuration for tests; `sections` are merged into its sections."""
    document: dict[str, Any] = {
        "server": {"port": 0, "drain_timeout_secs": 5},
        "workers": {"count": 1, "min": 1, "max": 8},
        "admin": {"port": 0, "token": TOKEN},
        "upstreams": [{"id": "backend", "base_url": base_url}],
        "routes": [
            {"id": "default", "path": "/", "upstream_id": "backend"},
            {"id": "limited", "path": "/limited", "upstream_id": "backend", "methods": ["GET"]},
            {"id": "stripped", "path": "/stripped", "upstream_id": "backend", "strip_prefix": True},
        ],
    }
    for name, values in sections.items():
        if name == "upstream":
            document["upstreams"][0].update(values)
        else:
            document.setdefault(name, {}).update(values)
    return document


class RunningGateway:
    """A gateway process; `worker_pids` remembers every worker it ever had, for the clean-up."""

    def __init__(self, document: dict[str, Any], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config_path = directory / "gateway.yaml"
        self.config_path.write_text(yaml.safe_dump(document))
        self.log_path = directory / "gateway.log"
        self._lines: queue.Queue[str] = queue.Queue()
        arguments = ["serve", "--config", str(self.config_path)]
        self.process = Forked("gateway.cli", arguments, log=self.log_path, cwd=ROOT, env=os.environ, read=True)
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()
        self.ready = self._wait_until_ready()
        self.host, port = self.ready["listen"].partition("://")[2].split(":")
        self.port = int(port)
        self.url: str = self.ready["listen"]
        self.admin = httpx.Client(
            base_url=self.ready["admin"], headers={"authorization": f"Bearer {TOKEN}"}, timeout=60, trust_env=False
        )
        self.worker_pids: set[int] = set()
        self.workers()

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def _wait_until_ready(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=90)
        except queue.Empty:
            self._end()
            raise AssertionError(f"not ready: {self.log_path.read_text()}") from None
        ready: dict[str, Any] = json.loads(line)
        assert ready["event_type"] == "gateway_ready"
        return ready

    def workers(self, state: str | None = None) -> list[dict[str, Any]]:
        workers: list[dict[str, Any]] = self.admin.get("/admin/workers").json()["workers"]
        self.worker_pids |= {worker["pid"] for worker in workers}
        return [worker for worker in workers if state in (None, worker["state"])]

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.admin.get("/admin/status").json()
        return status

    def change(self, kind: str, **arguments: Any) -> dict[str, Any]:
        """Ask for a scale or restart and wait until it is over."""
        body = {"operation_id": str(uuid.uuid4()), "actor": "ana", "reason": "test", **arguments}
        answer = self.admin.post(f"/admin/{kind}", json=body)
        assert answer.status_code == 202, answer.text
        return self.finished(body["operation_id"])

    def finished(self, operation_id: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            operation: dict[str, Any] = self.admin.get(f"/admin/operations/{operation_id}").json()
            return operation if operation["state"] != "running" else None

        return wait_for(over, within=90, what="operation")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def connect(self) -> RawClient:
        return RawClient(self.host, self.port)

    def log_records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.workers()
        self.admin.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self._end()
            for pid in self.worker_pids:
                kill_worker(pid)

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


def is_worker(pid: int) -> bool:
    """Whether this process is (still) a gateway worker: a number may have been given to another process."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "gateway.worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def kill_worker(pid: int) -> None:
    if is_worker(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(document: dict[str, Any], directory: Path) -> Iterator[RunningGateway]:
    gateway = RunningGateway(document, directory)
    try:
        yield gateway
    finally:
        gateway.stop()


class RawClient:
    """A socket that sends bytes as they are and reads answers one by one."""

    def __init__(self, host: str, port: int, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(10)
        try:
            self.sock.connect((host, port))
        except OSError:
            self.sock.close()
            raise
        self._buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, text: str | bytes) -> None:
        self.sock.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def head(self) -> tuple[int, dict[str, str]]:
        """(status, headers) of the next answer."""
        while b"\r\n\r\n" not in self._buffer:
            chunk = self.sock.recv(65_536)
            assert chunk, f"closed before a head; had {self._buffer!r}"
            self._buffer += chunk
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        return int(line.split(" ")[1]), headers

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, with a body of known length."""
        status, headers = self.head()
        return status, headers, self.exactly(int(headers.get("content-length", "0")))

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            chunk = self.sock.recv(65_536)
            assert chunk, "closed in a body"
            self._buffer += chunk
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        while chunk := self.sock.recv(65_536):
            self._buffer += chunk
        part, self._buffer = self._buffer, b""
        return part
