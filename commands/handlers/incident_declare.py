"""`/incident declare`: opens the incident, its channel and its card (runbook 002, section 2.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Channel, Code, Tone, Who, card, rich
from commands.context import HOME, Call, Services
from commands.domain.incident import Declared, Incident, Noted, NoteKind
from commands.domain.severity import Severity
from commands.duty import effective
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Option, Rest, Word
from commands.handlers.common import if_it_answers
from commands.paging import at_declaration
from commands.people import SYSTEM
from commands.ports import Contact, Transaction
from commands.presentation.incident import card_key, headline, incident_card, incident_room, incident_tone
from commands.presentation.words import cut, lasting
from commands.redaction import redact
from commands.registry import RESPONDERS, Command, Reply

MAX_TITLE, MAX_SERVICE, MAX_IMPACT = 300, 63, 3000


@dataclass(frozen=True)
class Declare:
    """Arguments of `/incident declare`."""

    severity: Annotated[Severity, Word("how bad it is, e.g. sev1")]
    title: Annotated[str, Rest("what is wrong, in a few words")] = ""
    service: Annotated[str, Option("--service", "what is affected")] = ""
    private: Annotated[bool, Flag("--private", "only people who are invited see it")] = False
    impact: Annotated[str, Option("--impact", "who notices it and how, in quotes")] = ""


async def gather(args: Declare, call: Call) -> list[Contact]:
    """Who is on duty for the service; an on-call system that is down never stops a declaration."""
    service = args.service or call.services.default_service
    return list(await if_it_answers(call.services.on_call.on_duty(service, at=call.now)) or ())


def decide(args: Declare, call: Call, tx: Transaction, on_duty: list[Contact]) -> Reply:
    """Open it, and tell the asker where."""
    title = " ".join(args.title.split())
    if len(title) > MAX_TITLE:
        raise Malformed(
            f"That title has {len(title):,} characters; at most {MAX_TITLE} fit.",
            hint="Declare with a short title, then put the rest into /incident note.",
        )
    if len(args.impact) > MAX_IMPACT:
        raise Malformed(
            f"That impact has {len(args.impact):,} characters; at most {MAX_IMPACT:,} fit.",
            hint="Declare with a sentence, then put the rest into /incident note --as impact.",
        )
    service = args.service.strip() or call.services.default_service
    if len(service) > MAX_SERVICE or any(c.isspace() for c in service):
        raise Malformed(
            f"{cut(service, 40)!r} is no name of a service.",
            hint=f"A name is one word of at most {MAX_SERVICE} letters.",
        )
    declared = Declared(
        incident=tx.incidents.next_id(tx.now),
        severity=args.severity.id,
        title=title or f"{args.severity.name.capitalize()} incident on {service}",
        service=service,
        private=args.private,
        declared_by=call.person.id,
        channel="",
        platform=call.platform,
        source="watch" if call.person.id == SYSTEM.id else "person",
    )
    on_duty = effective(on_duty, service, call.services, tx)
    incident = open_incident(declared, call, tx, on_duty)
    at_declaration(incident, on_duty, call, tx)
    _note_impact(incident, args.impact.strip(), call, tx)
    return Reply(_opened(incident), private=incident.private, channel=call.channel)


def open_incident(declared: Declared, call: Call, tx: Transaction, on_duty: list[Contact]) -> Incident:
    """The incident with its channel, pinned card, call for a commander and announcement."""
    services = call.services
    declared = declared.model_copy(update={"channel": declared.incident})
    incident = tx.incidents.declare(declared, actor=call.person.id)
    members = (call.person.id, *(contact.person for contact in on_duty if contact.person))
    tx.messages.open_channel(incident_room(incident, services, members))
    tx.messages.post(incident.channel, incident_card(incident, services), key=card_key(incident.id), pinned=True)
    tx.messages.post(incident.channel, _first_steps(incident, services, on_duty), key=f"{incident.id}:first-steps")
    _announce(incident, services, tx)
    return incident


def _note_impact(incident: Incident, impact: str, call: Call, tx: Transaction) -> None:
    """As by `/incident note --as impact`, so that the postmortem has it."""
    if impact:
        noted = Noted(text=redact(impact), marked=NoteKind.IMPACT)
        tx.incidents.record(incident.id, noted, actor=call.person.id)
        tx.messages.post(incident.channel, card("Noted as impact", noted.text), key=f"{incident.id}:impact")


def _opened(incident: Incident) -> Card:
    """What a private one is about is said in its own channel only."""
    what = f"{incident.severity}, private" if incident.private else headline(incident)
    work = rich("Work on it in ", Channel(name=incident.channel), ".")
    return card(f"Declared: {what}", work, tone=Tone.INFO)


_STEPS = (
    ("Take command", "/incident role claim ic"),
    ("See how the gateway is", "/gw status"),
    ("See what fails", "/gw errors"),
    ("Write down what you find", "/incident note what you saw"),
    ("Tell everybody what you know", "/incident status identified what it is"),
)


def _first_steps(incident: Incident, services: Services, on_duty: list[Contact]) -> Card:
    level = services.scheme.get(incident.severity)
    called = [part for one in on_duty for part in (Who(person=one.person) if one.person else one.name, " ")]
    lines = [rich("On duty: ", *called)] if called else []
    escalate = f", escalate after {lasting(level.escalate_after)}" if level.escalate_after else ""
    lines.append(rich(f"{level.id}: respond within {lasting(level.respond_within)}{escalate}."))
    if incident.service != services.default_service:
        lines.append(rich(f"/gw commands look at {services.default_service} and change it, not {incident.service}."))
    lines += [rich(f"{why}: ", Code(text=command)) for why, command in _STEPS]
    return card("First steps", *lines, tone=Tone.INFO)


_BY_ITSELF = {"watch": "Tocsin, from its measurements,", "alerts": "Tocsin, because of alerts,"}


def _announce(incident: Incident, services: Services, tx: Transaction) -> None:
    if incident.private:
        return
    who = _BY_ITSELF.get(incident.source) or Who(person=incident.declared_by)
    by = rich(who, " opened ", Channel(name=incident.channel))
    shown = card(headline(incident), by, tone=incident_tone(incident, services))
    tx.messages.post(services.announce_in, shown, key=f"{incident.id}:announcement")
    there = services.standing(services.announce_in, incident.platform)
    if incident.platform != HOME and tx.messages.may_read(there, incident.declared_by):
        tx.messages.post(there, shown, key=f"{incident.id}:announcement:{incident.platform}")


COMMANDS = (
    Command(
        path=("incident", "declare"),
        args=Declare,
        summary="Open an incident with its own channel.",
        example="/incident declare sev1 API answers 502",
        gather=gather,
        decide=decide,
        access=RESPONDERS,
    ),
)
