"""The words for the status page, offered to the communications lead alone, to read and copy."""

from __future__ import annotations

from typing import Any

from commands.cards import Card, Tone, rich
from commands.context import Services
from commands.domain import incident as happened
from commands.domain.incident import Incident, NoteKind, Role, Status
from commands.domain.timeline import Entry
from commands.ports import Transaction

_PUBLIC = {Status.INVESTIGATING, Status.IDENTIFIED, Status.MONITORING, Status.RESOLVED}


def offer_public_text(incident: Incident, services: Services, tx: Transaction, *, normal_again: bool = False) -> None:
    """Whisper the text for the present status to whoever leads communications. Private incidents have none.

    `normal_again`: the measurements say that the service does well, so the public may be told so.
    """
    lead = incident.holder(Role.COMMS)
    if lead is None or incident.private or incident.status not in _PUBLIC:
        return
    values = _values(incident, tx.incidents.timeline(incident.id), services) | {"normal_again": normal_again}
    shown = _public_text_card(incident, values, services)
    tx.messages.post(incident.channel, shown, key=f"{incident.id}:public:{incident.version}", only_for=lead)


def _public_text_card(incident: Incident, values: dict[str, Any], services: Services) -> Card:
    """The text in full, and what to check before it is published."""
    text = services.texts.status_update(incident.status, values)
    check = rich("Check it for names, hosts and numbers that are not for the public, then post it on the status page.")
    return Card(title=f"Status page: {incident.status.value}", tone=Tone.INFO, paragraphs=(check,), preformatted=text)


def _values(incident: Incident, entries: list[Entry], services: Services) -> dict[str, Any]:
    severity = services.scheme.get(incident.severity)
    return {
        "title": f"{incident.service[:1].upper()}{incident.service[1:]} issues",
        "service": incident.service,
        "impact": _last(entries, NoteKind.IMPACT),
        "cause": _last(entries, NoteKind.CAUSE),
        "resolution": _last(entries, NoteKind.RESOLUTION),
        "update_every": severity.update_every,
        "next_update": incident.next_update_due(services.scheme),
        "zone": services.zone,
    }


def _last(entries: list[Entry], marked: NoteKind) -> str:
    """The newest note that was marked so; nothing else that people wrote is meant for the public."""
    texts = [e.event.text for e in entries if isinstance(e.event, happened.Noted) and e.event.marked is marked]
    return texts[-1] if texts else ""
