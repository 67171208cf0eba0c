"""Tickets in ServiceNow, by its own Table API and the library of its community.

A record is found by its correlation id, the id of our incident. Beside it, the correlation display says how far it was
told, in the very request that tells it, so no work note is written twice.
"""

from __future__ import annotations

import re
from typing import Any

from pysnc import GlideRecord, ServiceNowClient

from bot.adapters.tickets.session import TIMEOUT_SECONDS, Session, sensible
from bot.world.ticket_settings import ServiceNowSettings
from bot.world.tickets import Gone, Said, There
from commands.domain.incident import Status
from commands.domain.ticket import Step
from commands.errors import Unavailable

_MARK = "(Tocsin, "
#: What is changed later must be among what was asked for: the library sends no other changes.
_FIELDS = (
    *("number", "state", "correlation_id", "correlation_display", "work_notes", "comments"),
    *("short_description", "impact", "urgency", "close_code", "close_notes"),
)
#: `2026-03-01 12:00:00 - Ana Ruiz (Additional comments)`: how the journal of a record begins each entry.
_ENTRY = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - (.+?) \(Additional comments\)\n", re.MULTILINE)
_TOLD = re.compile(r"Tocsin (\d+)")


class ServiceNow:
    """See System."""

    def __init__(self, settings: ServiceNowSettings, *, timeout: float = TIMEOUT_SECONDS) -> None:
        session = Session("ServiceNow", timeout)
        session.auth = (settings.user, settings.password.get_secret_value())
        self._settings = settings
        self._client = ServiceNowClient(settings.url.rstrip("/"), session, auto_retry=False)

    @sensible("ServiceNow")
    def keep(self, step: Step, reference: str) -> There:  # noqa: ARG002 - the incident's id finds it at any time
        """See System."""
        found = self._record()
        found.add_query("correlation_id", step.incident)
        found.limit = 1
        found.query()
        if not found.next():
            return self._create(step)
        told = _TOLD.search(_value(found, "correlation_display"))
        if told is None or int(told[1]) < step.number:
            self._tell(found, step)
        return self._there(found)

    @sensible("ServiceNow")
    def look(self, reference: str) -> tuple[str, list[Said]]:
        """See System."""
        record = self._record()
        if not record.get(reference):
            raise Gone("the record is not there any more")
        return _state(record), _comments(record)

    def _record(self) -> GlideRecord:
        record = self._client.GlideRecord(self._settings.table)
        record.fields = list(_FIELDS)
        return record

    def _create(self, step: Step) -> There:
        record = self._client.GlideRecord(self._settings.table)
        record.initialize()
        given = {
            "correlation_id": step.incident,
            "description": f"{step.description}\n{step.mark}",
            "assignment_group": self._settings.assignment_group,
            "caller_id": self._settings.caller,
        }
        _set(record, given | self._fields_of(step))
        record.insert()
        return self._there(record)

    def _tell(self, record: GlideRecord, step: Step) -> None:
        notes = {"work_notes": f"{step.comment}\n{step.mark}"} if step.comment else {}
        _set(record, self._fields_of(step) | notes)
        record.update()

    def _fields_of(self, step: Step) -> dict[str, str]:
        """What changes with the incident."""
        state = self._settings.states.get(Status(step.status), "")
        level = str(min(step.rank, 3))
        closing = {"close_code": self._settings.close_code, "close_notes": step.resolution or "Resolved."}
        return {
            "short_description": step.summary,
            "correlation_display": f"Tocsin {step.number}",
            "impact": level,
            "urgency": level,
            "state": state,
            **(closing if not Status(step.status).is_open else {}),
        }

    def _there(self, record: GlideRecord) -> There:
        reference = _value(record, "sys_id")
        url = f"{self._settings.url.rstrip('/')}/{self._settings.table}.do?sys_id={reference}"
        return There(key=_value(record, "number"), url=url, reference=reference, state=_state(record))


def _set(record: GlideRecord, values: dict[str, str]) -> None:
    for name, value in values.items():
        if value:
            record.set_value(name, value)


def _state(record: GlideRecord) -> str:
    """Its name, as people there read it."""
    return str(record.get_display_value("state") or _value(record, "state"))


def _value(record: GlideRecord, name: str) -> str:
    found: Any = record.get_value(name)
    if found is None:
        raise Unavailable("ServiceNow answers something that is no record.")
    return str(found)


def _comments(record: GlideRecord) -> list[Said]:
    """Of the journal, which a record shows as one text. Work notes are internal there, and stay there."""
    parts = _ENTRY.split(str(record.get_display_value("comments") or ""))[1:]
    return [
        Said(id=f"comments {at} {by}", by=by, text=text.strip(), ours=_MARK in text)
        for at, by, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]
