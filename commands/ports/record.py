"""The record: what a decision reads and writes, in one transaction, awaiting nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from commands.cards import Card
from commands.domain.evidence import Evidence
from commands.domain.incident import Declared, Incident, IncidentEvent
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import Plan, PlanState
from commands.domain.sli import Reading
from commands.domain.timeline import Entry
from commands.ports.chat import Bookmark, Room, Urgency
from commands.ports.values import (
    AuditEntry,
    AuditReport,
    Freeze,
    Held,
)


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

    def open_channel(self, room: Room) -> None:
        """Create the channel, once for a name."""

    def arrange(
        self,
        name: str,
        *,
        topic: str | None = None,
        bookmarks: Sequence[Bookmark] | None = None,
        invite: Sequence[str] | None = None,
    ) -> None:
        """Change what a channel shows on its top, and who is called into it; what is None stays."""

    def add_member(self, channel: str, person: str) -> None: ...

    def remove_member(self, channel: str, person: str) -> None: ...

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
        urgency: Urgency = Urgency.NORMAL,
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

    def acted_since(self, since: datetime) -> list[Plan]:
        """Those that were confirmed, and may have acted since then."""

    def of_incident(self, incident_id: str) -> list[Plan]:
        """Oldest first."""

    def lock(self, target: str, plan_id: str) -> str | None:
        """Take the lock on a target; the holding plan's id when it is another's."""

    def unlock(self, target: str, plan_id: str) -> None: ...

    def one_at_a_time(self, service: str) -> None:
        """Wait until no other transaction is here for this service: what is counted over its targets stays so."""

    def held(self) -> list[Held]:
        """All locks, the oldest first."""

    def waiting(self, *, channel: str | None = None) -> list[Plan]:
        """Plans that wait for people, or for their hour; newest first."""


class Leases(Protocol):
    """Temporary changes, by the plan that made them."""

    def add(self, lease: Lease) -> None: ...

    def find(self, plan_id: str) -> Lease | None:
        """The lease of a plan, if it has one."""

    def move(self, lease: Lease, to: LeaseState, **changes: Any) -> Lease:
        """Compare and swap, by state and term. Raises Conflict."""

    def standing(self) -> list[Lease]:
        """Those whose change is there, or may be; what ends first comes first."""


class Evidences(Protocol):
    """What was captured before each change."""

    def add(self, evidence: Evidence) -> None: ...

    def find(self, plan_id: str) -> Evidence | None: ...


class Freezes(Protocol):
    """The kill switch."""

    def current(self) -> Freeze | None: ...

    def begin(self, *, by: str, reason: str) -> bool:
        """False where changes are frozen already."""

    def end(self) -> bool:
        """False where nothing was frozen."""


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


class Audit(Protocol):
    """The append-only hash chain (mitigation.md, rule 12)."""

    def append(self, kind: str, *, actor: str, subject: str, detail: dict[str, Any]) -> AuditEntry: ...

    def newest(self, *kinds: str, plan: str) -> AuditEntry | None:
        """The newest entry of these kinds that is about a plan."""


class Auditor(Protocol):
    """Reads the whole chain, beside the units of work: the walk takes long, and holds up nobody who writes."""

    async def verify(self) -> AuditReport:
        """Walk the chain from its start. Raises Unavailable when the record does not answer."""


class Ledger(Protocol):
    """Reads plans and lines beside the units of work, for what must be known before the outside is asked."""

    async def asked(self, *, channel: str, person: str, limit: int) -> list[str]:
        """The lines that somebody typed in a channel and that were answered, newest first. Raises as `recent`."""

    async def recent(self, *, target: str | None, limit: int) -> list[Plan]:
        """Newest first. Raises Unavailable when the record does not answer."""


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
    def leases(self) -> Leases: ...

    @property
    def evidence(self) -> Evidences: ...

    @property
    def freezes(self) -> Freezes: ...

    @property
    def work(self) -> Work: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def samples(self) -> Samples: ...

    @property
    def postmortems(self) -> Postmortems: ...
