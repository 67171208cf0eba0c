"""One worker's data plane: what its connections share, and what happens to a request that was read."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.proxy.admission import Policy, decide
from gateway.proxy.breaker import CircuitBreaker, CircuitState
from gateway.proxy.busy_polling import BusyPolling
from gateway.proxy.downstream import DownstreamConnection
from gateway.proxy.endpoints import OwnEndpoints
from gateway.proxy.exchange import Exchange
from gateway.proxy.faults import ActiveFaults
from gateway.proxy.forced import CircuitOrders
from gateway.proxy.forwarding import CachedRoute, Forwarding
from gateway.proxy.message import Refused
from gateway.proxy.peers import Peer, TrustedProxies
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.reader import Limits
from gateway.proxy.readiness import Readiness, Stores
from gateway.proxy.replies import Reply
from gateway.proxy.rewriting import new_id
from gateway.proxy.routing import NoRoute, Route, table_from
from gateway.settings import ProxySettings
from gateway.telemetry.journal import Journal
from gateway.telemetry.tally import Tally
from gateway.upstreams.health import HealthBook
from gateway.upstreams.orders import TargetOrders
from gateway.upstreams.settings import UpstreamSettings

TICK_SECS = 0.1
_TURNED_AWAY_ALLOWED = 1000

#: Asks the supervisor for a page about all workers; it comes as text, or None where it does not come.
PageFetcher = Callable[[str, Callable[[str | None], None]], None]


class AnswerCache(Protocol):
    """The response cache, with what it does for each route; nothing, where no route has it."""

    @property
    def serving(self) -> Mapping[str, CachedRoute]: ...

    def tick(self, now: float) -> None: ...

    def close(self) -> None: ...


class Dataplane:
    """Routes, pools, faults, counters and connections of one worker."""

    def __init__(
        self,
        settings: ProxySettings,
        *,
        worker_name: str,
        tally: Tally,
        journal: Journal,
        fetch_page: PageFetcher,
        policies: tuple[Policy, ...] = (),
        cache: AnswerCache | None = None,
    ) -> None:
        self.worker_name = worker_name
        self.tally = tally
        self.journal = journal
        self.fetch_page = fetch_page
        self.clock = time.monotonic  # The loop's own clock counts whole milliseconds only.
        self.started_at = self.clock()
        self.faults = ActiveFaults()
        self.running_config: dict[str, object] = {}
        """Which configuration this is, as `/health` tells: number, version, and when a newer one was refused."""
        self.stores: Stores = dict[str, bool]
        """Which stores the policies need, and whether they answer."""
        self.draining = False
        self.unrouted: Callable[[Exchange], None] | None = None
        """Hears of each request that no route takes, before it is refused."""
        self.listeners: dict[str, str] = {}
        """`http` or `https`, by the listener's id."""
        self.log_sinks: dict[str, str] = {}
        """`up` or `down`, by name: one that is down is told on /health, and disturbs nothing."""
        self.in_flight = 0
        self.tunnels = 0
        """Of those in flight, how many speak another protocol by now."""
        self.health = HealthBook()
        self.target_orders = TargetOrders()
        self._connections: set[DownstreamConnection] = set()
        self._upstreams: dict[str, UpstreamSettings] = {}
        self._pools: dict[str, UpstreamPool] = {}
        self._retired: list[UpstreamPool] = []
        self.circuit_orders = CircuitOrders({}, self.clock, self._breaker)
        self.settings = settings
        self.configure(settings, policies, cache)

    # Settings.

    def configure(
        self, settings: ProxySettings, policies: tuple[Policy, ...], cache: AnswerCache | None = None
    ) -> None:
        """Go by these from now on. Requests that have a route already end by the ones that they began with.

        Connections to clients stay, and so do those to upstreams whose settings are the same. A circuit breaker keeps
        what it knows of an upstream, unless that is somewhere else now.
        """
        former, self.settings = self.settings, settings
        server = settings.server
        self.limits = Limits(head=server.max_header_bytes, target=server.max_target_bytes, body=server.max_body_bytes)
        self.request_timeout = server.request_timeout_secs
        self.client_timeout = server.connection_timeout_secs
        self.header_timeout = server.header_timeout_secs
        self.serves_half_closed = server.serve_half_closed
        self.proxies = TrustedProxies(server.trusted_proxies, by_forwarded=server.forwarded_header)
        self._polling = BusyPolling(server.busy_poll_us / 1e6, self.clock) if server.busy_poll_us else None
        self._policies = policies
        self._cache = cache
        self._cached = cache.serving if cache is not None else {}
        is_alike = (former.server.zone, former.http2_optimization) == (server.zone, settings.http2_optimization)
        self._adopt({item.id: item for item in settings.upstreams}, is_alike=is_alike)
        self._readiness = Readiness(settings.observability.health_checks, self._pools.values)
        self._endpoints = OwnEndpoints(self)
        self._own_paths = frozenset(self._endpoints.by_path)
        self.reroute()
        for connection in self._connections:
            connection.configured()

    def reroute(self) -> None:
        """Have the routes ask what their policies say now."""
        table = table_from(self.settings.routes, self._policies)
        forwarding = Forwarding(table, self._pools, self.faults, self._cached)
        self._find, self._admit = forwarding.find, forwarding.admit

    def _adopt(self, upstreams: dict[str, UpstreamSettings], *, is_alike: bool) -> None:
        before, self._upstreams = self._upstreams, upstreams
        same = {name for name, item in upstreams.items() if name in before and before[name].base_url == item.base_url}
        own = {
            name: self._own_breaker(item, self.circuit_orders.own(name) if name in same else None)
            for name, item in upstreams.items()
        }
        pools = {
            name: self._pools[name] if is_alike and before.get(name) == item else self._pool(item)
            for name, item in upstreams.items()
        }
        self.circuit_orders.configure(pools, own, same, time.time())
        retired = [pool for name, pool in self._pools.items() if pools.get(name) is not pool]
        self._pools = pools
        for pool in retired:
            pool.close()
        self._retired += retired
        self.target_orders.configure(pools, time.time())

    def _pool(self, upstream: UpstreamSettings) -> UpstreamPool:
        return UpstreamPool(
            upstream,
            self.clock,
            zone=self.settings.server.zone,
            book=self.health,
            tell=self.journal.event,
            http2=self.settings.http2_optimization,
        )

    def _own_breaker(self, upstream: UpstreamSettings, known: CircuitBreaker | None) -> CircuitBreaker | None:
        chosen = upstream.circuit_breaker or self.settings.circuit_breaker
        if not chosen.enabled:
            return None
        if known is None:
            return self._breaker(upstream.id)
        known.judge_by(chosen)
        return known

    def _breaker(self, service: str) -> CircuitBreaker:
        upstream = self._upstreams[service]

        def turned(state: CircuitState) -> None:
            self.journal.circuit_turned(service, state.name.lower())

        return CircuitBreaker(upstream.circuit_breaker or self.settings.circuit_breaker, self.clock, turned)

    # Connections.

    def admit(self, connection: DownstreamConnection) -> bool:
        """Count a new connection in; False when there are too many."""
        self._connections.add(connection)
        excess = len(self._connections) - self.settings.server.max_connections
        if excess > _TURNED_AWAY_ALLOWED:
            connection.cut()
        return excess <= 0

    def forget(self, connection: DownstreamConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def target_states(self) -> dict[str, dict[str, list[Any]]]:
        """By upstream and target: [connections in use, idle ones, requests in flight, why it is left out or None]."""
        return {name: pool.states() for name, pool in self._pools.items()}

    @property
    def caches(self) -> bool:
        """Whether any route has the cache."""
        return bool(self._cached)

    def targets_checked(self, well: Mapping[str, Mapping[str, bool]]) -> None:
        """What active checks say of targets, by upstream."""
        for name, pool in self._pools.items():
            if name in well:
                pool.checked(well[name])

    def take_connection_uses(self) -> dict[str, list[int]]:
        """[connections made, used again, requests of HTTP/2] by upstream, since the last call."""
        found = {name: pool.take_uses() for name, pool in self._pools.items()}
        for pool in self._retired:
            more = pool.take_uses()
            found[pool.id] = [sum(counts) for counts in zip(found.get(pool.id, [0, 0, 0]), more, strict=True)]
        # What is left of it now says nothing more.
        self._retired = [pool for pool in self._retired if pool.open]
        return found

    def breakers(self) -> dict[str, tuple[int, int]]:
        """(state, failures in a row) by upstream, of those that have one."""
        found = {name: pool.breaker for name, pool in self._pools.items() if pool.breaker}
        return {name: (int(one.shown), one.failures) for name, one in found.items()}

    def readiness(self) -> tuple[bool, dict[str, bool]]:
        """Whether requests are welcome, and what was found good."""
        checks = self._readiness.checks(self.stores)
        return not self.draining and all(checks.values()), checks

    def route_to(self, path: bytes) -> tuple[Route, UpstreamPool] | None:
        """The route that reads `path`, and its upstream."""
        found = self._find(b"GET", path)
        return None if isinstance(found, NoRoute) else (found, self._pools[found.upstream_id])

    # Requests.

    def dispatch(self, exchange: Exchange) -> None:
        """Start a request that was read: own endpoint, route, its rules, fault, upstream."""
        self.in_flight += 1
        if self._polling is not None:
            self._polling.stay()
        head = exchange.head
        if head.path in self._own_paths:
            self._endpoints.serve(exchange)
            return
        found = self._find(head.method, head.path)
        if isinstance(found, NoRoute):
            if self.unrouted is not None:
                self.unrouted(exchange)
            _refuse_unrouted(exchange, found)
            return
        exchange.label, exchange.route = found.id, found
        if found.rules:
            decide(exchange, found.rules, self._admit)
        else:
            self._admit(exchange)

    def redirect(self, exchange: Exchange, port: int) -> None:
        """Send a client to https, unless it asks for one of the gateway's own endpoints, as probes do."""
        if exchange.head.path in self._own_paths:
            self.dispatch(exchange)
            return
        self.in_flight += 1
        exchange.label = "_redirected"
        host = re.sub(rb":[0-9]*\Z", b"", exchange.head.authority)
        if not host:
            exchange.refuse(Refused(400, "no_host", "this is served by https, and the request names no host"))
            return
        place = b"https://%b%b%b" % (host, b"" if port == 443 else b":%d" % port, exchange.head.target)
        exchange.reply(Reply(308, b"", b"text/plain", ((b"location", place),)))

    def concluded(self, exchange: Exchange, now: float) -> None:
        """Count and log an exchange that is over."""
        self.in_flight -= 1
        if self._polling is not None:
            self._polling.stay()
        # A tunnel may be there for hours, which says nothing of how fast anybody is.
        seconds = (exchange.upgraded_at or now) - exchange.started_at
        try:
            self.tally.request(
                exchange.head.method.decode(), exchange.label, exchange.status, seconds,
                exchange.received_bytes, exchange.sent_bytes,
            )  # fmt: skip
            if exchange.status >= 500 or exchange.error_type:
                self.journal.failed(exchange, seconds)
            self.journal.access(exchange, seconds)
        except Exception as error:
            # Whatever is wrong with its record, its client's connection has to go on or end in order.
            context = {"message": "a request could not be counted or logged", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def refused(self, peer: Peer, refused: Refused) -> bytes:
        """Count and log what could not be read as a request; the id for its answer."""
        correlation = new_id()
        self.tally.request("INVALID", "_invalid", refused.status, 0.0)
        self.journal.refused(peer, refused, correlation)
        return correlation

    # Time and the end.

    def tick(self) -> None:
        """Check every deadline; to be called each TICK_SECS."""
        now = self.clock()
        for connection in tuple(self._connections):
            connection.check_deadlines(now)
        for pool in self._pools.values():
            pool.tick(now)
        for pool in self._retired:
            pool.close_idle(now)
        self.circuit_orders.tick(time.time())
        self.target_orders.tick(time.time())
        if self._cache is not None:
            self._cache.tick(now)

    async def drain(self, timeout: float) -> int:
        """Finish what runs and close what is idle, within `timeout` seconds; how many connections were cut."""
        self.draining = True
        deadline = self.clock() + timeout
        # The first pause is for connections that the kernel has handed over and the loop has yet to announce.
        await asyncio.sleep(TICK_SECS / 2)
        while self._connections and self.clock() < deadline:  # noqa: ASYNC110 - deadlines are checked by ticks anyway
            await asyncio.sleep(TICK_SECS / 2)
        remaining = tuple(self._connections)
        for connection in remaining:
            connection.cut()
        if self._cache is not None:
            self._cache.close()
        for pool in self._pools.values():
            pool.close()
        return len(remaining)


def _refuse_unrouted(exchange: Exchange, found: NoRoute) -> None:
    if found.allowed:
        allow = b", ".join(found.allowed)
        message = f"allowed here: {allow.decode()}"
        exchange.refuse(Refused(405, "method_not_allowed", message, ((b"allow", allow),)))
    else:
        exchange.refuse(Refused(404, "no_route", "no route matches this path"))
