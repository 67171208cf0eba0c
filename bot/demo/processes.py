"""Starts and ends the real processes beside the bot: upstream, gateway, load."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import yaml

from bot.demo.upstream import PATHS

#: The places where the demo's upstream is served.
TARGETS = ("blue", "green")
START_SECONDS, STOP_SECONDS = 30.0, 10.0


class DemoError(Exception):
    """Something did not start; the message says what, and what it said."""


@dataclass(frozen=True)
class Stack:
    """What runs: addresses, and the token of the gateway's admin API."""

    gateway_url: str
    admin_url: str
    admin_token: str


@contextlib.contextmanager
def stack(directory: Path, *, workers: int, per_second: float) -> Iterator[Stack]:
    """Upstream, gateway and load. All that was started is ended; each ends by itself if this process is killed."""
    directory.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as started:
        upstreams = {name: _start(started, directory / f"{name}.log", "bot.demo.upstream") for name in TARGETS}
        config = _gateway_config(directory, {name: str(_ready(one)["url"]) for name, one in upstreams.items()})
        gateway = _start(
            started,
            directory / "gateway.log",
            "gateway",
            "serve",
            "--config",
            str(config),
            "--port",
            "0",
            "--admin-port",
            "0",
            "--workers",
            str(workers),
            "--with-parent",
            environment={"GATEWAY_ADMIN_TOKEN": token},
        )
        ready = _ready(gateway)
        listen = ready["listen"]
        url = listen[0] if isinstance(listen, list) else listen
        _start(started, directory / "load.log", "bot.demo.load", url, str(per_second))
        yield Stack(gateway_url=url, admin_url=ready["admin"], admin_token=token)


def _gateway_config(directory: Path, upstreams: dict[str, str]) -> Path:
    """One upstream with a target for each; one route has the cache."""
    routes: list[dict[str, Any]] = [{"id": path.strip("/"), "path": path, "upstream_id": "backend"} for path in PATHS]
    routes[-1]["cache"] = {"enabled": True, "default_ttl": 10}
    targets = [{"id": name, "address": url.removeprefix("http://")} for name, url in upstreams.items()]
    base_url = next(iter(upstreams.values()))
    config = {
        "workers": {"min": 1, "max": 20},
        "admin": {"token": "${GATEWAY_ADMIN_TOKEN}", "history_path": str(directory / "gateway-history.jsonl")},
        "logging": {"sampling_rate": 0.05},
        "circuit_breaker": {"enabled": True},
        "upstreams": [{"id": "backend", "base_url": base_url, "targets": targets, "timeout_secs": 5}],
        "routes": routes,
    }
    file = directory / "gateway.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return file


@dataclass(frozen=True)
class _Process:
    name: str
    popen: subprocess.Popen[bytes]
    log: Path


def _start(
    started: contextlib.ExitStack, log: Path, module: str, *arguments: str, environment: dict[str, str] | None = None
) -> _Process:
    """Start one in a session of its own, so that Ctrl-C reaches us first and we end it in order."""
    with log.open("wb") as errors:
        popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
    started.callback(_end, popen)
    return _Process(module, popen, log)


def _end(popen: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if popen.stdin:
            popen.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    if popen.stdout:
        popen.stdout.close()


def _ready(process: _Process) -> dict[str, Any]:
    """The first line of its output, as JSON. Raises DemoError when it ends or stays silent."""
    lines: Queue[bytes] = Queue()
    assert process.popen.stdout is not None
    threading.Thread(target=_pump, args=(process.popen.stdout, lines), daemon=True).start()
    try:
        line = lines.get(timeout=START_SECONDS)
        return dict(json.loads(line))
    except (Empty, ValueError):
        said = process.log.read_text(errors="replace").strip()[-2000:]
        raise DemoError(f"{process.name} did not start. It said:\n{said or '(nothing)'}") from None


def _pump(stream: Any, lines: Queue[bytes]) -> None:
    """Keep reading, so that a process never blocks on its output."""
    with contextlib.suppress(ValueError, OSError):
        for line in stream:
            lines.put(line)
    lines.put(b"")
