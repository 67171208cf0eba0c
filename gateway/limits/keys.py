"""Whom a limit counts: the key of a request, from its client's address, its identity and its route."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from gateway.addresses import of_holder

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

Key: TypeAlias = "Callable[[Exchange], bytes]"
_LONGEST = 128
_COLON = ord(":")  # Looking for a byte by its number takes an eighth of the time, and each request is looked at.


def key_of(key_type: str, *, scope: str, route: str, ipv6_prefix: int) -> Key:
    """What computes the key of a limit; `scope` sets it apart from all other limits.

    A request that nobody has signed for is counted by its address where the limit asks for a user or an API key.
    """

    def address(exchange: Exchange) -> bytes:
        ip = exchange.client_ip
        return b"ip=" + (_network(ip, ipv6_prefix) if _COLON in ip else ip)

    def user(exchange: Exchange) -> bytes:
        identity = exchange.identity
        return b"user=" + _named(identity.subject) if identity is not None and identity.subject else address(exchange)

    def api_key(exchange: Exchange) -> bytes:
        identity = exchange.identity
        return b"api_key=" + _named(identity.client) if identity is not None and identity.client else address(exchange)

    def joined(exchange: Exchange) -> bytes:
        return start + b"|".join([part(exchange) for part in varying])

    def by_address(exchange: Exchange) -> bytes:
        # Each request that is limited by its address comes by here: `client_ip` is asked only where it has to look.
        peer = exchange.client.peer
        ip = exchange.client_ip if peer.trusted else peer.address
        return start_of_ip + ip if _COLON not in ip else start_of_ip + _network(ip, ipv6_prefix)

    by_part: dict[str, Key] = {"ip": address, "user": user, "api_key": api_key}
    start = f"{scope}|".encode()
    varying = [by_part[part] for part in key_type.split("+") if part != "route"]
    if "route" in key_type.split("+"):
        start += f"route={route}|".encode()
    start_of_ip = start + b"ip="
    if not varying:
        return lambda _: start
    return by_address if varying == [address] else joined


@lru_cache(maxsize=4096)
def _network(ip: bytes, prefix: int) -> bytes:
    return of_holder(ip.decode(), prefix).encode()


@lru_cache(maxsize=4096)
def _named(name: str) -> bytes:
    """A name as a part of a key: no name looks like two parts, and none is long."""
    plain = quote(name, safe="@:+").encode()
    return plain if len(plain) <= _LONGEST else b"blake2:" + hashlib.blake2b(plain, digest_size=20).hexdigest().encode()
