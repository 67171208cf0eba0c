"""Clients that load a gateway while it changes, and gateways that do not start."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import yaml
from typer.testing import CliRunner, Result

from gateway.cli import app
from tests.gateway.running import wait_for

LOADERS = 3


class Load:
    """Clients that never stop asking: kept-alive ones and ones that connect anew; every failure is remembered."""

    def __init__(self, url: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self._url = url
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number % 3 == 0,)) for number in range(LOADERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        wait_for(lambda: self.total > 30, what="the load")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    def _run(self, fresh: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=0 if fresh else 5)
        with httpx.Client(timeout=60, trust_env=False, limits=limits) as client:
            while not self._stopping.wait(0.005):
                self._ask(client)

    def _ask(self, client: httpx.Client) -> None:
        try:
            self.statuses[client.post(f"{self._url}/load", content=b"x" * 100).status_code] += 1
        except httpx.HTTPError as error:
            self.failures.append(repr(error))

    def keeps_flowing(self) -> None:
        before = self.total
        wait_for(lambda: self.total > before + 30, what="more answers")


def start_and_fail(document: dict[str, Any], directory: Path) -> Result:
    path = directory / "failing.yaml"
    path.write_text(yaml.safe_dump(document))
    return CliRunner().invoke(app, ["serve", "--config", str(path)], catch_exceptions=False)
