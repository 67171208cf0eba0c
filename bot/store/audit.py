"""The audit: an append-only hash chain (mitigation.md, rule 12)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bot.store import schema
from bot.store.database import Database, file_of, make_engine, reason, snapshot
from bot.store.errors import StoreUnavailable
from commands.errors import Unavailable
from commands.ports import AuditEntry, AuditReport
from commands.redaction import redact_value

T = TypeVar("T")
#: Holds a report against what else is known, on the snapshot that the report was made from.
Look = Callable[[sa.Connection, AuditReport], AuditReport]

GENESIS = "0" * 64
_AT_A_TIME = 500
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

    def newest(self, *kinds: str, plan: str) -> AuditEntry | None:
        """See Audit. From the end on, where what is looked for is."""
        named = schema.audit.c.detail.contains(f'"plan": {json.dumps(plan)}', autoescape=True)
        query = sa.select(schema.audit).where(schema.audit.c.kind.in_(kinds), named)
        row = self._connection.execute(query.order_by(schema.audit.c.sequence.desc()).limit(1)).one_or_none()
        return _entry(dict(row._mapping)) if row else None

    def _head(self) -> sa.Row[int, str]:
        row = self._connection.execute(_LOCK_AND_READ_HEAD).one_or_none()
        if row is None:
            self._connection.execute(_INSERT_HEAD)
            row = self._connection.execute(_LOCK_AND_READ_HEAD).one()
        return row


@dataclass(frozen=True)
class Head:
    """The number and the digest of the newest entry; 0 and GENESIS where there is none."""

    sequence: int
    digest: str


def verify(connection: sa.Connection) -> AuditReport:
    """Walk the chain from its start; the first entry that does not fit is named.

    Head and entries are two statements: only on a snapshot (`Database.read`) do they belong together.
    """
    head = _head_of(connection)
    return verify_chain(entries(connection), head.sequence, head.digest)


def verify_after(connection: sa.Connection, sequence: int, of: str | None) -> tuple[AuditReport, Head]:
    """As `verify`, from the entry after one whose digest is known; and the head. On a snapshot."""
    head, after = _head_of(connection), (sequence, of or GENESIS)
    found = verify_chain(entries(connection, after=sequence), head.sequence, head.digest, after=after)
    return found, head


def entries(connection: sa.Connection, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """The entries after a number, in their order, a thousand at a time."""
    query = _READ_ALL.where(schema.audit.c.sequence > after)
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        yield dict(row._mapping)


def digests(connection: sa.Connection, sequences: Sequence[int]) -> dict[int, str]:
    """The digests of some entries, by their numbers."""
    columns = (schema.audit.c.sequence, schema.audit.c.digest)
    found: dict[int, str] = {}
    for begin in range(0, len(sequences), _AT_A_TIME):
        some = sa.select(*columns).where(columns[0].in_(sequences[begin : begin + _AT_A_TIME]))
        found |= {row.sequence: row.digest for row in connection.execute(some)}
    return found


def _head_of(connection: sa.Connection) -> Head:
    return Head(*(connection.execute(_READ_HEAD).one_or_none() or (0, GENESIS)))


def _as_it_is(_: sa.Connection, report: AuditReport) -> AuditReport:
    return report


class StoreAuditor:
    """Provides the core's Auditor. `look` reads what the audit is held against; it blocks."""

    def __init__(self, database: Database, look: Callable[[], Look] | None = None) -> None:
        self._database = database
        self._look = look

    async def verify(self) -> AuditReport:
        """See Auditor."""
        look = await asyncio.to_thread(self._look) if self._look else _as_it_is
        try:
            return await self._database.read(lambda c: look(c, verify(c)))
        except StoreUnavailable as gone:
            raise Unavailable(str(gone), hint="Try again in a moment.") from gone


def verify_at(url: str, *, busy_timeout: float, look: Look = _as_it_is) -> AuditReport:
    """The audit of a database, whether a bot runs on it or not. Raises StoreUnavailable where there is none."""
    return read_at(url, lambda c: look(c, verify(c)), busy_timeout=busy_timeout)


def read_at(url: str, work: Callable[[sa.Connection], T], *, busy_timeout: float) -> T:
    """Work on a snapshot of the audit of a database. Raises StoreUnavailable where there is none."""
    file = file_of(url)
    if file and not file.is_file():
        raise StoreUnavailable(f"There is no database {file}: check database_url.")
    engine = make_engine(url, busy_timeout=busy_timeout, pool_size=1)
    try:
        with snapshot(engine) as connection:
            if not sa.inspect(connection).has_table(schema.audit.name):
                raise StoreUnavailable("The database holds no audit: no Tocsin has ever used it. Check database_url.")
            return work(connection)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"The audit cannot be read: {reason(error)}.") from error
    finally:
        engine.dispose()


def verify_chain(
    chain: Iterable[dict[str, Any]], head_sequence: int, head_digest: str, *, after: tuple[int, str] = (0, GENESIS)
) -> AuditReport:
    """Whether the entries form the unbroken chain that ends in the head. `after`: what is before the first of them."""
    count, previous = after
    for entry in chain:
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
