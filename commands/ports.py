"""The ports: what the core asks of the outside, as small Protocols. Adapters live in `bot/`.

Two kinds. The asynchronous ones reach other systems and are used before a decision (to gather facts) or
after it (by durable work). The synchronous ones, grouped in a `Transaction`, are the record: a decision
reads and writes them in one database transaction and awaits nothing.

Errors: an adapter that gets no answer raises `Unavailable`; one whose request was refused with certainty
raises `Rejected`; one that cannot know whether its request had an effect raises `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.cards import Card
from commands.domain.incident import Declared, Incident, IncidentEvent, Status
from commands.domain.plan import Plan, PlanState, Target
from commands.domain.sli import Reading
from commands.domain.timeline import Entry


class Rejected(Exception):  # noqa: N818 - an answer of the other side
    """The other system refused with certainty: nothing was changed."""


class OutcomeUnknown(Exception):  # noqa: N818 - a state of knowledge
    """The request may or may not have had its effect; only a read-back can tell."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


# ---------------------------------------------------------------- values that ports exchange


class Workload(_Value):
    """What runs: identity, wished and ready copies, the limits it enforces itself."""

    target: Target
    version: str
    desired: int
    ready: int
    minimum: int
    maximum: int
    revision: str
    started_at: AwareDatetime
    busy_with: str = ""


class Pod(_Value):
    """One running copy."""

    name: str
    state: str
    started_at: AwareDatetime
    restarts: int
    requests: int
    errors: int
    memory_bytes: int | None = None


class Change(_Value):
    """One entry of a target's history."""

    at: AwareDatetime
    kind: str
    actor: str
    reason: str
    before: str
    after: str
    outcome: str
    operation: str = ""


class Operation(_Value):
    """How far a requested change has come, as the target itself reports it."""

    id: str
    state: str  # running, done, failed
    done: int
    total: int
    error: str = ""


class LogLine(_Value):
    """One log record; `fields` are what else it carried."""

    at: AwareDatetime
    level: str
    message: str
    fields: dict[str, Any] = {}


class ErrorGroup(_Value):
    """Like errors counted together."""

    route: str
    status: int
    error_type: str
    count: int
    last_seen: AwareDatetime


class RouteReading(_Value):
    """One route's share of a reading."""

    route: str
    requests: int
    error_rate: float
    p95_ms: float | None


class Contact(_Value):
    """Somebody on duty."""

    person: str
    level: int
    until: AwareDatetime | None = None


class Notice(_Value):
    """One public status update. `impact`: none, minor, major or critical."""

    incident: str
    at: AwareDatetime
    status: str
    title: str
    body: str


# ---------------------------------------------------------------- asynchronous ports


class Clock(Protocol):
    """The time, injected."""

    def now(self) -> datetime:
        """Aware, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class Deployments(Protocol):
    """Runs copies of the gateway and changes how many."""

    async def find(self, name: str) -> Workload:
        """The workload with this name.

        Raises:
            NotFound: there is none; the message lists those there are.
            Unavailable: no answer.
        """

    async def pods(self, target: Target) -> Sequence[Pod]: ...

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """Ask once for `replicas` copies, if there are `expected` now. Never retries.

        Raises:
            Rejected: refused with certainty. OutcomeUnknown: no clear answer.
        """

    async def restart(self, target: Target, *, operation: str, actor: str) -> None:
        """Ask once for a rolling restart. Never retries. Raises as `scale`."""

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """What became of a request; None: it never arrived."""

    async def config(self, target: Target) -> str:
        """The running configuration as YAML, secrets masked."""

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]: ...


class Telemetry(Protocol):
    """What the gateway says of itself."""

    async def reading(self, service: str, *, window: timedelta) -> Reading:
        """A reading; `up` is False when nothing answers (no exception)."""

    async def routes(self, service: str, *, window: timedelta) -> Sequence[RouteReading]: ...

    async def health(self, service: str) -> dict[str, str]:
        """Each health check and its answer."""


class Logs(Protocol):
    """Recent log lines."""

    async def lines(
        self, service: str, *, limit: int, level: str, grep: str, since: timedelta
    ) -> Sequence[LogLine]: ...

    async def errors(self, service: str, *, since: timedelta) -> Sequence[ErrorGroup]: ...


class OnCall(Protocol):
    """Who is on duty."""

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]: ...


class Texts(Protocol):
    """Texts for the outside, from templates."""

    def status_update(self, status: Status, values: Mapping[str, Any]) -> str:
        """A status-page update (runbook 002, section 2.4.5) for one of the four statuses of an incident at work.

        `values`: `title` (required), `impact`, `symptom`, `cause`, `resolution`, `service`, `update_every`
        (timedelta), `next_update` (aware) and `zone`; what is missing is worded around.
        """


class StatusPage(Protocol):
    """The public page."""

    async def publish(self, notice: Notice, *, key: str) -> str:
        """Publish once for a key; the address where it can be read."""


class ChatPlatform(Protocol):
    """A chat system, as the outbox drives it. Every call may come again after a crash: `key` tells."""

    name: str

    async def open_channel(self, name: str, *, private: bool, topic: str, members: Sequence[str]) -> str:
        """Make the channel, or find it; its reference on the platform."""

    async def post(self, channel: str, card: Card, *, key: str, only_for: str | None) -> str:
        """Say something; the message's reference on the platform."""

    async def edit(self, channel: str, reference: str, card: Card, *, key: str, only_for: str | None) -> None: ...


