"""What one gateway tells of itself beyond its workers: upstreams, breakers, the cache, configurations, and orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime

from commands.domain.plan import Target
from commands.ports.values import _Value


class StandingOrder(_Value):
    """An order that holds: what somebody had the gateway do until then, whatever its settings say.

    `kind` is a word of ours (breaker, drain, weight, limit, route, loglevel, setting, block, client block, fault,
    maintenance), `about` what it is for, `what` what was ordered of that.
    """

    id: str
    kind: str
    about: str
    what: str
    by: str
    reason: str
    at: AwareDatetime
    until: AwareDatetime


class UpstreamTarget(_Value):
    """A place where an upstream is served. `share` (0 to 1) is that of the requests, as far as it is well.

    `weight` holds; `configured` is that of the settings. `why`: for its state, where there is a reason.
    """

    name: str
    address: str
    state: str
    why: str
    share: float
    weight: int
    configured: int
    in_flight: int
    zone: str = ""
    order: StandingOrder | None = None


class Breaker(_Value):
    """The circuit breaker of an upstream: `state` is closed, half-open, open, off, or empty where nobody can tell."""

    upstream: str
    state: str
    failures: int
    forced: StandingOrder | None = None


class Upstream(_Value):
    """A service behind the gateway, and the routes that go there."""

    id: str
    algorithm: str
    routes: tuple[str, ...]
    targets: tuple[UpstreamTarget, ...]
    breaker: Breaker


class CacheFigures(_Value):
    """The response cache over all workers. Sizes in MB, `hit_percent` of the last minute or else of all time.

    `answers` counts requests by what was done (hit, stale, revalidated, miss, bypass), `invalidated` entries by cause.
    """

    routes: tuple[str, ...]
    hit_percent: float | None
    entries: int
    used: float
    most: float
    average_age_seconds: float
    evicted: int
    evicted_lately: int
    policy: str
    answers: dict[str, int]
    invalidated: dict[str, int]
    invalidated_lately: int


class Configuration(_Value):
    """One that held. `cause`: start, signal, file, admin, rollback, override, override_undone, override_expired."""

    number: int
    version: str
    at: AwareDatetime
    cause: str
    by: str
    reason: str
    went_back_to: int | None = None


class Refused(_Value):
    """A configuration that could not be loaded."""

    at: AwareDatetime
    by: str
    message: str


class Configurations(_Value):
    """Newest first: the first one holds. `agreed`: every worker goes by it."""

    versions: tuple[Configuration, ...]
    agreed: bool
    workers: int
    refused: Refused | None = None

    @property
    def current(self) -> Configuration:
        """The one that holds."""
        return self.versions[0]


class Talker(_Value):
    """Who asks: an address (of IPv6 its /64) or a client. `refused`: answered 4xx; `failed`: 5xx; bytes both ways."""

    who: str
    requests: int
    refused: int
    failed: int
    bytes: int


class Talkers(_Value):
    """Those with the most of something, and what all others have together."""

    since: AwareDatetime
    loudest: tuple[Talker, ...]
    others: Talker


class SlowRequest(_Value):
    """A request that is over. `path` is masked as in the log."""

    at: AwareDatetime
    route: str
    method: str
    path: str
    status: int
    milliseconds: float
    target: str
    correlation_id: str


class SlowRequests(_Value):
    """The slowest first."""

    since: AwareDatetime
    requests: tuple[SlowRequest, ...]


By = Literal["address", "client"]
Most = Literal["requests", "refused", "failed", "bytes"]


@runtime_checkable
class Steering(Protocol):
    """Looks at one gateway. Each raises Unavailable, and NotFound."""

    async def upstreams(self, target: Target) -> Sequence[Upstream]: ...

    async def cache(self, target: Target) -> CacheFigures: ...

    async def configurations(self, target: Target) -> Configurations: ...

    async def differences(self, target: Target, before: int, after: int) -> str:
        """What `after` changes of `before`, key by key, as a diff; empty: nothing. Raises NotFound."""

    async def talkers(self, target: Target, *, by: By, most: Most, since: timedelta, limit: int) -> Talkers:
        """Who asks most; a quarter of an hour back at most."""

    async def slow(self, target: Target, *, route: str, since: timedelta, limit: int) -> SlowRequests:
        """What took longest, of one route or (empty) of all; a quarter of an hour back at most."""

    async def orders(self, target: Target) -> Sequence[StandingOrder]:
        """All that hold, what ends first comes first."""
