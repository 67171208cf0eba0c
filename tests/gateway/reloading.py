"""A running gateway under requests, and another configuration for it."""

from __future__ import annotations

import threading
from typing import Any

import yaml

from tests.gateway.running import RunningGateway


class Load:
    """Clients that ask one request after the other, each on one connection that it keeps."""

    def __init__(self, gateway: RunningGateway, clients: int) -> None:
        self.answers: dict[int, int] = {}
        self.broken: list[str] = []
        self._gateway = gateway
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        try:
            with self._gateway.connect() as client:
                while not self._over.wait(0.002):
                    client.send("GET /api/x HTTP/1.1\r\nHost: h\r\n\r\n")
                    status, _, _ = client.answer()
                    self.answers[status] = self.answers.get(status, 0) + 1
        except (OSError, AssertionError) as error:
            self.broken.append(repr(error))

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()


def write(gateway: RunningGateway, document: dict[str, Any]) -> None:
    fresh = gateway.config_path.with_name("fresh.yaml")
    fresh.write_text(yaml.safe_dump(document))
    fresh.replace(gateway.config_path)
