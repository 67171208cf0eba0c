"""Who is on the other side: the address of a connection's peer, and that of the client behind trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from gateway.proxy.forwarded import Forwarding
from gateway.proxy.message import RequestHead

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# More hops than this are nobody's proxies, and no address is longer than this, with its port.
_MAX_HOPS = 32
_LONGEST_ADDRESS = 64
_KNOWN_HOPS = 8192


@dataclass(frozen=True, slots=True)
class Peer:
    """The client's side of a connection: its address, whether its forwarding headers are believed, http or https."""

    address: bytes
    trusted: bool
    scheme: bytes = b"http"
    forwarding: Forwarding | None = None
    """How `Forwarded` is read and written; None where it is `X-Forwarded-*` that proxies write."""


class TrustedProxies:
    """The networks whose forwarding headers are believed, and what is known of addresses by them.

    `by_forwarded`: they write `Forwarded`, and upstreams are told so, too.
    """

    def __init__(self, networks: Iterable[str], *, by_forwarded: bool = False) -> None:
        self._networks = tuple(ipaddress.ip_network(network, strict=False) for network in networks)
        # The same clients and proxies come again and again, and reading an address is slow.
        self._hop = lru_cache(maxsize=_KNOWN_HOPS)(self._looked_up)
        self._forwarding = Forwarding(self._hop) if by_forwarded else None

    def peer(self, address: str, scheme: bytes = b"http") -> Peer:
        """The peer at `address`; believed only when it lies in one of the networks."""
        # A listener for both kinds of addresses shows those of IPv4 as IPv6.
        plain = address.removeprefix("::ffff:") if "." in address else address
        trusted = bool(self._networks) and self._is_trusted(ip_of(plain))
        return Peer(plain.encode(), trusted, scheme, self._forwarding)

    def client(self, peer: Peer, head: RequestHead) -> bytes:
        """The client's address: from right to left, the first in `X-Forwarded-For` that is no trusted proxy's.

        What stands further left is the client's own word. An entry that is no address ends it: then the last proxy
        that named nobody properly is taken for the client.
        """
        if not peer.trusted:
            return peer.address
        if peer.forwarding is not None:
            return peer.forwarding.client(peer.address, head)
        found = peer.address
        values = [value for name, value in head.headers if name == b"x-forwarded-for"]
        for entry in reversed(b",".join(values).split(b",")[-_MAX_HOPS:]):
            address, trusted = self._hop(entry.strip()[:_LONGEST_ADDRESS])
            found = address or found
            if not trusted:
                break
        return found

    def _looked_up(self, entry: bytes) -> tuple[bytes | None, bool]:
        """(the address in its usual form or None, whether it is a trusted proxy's) of one entry."""
        ip = ip_of(entry.decode("latin-1"))
        return (None if ip is None else str(ip).encode()), self._is_trusted(ip)

    def _is_trusted(self, ip: Ip | None) -> bool:
        return ip is not None and any(ip in network for network in self._networks)


def ip_of(text: str) -> Ip | None:
    """The address in `text`, that of IPv4 where it was mapped to IPv6; None where it is none."""
    try:
        ip = ipaddress.ip_address(_without_port(text).partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _without_port(text: str) -> str:
    """Some proxies write the port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
