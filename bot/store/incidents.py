"""Incidents: append-only events and the projection, written together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.store import schema
from commands.domain.incident import Declared, Incident, IncidentEvent, Status, begin, evolve
from commands.domain.timeline import Entry
from commands.errors import NotFound

_EVENT: TypeAdapter[IncidentEvent] = TypeAdapter(IncidentEvent)
_OPEN = [status.value for status in Status if status.is_open]
_OVER = [Status.RESOLVED.value, Status.POSTMORTEM.value]

_table = schema.incidents
_IS_IT = _table.c.id == sa.bindparam("incident")
_LOCK_AND_READ = sa.select(_table.c.state).where(_IS_IT).with_for_update()
_LOCK_AND_READ_BY_CHANNEL = (
    sa.select(_table.c.state).where(_table.c.channel == sa.bindparam("in_channel")).with_for_update()
)
_INSERT = _table.insert()
_CHANGE = _table.update().where(_IS_IT)
_APPEND_EVENT = schema.events.insert()


class SqlIncidents:
    """`next_key` gives each event of a transaction its idempotency key.

    `touched` are the incidents that changed, as they are now; `before` how the transaction found them; `happened` the
    events that the transaction has added to each.
    """

    def __init__(self, connection: sa.Connection, now: datetime, next_key: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now
        self._next_key = next_key
        self._seen: dict[str, Incident] = {}
        self.before: dict[str, Incident] = {}
        self.touched: dict[str, Incident] = {}
        self.happened: dict[str, list[IncidentEvent]] = {}

    def get(self, incident_id: str) -> Incident:
        """The state, locked until the end of the transaction, so that a decision on it holds."""
        if incident_id not in self._seen:
            self._read(_LOCK_AND_READ, {"incident": incident_id})
        if incident_id not in self._seen:
            raise NotFound(f"There is no incident {incident_id[:60]}.", example="/incident list")
        return self._seen[incident_id]

    def in_channel(self, channel: str) -> Incident | None:
        """The incident whose channel this is."""
        known = next((one for one in self._seen.values() if one.channel == channel), None)
        return known or self._read(_LOCK_AND_READ_BY_CHANNEL, {"in_channel": channel})

    def _read(self, query: sa.Select[str], which: dict[str, str]) -> Incident | None:
        """Read and lock one row; the transaction reads each incident once."""
        state = self._connection.execute(query, which).scalar_one_or_none()
        if state is None:
            return None
        incident = Incident.model_validate_json(state)
        self.before[incident.id] = self._seen[incident.id] = incident
        return incident

    def forget(self) -> None:
        """What was read or changed is no longer so: it was rolled back."""
        for known in (self._seen, self.before, self.touched, self.happened):
            known.clear()

    def recent(self, *, open_only: bool, limit: int) -> list[Incident]:
        """Newest first."""
        query = sa.select(_table.c.state).order_by(_table.c.declared_at.desc(), _table.c.id.desc()).limit(limit)
        if open_only:
            query = query.where(_table.c.status.in_(_OPEN))
        return [Incident.model_validate_json(state) for state in self._connection.execute(query).scalars()]

    def declared_between(self, since: datetime, until: datetime) -> list[Incident]:
        """See Incidents."""
        inside = (_table.c.declared_at >= since, _table.c.declared_at < until)
        query = sa.select(_table.c.state).where(*inside).order_by(_table.c.declared_at.desc(), _table.c.id.desc())
        return [Incident.model_validate_json(state) for state in self._connection.execute(query).scalars()]

    def unfinished(self, *, over: int) -> list[Incident]:
        """See Incidents."""
        newest = sa.select(_table.c.state).order_by(_table.c.declared_at.desc())
        still = self._connection.execute(newest.where(_table.c.status.in_(_OPEN))).scalars()
        ended = self._connection.execute(newest.where(_table.c.status.in_(_OVER)).limit(over)).scalars()
        return [Incident.model_validate_json(state) for state in (*still, *ended)]

    def owing(self, *, limit: int) -> list[Incident]:
        """See Incidents. The database picks those that may owe something, so that not all are read."""
        ended = _table.c.status.in_([*_OVER, Status.CLOSED.value])
        undone = _table.c.state.contains('"done_at":null', autoescape=True)
        query = sa.select(_table.c.state).where(ended, undone).order_by(_table.c.declared_at.desc()).limit(limit)
        return [Incident.model_validate_json(state) for state in self._connection.execute(query).scalars()]

    def next_id(self, at: datetime) -> str:
        """The day's next number; two that take the same collide on insert, and the later one is run again."""
        day = f"{at:%Y%m%d}"
        last = self._connection.execute(sa.select(sa.func.max(_table.c.number)).where(_table.c.day == day)).scalar()
        return f"incident-{day}-{(last or 0) + 1:03d}"

    def declare(self, event: Declared, *, actor: str) -> Incident:
        """The first event and the projection's row."""
        incident = begin(event, self._now)
        _, day, number = incident.id.rsplit("-", 2)
        row = {"id": incident.id, "day": day, "number": int(number), **_state(incident)}
        self._connection.execute(_INSERT, row | {"channel": incident.channel, "declared_at": incident.declared_at})
        self._append(incident, event, actor)
        return incident

    def record(self, incident_id: str, event: IncidentEvent, *, actor: str) -> Incident:
        """One more event, and the state that follows."""
        incident = evolve(self.get(incident_id), event, actor=actor, at=self._now)
        self._connection.execute(_CHANGE, {"incident": incident_id, **_state(incident)})
        self._append(incident, event, actor)
        return incident

    def _append(self, incident: Incident, event: IncidentEvent, actor: str) -> None:
        self.touched[incident.id] = self._seen[incident.id] = incident
        self.happened.setdefault(incident.id, []).append(event)
        row = {
            "stream": incident.id,
            "sequence": incident.version,
            "type": event.type,
            "actor": actor,
            "at": self._now,
            "data": event.model_dump_json(),
            "idempotency_key": self._next_key(),
        }
        self._connection.execute(_APPEND_EVENT, row)

    def timeline(self, incident_id: str) -> list[Entry]:
        """Every event, oldest first."""
        table = schema.events
        query = sa.select(table).where(table.c.stream == incident_id).order_by(table.c.sequence)
        return [
            Entry(position=row.position, at=row.at, actor=row.actor, event=_EVENT.validate_json(row.data))
            for row in self._connection.execute(query)
        ]


def _state(incident: Incident) -> dict[str, Any]:
    """What an event can change; an incident keeps its channel and the time of its declaration."""
    return {"status": incident.status.value, "state": incident.model_dump_json(), "version": incident.version}


def declared_by(connection: sa.Connection, cause: str) -> str | None:
    """The incident that a unit of work has declared: the declaration is its first event."""
    query = sa.select(schema.events.c.stream).where(
        schema.events.c.idempotency_key == f"{cause}#1", schema.events.c.type == "declared"
    )
    return connection.execute(query).scalar_one_or_none()


def rebuild(entries: list[Entry]) -> Incident:
    """The projection from the events alone; a test holds it against the stored one."""
    first, *rest = entries
    assert isinstance(first.event, Declared)
    incident = begin(first.event, first.at)
    for entry in rest:
        incident = evolve(incident, entry.event, actor=entry.actor, at=entry.at)
    return incident
