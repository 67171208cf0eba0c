"""What a worker makes of one configuration: the rules of its routes, with what they know and whom they ask.

It is made from the one before: what has the same settings goes on as it is, with all that it knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.auth.authentication import Authentication
from gateway.background import Background
from gateway.cache.response_cache import ResponseCache
from gateway.limits.limiter import RateLimiter
from gateway.policies.attacks import Detection
from gateway.policies.blocked_clients import BlockedClients
from gateway.policies.compression import Compression
from gateway.policies.concurrency import Concurrency
from gateway.policies.cors import Cors
from gateway.policies.headers import Headers
from gateway.policies.ip_filter import Addresses, Block
from gateway.policies.maintenance import Maintenance, MaintenanceOrder, disabled_policy
from gateway.policies.sunset import sunset_policy
from gateway.proxy.admission import Policy
from gateway.settings import ProxySettings
from gateway.telemetry.tally import Tally

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.tracing.spans import Tracing

#: (level, component, event type, message), for the log.
Tell = Callable[[str, str, str, str], None]


class Configured:
    """One configuration, by its number. It may be prepared and thrown away; `replace` is when it begins to hold."""

    def __init__(
        self,
        settings: ProxySettings,
        number: int,
        version: str,
        *,
        tally: Tally,
        tell: Tell,
        revocations: dict[str, Any],
        workers: int,
        earlier: Configured | None = None,
    ) -> None:
        self.settings = settings
        self.number = number
        self.version = version
        self._keeping_fresh: asyncio.Task[Any] | None = None
        known = None if earlier is None else earlier.authentication
        self._inherits = known is not None and known.settings == settings.auth
        self.authentication: Authentication = self._authenticating(tally, tell, known)
        self.authentication.revoke(revocations)
        self.limiter: RateLimiter = RateLimiter(
            settings.rate_limiting,
            lambda level, kind, text: tell(level, "limits", kind, text),
            None if earlier is None else earlier.limiter,
        )
        self.limiter.shared_by(workers)
        within = None if earlier is None else earlier.concurrency
        self.concurrency: Concurrency = Concurrency(settings.concurrency, within)
        self.cache: ResponseCache = self._caching(earlier)
        self.maintenance = Maintenance(settings.maintenance)
        self.addresses = Addresses(settings.ip_filter)
        self.detection = Detection(settings.security.detection, tally)
        self.clients = BlockedClients()
        self.tracing, self._owns_tracing = self._tracing(tally, tell, earlier)

    def _authenticating(self, tally: Tally, tell: Tell, earlier: Authentication | None) -> Authentication:
        if earlier is not None and self._inherits:
            return earlier

        def tell_of_keys(level: str, text: str) -> None:
            tell(level, "auth", "token_keys", text)

        made = Authentication(self.settings.auth, tally=tally, tell=tell_of_keys)
        if earlier is not None:
            made.inherit(earlier)
        return made

    def _caching(self, earlier: Configured | None) -> ResponseCache:
        """The one before, where nothing has changed that it depends on; otherwise it begins empty."""
        if earlier is not None and _of_cache(earlier.settings) == _of_cache(self.settings):
            return earlier.cache
        return ResponseCache(self.settings)

    def _tracing(self, tally: Tally, tell: Tell, earlier: Configured | None) -> tuple[Tracing | None, bool]:
        """What traces requests, where any are to be, and whether it is this one's to close."""
        if earlier is not None and _of_tracing(earlier.settings) == _of_tracing(self.settings):
            return earlier.tracing, False
        if not self.settings.observability.tracing.enabled:
            return None, False
        from gateway.tracing.spans import Tracing  # which loads the SDK

        settings = self.settings.observability.tracing
        return Tracing(settings, tally=tally, tell=tell, masks_emails=self.settings.logging.redaction_enabled), True

    @property
    def policies(self) -> tuple[Policy, ...]:
        """What routes ask, in this order. What holds for everybody comes first, and what takes up room last."""
        headers = Headers(self.settings.headers)
        return (
            *([] if self.tracing is None else [self.tracing.policy]),
            headers.answer_policy,
            self.addresses.policy,
            Cors(self.settings.cors, self.settings.routes).policy,
            sunset_policy,
            self.detection.policy,
            disabled_policy,
            self.maintenance.policy,
            self.limiter.by_address,
            self.authentication.policy,
            self.clients.policy,
            self.limiter.by_identity,
            headers.request_policy,
            Compression(self.settings.compression).policy,
            self.concurrency.policy,
        )

    @property
    def unrouted(self) -> Callable[[Exchange], None] | None:
        """What is done with requests that no route takes, before they are refused."""
        begin, look = None if self.tracing is None else self.tracing.begin, self.detection.unrouted
        if begin is None or look is None:
            return begin or look

        def heard(exchange: Exchange) -> None:
            begin(exchange)
            look(exchange)

        return heard

    def stores(self) -> dict[str, bool]:
        """Whether each Redis that requests need answers, by what it is for."""
        found = {"rate_limiting": self.limiter.store_answers}
        if self.authentication.sessions is not None:
            found["sessions"] = self.authentication.sessions.answers
        return {name: answers for name, answers in found.items() if answers is not None}

    def open(self, background: Background) -> None:
        """Begin to fetch keys and to connect to where is counted, where that is needed."""
        background.spawn(self.limiter.open())
        if self.authentication.source is not None and not self._inherits:
            self._keeping_fresh = background.spawn(self.authentication.source.keep_fresh())

    def order(self, message: dict[str, Any]) -> None:
        """Go by what operators have ordered; the routes are then to be worked out anew."""
        if message["type"] == "maintenance":
            self.maintenance.order = None if message["order"] is None else MaintenanceOrder(**message["order"])
        elif message["type"] == "blocks":
            self.addresses.blocks = tuple(Block(**block) for block in message["blocks"])
        else:
            self.clients.until = message["until"]

    def orders_have_ended(self) -> bool:
        """Whether one of them has just expired: it is no rule of any route any more."""
        ended = self.maintenance.has_expired(), self.addresses.have_expired(), self.clients.have_expired()
        return any(ended)

    def replace(self, earlier: Configured) -> None:
        """Hold from now on, in the place of the one that this was made from."""
        self.limiter.replace(earlier.limiter)
        if self.cache is not earlier.cache:
            earlier.cache.replaced_by(self.cache)
        if self.tracing is earlier.tracing:
            self._owns_tracing, earlier._owns_tracing = earlier._owns_tracing, False
        self.maintenance.order = earlier.maintenance.order
        self.addresses.blocks = earlier.addresses.blocks
        self.clients.until = earlier.clients.until
        if self._inherits:
            self._inherits, earlier._inherits = earlier._inherits, True
            self._keeping_fresh, earlier._keeping_fresh = earlier._keeping_fresh, None

    async def drained(self) -> None:
        """Requests are over: send what is still to be told of them, within a bound."""
        if self.tracing is not None:
            await self.tracing.close()

    async def close(self) -> None:
        """Close what it has opened, but for what another one has taken over, or was only lent."""
        if self._keeping_fresh is not None:
            self._keeping_fresh.cancel()
        if self._owns_tracing:
            await self.drained()
        await self.limiter.close()
        if not self._inherits:
            await self.authentication.close()


def _of_tracing(settings: ProxySettings) -> tuple[Any, ...]:
    return settings.observability.tracing, settings.logging.redaction_enabled


def _of_cache(settings: ProxySettings) -> tuple[Any, ...]:
    """All that decides what is stored, for whom, and from where."""
    places = {item.id: (item.base_url, tuple(place.address for place in item.places)) for item in settings.upstreams}
    routes = [
        (one.id, one.path, one.methods, one.strip_prefix, one.auth_required, one.roles, one.permissions, one.cache,
         places[one.upstream_id], one.headers and one.headers.request)
        for one in settings.routes
    ]  # fmt: skip
    return (settings.cache, settings.cache_optimization, settings.headers.request, routes)