# ---------------------------------------------------------------- the record, in one transaction


class Incidents(Protocol):
    """Events and the projection of each incident."""

    def get(self, incident_id: str) -> Incident:
        """Raises NotFound."""

    def in_channel(self, channel: str) -> Incident | None: ...

    def recent(self, *, open_only: bool, limit: int) -> list[Incident]: ...

    def next_id(self, at: datetime) -> str:
        """`incident-YYYYMMDD-NNN` (runbook 002, section 2.4.2), unique under concurrency."""

    def declare(self, event: Declared, *, actor: str) -> Incident: ...

    def record(self, incident_id: str, event: IncidentEvent, *, actor: str) -> Incident: ...

    def timeline(self, incident_id: str) -> list[Entry]: ...


class Messages(Protocol):
    """What is said where. Delivered after the commit; order is kept within a channel."""

    def open_channel(self, name: str, *, platform: str, private: bool, topic: str, members: Sequence[str]) -> None: ...

    def add_member(self, channel: str, person: str) -> None: ...

    def may_read(self, channel: str, person: str) -> bool: ...

    def post(
        self,
        channel: str,
        card: Card,
        *,
        key: str,
        only_for: str | None = None,
        pinned: bool = False,
        thread: str | None = None,
    ) -> None: ...

    def edit(self, key: str, card: Card) -> None:
        """Replace a message; its old buttons are void."""


class Plans(Protocol):
    """Plans, and the locks on their targets."""

    def add(self, plan: Plan) -> None: ...

    def get(self, plan_id: str) -> Plan:
        """Raises NotFound."""

    def move(self, plan_id: str, source: PlanState, to: PlanState, **changes: Any) -> Plan:
        """Compare and swap. Raises Conflict, naming the state it has instead."""

    def recent(self, *, target: str | None, limit: int) -> list[Plan]:
        """Newest first."""

    def of_incident(self, incident_id: str) -> list[Plan]:
        """Oldest first."""

    def lock(self, target: str, plan_id: str) -> str | None:
        """Take the lock on a target; the holding plan's id when it is another's."""

    def unlock(self, target: str, plan_id: str) -> None: ...


class Work(Protocol):
    """Durable work, enqueued with the decision that asks for it."""

    def enqueue(
        self,
        workflow: str,
        *,
        key: str,
        payload: dict[str, Any],
        partition: str | None = None,
        delay: timedelta | None = None,
    ) -> None: ...


class AuditEntry(_Value):
    """One link of the chain. `kind`: command, refused, intent, outcome, system."""

    sequence: int
    at: AwareDatetime
    actor: str
    kind: str
    subject: str
    detail: dict[str, Any]
    previous: str
    digest: str


class AuditReport(_Value):
    """What verification found. `broken_at` None: intact."""

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""


class Audit(Protocol):
    """The append-only hash chain (mitigation.md, rule 12)."""

    def append(self, kind: str, *, actor: str, subject: str, detail: dict[str, Any]) -> AuditEntry: ...

    def verify(self) -> AuditReport: ...


class Samples(Protocol):
    """The readings that were taken, for impact in numbers."""

    def between(self, service: str, start: datetime, end: datetime) -> list[Reading]: ...

    def add(self, service: str, reading: Reading) -> None: ...


class Postmortems(Protocol):
    """Drafts, one current version an incident."""

    def save(self, incident_id: str, *, markdown: str, template: str) -> None: ...

    def get(self, incident_id: str) -> str | None: ...


class Transaction(Protocol):
    """One unit of work over the record: everything in it is stored, or nothing."""

    @property
    def now(self) -> datetime:
        """When it began."""

    @property
    def incidents(self) -> Incidents: ...

    @property
    def messages(self) -> Messages: ...

    @property
    def plans(self) -> Plans: ...

    @property
    def work(self) -> Work: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def samples(self) -> Samples: ...

    @property
    def postmortems(self) -> Postmortems: ...
