"""An upstream with several targets for tests, each of them a `ControlledUpstream`, and addresses where nobody is."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from tests.gateway.running import settings_for
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
