"""Which addresses may ask: by lists of networks in the settings, and by an operator's blocks until they expire."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.policies.settings import IpFilterSettings
from gateway.proxy.admission import Rule
from gateway.proxy.message import Refused
from gateway.proxy.peers import Ip, ip_of

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

#: The same clients come again and again, and reading an address is slow.
_KNOWN = 8192
_MESSAGE = "requests from this address are not let through"


@dataclass(frozen=True, slots=True)
class Block:
    """A network that nobody may ask from, until then (epoch)."""

    network: str
    expires_at: float


class Addresses:
    """Those of one worker. Who changes the blocks has the routes worked out anew."""

    def __init__(self, settings: IpFilterSettings, now: Callable[[], float] = time.time) -> None:
        self.blocks: tuple[Block, ...] = ()
        self._settings = settings
        self._now = now

    def have_expired(self) -> bool:
        """Whether a block has just ended, and is forgotten."""
        left = tuple(block for block in self.blocks if block.expires_at > self._now())
        is_over, self.blocks = len(left) < len(self.blocks), left
        return is_over

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route that not everybody may ask. What is denied is denied wherever it is also allowed."""
        both = [one for one in (self._settings, route.ip_filter) if one is not None]
        denied = (*(network for one in both for network in one.deny), *(block.network for block in self.blocks))
        allowed = [one.allow for one in both if one.allow]
        return (Door(denied, allowed),) if denied or allowed else ()


class Door:
    """The rule: 403 to addresses that are denied, or that a list of allowed ones does not have."""

    def __init__(self, denied: Iterable[str], allowed: Iterable[Iterable[str]]) -> None:
        self._denied = _networks(denied)
        self._allowed = tuple(map(_networks, allowed))
        self._passes = lru_cache(maxsize=_KNOWN)(self._looked_up)

    def __call__(self, exchange: Exchange) -> None:
        """Let pass who may.

        Raises:
            Refused: 403.
        """
        if not self._passes(exchange.client_ip):
            raise Refused(403, "address_denied", _MESSAGE)

    def _looked_up(self, address: bytes) -> bool:
        ip = ip_of(address.decode("latin-1"))
        if ip is None:
            # Whoever has no address, as on a local socket, is on no list.
            return not self._allowed
        return not _within(ip, self._denied) and all(_within(ip, networks) for networks in self._allowed)


Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def _networks(texts: Iterable[str]) -> Networks:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _within(ip: Ip, networks: Networks) -> bool:
    return any(ip in network for network in networks)
