"""What a consistent hash is taken of: the client's address, a header of its request, or a cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Head(Protocol):
    """A request's head."""

    headers: list[tuple[bytes, bytes]]


class Client(Protocol):
    """Who sends the request."""

    @property
    def client_ip(self) -> bytes: ...


KeyOf = Callable[[Head, Client], bytes | None]


def key_of(hash_on: str) -> KeyOf:
    """How to read the key: `client_ip`, `header:NAME` or `cookie:NAME`. None where a request has none."""
    kind, _, name = hash_on.partition(":")
    if kind == "header":
        return _header(name.lower().encode())
    if kind == "cookie":
        return _cookie(name.encode())
    return lambda _head, client: client.client_ip


def _header(name: bytes) -> KeyOf:
    def read(head: Head, _client: Client) -> bytes | None:
        return next((value for known, value in head.headers if known == name), None)

    return read


def _cookie(name: bytes) -> KeyOf:
    def read(head: Head, _client: Client) -> bytes | None:
        for known, value in head.headers:
            if known == b"cookie":
                for pair in value.split(b";"):
                    written, found, content = pair.strip().partition(b"=")
                    if found and written == name:
                        return content
        return None

    return read
