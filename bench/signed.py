"""Slack's side of the wire: commands that are signed and sent at a rate, whether the answers come or not."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bench.client import BenchError, Connection
from tests.simulators.slack.signed_http import FORM, signature

_LATEST_SECONDS, _IDLE_SECONDS = 3.0, 2.0


@dataclass(frozen=True)
class Sent:
    """A command: when it left, how long its acknowledgement took, and where its answer goes."""

    at: float
    seconds: float
    answer_to: str


class Side:
    """An app that takes commands, over connections that stay open."""

    def __init__(self, name: str, port: int, secret: str) -> None:
        self.name = name
        self.port = port
        self._secret = secret
        self._idle: deque[tuple[float, Connection]] = deque()

    async def deliver(self, payload: dict[str, Any]) -> Sent:
        """One command. Raises BenchError where it is not acknowledged as Slack wants it."""
        connection = await self._connection()
        body = urlencode(payload | {"enterprise": ""}).encode()
        stamp = str(int(time.time()))
        headers = {
            "content-type": FORM,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": signature(self._secret, stamp, body),
        }
        at, began = time.time(), time.perf_counter()
        status, _, answer = await connection.send("POST", "/slack/events", body, headers)
        seconds = time.perf_counter() - began
        self._idle.append((time.monotonic(), connection))
        if status != 200 or answer or seconds > _LATEST_SECONDS:
            raise BenchError(f"{self.name}: {status} after {seconds:.1f} s: {answer[:300]}")
        return Sent(at, seconds, str(payload["response_url"]).rpartition("/")[2])

    async def _connection(self) -> Connection:
        """One that is open already, but not for so long that the server may be hanging up."""
        while self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS:
                return connection
            connection.close()
        return await Connection.open(self.port)

    async def at_rate(self, payloads: Sequence[dict[str, Any]], rate: float, seed: int) -> list[Sent]:
        """At random moments, so many a second: people do not take turns."""
        gaps = random.Random(seed)
        due, tasks = time.perf_counter(), []
        for payload in payloads:
            due += gaps.expovariate(rate)
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            tasks.append(asyncio.create_task(self.deliver(payload)))
        return list(await asyncio.gather(*tasks))

    def close(self) -> None:
        """Hang up."""
        for _, one in self._idle:
            one.close()
        self._idle.clear()
