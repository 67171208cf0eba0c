"""What can be looked at beneath a workload, where a cluster runs it: events, rollouts, nodes, and the like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.plan import Target
from commands.ports.values import Change


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Event(_Value):
    """Something that the cluster said about one of its objects; `at` is when it said so last."""

    at: AwareDatetime
    warning: bool
    about: str
    reason: str
    message: str
    count: int = 1


class EventPage(_Value):
    """The newest events, oldest first, of `total`. `whole` is False where there were more than can be read."""

    events: tuple[Event, ...]
    total: int
    whole: bool = True


class Described(_Value):
    """One object in words: pairs of a label and its value, what is wrong with it, and its events."""

    kind: str
    name: str
    facts: tuple[tuple[str, str], ...]
    troubles: tuple[str, ...]
    events: tuple[Event, ...]


class Used(_Value):
    """What one thing uses, beside what it may use. `cpu` in thousandths of a core; None: nobody knows."""

    name: str
    cpu: int | None
    memory: int | None
    most_cpu: int | None = None
    most_memory: int | None = None


class Revision(_Value):
    """One revision of a rollout: what was changed by it, and how many copies run it now."""

    number: int
    at: AwareDatetime
    change: str
    replicas: int
    current: bool
    cause: str = ""


class Rollout(_Value):
    """How far the newest template has come."""

    state: Literal["running", "done", "failed", "paused"]
    words: str
    strategy: str
    troubles: tuple[str, ...]
    revisions: tuple[Revision, ...]


class Autoscaler(_Value):
    """Who sets the number of copies: the bounds, what is measured beside what is wanted, and what is wrong."""

    name: str
    least: int
    most: int
    now: int
    wanted: int
    metrics: tuple[tuple[str, str, str], ...]
    troubles: tuple[str, ...]
    scaled_at: AwareDatetime | None = None


class Served(_Value):
    """A service that sends requests to the copies: those that get some, and those that get none, with why."""

    name: str
    ports: str
    ready: tuple[str, ...]
    not_ready: tuple[str, ...]


class ConfigMap(_Value):
    """One ConfigMap that the workload uses, secrets masked.

    `diff` shows how it differs from `against` (words for an older state of it; empty where none is known). `stale` are
    the copies that were started before it was changed; `how` says whether those read it anew by themselves.
    """

    name: str
    how: str
    text: str
    against: str = ""
    diff: str = ""
    changed_at: AwareDatetime | None = None
    stale: tuple[str, ...] = ()
    copies: int = 0


class Node(_Value):
    """One machine of the cluster, and how many of the workload's copies it runs."""

    name: str
    state: str
    good: bool
    copies: int
    version: str
    since: AwareDatetime


class Certificate(_Value):
    """A TLS certificate: whom it is for, and until when. `trouble`: why it could not be read."""

    secret: str
    hosts: tuple[str, ...] = ()
    until: AwareDatetime | None = None
    trouble: str = ""


class Surroundings(_Value):
    """What has changed around the workload, oldest first; `missing` says what could not be looked at, and why."""

    changes: tuple[Change, ...]
    missing: tuple[str, ...] = ()


class Inspection(Protocol):
    """Looks beneath a workload. Each raises Unavailable, which says what is missing, and NotFound."""

    async def describe(self, target: Target, name: str) -> Described:
        """The workload itself, or the pod or deployment of this name. Raises Conflict where the name fits several."""

    async def events(self, target: Target, *, since: timedelta, limit: int, everything: bool) -> EventPage:
        """Events of the workload, its revisions and its pods, or of the whole namespace (`everything`)."""

    async def usage(self, target: Target, what: Literal["pods", "nodes"]) -> Sequence[Used]:
        """What its pods use, or the nodes."""

    async def rollout(self, target: Target, *, limit: int) -> Rollout: ...

    async def autoscalers(self, target: Target) -> Sequence[Autoscaler]: ...

    async def served(self, target: Target) -> Sequence[Served]:
        """The services that send to its pods."""

    async def config_maps(self, target: Target) -> Sequence[ConfigMap]:
        """The ConfigMaps that it uses."""

    async def nodes(self, target: Target) -> Sequence[Node]: ...

    async def certificates(self, target: Target) -> Sequence[Certificate]:
        """The TLS certificates of its namespace. Keys are not read out."""

    async def changes(self, target: Target, *, since: timedelta) -> Surroundings: ...
