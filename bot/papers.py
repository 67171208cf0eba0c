"""Postmortems as their pages read and change them: for one person each time, and only what that person may."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from bot.store.transaction import SqlTransaction, Store
from commands import policed
from commands.charts import Chart
from commands.context import HOME, Call, Services
from commands.domain.incident import Incident
from commands.domain.paper import Overtaken, Paper, Revision
from commands.domain.period import ReportKind
from commands.errors import Malformed, NotFound
from commands.people import Person
from commands.presentation.calendar import ics
from commands.presentation.report import report_chart
from commands.redaction import redact
from commands.reporting import PeriodReport, of_reader, period_report
from commands.sections import joined, sections

T = TypeVar("T")
_EDIT = ("postmortem", "edit")


class PaperDesk:
    """Provides `bot.platforms.console.record.Papers`. What belongs to a private incident exists for its people only."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def paper(self, incident: str, person: str) -> Paper:
        """See Papers."""
        return await self._look(incident, person, lambda tx: _paper(incident, tx))

    async def revisions(self, incident: str, person: str) -> list[Revision]:
        """See Papers."""
        return await self._look(incident, person, lambda tx: tx.postmortems.revisions(incident))

    async def revision(self, incident: str, number: int, person: str) -> Revision:
        """See Papers."""
        return await self._look(incident, person, lambda tx: tx.postmortems.revision(incident, number))

    async def report(
        self, kind: ReportKind, since: datetime, until: datetime, person: str
    ) -> tuple[PeriodReport, Chart | None]:
        """See Papers."""

        def made(tx: SqlTransaction) -> tuple[PeriodReport, Chart | None]:
            report = period_report(kind, since, until, self._services, tx, of_reader(person, tx))
            return report, report_chart(report, self._services.objectives, tx)

        return await self._store.look(made)

    async def _look(self, incident: str, person: str, work: Callable[[SqlTransaction], T]) -> T:
        def look(tx: SqlTransaction) -> T:
            _in_sight(incident, person, tx)
            return work(tx)

        return await self._store.look(look)

    async def review(self, incident: str, person: str) -> str:
        """See Papers."""
        return await self._store.look(lambda tx: self._review(_in_sight(incident, person, tx)))

    def _review(self, incident: Incident) -> str:
        planned = incident.work.meeting
        if planned is None:
            raise NotFound(
                "No review is planned.", hint="In the incident's channel: /postmortem meeting tomorrow 15:00"
            )
        return ics(incident, planned, self._services.directory, self._services.pages_at)

    def may_edit(self, person: Person) -> bool:
        """See Papers."""
        return any(one.path == _EDIT for one in policed.visible_to(person, self._services))

    async def edit(self, incident: str, person: Person, text: str, *, version: int, section: str) -> Paper:
        """See Papers."""
        cause = f"paper:{uuid.uuid4().hex}"
        return await self._store.transact(cause, lambda tx: self._edit(incident, person, text, version, section, tx))

    def _edit(
        self, incident_id: str, person: Person, text: str, version: int, section: str, tx: SqlTransaction
    ) -> Paper:
        incident = _in_sight(incident_id, person.id, tx)
        command = self._services.registry.commands[_EDIT]
        policed.check_command(command, Call(person, HOME, incident.channel, "", tx.now, incident, self._services))
        paper = _paper(incident_id, tx)
        wanted = _wanted(paper, text, version, section, tx)
        edited = paper.edited(_redacted(paper.markdown, wanted))
        kept = tx.postmortems.put(edited, by=person.id, what=f"edited: {section}" if section else "edited")
        if kept.version != paper.version:
            detail = {"incident": incident_id, "version": kept.version, "section": section}
            tx.audit.append("postmortem", actor=person.id, subject="edit", detail=detail)
        return kept


def _in_sight(incident_id: str, person: str, tx: SqlTransaction) -> Incident:
    """Raises NotFound: that there is none, or that it is none of theirs, looks the same."""
    try:
        incident = tx.incidents.get(incident_id)
    except NotFound:
        incident = None
    if incident is None or not tx.messages.may_read(incident.channel, person):
        raise NotFound(f"There is no incident {incident_id[:60]} that you can see.")
    return incident


def _paper(incident_id: str, tx: SqlTransaction) -> Paper:
    paper = tx.postmortems.paper(incident_id)
    if paper is None:
        raise NotFound(f"{incident_id} has no postmortem yet.", hint="It is drafted when the incident is resolved.")
    return paper


def _wanted(paper: Paper, text: str, version: int, section: str, tx: SqlTransaction) -> str:
    """The whole text as they want it. Raises Overtaken where what they have changed was changed by somebody else."""
    if not section:
        if version != paper.version:
            raise Overtaken(paper, text)
        if not text.strip():
            raise Malformed("There is nothing to save.", hint="Earlier versions are still there.")
        return text
    mine = sections(paper.markdown)
    if version != paper.version:
        seen = sections(tx.postmortems.revision(paper.incident, version).markdown)
        if seen.get(section) != mine.get(section):
            raise Overtaken(paper, text)
    if section not in mine:
        raise NotFound(f"There is no section {section[:80]} any more.", hint="Edit the postmortem as a whole.")
    return joined({key: text if key == section else one for key, one in mine.items()})


def _redacted(before: str, after: str) -> str:
    """What somebody wrote goes through as everything else that people type; what was there stays as it is."""
    known = set(sections(before).values())
    return joined({key: one if one in known else redact(one) for key, one in sections(after).items()})
