"""Prometheus and Alertmanager as their own processes, for tests that want the real ones."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.faults.processes import free_port
from tests.waiting import eventually


@contextlib.contextmanager
def prometheus(folder: Path, settings: dict[str, Any]) -> Iterator[str]:
    """Prometheus with these settings; its address. The test is skipped where there is none."""
    program, port = _program("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running([program, *arguments], folder / "prometheus.log", f"http://127.0.0.1:{port}") as url:
        yield url


@contextlib.contextmanager
def alertmanager(folder: Path, settings: dict[str, Any]) -> Iterator[str]:
    """Alertmanager with these settings; its address. The test is skipped where there is none."""
    program, port = _program("prometheus-alertmanager", "alertmanager"), free_port()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    arguments = [
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running([program, *arguments], folder / "alertmanager.log", f"http://127.0.0.1:{port}") as url:
        yield url


def _program(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed here")
    return found


@contextlib.contextmanager
def _running(command: list[str], log: Path, url: str) -> Iterator[str]:
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
    try:
        eventually(lambda: _is_ready(url), f"{command[0]} is ready", within=60)
        yield url
    finally:
        process.kill()
        process.wait(20)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False
