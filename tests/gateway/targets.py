"""An upstream with several targets for tests: a `ControlledUpstream` each, or nobody; what it is asked is counted."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from tests.gateway.running import settings_for
from tests.gateway.stage import Answer, Stage
from tests.gateway.upstream import ControlledUpstream

NAMES = ("blue", "green", "red")


@contextlib.contextmanager
def targets(number: int) -> Iterator[list[ControlledUpstream]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ControlledUpstream()) for _ in range(number)]


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """An address that refuses every connection for as long as this holds."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def document_for(
    *addresses: str | ControlledUpstream, weights: tuple[int, ...] = (), **upstream: Any
) -> dict[str, Any]:
    """A configuration whose upstream has these targets, named blue, green and red."""
    places = [one if isinstance(one, str) else f"127.0.0.1:{one.port}" for one in addresses]
    listed: list[dict[str, Any]] = [{"id": name, "address": place} for name, place in zip(NAMES, places, strict=False)]
    for one, weight in zip(listed, weights, strict=False):
        one["weight"] = weight
    return settings_for("http://service.example", upstream={"targets": listed, **upstream})


def shares(upstreams: list[ControlledUpstream]) -> list[int]:
    """How many requests each has had."""
    return [len(one.requests) for one in upstreams]


async def asked(stage: Stage, times: int, target: str = "/x", **headers: str) -> list[int]:
    """The statuses of so many requests on one connection."""
    async with stage.caller() as caller:
        return [(await caller.get(target, **headers)).status for _ in range(times)]


async def sent(stage: Stage, method: str, body: bytes, target: str = "/x") -> Answer:
    """The answer to one request with this body, on a connection of its own."""
    async with stage.caller() as caller:
        caller.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return await caller.answer()


def told(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """The log's records of this kind."""
    return [one for one in stage.records() if one["event_type"] == kind]


def failures(stage: Stage) -> dict[str, int]:
    """How many, by target and kind, since it was last asked."""
    counted = stage.plane.tally.take()["upstream_failures"]
    return {f"{place} {kind}": count for place, kind, count in counted}
