"""Orders a postmortem draft: on resolution, and again when a marked note comes after it."""

from __future__ import annotations

from commands.domain.incident import Incident
from commands.ports import Transaction

WORKFLOW = "draft-postmortem"


def order_draft(incident: Incident, tx: Transaction) -> None:
    """Once for each version of the incident; the work itself is durable."""
    tx.work.enqueue(WORKFLOW, key=f"{incident.id}:draft:{incident.version}", payload={"incident": incident.id})
