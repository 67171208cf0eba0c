"""The targets by their names, and what judges one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.gateway.fuzzing.answers import answers, http2_frames
from tests.gateway.fuzzing.judging import demand
from tests.gateway.fuzzing.proxy_headers import proxy_headers
from tests.gateway.fuzzing.requests import requests
from tests.gateway.fuzzing.words import words

TARGETS: dict[str, Callable[[bytes], None]] = {
    "requests": requests,
    "answers": answers,
    "http2_frames": http2_frames,
    "proxy_headers": proxy_headers,
    "words": words,
}
#: Seconds of processor time that no input of the longest length may take.
_LONGEST_SECS = 2.0


class Judge:
    """Has one target look at inputs, in a loop: there are call-backs, and handlers of exceptions."""

    def __init__(self, target: str) -> None:
        self._target = TARGETS[target]
        self._runner = asyncio.Runner()
        self._reported: list[dict[str, Any]] = []

    def __enter__(self) -> Judge:
        self._runner.get_loop().set_exception_handler(lambda _, context: self._reported.append(context))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._runner.close()

    def __call__(self, data: bytes) -> None:
        """Look at one input.

        Raises:
            Broken: it breaks a rule, takes too long, or was called a bug by the gateway itself. Any other exception
                is one that was not handled.
        """
        began = time.process_time()
        self._reported.clear()
        self._runner.run(self._run(data))
        demand(not self._reported, "a bug was reported", data, self._reported)
        demand(time.process_time() - began < _LONGEST_SECS, "it takes too long", data)

    async def _run(self, data: bytes) -> None:
        self._target(data)
