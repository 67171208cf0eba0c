"""Maintenance mode in one worker: 503 with a time to come again, but for those who may pass (runbook 004).

The settings say whether it is on; an operator's order stands above them until it expires. A route that is not in
maintenance has no rule for it.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.policies.settings import MaintenanceSettings
from gateway.proxy import plain_heads
from gateway.proxy.admission import Rule
from gateway.proxy.message import Header, Refused
from gateway.proxy.peers import ip_of

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings


@dataclass(frozen=True, slots=True)
class MaintenanceOrder:
    """What an operator wants: on for these routes (all, where there are none), or off; until then (epoch)."""

    enabled: bool
    expires_at: float
    routes: tuple[str, ...] = ()
    message: str | None = None
    retry_after_secs: int | None = None


class Maintenance:
    """That of one worker. Who changes it has the routes worked out anew."""

    def __init__(self, settings: MaintenanceSettings, now: Callable[[], float] = time.time) -> None:
        self.order: MaintenanceOrder | None = None
        self._settings = settings
        self._now = now
        if settings.bypass_token is not None:
            plain_heads.never_keep(settings.bypass_header.encode())

    def has_expired(self) -> bool:
        """Whether the order has just ended, and is forgotten."""
        if self.order is None or self.order.expires_at > self._now():
            return False
        self.order = None
        return True

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route that is in maintenance."""
        order, settings = self.order, self._settings
        enabled, routes = (settings.enabled, settings.routes) if order is None else (order.enabled, order.routes)
        if not enabled or (routes and route.id not in routes):
            return ()
        return (Closed(settings, order, self._now),)


def disabled_policy(route: RouteSettings) -> tuple[Rule, ...]:
    """The rule of a route that is switched off: nobody may pass, whoever it is."""

    def refuses(_: Exchange) -> None:
        raise Refused(503, "route_disabled", "this route is switched off", ((b"cache-control", b"no-store"),))

    return () if route.enabled else (refuses,)


class Closed:
    """The rule: 503, unless the client comes from a network that may pass, or has the token for it."""

    def __init__(self, settings: MaintenanceSettings, order: MaintenanceOrder | None, now: Callable[[], float]) -> None:
        self._networks = tuple(ipaddress.ip_network(network, strict=False) for network in settings.bypass_networks)
        token = settings.bypass_token
        self._header = settings.bypass_header.encode()
        self._token = None if token is None else token.get_secret_value().encode()
        self._message = (order and order.message) or settings.message
        self._retry_after = (order and order.retry_after_secs) or settings.retry_after_secs
        self._until = None if order is None else order.expires_at
        # A message of the operator's own is what clients are to read.
        is_own = order is not None and order.message is not None
        has_page = settings.body is not None and not is_own
        self._content = (settings.content_type.encode(), (settings.body or "").encode()) if has_page else None
        self._now = now

    def __call__(self, exchange: Exchange) -> None:
        """Let pass who may.

        Raises:
            Refused: 503, with Retry-After.
        """
        if self._passes(exchange):
            return
        headers: tuple[Header, ...] = (
            (b"retry-after", str(self._seconds()).encode()),
            (b"cache-control", b"no-store"),
        )
        raise Refused(503, "maintenance", self._message, headers, self._content)

    def _passes(self, exchange: Exchange) -> bool:
        if self._networks:
            address = ip_of(exchange.client_ip.decode("latin-1"))
            if address is not None and any(address in network for network in self._networks):
                return True
        if self._token is None:
            return False
        sent = [value for name, value in exchange.head.headers if name == self._header]
        if len(sent) != 1 or not hmac.compare_digest(sent[0], self._token):
            return False
        # It is for the gateway and for no upstream.
        exchange.head.headers = [header for header in exchange.head.headers if header[0] != self._header]
        return True

    def _seconds(self) -> int:
        if self._until is None:
            return self._retry_after
        return max(1, min(self._retry_after, math.ceil(self._until - self._now())))
