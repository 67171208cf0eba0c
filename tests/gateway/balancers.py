"""A load balancer before the gateway that speaks the PROXY protocol: its headers, and a listener that expects them."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from gateway.listening.doors import Door
from gateway.listening.proxied import ProxiedServer
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, Stage, calling, staged
from tests.gateway.upstream import ControlledUpstream

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 192, 0, 2, 1]) + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big")
V6 = ipaddress.ip_address("2001:db8::7").packed + ipaddress.ip_address("2001:db8::1").packed + b"\x12\x34\x01\xbb"


def second(command: int, family: int, body: bytes) -> bytes:
    """A header of version 2 (2.2 of the specification)."""
    return SIGNATURE + bytes([0x20 | command, family]) + len(body).to_bytes(2, "big") + body


class Balanced(NamedTuple):
    """A stage whose listener expects headers of trusted proxies."""

    stage: Stage
    port: int
    door: Door

    @contextlib.asynccontextmanager
    async def caller(self, header: bytes = b"") -> AsyncIterator[Caller]:
        async with calling(self.port) as caller:
            caller.send(header)
            yield caller


@contextlib.asynccontextmanager
async def balanced(
    upstream: ControlledUpstream, trusted: str = "127.0.0.0/8", tls: ssl.SSLContext | None = None, **server: Any
) -> AsyncIterator[Balanced]:
    document = settings_for(upstream.url, server={"trusted_proxies": [trusted], **server})
    async with staged(document) as stage:
        sock, door = socket.create_server(("127.0.0.1", 0)), Door()
        speaking = {} if tls is None else {"ssl": tls}
        served = ProxiedServer(stage.plane, door, sock, speaking)
        try:
            yield Balanced(stage, sock.getsockname()[1], door)
        finally:
            served.close()


def refusals(stage: Stage) -> tuple[int, list[str]]:
    """(how many were counted, what was logged of them)."""
    logged = [one["message"] for one in stage.records() if one["event_type"] == "proxy_header_refused"]
    return stage.plane.tally.take()["proxy_headers_refused"].get("main", 0), logged


async def seen(caller: Caller, **headers: str) -> str:
    """The client's address as the upstream is told it."""
    found = dict((await caller.get("/x", **headers)).json()["headers"])
    return str(found["x-forwarded-for"])
