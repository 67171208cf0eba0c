"""Drafts the postmortem when an incident is resolved, from its events and from what was measured."""

from __future__ import annotations

from typing import Any

from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.paper import first_paper
from commands.drafting import findings
from commands.handlers.postmortem import postmortem_card
from commands.people import SYSTEM
from templates.render import render


class DraftPostmortem:
    """A workflow of one step. Resolving again drafts again: the text always tells the whole story so far."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    def __call__(self, steps: Steps, payload: dict[str, Any]) -> None:
        """Draft, keep, announce."""
        incident_id = payload["incident"]
        steps.run(
            "draft", lambda: self._store.transact_now(f"{incident_id}:draft", lambda tx: self._draft(incident_id, tx))
        )

    def _draft(self, incident_id: str, tx: SqlTransaction) -> None:
        incident = tx.incidents.get(incident_id)
        found = findings(incident, self._services, tx)
        template = self._services.postmortem_template
        text = render(f"postmortem/{template}.md.j2", report=found.report)
        before = tx.postmortems.paper(incident_id)
        if before is None:
            tx.postmortems.put(first_paper(incident_id, text, template, found.chart), by=SYSTEM.id, what="drafted")
        else:
            tx.postmortems.put(before.redrafted(text, template, found.chart), by=SYSTEM.id, what="drafted anew")
        shown = postmortem_card(incident, tx.incidents.timeline(incident_id), tx.now, found.chart)
        key = f"{incident_id}:postmortem:{incident.resolved_at}"
        tx.messages.edit(key, shown)  # where it was drafted before; else there is nothing to edit
        tx.messages.post(incident.channel, shown, key=key)
