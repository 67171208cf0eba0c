"""The audit: an append-only hash chain (mitigation.md, rule 12)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bot.store import schema
from bot.store.database import Database, file_of, make_engine, reason, snapshot
from bot.store.errors import StoreUnavailable
from commands.errors import Unavailable
from commands.ports import AuditEntry, AuditReport
from commands.redaction import redact_value

GENESIS = "0" * 64
_HEAD = "audit"

_counters = schema.counters
_LOCK_AND_READ_HEAD = (
    sa.select(_counters.c.value, _counters.c.digest).where(_counters.c.name == _HEAD).with_for_update()
)
_READ_HEAD = sa.select(_counters.c.value, _counters.c.digest).where(_counters.c.name == _HEAD)
_READ_ALL = sa.select(schema.audit).order_by(schema.audit.c.sequence)
_INSERT_HEAD = _counters.insert().values(name=_HEAD, value=0, digest=GENESIS)
_MOVE_HEAD = _counters.update().where(_counters.c.name == _HEAD)
_APPEND = schema.audit.insert()


def digest(entry: dict[str, Any]) -> str:
    """The hash of an entry's content together with the hash before it."""
    signed = {key: entry[key] for key in ("sequence", "at", "actor", "kind", "subject", "detail", "previous")}
    return hashlib.sha256(json.dumps(signed, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class SqlAudit:
    """Entries are written in the transaction of what they record: no entry, no change."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def append(self, kind: str, *, actor: str, subject: str, detail: dict[str, Any]) -> AuditEntry:
        """Add a link. Secrets in the detail are redacted first."""
        head = self._head()
        entry: dict[str, Any] = {
            "sequence": head.value + 1,
            "at": self._now.isoformat(),
            "actor": actor,
            "kind": kind,
            "subject": subject,
            "detail": json.dumps(redact_value(detail), sort_keys=True, ensure_ascii=False, default=str),
            "previous": head.digest,
        }
        entry["digest"] = digest(entry)
        self._connection.execute(_APPEND, entry)
        self._connection.execute(_MOVE_HEAD, {"value": entry["sequence"], "digest": entry["digest"]})
        return _entry(entry)

    def _head(self) -> sa.Row[int, str]:
        row = self._connection.execute(_LOCK_AND_READ_HEAD).one_or_none()
        if row is None:
            self._connection.execute(_INSERT_HEAD)
            row = self._connection.execute(_LOCK_AND_READ_HEAD).one()
        return row


def verify(connection: sa.Connection) -> AuditReport:
    """Walk the chain from its start; the first entry that does not fit is named.

    Head and entries are two statements: only on a snapshot (`Database.read`) do they belong together.
    """
    head = connection.execute(_READ_HEAD).one_or_none()
    rows = connection.execute(_READ_ALL, execution_options={"yield_per": 1000})
    return verify_chain((dict(row._mapping) for row in rows), *(head or (0, GENESIS)))


class StoreAuditor:
    """Provides the core's Auditor."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify(self) -> AuditReport:
        """See Auditor."""
        try:
            return await self._database.read(verify)
        except StoreUnavailable as gone:
            raise Unavailable(str(gone), hint="Try again in a moment.") from gone


def verify_at(url: str, *, busy_timeout: float) -> AuditReport:
    """The audit of a database, whether a bot runs on it or not. Raises StoreUnavailable where there is none."""
    file = file_of(url)
    if file and not file.is_file():
        raise StoreUnavailable(f"There is no database {file}: check database_url.")
    engine = make_engine(url, busy_timeout=busy_timeout, pool_size=1)
    try:
        with snapshot(engine) as connection:
            if not sa.inspect(connection).has_table(schema.audit.name):
                raise StoreUnavailable("The database holds no audit: no Tocsin has ever used it. Check database_url.")
            return verify(connection)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"The audit cannot be read: {reason(error)}.") from error
    finally:
        engine.dispose()


def verify_chain(entries: Iterable[dict[str, Any]], head_sequence: int, head_digest: str) -> AuditReport:
    """Whether the entries form the unbroken chain that ends in the head."""
    count, previous = 0, GENESIS
    for entry in entries:
        count += 1
        why = _flaw(entry, count, previous)
        if why:
            return AuditReport(entries=count, head=head_digest, broken_at=count, why=why)
        previous = entry["digest"]
    if (count, previous) != (head_sequence, head_digest):
        why = f"the chain has {count} entries, its head says {head_sequence}"
        return AuditReport(entries=count, head=head_digest, broken_at=count + 1, why=why)
    return AuditReport(entries=count, head=head_digest)


def _flaw(entry: dict[str, Any], expected: int, previous: str) -> str:
    if entry["sequence"] != expected:
        return f"entry {expected} is missing"
    if entry["previous"] != previous:
        return "it does not follow the entry before it"
    return "" if digest(entry) == entry["digest"] else "its content was changed"


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry.model_validate(row | {"detail": json.loads(row["detail"])})
