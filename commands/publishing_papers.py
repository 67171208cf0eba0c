"""Where published postmortems go besides their own page."""

from __future__ import annotations

from commands.context import Services
from commands.domain.errand import Integration
from commands.domain.incident import Incident
from commands.domain.paper import Paper
from commands.ports import Transaction

WIKI = Integration(kind="Confluence", name="")


def order_pages(incident: Incident, paper: Paper, services: Services, tx: Transaction) -> str:
    """The pages outside are to show what was published; what people are told of it. Private ones stay here."""
    if WIKI not in services.integrations:
        return ""
    if incident.private:
        return "It is private, so it is not put into Confluence."
    tx.errands.order(WIKI, incident=incident.id, subject=incident.id, what=f"postmortem, version {paper.version}")
    return "Confluence follows."
