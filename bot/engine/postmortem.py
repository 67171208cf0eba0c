"""Drafts the postmortem when an incident is resolved, from its events and from what was measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.incident import Incident
from commands.domain.sli import Reading
from commands.handlers.postmortem import postmortem_card
from commands.postmortem import Report, draft
from commands.presentation.measured import Window, measured_chart

#: How far before the declaration the breach is looked for, and what of the time before it the chart shows.
LEAD, BEFORE = timedelta(minutes=30), timedelta(minutes=5)

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
        end = incident.resolved_at or tx.now
        readings = tx.samples.between(incident.service, incident.declared_at - LEAD, end)
        report = self._report(incident, readings, tx)
        text = self._render(report, self._services.postmortem_template)
        tx.postmortems.save(incident_id, markdown=text, template=self._services.postmortem_template)
        window = Window(incident.service, report.impact.since - BEFORE, end, self._services.zone)
        plans = tx.plans.of_incident(incident_id)
        chart = measured_chart(window, readings, plans, self._services.objectives)
        shown = postmortem_card(incident, tx.incidents.timeline(incident_id), tx.now, chart)
        key = f"{incident_id}:postmortem:{incident.resolved_at}"
        tx.messages.edit(key, shown)  # where it was drafted before; else there is nothing to edit
        tx.messages.post(incident.channel, shown, key=key)

    def _report(self, incident: Incident, readings: list[Reading], tx: SqlTransaction) -> Report:
        return draft(
            incident=incident,
            entries=tx.incidents.timeline(incident.id),
            plans=tx.plans.of_incident(incident.id),
            readings=readings,
            objectives=self._services.objectives,
            scheme=self._services.scheme,
            directory=self._services.directory,
            zone=self._services.zone,
            now=tx.now,
        )
