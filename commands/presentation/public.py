"""Updates for the status page: proposed when the state changes, previewed word for word, and what became of them."""

from __future__ import annotations

from typing import Any

from commands.cards import Button, Card, Code, Link, Part, Rich, Tone, Who, card, fact, rich
from commands.context import Services
from commands.domain import incident as happened
from commands.domain.incident import Incident, NoteKind, Role, Status
from commands.domain.public import PublicState, PublicStatus, PublicUpdate
from commands.domain.timeline import Entry
from commands.leaks import listed
from commands.people import SYSTEM
from commands.ports import Transaction
from commands.publishing import draft, found_leaks, public_text, title_of

#: Where the built-in page is, on the console's server.
PAGE = "/status"
_PUBLIC = {status.value for status in PublicStatus}


def offer_public_text(incident: Incident, services: Services, tx: Transaction, *, normal_again: bool = False) -> None:
    """Draft an update for the present status, and show it to whoever leads communications. Private incidents have none.

    `normal_again`: the measurements say that the service does well, so the public may be told so.
    """
    lead = incident.holder(Role.COMMS)
    if lead is None or incident.private or incident.status.value not in _PUBLIC:
        return
    status = PublicStatus(incident.status.value)
    text = template_text(incident, status, services, tx, normal_again=normal_again)
    cause = f"{incident.id}:public:{incident.version}"
    update = draft(
        incident,
        status,
        title=title_of(incident, services),
        text=text,
        by=SYSTEM.id,
        cause=cause,
        services=services,
    )
    _supersede(incident, tx)
    tx.public.add(update)
    tx.messages.post(incident.channel, preview(update, services), key=preview_key(update), only_for=lead)


def _supersede(incident: Incident, tx: Transaction) -> None:
    """A proposal that nobody took up is of no use once there is a newer one."""
    for old in tx.public.of_incident(incident.id):
        if old.state is PublicState.DRAFT and old.written_by == SYSTEM.id:
            tx.messages.edit(preview_key(old), ended(old, "A newer draft has taken its place."))
            tx.public.change(old, state=PublicState.DISCARDED)


def template_text(
    incident: Incident, status: PublicStatus, services: Services, tx: Transaction, *, normal_again: bool = True
) -> str:
    """The text of the templates, without its title and status, which stand by themselves."""
    values = _values(incident, tx.incidents.timeline(incident.id), services) | {"normal_again": normal_again}
    whole = services.texts.status_update(Status(status.value), values)
    return whole.split("\n", 2)[-1].strip()


def preview_key(update: PublicUpdate) -> str:
    """The message that shows this version of it."""
    return f"{update.id}:preview:{update.version}"


def preview(update: PublicUpdate, services: Services) -> Card:
    """Exactly what the public will read, and the buttons; no yes to what must not be said."""
    found = found_leaks(update, services)
    what = "Correct the status page" if update.stands else "Status page"
    subject = f"{update.id} {update.version}"
    components = ", ".join(services.publicity.named(update.components))
    go = Button(label="Publish", action="public.publish", subject=subject, style="primary")
    stop = Button(label="Discard", action="public.discard", subject=subject)
    exact = "DRILL: nobody outside reads it. The public would read exactly this."
    fine = rich(exact if update.drill else "The public will read exactly this.")
    words = rich(f"Not for the public: {listed(found)}.") if found else fine
    return Card(
        title=f"{what}: {update.status.value}",
        tone=Tone.WARNING if found else Tone.INFO,
        paragraphs=(words,),
        facts=(
            fact("Impact", update.impact.value),
            *((fact("Components", components),) if components else ()),
            fact("Would go to" if update.drill else "Goes to", *pages(services)),
        ),
        preformatted=public_text(update),
        buttons=(stop,) if found else (go, stop),
        footer=rich("To say it otherwise: ", Code(text=f"/status edit {update.id} TEXT")),
    )


def pages(services: Services) -> tuple[Part, ...]:
    """The pages that show what is published."""
    own = (Link(url=PAGE, text="the status page"),) if services.publicity.built_in else ()
    outside = ", ".join(services.publicity.pages)
    if own and outside:
        return (*own, ", ", outside)
    return own or (outside or "no page: none is configured",)


def ended(update: PublicUpdate, *why: Part) -> Card:
    """A preview that waits no more."""
    return card(f"Status page: {update.status.value}", rich(*why))


def told_card(update: PublicUpdate, services: Services, by: str) -> Card:
    """What the channel reads once the public was told."""
    what = "corrected" if update.corrected_at else "published"
    who: Rich = rich(Who(person=by), f" {what} this on ", *pages(services), ".")
    if update.drill:
        who = rich(Who(person=by), f" {what} it. DRILL: nobody reads it. It would be on ", *pages(services), ".")
    shown = card(f"Status page: {update.status.value}", who, tone=Tone.GOOD)
    footer = rich(
        "To correct it: ",
        Code(text=f"/status edit {update.id} TEXT"),
        " · to take it back: ",
        Code(text=f"/status retract {update.id} WHY"),
    )
    return shown.model_copy(update={"preformatted": public_text(update), "footer": footer})


def _values(incident: Incident, entries: list[Entry], services: Services) -> dict[str, Any]:
    severity = services.scheme.get(incident.severity)
    return {
        "title": title_of(incident, services),
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
