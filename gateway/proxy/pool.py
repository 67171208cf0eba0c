"""An upstream in one worker: its targets, which of them takes a request, and when it may be sent to another.

Whoever is not well is worked out when something changes, not for each request. With one target that takes requests,
it is `only`, and nothing is chosen at all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

from gateway.proxy.breaker import CircuitBreaker
from gateway.proxy.message import RequestHead
from gateway.proxy.target_pool import Destination, Http1Pool, Service, TargetPool
from gateway.upstreams.balancing import Balancer, ConsistentHash, LeastConnections, RoundRobin
from gateway.upstreams.budget import RetryBudget
from gateway.upstreams.health import HealthBook, OutlierDetection, TargetHealth
from gateway.upstreams.keys import KeyOf, key_of
from gateway.upstreams.orders import TargetOrder
from gateway.upstreams.settings import Http2Optimization, Http2Profile, TargetSettings, UpstreamSettings
from gateway.upstreams.tls import context_of, server_name_of


class Asking(Protocol):
    """What is known of a request when its target is chosen."""

    head: RequestHead

    @property
    def client_ip(self) -> bytes: ...


Target: TypeAlias = TargetPool[Any]
#: Told of each change: level, kind of event, text, and fields.
Tell = Callable[..., None]


def service_of(settings: UpstreamSettings) -> Service:
    """What the checked base URL says of all targets.

    Raises:
        OSError: the file with the certificates of those that sign cannot be read.
    """
    url, tls = urlsplit(settings.base_url), context_of(settings)
    name = None if tls is None else server_name_of(settings)
    return Service(url.netloc.encode(), url.path.rstrip("/").encode(), tls, name)


class UpstreamPool:
    """The connections of one worker to one upstream, by target."""

    def __init__(
        self,
        settings: UpstreamSettings,
        clock: Callable[[], float],
        breaker: CircuitBreaker | None = None,
        *,
        zone: str | None = None,
        book: HealthBook | None = None,
        tell: Tell = lambda *_, **__: None,
        http2: Http2Optimization | None = None,
    ) -> None:
        self.id = settings.id
        self.breaker = breaker
        self.timeout = settings.timeout_secs
        self.retry = settings.retry
        self._clock = clock
        self._zone = zone
        self._tell = tell
        book, make = book or HealthBook(), _making(settings, clock, http2 or Http2Optimization())
        self.targets = tuple(make(place, book.of(settings.id, place.address)) for place in settings.places)
        self.only: Target | None = None
        """The one target that takes all requests; None where one has to be chosen."""
        self.has_others = len(self.targets) > 1
        self._may_be_unseen = settings.protocol == "http2"
        self.budget = RetryBudget(settings.retry, clock())
        self._zone_share = settings.load_balancing.zone_min_healthy_percent / 100
        self._balancer, self._key_of = _balancing(settings)
        healths = [target.health for target in self.targets]
        outliers = settings.outlier_detection
        self._outliers = OutlierDetection(outliers, healths) if outliers is not None and self.has_others else None
        self._look_at = math.inf
        self._chosen: list[tuple[str, int]] = []
        self._every: list[Target] = []
        self._trying: dict[Target, asyncio.Task[None]] = {}
        self.refresh()

    # Choosing.

    def choose(self, request: Asking, tried: Collection[Target] = ()) -> Target | None:
        """The target for a request that was refused by those that were `tried`; None where none is left."""
        found = self._balancer.choose(self._key_of(request.head, request), tried)
        return self._last_resort(tried) if found is None and tried else found

    def _last_resort(self, tried: Collection[Target]) -> Target | None:
        """Who is not taken to be well, when all failed that are: it may have come back since it was looked at last."""
        left = [target for target in self._every if target not in tried]
        return min(left, key=lambda target: target.health.unreachable, default=None)

    def keeps_body(self, is_idempotent: bool) -> bool:
        """Whether the beginning of a request's body is kept: it may be sent to another target, or was not looked at."""
        return self._may_be_unseen or (is_idempotent and self.has_others)

    def refresh(self) -> None:
        """See anew who takes requests: something has changed."""
        now = self._clock()
        every = self._every = [target for target in self.targets if target.weight > 0 and not target.drained]
        well = [target for target in every if target.health.is_well(now)]
        # Where nobody is well, all are tried: perhaps it is the checks that are wrong.
        chosen = self._nearest(every, well) or every
        self._look_at = min((target.health.changes_at(now) for target in self.targets), default=math.inf)
        described = [(target.name, target.weight) for target in chosen]
        if described != self._chosen:
            self._chosen = described
            self.only = chosen[0] if len(chosen) == 1 else None
            self._balancer.use(chosen, every)

    def _nearest(self, every: list[Target], well: list[Target]) -> list[Target]:
        """Of those that are well the ones in the own zone, while enough of that zone is well to bear it."""
        near = [target for target in every if target.zone == self._zone] if self._zone is not None else []
        near_and_well = [target for target in near if target in well]
        enough = sum(one.weight for one in near_and_well) >= self._zone_share * sum(one.weight for one in near)
        return near_and_well if near_and_well and enough else well

    def tick(self, now: float) -> None:
        """Close what has idled for too long, and see whether somebody is well again."""
        self.close_idle(now)
        if now >= self._look_at:
            for target in self.targets:
                if now >= target.health.try_at:
                    self._try(target)
            self.refresh()

    # What becomes of requests.

    def failed(self, target: Target, *, unreachable: bool = False) -> None:
        """A target did not answer as it should; with `unreachable`, not even a connection could be made."""
        health, now = target.health, self._clock()
        health.failures += 1
        if not self.has_others:
            return
        if unreachable:
            if not health.unreachable:
                health.lost(now)
                self._told("WARNING", "target_unreachable", target, "cannot be reached, and is tried again by itself")
        elif self._outliers is not None and self._outliers.ejects(health, now):
            seconds = health.ejected_until - now
            words = f"has failed too often, and is left out for {seconds:.0f} s"
            self._told("WARNING", "target_ejected", target, words, ejected_secs=round(seconds, 3))
        else:
            return
        self.refresh()

    def _try(self, target: Target) -> None:
        """Find out in the background whether there are connections again."""
        target.health.try_at = math.inf
        if target not in self._trying:
            task = asyncio.get_running_loop().create_task(self._reach(target))
            self._trying[target] = task
            task.add_done_callback(lambda _: self._trying.pop(target, None))

    async def _reach(self, target: Target) -> None:
        try:
            connection = await target.connect()
        except OSError:  # a TimeoutError is one, too
            target.health.lost(self._clock())
        else:
            target.health.found()
            target.give_back(connection)
            self._told("INFO", "target_reachable", target, "can be reached again")
        self.refresh()

    def _told(self, level: str, kind: str, target: Target, words: str, **fields: Any) -> None:
        text = f"{target.name} of {self.id} {words}"
        self._tell(level, "upstream", kind, text, service=self.id, target=target.name, **fields)

    # What others decide.

    def checked(self, well: Mapping[str, bool]) -> None:
        """What active checks say of the targets, by address or name."""
        now = self._clock()
        for target in self.targets:
            if target.name in well:
                target.health.told(well=well[target.name], now=now)
        self.refresh()

    @property
    def configured_weights(self) -> dict[str, int]:
        """What the settings say, by target."""
        return {target.name: target.configured_weight for target in self.targets}

    def ordered(self, orders: Mapping[str, TargetOrder]) -> None:
        """What operators want of the targets; of those that are not named, what the settings say."""
        for target in self.targets:
            order = orders.get(target.name)
            weight = None if order is None else order.weight
            target.weight = target.configured_weight if weight is None else weight
            target.drained = target.keeps_none = order is not None and order.drain
            if target.drained:
                target.close()
        self.refresh()

    # Reading.

    @property
    def open(self) -> int:
        """How many connections there are."""
        return sum(target.open for target in self.targets)

    @property
    def idle(self) -> int:
        """How many of them wait for a request."""
        return sum(target.idle for target in self.targets)

    def states(self) -> dict[str, list[Any]]:
        """[connections in use, idle ones, requests in flight, why it is left out or None] by target."""
        now = self._clock()
        return {one.name: [one.open - one.idle, one.idle, one.in_flight, one.health.why(now)] for one in self.targets}

    def take_uses(self) -> list[int]:
        """How many connections were made, how often one was used again, and requests of HTTP/2, since the last call."""
        return [sum(counts) for counts in zip(*(target.take_uses() for target in self.targets), strict=True)]

    def close(self) -> None:
        """Close all idle connections, those in use when they come back, and try nobody any more."""
        self._look_at = math.inf
        for target, task in self._trying.items():
            task.cancel()
            target.health.try_at = self._clock()  # What is known of it goes on in the pool that follows.
        for target in self.targets:
            # It still takes what was routed here before, and what is sent again of that.
            target.keeps_none = True
            target.close()

    def close_idle(self, now: float) -> None:
        """Close what has idled for too long, or is not to be kept at all."""
        for target in self.targets:
            target.close_idle(now)


def _making(
    settings: UpstreamSettings, clock: Callable[[], float], http2: Http2Optimization
) -> Callable[[TargetSettings, TargetHealth], Target]:
    service = service_of(settings)

    def destination(place: TargetSettings, health: TargetHealth) -> Destination:
        return Destination(service, place, settings, clock, health)

    if settings.protocol == "http1":
        return lambda place, health: Http1Pool(destination(place, health))
    # Loaded where somebody speaks it: it takes a moment at each start.
    from gateway.proxy.http2_pool import Http2Pool

    profile: Http2Profile = getattr(http2, settings.http2_profile)
    return lambda place, health: Http2Pool(destination(place, health), profile)


def _balancing(settings: UpstreamSettings) -> tuple[Balancer[Target], KeyOf]:
    how = settings.load_balancing
    if how.algorithm == "consistent_hash":
        return ConsistentHash(), key_of(how.hash_on)
    balancer: Balancer[Target] = RoundRobin() if how.algorithm == "round_robin" else LeastConnections()
    return balancer, lambda _head, _request: None
