"""Postmortems, each with its versions. One changes by compare-and-swap, so nobody writes over another."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa

from bot.store import schema
from commands.domain.paper import Paper, Revision, first_paper
from commands.errors import Conflict, NotFound

_heads, _versions = schema.postmortems, schema.postmortem_versions


class SqlPostmortems:
    """See the Postmortems port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def get(self, incident_id: str) -> str | None:
        """See Postmortems."""
        query = sa.select(_heads.c.markdown).where(_heads.c.incident == incident_id)
        return self._connection.execute(query).scalar_one_or_none()

    def paper(self, incident_id: str) -> Paper | None:
        """See Postmortems."""
        row = self._connection.execute(sa.select(_heads).where(_heads.c.incident == incident_id)).one_or_none()
        if row is None:
            return None
        if not row.body:  # it was drafted before there were versions
            return first_paper(incident_id, row.markdown, row.template, None)
        own = {"markdown": row.markdown, "version": row.version, "template": row.template}
        return Paper.model_validate(json.loads(row.body) | own)

    def put(self, paper: Paper, *, by: str, what: str) -> Paper:
        """See Postmortems."""
        before = self.paper(paper.incident)
        if before is None:
            self._connection.execute(_heads.insert().values(incident=paper.incident, **self._row(paper)))
            self._keep(paper, by, what)
            return paper
        new = paper.model_copy(update={"version": paper.version + 1}) if paper.markdown != before.markdown else paper
        same = (_heads.c.incident == paper.incident, _heads.c.version == paper.version)
        if self._connection.execute(_heads.update().where(*same).values(self._row(new))).rowcount != 1:
            raise Conflict("Somebody else has just changed this postmortem.", example="/postmortem")
        if new is not paper:
            self._keep(new, by, what)
        return new

    def _row(self, paper: Paper) -> dict[str, object]:
        body = paper.model_dump_json(exclude={"markdown", "template", "version"})
        own = {"markdown": paper.markdown, "template": paper.template, "version": paper.version, "body": body}
        return own | {"drafted_at": self._now}

    def _keep(self, paper: Paper, by: str, what: str) -> None:
        about = {"incident": paper.incident, "number": paper.version, "at": self._now, "by": by, "what": what}
        self._connection.execute(_versions.insert().values(**about, markdown=paper.markdown))

    def revisions(self, incident_id: str) -> list[Revision]:
        """See Postmortems."""
        shown = [column for column in _versions.c if column.name not in {"incident", "markdown"}]
        query = sa.select(*shown).where(_versions.c.incident == incident_id).order_by(_versions.c.number.desc())
        return [Revision.model_validate(dict(row._mapping)) for row in self._connection.execute(query)]

    def revision(self, incident_id: str, number: int) -> Revision:
        """See Postmortems."""
        which = (_versions.c.incident == incident_id, _versions.c.number == number)
        row = self._connection.execute(sa.select(_versions).where(*which)).one_or_none()
        if row is None:
            raise NotFound(f"This postmortem has no version {number}.", example="/postmortem versions")
        return Revision.model_validate({key: value for key, value in row._mapping.items() if key != "incident"})
