"""The asynchronous ports: other systems, used before a decision or after it, never within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from commands.domain.incident import Status
from commands.domain.location import HERE, Location
from commands.domain.plan import Finding, Target
from commands.domain.sli import Reading
from commands.ports.values import (
    Change,
    Contact,
    ErrorCount,
    LogPage,
    LogQuery,
    Operation,
    Pod,
    RouteReading,
    Workload,
)


class Clock(Protocol):
    """The time, injected."""

    def now(self) -> datetime:
        """Aware, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class Deployments(Protocol):
    """Runs copies of the gateway and changes how many."""

    async def find(self, name: str, at: Location = HERE) -> Workload:
        """The workload with this name, there.

        Raises:
            NotFound: there is none; the message lists those there are.
            Conflict: it fits several places, which the message lists.
            Unavailable: no answer.
        """

    async def pods(self, target: Target, *, workers: bool = False) -> Sequence[Pod]:
        """Its copies, and what else carries its labels; `workers`: its own that have not ended. Raises Unavailable."""

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """Ask once for `replicas` copies, if there are `expected` now. Never retries.

        Raises:
            Rejected: refused with certainty. OutcomeUnknown: no clear answer.
        """

    async def restart(self, target: Target, *, operation: str, actor: str, only: Sequence[str] = ()) -> None:
        """Ask once for a rolling restart. Never retries. Raises as `scale`.

        `only`: of these copies, by the names of `pods`; without it, of all. One that is gone by now has been replaced.
        Where that takes many requests, asking again under the same name asks for what is left. Raises Unavailable then.
        """

    async def objections(self, target: Target, doing: str) -> Sequence[Finding]:
        """What speaks against an action (by its name): who else owns the target, what runs there, what is counted.

        Raises Unavailable.
        """

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """What became of a request; None: it never arrived."""

    async def config(self, target: Target) -> str:
        """The running configuration as YAML, secrets masked."""

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]: ...


class Telemetry(Protocol):
    """What the gateway says of itself, or what measures it.

    `grain` is the shortest time that its figures are about.
    """

    grain: timedelta

    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        """A reading; `up` is False when nothing answers (no exception)."""

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]: ...

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:
        """Each health check and its answer."""


class Logs(Protocol):
    """Recent log lines."""

    async def lines(self, service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        """The newest lines that were asked for, and how many there are."""

    async def errors(self, service: str, *, since: timedelta, at: Location = HERE) -> ErrorCount:
        """Like errors counted together."""


class OnCall(Protocol):
    """Who is on duty."""

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]: ...


class Texts(Protocol):
    """Texts for the outside, from templates."""

    def status_update(self, status: Status, values: Mapping[str, Any]) -> str:
        """A status-page update (runbook 002, section 2.4.5) for one of the four statuses of an incident at work.

        `values`: `title` (required), `impact`, `symptom`, `cause`, `resolution`, `service`, `normal_again`
        (whether measurements say so; only for resolved), `update_every` (timedelta), `next_update` (aware) and
        `zone`; what is missing is worded around. The first two lines are the title and the status.
        """
