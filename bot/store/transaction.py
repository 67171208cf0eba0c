"""One unit of work over the record, as the core's Transaction port has it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from bot.store.alerts import SqlAlerts
from bot.store.audit import SqlAudit
from bot.store.database import Database
from bot.store.errands import SqlErrands
from bot.store.evidence import SqlEvidences
from bot.store.freezes import SqlFreezes
from bot.store.inbox import Inbox
from bot.store.incidents import SqlIncidents
from bot.store.leases import SqlLeases
from bot.store.maintenances import SqlMaintenances
from bot.store.messages import SqlMessages
from bot.store.pages import SqlPages
from bot.store.papers import SqlPostmortems
from bot.store.plans import SqlPlans
from bot.store.public import SqlPublicUpdates
from bot.store.reminders import SqlReminders
from bot.store.samples import SqlSamples
from bot.store.stakeholders import SqlStakeholderUpdates
from bot.store.tickets import SqlTickets

T = TypeVar("T")
log = logging.getLogger(__name__)


class Enqueue(Protocol):
    """Durable work, enqueued on the transaction's own connection."""

    def __call__(
        self,
        connection: sa.Connection,
        workflow: str,
        *,
        key: str,
        payload: dict[str, Any],
        partition: str | None,
        delay: timedelta | None,
    ) -> None: ...


class SqlWork:
    """See the Work port."""

    def __init__(self, connection: sa.Connection, enqueue: Enqueue) -> None:
        self._connection = connection
        self._enqueue = enqueue

    def enqueue(
        self,
        workflow: str,
        *,
        key: str,
        payload: dict[str, Any],
        partition: str | None = None,
        delay: timedelta | None = None,
    ) -> None:
        """Enqueue once for a key; it runs if, and only if, the transaction commits."""
        self._enqueue(self._connection, workflow, key=key, payload=payload, partition=partition, delay=delay)


class SqlTransaction:
    """`cause` is unique for what asked for this unit of work; the events' idempotency keys grow from it."""

    def __init__(self, connection: sa.Connection, *, now: datetime, cause: str, owner: str, enqueue: Enqueue) -> None:
        self.connection = connection
        self.now = now
        self._cause = cause
        self._events = 0
        self.incidents = SqlIncidents(connection, now, self._next_key)
        self.messages = SqlMessages(connection, now)
        self.plans = SqlPlans(connection, now)
        self.evidence = SqlEvidences(connection)
        self.leases = SqlLeases(connection)
        self.freezes = SqlFreezes(connection, now)
        self.reminders = SqlReminders(connection)
        self.public = SqlPublicUpdates(connection, now)
        self.pages = SqlPages(connection, now)
        self.errands = SqlErrands(connection, now)
        self.work = SqlWork(connection, enqueue)
        self.audit = SqlAudit(connection, now)
        self.samples = SqlSamples(connection)
        self.postmortems = SqlPostmortems(connection, now)
        self.alerts = SqlAlerts(connection, now)
        self.tickets = SqlTickets(connection)
        self.maintenances = SqlMaintenances(connection)
        self.stakeholders = SqlStakeholderUpdates(connection, now)
        self.inbox = Inbox(connection, now, owner)

    def forget(self) -> None:
        """What was read or counted since a savepoint is no longer so: it was rolled back."""
        self.incidents.forget()
        self.messages.forget()

    def _next_key(self) -> str:
        self._events += 1
        return f"{self._cause}#{self._events}"


class Store:
    """Runs units of work and tells listeners, after each commit, that something may be new."""

    def __init__(self, database: Database, *, now: Callable[[], datetime], owner: str, enqueue: Enqueue) -> None:
        self.database = database
        self.owner = owner
        self._now = now
        self._enqueue = enqueue
        self._listeners: list[Callable[[], None]] = []
        self._at_the_end: list[Callable[[SqlTransaction], None]] = []

    def before_commit(self, work: Callable[[SqlTransaction], None]) -> None:
        """Do this at the end of each unit of work that changed an incident, in its transaction: whole, or not at all.

        Whatever is wrong with it is logged, and undoes nothing of what people did.
        """
        self._at_the_end.append(work)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call this after each commit, from any thread; it must not block."""
        self._listeners.append(listener)

    def committed(self) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener()

    async def transact(self, cause: str, work: Callable[[SqlTransaction], T], *, later: bool = False) -> T:
        """Run `work` in one transaction, and again from its start if it lost a race. `later`: after all others."""
        done = await self.database.write(lambda connection: self._whole(connection, cause, work), later=later)
        self.committed()
        return done

    async def look(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` on a snapshot; it must not write."""
        return await self.database.read(lambda connection: work(self.open(connection, "look")))

    def look_now(self, work: Callable[[SqlTransaction], T]) -> T:
        """As `look`, in the calling thread."""
        return self.database.read_now(lambda connection: work(self.open(connection, "look")))

    def transact_now(self, cause: str, work: Callable[[SqlTransaction], T]) -> T:
        """As `transact`, in the calling thread."""
        done = self.database.write_now(lambda connection: self._whole(connection, cause, work))
        self.committed()
        return done

    def _whole(self, connection: sa.Connection, cause: str, work: Callable[[SqlTransaction], T]) -> T:
        tx = self.open(connection, cause)
        done = work(tx)
        for also in self._at_the_end if tx.incidents.happened else ():
            _try(also, tx)
        return done

    def open(self, connection: sa.Connection, cause: str) -> SqlTransaction:
        """A unit of work on a connection that the caller commits."""
        return SqlTransaction(connection, now=self._now(), cause=cause, owner=self.owner, enqueue=self._enqueue)


def _try(work: Callable[[SqlTransaction], None], tx: SqlTransaction) -> None:
    try:
        with tx.connection.begin_nested():
            work(tx)
    except sa.exc.SQLAlchemyError:
        raise  # the whole unit of work is run again, or the store is gone
    except Exception:
        log.exception("what follows from a change of %s was not done", ", ".join(tx.incidents.happened))
        tx.messages.forget()
