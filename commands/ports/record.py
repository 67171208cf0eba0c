"""The record: what a decision reads and writes, in one transaction, awaiting nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from commands.cards import Card
from commands.domain.alert import Group, Heard, Known, Silence, Tally
from commands.domain.evidence import Evidence
from commands.domain.incident import Declared, Incident, IncidentEvent
from commands.domain.lease import Lease, LeaseState
from commands.domain.paper import Paper, Revision
from commands.domain.plan import Plan, PlanState
from commands.domain.reminder import Ask, AskState, Told
from commands.domain.sli import Reading
from commands.domain.timeline import Entry
from commands.ports.chat import Bookmark, Room, Urgency
from commands.ports.errands import Errands
from commands.ports.paging import Pages
from commands.ports.publishing import PublicUpdates
from commands.ports.values import (
    AuditEntry,
    AuditReport,
    Freeze,
    Held,
)
from commands.ports.world import Maintenances, StakeholderUpdates, Tickets


class Incidents(Protocol):
    """Events and the projection of each incident."""

    def get(self, incident_id: str) -> Incident:
        """Raises NotFound."""

    def in_channel(self, channel: str) -> Incident | None: ...

    def recent(self, *, open_only: bool, limit: int) -> list[Incident]: ...

    def declared_between(self, since: datetime, until: datetime) -> list[Incident]:
        """Newest first, without the end of the span."""

    def unfinished(self, *, over: int) -> list[Incident]:
        """All that are open, and of those that are over and not closed the newest so many."""

    def owing(self, *, limit: int) -> list[Incident]:
        """Those that are over and have tasks that are not done, newest first."""

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

    def read_until(self, channel: str, person: str) -> datetime | None:
        """When the newest was said that somebody has read there; None where the platform does not tell."""

    def newest(self, *, only_for: str, begins: str) -> datetime | None:
        """When somebody was last told, alone, a message whose key begins so."""


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


class Reminders(Protocol):
    """What people were told of the clocks of incidents, and what somebody asked to be reminded of."""

    def of(self, incident_id: str) -> dict[str, Told]:
        """By the deadline's key."""

    def all_of(self, incident_ids: Sequence[str]) -> dict[str, dict[str, Told]]:
        """By the incident, then by the deadline's key."""

    def outstanding(self) -> list[str]:
        """The incidents with a reminder that asks for something."""

    def put(self, incident_id: str, told: Told) -> None: ...

    def prune(self, before: datetime) -> None:
        """Forget what asks for nothing and is older than that."""

    def ask(self, ask: Ask) -> None: ...

    def get(self, ask_id: str) -> Ask:
        """Raises NotFound."""

    def asks(self, *, channel: str | None = None, due: datetime | None = None) -> list[Ask]:
        """Those that are neither done nor cancelled, what is due first comes first; `due`: that wait for it no more."""

    def move(self, ask: Ask, to: AskState, **changes: Any) -> Ask:
        """Compare and swap. Raises Conflict."""


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

    def spread(self, service: str, start: datetime, end: datetime, *, most: int) -> tuple[list[Reading], int]:
        """At most so many of them, evenly spread, oldest first; and how many there are."""

    def add(self, service: str, reading: Reading) -> None: ...


class Postmortems(Protocol):
    """Postmortems, each with its versions."""

    def get(self, incident_id: str) -> str | None:
        """Its text as it reads now."""

    def paper(self, incident_id: str) -> Paper | None: ...

    def put(self, paper: Paper, *, by: str, what: str) -> Paper:
        """Store it, as a new version where its text is another. Raises Conflict when it was changed meanwhile."""

    def revisions(self, incident_id: str) -> list[Revision]:
        """Newest first, without their texts."""

    def revision(self, incident_id: str, number: int) -> Revision:
        """One with its text. Raises NotFound."""


class Alerts(Protocol):
    """Alerts of other systems, their groups, and silences."""

    def known(self, keys: Collection[str]) -> dict[str, Known]:
        """Those of these alerts that were heard of before."""

    def keep(self, alerts: Collection[Known]) -> None: ...

    def firing(self, *, incident: str = "", limit: int) -> tuple[list[Known], int]:
        """The newest that fire, of an incident or all, and how many there are."""

    def named(self, fingerprint: str) -> list[Known]: ...

    def group(self, group_id: str) -> Group:
        """Raises NotFound."""

    def open_groups(self, *, look: bool = False) -> list[Group]:
        """Oldest first. `look`: nothing depends on their staying so."""

    def next_group(self) -> str:
        """The id of a new group."""

    def save(self, group: Group) -> None: ...

    def release(self, group_id: str) -> None:
        """Its alerts belong to no group: heard of again, they are looked at anew."""

    def tally(self, group_id: str) -> Tally: ...

    def heard(self, incident_id: str, *, since: datetime, until: datetime) -> Heard | None:
        """The first of the alerts that were attached to an incident, of those whose groups opened in that time."""

    def silence(self, silence: Silence) -> None: ...

    def silences(self) -> list[Silence]:
        """Those that last; what ends first comes first."""

    def end_silence(self, silence_id: str) -> bool:
        """False where there is none that lasts."""

    def ended_silences(self) -> list[Silence]:
        """Those that are over, while what still fires is to be told of."""

    def close_silences(self, ids: Collection[str]) -> None:
        """It was told of."""

    def loose(self, *, after: str, limit: int) -> list[Known]:
        """Alerts that fire and belong to no group, by their keys, after this one."""


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
    def reminders(self) -> Reminders: ...

    @property
    def public(self) -> PublicUpdates: ...

    @property
    def pages(self) -> Pages: ...

    @property
    def errands(self) -> Errands: ...

    @property
    def work(self) -> Work: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def alerts(self) -> Alerts: ...

    @property
    def samples(self) -> Samples: ...

    @property
    def postmortems(self) -> Postmortems: ...

    @property
    def tickets(self) -> Tickets: ...

    @property
    def maintenances(self) -> Maintenances: ...

    @property
    def stakeholders(self) -> StakeholderUpdates: ...
