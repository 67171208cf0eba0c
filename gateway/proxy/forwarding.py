"""Where a request goes that its route's rules let through: by the routes and upstreams of one configuration.

A newer configuration makes a newer one of these. Requests that were routed before it end by the one that routed them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from gateway.proxy.exchange import Exchange
from gateway.proxy.faults import ActiveFaults, Verdict
from gateway.proxy.message import Refused
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.routing import Route, RoutingTable


class CachedRoute(Protocol):
    """Answers a route's requests, from what is stored or from the upstream."""

    def serve(self, exchange: Exchange, pool: UpstreamPool) -> None: ...


class Forwarding:
    """Routes, the pools of their upstreams, and what is `cached` of them: all routes, or none."""

    def __init__(
        self,
        table: RoutingTable,
        pools: Mapping[str, UpstreamPool],
        faults: ActiveFaults,
        cached: Mapping[str, CachedRoute],
    ) -> None:
        self.find = table.find
        self._pools = pools
        self._faults = faults
        self._cached = cached

    def admit(self, exchange: Exchange) -> None:
        """Pass an exchange on that has a route, or do to it what a drill's fault says."""
        route = exchange.route
        assert route is not None
        faults = self._faults
        verdict = faults.verdict(route.id, time.time()) if faults.any else None
        if verdict is not None:
            self._inject(exchange, route, verdict)
        elif self._cached:
            self._pass_on(exchange, route)
        else:
            exchange.forward(self._pools[route.upstream_id])

    def _pass_on(self, exchange: Exchange, route: Route) -> None:
        pool = self._pools[route.upstream_id]
        if self._cached and not exchange.upgrade:
            self._cached[route.id].serve(exchange, pool)
        else:
            exchange.forward(pool)

    def _inject(self, exchange: Exchange, route: Route, verdict: Verdict) -> None:
        exchange.plane.journal.fault_injected(exchange, verdict)

        def proceed() -> None:
            if exchange.over:
                return
            if verdict.status is not None:
                message = "a fault was injected by an operator"
                exchange.refuse(Refused(verdict.status, "fault_injected", message))
            else:
                self._pass_on(exchange, route)

        if verdict.delay > 0:
            asyncio.get_running_loop().call_later(verdict.delay, proceed)
        else:
            proceed()
