"""What the benchmarks start: processes that are ended on the way out, free ports, a place for their data."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from socket import socket

from bench.client import HOST, BenchError, Connection

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
PROGRAM = str(Path(sys.executable).with_name("tocsin"))


@contextlib.contextmanager
def process(directory: Path, name: str, *command: str, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A server, ended on the way out, by its process id; what it logs is kept in `name`.log."""
    known = {"PYTHONPATH": str(ROOT), **(environment or {})}
    with (directory / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=directory, stderr=log, env=os.environ | known)
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait(15)


def free_port() -> int:
    """One that nothing listens on."""
    with socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def up(port: int) -> None:
    """Wait until a server is healthy. Raises BenchError."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, EOFError):  # it may hang up while it starts
            connection = await Connection.open(port)
            status, _, _ = await connection.ask("GET", "/healthz")
            connection.close()
            if status == 200:
                return
        await asyncio.sleep(0.1)
    raise BenchError("a server did not start")


def beside() -> Path:
    """On the disk where the bot keeps its record: a temporary file system in memory would flatter all."""
    directory = Path("var")
    directory.mkdir(exist_ok=True)
    return directory.resolve()
