"""Hand-written fakes at the ports of the core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from commands.domain.location import HERE, Location
from commands.domain.plan import Finding, Target
from commands.domain.sli import Reading
from commands.errors import NotFound, Unavailable
from commands.ports import (
    Change,
    Contact,
    ErrorCount,
    ErrorGroup,
    LogLine,
    LogPage,
    LogQuery,
    Operation,
    OutcomeUnknown,
    Pod,
    Rejected,
    RouteReading,
    Workload,
)
from commands.reading import SECONDS

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time that moves when it is told to, and when somebody sleeps."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, span: timedelta) -> None:
        self.at += span

    async def sleep(self, seconds: float) -> None:
        """Sleeping takes no time here, but others get their turn."""
        import asyncio

        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0.002)


class FakeGateway:
    """A gateway that does what it is asked, and can be told to fail in each way that the ports know."""

    grain = SECONDS

    def __init__(self, clock: FakeClock, *, workers: int = 3) -> None:
        self.clock = clock
        self.desired = workers
        self.objections_now: tuple[Finding, ...] = ()
        self.uid = "11111111-2222-3333-4444-555555555555"
        self.asked: list[str] = []
        self.operations: dict[str, Operation] = {}
        self.reading_now = Reading(
            at=clock.now(),
            window_seconds=10,
            requests=1000,
            errors=2,
            error_rate=0.002,
            rps=100,
            p50_ms=8,
            p95_ms=40,
            p99_ms=90,
        )
        self.log_lines: list[LogLine] = []
        self.groups: list[ErrorGroup] = []
        self.kept_since: datetime | None = None
        self.missed = 0
        self.changes: list[Change] = []
        self.settings = "server:\n  port: 8080\nadmin:\n  token: super-secret-value\n"
        self.down = False
        self.refuse = ""
        self.lose_answer = False
        self.never_arrives = False
        self.stuck = False
        self.given: datetime | None = None
        self.missing = 0

    # deployments
    async def find(self, name: str, at: Location = HERE) -> Workload:
        if self.down:
            raise Unavailable(
                "The admin API of gateway does not answer (ConnectError).", hint="Is the gateway running?"
            )
        if name != "gateway":
            raise NotFound(f"There is no service {name!r} that I can act on.", hint="I know: gateway.")
        target = Target(kind="gateway", name="gateway", uid=self.uid)
        return Workload(
            target=target, version="1.2.3", desired=self.desired, ready=self.desired, minimum=1, maximum=20,
            revision="7", started_at=START - timedelta(hours=5), missing=self.missing,
        )  # fmt: skip

    async def pods(self, target: Target, *, workers: bool = False) -> Sequence[Pod]:
        return [
            Pod(
                name=f"gateway-{n}",
                state="ready",
                started_at=START,
                restarts=0,
                requests=10 * n,
                errors=0,
                memory_bytes=40 * 2**20,
            )
            for n in range(1, self.desired + 1)
        ]

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        self._ask("scale", operation)
        if not self.never_arrives:
            self.desired = replicas
        if self.lose_answer:
            raise OutcomeUnknown("ReadTimeout")

    async def restart(self, target: Target, *, operation: str, actor: str, only: Sequence[str] = ()) -> None:
        self._ask("restart", operation, total=len(only) or 2)

    def _ask(self, kind: str, operation: str, total: int = 2) -> None:
        self.asked.append(kind)
        if self.refuse:
            raise Rejected(self.refuse)
        if self.never_arrives:
            raise OutcomeUnknown("ReadTimeout")
        state = "running" if self.stuck else "done"
        done = 0 if self.stuck else total
        self.operations[operation] = Operation(id=operation, state=state, done=done, total=total, until=self.given)

    async def objections(self, target: Target, doing: str) -> Sequence[Finding]:
        """See Deployments."""
        return self.objections_now

    async def operation(self, target: Target, operation: str) -> Operation | None:
        return self.operations.get(operation)

    async def config(self, target: Target) -> str:
        return self.settings

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]:
        return self.changes[:limit]

    # telemetry
    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        if self.down:
            return Reading(at=self.clock.now(), up=False)
        return self.reading_now.model_copy(update={"at": self.clock.now()})

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]:
        return [
            RouteReading(route="users", requests=600, error_rate=0.001, p95_ms=35),
            RouteReading(route="orders", requests=400, error_rate=0.004, p95_ms=48),
        ]

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:
        answer = "no answer (ConnectError)" if self.down else "ok (200)"
        return dict.fromkeys(("/health", "/health/live", "/health/ready"), answer)

    # logs
    async def lines(self, service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        found = [line for line in self.log_lines if query.grep in line.message]
        newest = tuple(found[-query.limit :])
        return LogPage(lines=newest, total=len(found), kept_since=self.kept_since, missed=self.missed)

    async def errors(self, service: str, *, since: timedelta, at: Location = HERE) -> ErrorCount:
        total = sum(group.count for group in self.groups)
        return ErrorCount(groups=tuple(self.groups), total=total, kept_since=self.kept_since)


class FakeOnCall:
    """Ana is on duty; or the pager is down."""

    def __init__(self) -> None:
        self.down = False

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:
        if self.down:
            raise Unavailable("The pager does not answer.")
        return [Contact(person="ana", level=1)]
