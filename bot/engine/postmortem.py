"""Drafts the postmortem when an incident is resolved, from its events and from what was measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.incident import Incident
from commands.handlers.postmortem import postmortem_card
from commands.postmortem import Report, draft

LEAD = timedelta(minutes=30)

Render = Callable[[Report, str], str]


class DraftPostmortem:
    """A workflow of one step. Resolving again drafts again: the text always tells the whole story so far."""

    def __init__(self, store: Store, services: Services, render: Render) -> None:
        self._store = store
        self._services = services
        self._render = render

    def __call__(self, steps: Steps, payload: dict[str, Any]) -> None:
        """Draft, keep, announce."""
        incident_id = payload["incident"]
        steps.run(
            "draft", lambda: self._store.transact_now(f"{incident_id}:draft", lambda tx: self._draft(incident_id, tx))
        )

    def _draft(self, incident_id: str, tx: SqlTransaction) -> None:
        incident = tx.incidents.get(incident_id)
        text = self._render(self._report(incident, tx), self._services.postmortem_template)
        tx.postmortems.save(incident_id, markdown=text, template=self._services.postmortem_template)
        tx.messages.post(
            incident.channel, postmortem_card(incident), key=f"{incident_id}:postmortem:{incident.resolved_at}"
        )

    def _report(self, incident: Incident, tx: SqlTransaction) -> Report:
        end = incident.resolved_at or tx.now
        return draft(
            incident=incident,
            entries=tx.incidents.timeline(incident.id),
            plans=tx.plans.of_incident(incident.id),
            readings=tx.samples.between(incident.service, incident.declared_at - LEAD, end),
            objectives=self._services.objectives,
            scheme=self._services.scheme,
            directory=self._services.directory,
            zone=self._services.zone,
            now=tx.now,
        )
