"""Alerts, as the record keeps them: each as it stands, the groups that they form, and silences."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.store import schema
from commands.domain.alert import AlertState, Group, Heard, Known, Silence, Tally
from commands.errors import NotFound

_alerts, _groups, _silences = schema.alerts, schema.alert_groups, schema.silences
_LOCK_AND_READ = sa.select(_groups.c.body).where(_groups.c.id == sa.bindparam("sought")).with_for_update()
_READ = sa.select(_alerts.c.body, _alerts.c.group)
#: Stale alerts that are ended in one transaction.
_AT_ONCE = 500
#: So many alerts and services of a group are named.
_NAMED = 5


class SqlAlerts:
    """See the Alerts port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    # ------------------------------------------------------------ alerts

    def known(self, keys: Collection[str]) -> dict[str, Known]:
        """See Alerts."""
        return {one.alert.key: one for one in self._read(_READ.where(_alerts.c.key.in_(keys)))}

    def _read(self, query: sa.Select[str, str]) -> list[Known]:
        """The group stands in its column: all alerts of one can leave it at once."""
        rows = self._connection.execute(query)
        return [Known.model_validate_json(row.body).model_copy(update={"group": row.group}) for row in rows]

    def keep(self, alerts: Collection[Known]) -> None:
        """See Alerts. Only one process works alerts off, so what is there is replaced."""
        if not alerts:
            return
        keys = [one.alert.key for one in alerts]
        self._connection.execute(_alerts.delete().where(_alerts.c.key.in_(keys)))
        self._connection.execute(_alerts.insert(), [_row(one) for one in alerts])

    def firing(self, *, incident: str = "", limit: int) -> tuple[list[Known], int]:
        """See Alerts."""
        which: list[sa.ColumnElement[bool]] = [_alerts.c.firing]
        if incident:
            which.append(_alerts.c.group.in_([one.id for one in self.groups_of(incident)]))
        total = self._connection.execute(sa.select(sa.func.count()).select_from(_alerts).where(*which)).scalar_one()
        newest = _READ.where(*which).order_by(_alerts.c.first_at.desc(), _alerts.c.key).limit(limit)
        return self._read(newest), int(total)

    def named(self, fingerprint: str) -> list[Known]:
        """See Alerts."""
        return self._read(_READ.where(_alerts.c.fingerprint == fingerprint).order_by(_alerts.c.key))

    def end_stale(self, before: datetime) -> set[str]:
        """See Alerts."""
        stale = self._read(_READ.where(_alerts.c.firing, _alerts.c.last_at < before).limit(_AT_ONCE))
        over = {"state": AlertState.RESOLVED, "ends_at": self._now}
        self.keep([one.model_copy(update={"alert": one.alert.model_copy(update=over)}) for one in stale])
        return {one.group for one in stale if one.group}

    def forget(self, before: datetime) -> None:
        """Drop what ended long ago."""
        self._connection.execute(_alerts.delete().where(sa.not_(_alerts.c.firing), _alerts.c.last_at < before))
        self._connection.execute(_groups.delete().where(_groups.c.closed, _groups.c.opened_at < before))
        self._connection.execute(_silences.delete().where(_silences.c.until < before))

    # ------------------------------------------------------------ groups

    def group(self, group_id: str) -> Group:
        """See Alerts; locked until the end of the transaction."""
        body = self._connection.execute(_LOCK_AND_READ, {"sought": group_id}).scalar_one_or_none()
        if body is None:
            raise NotFound("These alerts are gone: they ended long ago.", example="/alerts")
        return Group.model_validate_json(body)

    def open_groups(self, *, look: bool = False) -> list[Group]:
        """See Alerts; locked until the end of the transaction, but for a look."""
        open_ones = sa.select(_groups.c.body).where(sa.not_(_groups.c.closed))
        ordered = open_ones.order_by(_groups.c.opened_at, _groups.c.id)
        query = ordered if look else ordered.with_for_update()
        return [Group.model_validate_json(body) for body in self._connection.execute(query).scalars()]

    def groups_of(self, incident: str) -> list[Group]:
        """The groups that were attached to an incident, and are open."""
        return [one for one in self.open_groups(look=True) if one.incident == incident]

    def next_group(self) -> str:
        """See Alerts."""
        day = f"alerts-{self._now:%Y%m%d}-"
        newest = sa.select(sa.func.max(_groups.c.id)).where(_groups.c.id.startswith(day))
        last = self._connection.execute(newest).scalar()
        return f"{day}{int(last.rpartition('-')[2]) + 1 if last else 1:05d}"

    def save(self, group: Group) -> None:
        """See Alerts."""
        row = {"closed": group.closed, "opened_at": group.opened_at, "body": group.model_dump_json()}
        if self._connection.execute(_groups.update().where(_groups.c.id == group.id).values(row)).rowcount == 0:
            self._connection.execute(_groups.insert().values(id=group.id, **row))

    def release(self, group_id: str) -> None:
        """See Alerts."""
        self._connection.execute(_alerts.update().where(_alerts.c.group == group_id).values({"group": ""}))

    def tally(self, group_id: str) -> Tally:
        """See Alerts. Counted by the database: a storm has thousands."""
        flaps = sa.and_(_alerts.c.flapping_until.is_not(None), _alerts.c.flapping_until > self._now)
        fires = sa.or_(_alerts.c.firing, flaps)
        counted = sa.select(
            sa.func.count(),
            sa.func.count().filter(fires),
            sa.func.count().filter(flaps),
            sa.func.min(_alerts.c.first_at),
            sa.func.max(_alerts.c.last_at),
            sa.func.count(_alerts.c.service.distinct()),
        ).where(_alerts.c.group == group_id)
        alerts, firing, flapping, first, last, services = self._connection.execute(counted).one()
        names = self._most(_alerts.c.service, group_id)
        return Tally(
            alerts=alerts,
            firing=firing,
            flapping=flapping,
            first_at=first,
            last_at=last,
            titles=tuple(self._most(_alerts.c.title, group_id)),
            services=tuple(name for name, _ in names),
            more_services=services - len(names),
            link=self._link(group_id),
        )

    def _most(self, column: sa.Column[str], group_id: str) -> list[tuple[str, int]]:
        count = sa.func.count()
        query = sa.select(column, count).where(_alerts.c.group == group_id).group_by(column)
        rows = self._connection.execute(query.order_by(count.desc(), column).limit(_NAMED))
        return [(name, number) for name, number in rows]

    def _link(self, group_id: str) -> str:
        first = _READ.where(_alerts.c.group == group_id).order_by(_alerts.c.first_at, _alerts.c.key).limit(1)
        return next((one.alert.link for one in self._read(first)), "")

    def heard(self, incident_id: str, *, since: datetime, until: datetime) -> Heard | None:
        """See Alerts. An alert that is older than its group had begun to trouble people before."""
        rows = self._connection.execute(sa.select(_groups.c.body).where(_groups.c.opened_at.between(since, until)))
        groups = [Group.model_validate_json(body) for body in rows.scalars()]
        mine = {one.id: one.opened_at for one in groups if one.incident == incident_id}
        if not mine:
            return None
        known = self._read(_READ.where(_alerts.c.group.in_(list(mine))))
        starts = [one.alert.starts_at or mine[one.group] for one in known]
        return Heard(began_at=min([*starts, *mine.values()]), at=min(mine.values()))

    # ------------------------------------------------------------ silences

    def silence(self, silence: Silence) -> None:
        """See Alerts."""
        self._connection.execute(_silences.insert().values(**silence.model_dump()))

    def silences(self) -> list[Silence]:
        """See Alerts."""
        query = sa.select(_silences).where(_silences.c.until > self._now).order_by(_silences.c.until, _silences.c.id)
        return [Silence.model_validate(dict(row._mapping)) for row in self._connection.execute(query)]

    def ended_silences(self) -> list[Silence]:
        """See Alerts."""
        query = sa.select(_silences).where(_silences.c.until <= self._now, sa.not_(_silences.c.over))
        return [Silence.model_validate(dict(row._mapping)) for row in self._connection.execute(query)]

    def close_silences(self, ids: Collection[str]) -> None:
        """See Alerts."""
        self._connection.execute(_silences.update().where(_silences.c.id.in_(ids)).values(over=True))

    def loose(self, *, after: str, limit: int) -> list[Known]:
        """See Alerts."""
        query = _READ.where(_alerts.c.firing, _alerts.c.group == "", _alerts.c.key > after)
        return self._read(query.order_by(_alerts.c.key).limit(limit))

    def end_silence(self, silence_id: str) -> bool:
        """See Alerts."""
        running = (_silences.c.id == silence_id, _silences.c.until > self._now)
        return self._connection.execute(_silences.update().where(*running).values(until=self._now)).rowcount > 0


def _row(one: Known) -> dict[str, object]:
    return {
        "key": one.alert.key,
        "fingerprint": one.alert.fingerprint,
        "group": one.group,
        "service": one.alert.service,
        "title": one.alert.title,
        "firing": one.firing,
        "flapping_until": one.flapping_until,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "body": one.model_dump_json(exclude={"group"}),
    }


#: How long what is over is kept.
KEEP = timedelta(days=7)
