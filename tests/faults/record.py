"""What a database holds, read from outside the bot, and what must be true of it whatever happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from bot.store import schema
from bot.store.audit import verify
from bot.store.database import make_engine, read_on, snapshot
from bot.store.incidents import rebuild
from bot.store.transaction import SqlTransaction
from commands.cards import Card, transcript
from commands.domain.event import ActionFinished, ActionStarted
from commands.domain.incident import Incident
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import FINAL, Plan, PlanState
from commands.domain.timeline import Entry
from commands.ports import AuditEntry
from tests.world import audited

T = TypeVar("T")


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError("a reader enqueues nothing")


class Record:
    """Reads; and makes a dead replica look as dead as it will be in ten seconds."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url, busy_timeout=20, pool_size=4)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def look(self, work: Callable[[SqlTransaction], T]) -> T:
        """A snapshot, as the bot's own transactions see it."""

        def open_one(connection: sa.Connection) -> T:
            return work(SqlTransaction(connection, now=datetime.now(UTC), cause="look", owner="test", enqueue=_never))

        return read_on(self._engine, open_one)

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """A query."""
        with snapshot(self._engine) as connection:
            return list(connection.execute(sa.text(sql), values))

    def age(self, process: int) -> None:
        """As if a process that was killed had been gone for a minute: the lease need not be waited for each time."""
        with self._engine.begin() as connection:
            table = schema.replicas
            mine = table.c.process.like(f"%:{process}")
            connection.execute(table.update().where(mine).values(seen_at=table.c.seen_at - 60))

    def hasten(self) -> None:
        """As if half a minute had passed: what held up the end of a lease is looked at again."""
        with self._engine.begin() as connection:
            tries = "UPDATE dbos.workflow_status SET delay_until_epoch_ms = 0 WHERE status = 'DELAYED' "
            connection.execute(sa.text(tries + "AND workflow_uuid LIKE '%:lease:%:end:%'"))

    # ------------------------------------------------------------ what is there

    def plan(self, plan_id: str) -> Plan:
        """A plan."""
        return self.look(lambda tx: tx.plans.get(plan_id))

    def ended(self, plan_id: str) -> Plan | None:
        """A plan, once it is final."""
        plan = self.plan(plan_id)
        return plan if plan.state in FINAL else None

    def plans(self) -> list[Plan]:
        """All, newest first."""
        return self.look(lambda tx: tx.plans.recent(target=None, limit=1000))

    def leases(self) -> list[Lease]:
        """All, the one that ends last first."""
        rows = self.rows("SELECT plan FROM tocsin_temporary ORDER BY until DESC")
        found = self.look(lambda tx: [tx.leases.find(row.plan) for row in rows])
        return [lease for lease in found if lease]

    def has_late_lease(self) -> bool:
        """Whether something temporary is there past its end, or in its last minute, and nobody was told it stays."""
        soon, leases = datetime.now(UTC) + timedelta(minutes=1), self.leases()
        running = (lease for lease in leases if lease.state is LeaseState.RUNNING)
        ending = any(lease.state is LeaseState.ENDING for lease in leases)
        return ending or any(lease.until <= soon or lease.ended_by for lease in running)

    def incidents(self) -> list[Incident]:
        """All, newest first."""
        return self.look(lambda tx: tx.incidents.recent(open_only=False, limit=1000))

    def timeline(self, incident: str) -> list[Entry]:
        """An incident's events."""
        return self.look(lambda tx: tx.incidents.timeline(incident))

    def audit(self) -> list[AuditEntry]:
        """The whole audit, newest first."""
        return self.look(lambda tx: audited(tx, 100_000))

    def answered(self, delivery: str) -> str:
        """The key of the message that answers a delivery; empty while there is none."""
        found = self.rows("SELECT reply_key FROM tocsin_inbox WHERE id = :id", id=f"console:{delivery}")
        return str(found[0].reply_key) if found else ""

    def card(self, message: str) -> Card:
        """A message as it is now."""
        found = self.rows("SELECT card FROM tocsin_messages WHERE key = :key", key=message)
        assert found, f"there is no message {message}"
        return Card.model_validate_json(found[0].card)

    def text(self, message: str) -> str:
        """A message as plain lines."""
        return transcript(self.card(message))

    def token(self, message: str, label: str) -> str:
        """The token behind a button."""
        return next(button.token for button in self.card(message).buttons if button.label == label)

    def messages(self, channel: str) -> list[str]:
        """The keys of a channel's messages."""
        found = self.rows("SELECT key FROM tocsin_messages WHERE channel = :name ORDER BY id", name=channel)
        return [str(row.key) for row in found]

    def at_rest(self) -> bool:
        """Whether nothing is under way: no plan that was confirmed, no delivery without an answer."""
        moving = {PlanState.APPROVED, PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}
        waiting = self.rows("SELECT id FROM tocsin_inbox WHERE state = 'received'")
        return not waiting and not any(plan.state in moving for plan in self.plans())

    # ------------------------------------------------------------ what must be true

    def check(self) -> None:
        """The audit is unbroken, and every incident is what its events say."""
        report = self.look(lambda tx: verify(tx.connection))
        assert report.broken_at is None, report.why
        for incident in self.incidents():
            assert rebuild(self.timeline(incident.id)) == incident

    def check_plan(self, plan: Plan, *, began: bool) -> None:
        """A plan's traces: one intent if it began, one outcome, one result on the timeline, and no lock left."""
        self.check()
        kinds = Counter(one.kind for one in self.audit() if one.detail.get("plan") == plan.id)
        assert (kinds["intent"], kinds["outcome"]) == (int(began), 1), kinds
        assert self.rows("SELECT * FROM tocsin_locks WHERE plan = :plan", plan=plan.id) == []
        if plan.incident:
            events = [entry.event for entry in self.timeline(plan.incident)]
            started = [one for one in events if isinstance(one, ActionStarted) and one.plan == plan.id]
            results = [one for one in events if isinstance(one, ActionFinished) and one.plan == plan.id]
            seen = (len(started), [one.outcome for one in results])
            assert seen == (int(began), [plan.outcome]), (seen, plan.history, events)
