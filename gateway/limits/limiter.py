"""Rate limits as rules of routes: by address before anybody is authenticated, by who it is afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

from gateway.limits.algorithms import ALGORITHMS, Decision
from gateway.limits.counters import LocalCounters
from gateway.limits.keys import key_of
from gateway.limits.redis_script import Question, described
from gateway.limits.settings import RateLimit, RateLimitingSettings, Teller
from gateway.proxy.admission import Asking, Awaited, Rule
from gateway.proxy.message import Header, Refused

if TYPE_CHECKING:
    from gateway.limits.redis_counters import Decided, RedisCounters
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

#: Of so many decisions in the process, which take microseconds, one is timed.
TIMED_EACH = 64
_BY_ADDRESS = frozenset({"ip", "ip+route", "route+ip"})


class Limit:
    """One limit of one route, with all that depends only on the settings worked out."""

    __slots__ = (
        "algorithm",
        "allowed",
        "by_address",
        "denied",
        "failed_closed",
        "failed_open",
        "key",
        "limit",
        "policy",
        "settings",
        "shown",
        "window",
    )

    def __init__(self, settings: RateLimit, *, name: str, scope: str, route: str, ipv6_prefix: int) -> None:
        self.settings = settings
        self.algorithm = ALGORITHMS[settings.algorithm]
        self.limit = settings.limit
        """How many the process may let pass by itself: its share."""
        self.window = settings.window_secs
        # All that makes it another limit: one that was changed, or that counts others, begins anew.
        own = f"{scope}|{settings.key_type}|{settings.algorithm}|{settings.limit}|{settings.window_secs}"
        self.key = key_of(settings.key_type, scope=own, route=route, ipv6_prefix=ipv6_prefix)
        self.by_address = settings.key_type in _BY_ADDRESS
        self.policy = (b"ratelimit-policy", f'"{name}";q={settings.limit};w={settings.window_secs}'.encode())
        self.shown = b'"' + name.encode() + b'";r=%d;t=%d'
        self.allowed = ("allowed", route, settings.key_type)
        self.denied = ("denied", route, settings.key_type)
        self.failed_open = ("failed_open", route, settings.key_type)
        self.failed_closed = ("failed_closed", route, settings.key_type)

    def told(self, left: int, wait: float) -> tuple[Header, Header]:
        """The fields that say what the limit is, and how much of it is left."""
        return self.policy, (b"ratelimit", self.shown % (left, math.ceil(wait)))


class RateLimiter:
    """The limits of all routes of one worker. What an `earlier` one has counted goes on counting."""

    def __init__(
        self, settings: RateLimitingSettings, tell: Teller = lambda *_: None, earlier: RateLimiter | None = None
    ) -> None:
        self._settings = settings
        self._shared: RedisCounters | None = None
        self._inherits_shared = False
        if settings.enabled and settings.redis_url:
            is_same = earlier is not None and _store(earlier._settings) == _store(settings)
            known = earlier._shared if earlier is not None and is_same else None
            self._inherits_shared = known is not None
            self._shared = known or _shared(settings, tell)
        self._counters: LocalCounters = LocalCounters(settings.max_keys) if earlier is None else earlier._counters
        self._limits: dict[str, tuple[Limit, ...]] = {}
        self._workers = 1

    # What routes are asked for.

    def by_address(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The policy that comes before authentication: nobody can burn time with bad credentials."""
        return self._rules(limit for limit in self._limits_of(route) if limit.by_address)

    def by_identity(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The policy that comes after it: a user's limit is counted for who it surely is."""
        return self._rules(limit for limit in self._limits_of(route) if not limit.by_address)

    def _rules(self, limits: Iterable[Limit]) -> tuple[Rule, ...]:
        chosen = tuple(limits)
        if not chosen:
            return ()
        local = LocalRule(chosen, self._counters)
        if self._shared is None:
            return (local,)
        return (SharedRule(chosen, self._shared, _WITHOUT[self._settings.failure_mode](chosen, local)),)

    def _limits_of(self, route: RouteSettings) -> tuple[Limit, ...]:
        if route.id not in self._limits:
            self._limits[route.id] = self._worked_out(route) if self._settings.enabled else ()
        return self._limits[route.id]

    def _worked_out(self, route: RouteSettings) -> tuple[Limit, ...]:
        own = route.rate_limit
        chosen = own if own is not None else self._settings.default_limit or ()
        # A route's own limit counts for that route, the default one for all routes together that have none.
        scope = f"route:{route.id}" if own is not None else "default"
        names: dict[str, count[int]] = {}
        found = []
        for item in chosen:
            number = next(names.setdefault(item.key_type, count(1)))
            name = item.key_type if number == 1 else f"{item.key_type}-{number}"
            prefix = self._settings.ipv6_prefix
            found.append(Limit(item, name=name, scope=scope, route=route.id, ipv6_prefix=prefix))
        self._share_out(found)
        return tuple(found)

    async def open(self) -> None:
        """Connect to where is counted, if that is elsewhere."""
        if self._shared is not None and not self._inherits_shared:
            await self._shared.open()

    async def close(self) -> None:
        """Close what `open` and the rules have opened, unless another one has it in use."""
        if self._shared is not None and not self._inherits_shared:
            await self._shared.close()

    def replace(self, earlier: RateLimiter) -> None:
        """This one counts from now on, in the place of the one that it was made from."""
        self._counters.keep_at_most(self._settings.max_keys)
        if self._inherits_shared:
            self._inherits_shared, earlier._inherits_shared = earlier._inherits_shared, True

    @property
    def store_answers(self) -> bool | None:
        """Whether Redis counts at the moment; None where it is not asked to."""
        return None if self._shared is None else self._shared.available

    # Sharing.

    def shared_by(self, workers: int) -> None:
        """So many workers count by themselves from now on; each has its part of every limit, rounded up."""
        self._workers = max(1, workers)
        for limits in self._limits.values():
            self._share_out(limits)

    def _share_out(self, limits: Iterable[Limit]) -> None:
        for limit in limits:
            limit.limit = math.ceil(limit.settings.limit / self._workers)


def _store(settings: RateLimitingSettings) -> tuple[Any, ...]:
    """All that makes it another store, or another way to ask it."""
    return (settings.redis_url, settings.redis_timeout_secs, settings.redis_retry_secs, settings.redis_key_prefix)


def _shared(settings: RateLimitingSettings, tell: Teller) -> RedisCounters:
    # Its client takes time and memory to load, in each worker: only where it is asked for.
    from gateway.limits.redis_counters import RedisCounters

    return RedisCounters(settings, tell)


class LocalRule:
    """Decides in the process, by what this worker has counted."""

    __slots__ = ("_asked", "_counters", "_limits", "_only")

    def __init__(self, limits: tuple[Limit, ...], counters: LocalCounters) -> None:
        self._limits = limits
        self._only = limits[0] if len(limits) == 1 else None
        self._counters = counters
        self._asked = 0

    def __call__(self, exchange: Exchange) -> Asking | None:
        plane, only = exchange.plane, self._only
        now = plane.clock()
        if only is None:
            conclude(exchange, self._limits, self._decide(exchange, now))
        else:
            # Most routes have one limit, and this is on every request's way.
            decision = self._counters.decide(only.key(exchange), only.algorithm, now, only.limit, only.window)
            passes, _, left, wait = decision
            if not passes:
                _refuse(exchange, self._limits, [decision])
            exchange.answer_headers += (only.policy, (b"ratelimit", only.shown % (left, math.ceil(wait))))
            counts, allowed = plane.tally.rate_limit_decisions, only.allowed
            counts[allowed] = counts.get(allowed, 0) + 1
        self._asked += 1
        if self._asked == TIMED_EACH:
            self._asked = 0
            plane.tally.rate_limit_took("process", plane.clock() - now)
        return None

    def _decide(self, exchange: Exchange, now: float) -> list[Decision]:
        """What one of them refuses counts in none."""
        counters = self._counters
        keys = [limit.key(exchange) for limit in self._limits]
        decisions = [
            limit.algorithm(counters.state(key), now, limit.limit, limit.window)
            for key, limit in zip(keys, self._limits, strict=True)
        ]
        if all(decision[0] for decision in decisions):
            for key, decision in zip(keys, decisions, strict=True):
                counters.keep(key, decision[1])
        return decisions


class SharedRule:
    """Decides by what all workers and gateways have counted on Redis; `without` decides where it does not answer."""

    __slots__ = ("_described", "_limits", "_shared", "_without")

    def __init__(self, limits: tuple[Limit, ...], shared: RedisCounters, without: Rule) -> None:
        self._limits = limits
        self._described = described(limit.settings for limit in limits)
        self._shared = shared
        self._without = without

    def __call__(self, exchange: Exchange) -> Asking | None:
        if not self._shared.available:
            return self._without(exchange)
        began = exchange.plane.clock()
        question = Question([limit.key(exchange) for limit in self._limits], self._described)
        answer = self._shared.ask(question)
        return Awaited(answer, partial(self._conclude, exchange, answer, began))

    def _conclude(self, exchange: Exchange, answer: Decided, began: float) -> None:
        plane, decisions = exchange.plane, answer.result()
        plane.tally.rate_limit_took("redis", plane.clock() - began)
        if decisions is None:
            self._without(exchange)
        else:
            conclude(exchange, self._limits, decisions)


def _open(limits: tuple[Limit, ...], _local: Rule) -> Rule:
    def passes(exchange: Exchange) -> None:
        for limit in limits:
            exchange.plane.tally.rate_limit_decided(limit.failed_open)

    return passes


def _closed(limits: tuple[Limit, ...], _local: Rule) -> Rule:
    def refuses(exchange: Exchange) -> None:
        for limit in limits:
            exchange.plane.tally.rate_limit_decided(limit.failed_closed)
        message = "it is not known whether the rate limit is reached, and then nothing is let through"
        raise Refused(503, "rate_limit_unavailable", message, ((b"retry-after", b"1"),))

    return refuses


#: What decides while Redis does not answer, by failure mode.
_WITHOUT: dict[str, Callable[[tuple[Limit, ...], Rule], Rule]] = {
    "fail_open": _open,
    "fail_closed": _closed,
    "local": lambda _, local: local,
}


def conclude(exchange: Exchange, limits: tuple[Limit, ...], decisions: list[Decision]) -> None:
    """Count the decisions about one request and tell its client of them.

    Raises:
        Refused: where one of the limits is reached.
    """
    for passes, _, _, _ in decisions:
        if not passes:
            _refuse(exchange, limits, decisions)
    told, tally = exchange.answer_headers, exchange.plane.tally
    for limit, (_, _, left, wait) in zip(limits, decisions, strict=True):
        told += limit.told(left, wait)
        tally.rate_limit_decided(limit.allowed)


def _refuse(exchange: Exchange, limits: tuple[Limit, ...], decisions: list[Decision]) -> NoReturn:
    reached = [(limit, decision) for limit, decision in zip(limits, decisions, strict=True) if not decision[0]]
    for limit, (_, _, left, wait) in reached:
        exchange.answer_headers += limit.told(left, wait)
        exchange.plane.tally.rate_limit_decided(limit.denied)
    again = max(1, math.ceil(max(decision[3] for _, decision in reached)))
    of = " and ".join(limit.settings.key_type for limit, _ in reached)
    message = f"rate limit exceeded: too many requests for this {of}"
    raise Refused(429, "rate_limited", message, ((b"retry-after", str(again).encode()),))
