"""What people read of alerts: the card that asks, the card in the incident, the list."""

from __future__ import annotations

from collections.abc import Sequence

from commands.cards import Button, Card, Channel, Code, Fact, Link, Part, Rich, Tone, When, Who, card, fact, rich
from commands.context import Services
from commands.domain.alert import Group, Known, Tally
from commands.domain.incident import Incident, Role, Status
from commands.ports import Contact
from commands.presentation.incident import headline
from commands.presentation.words import counted, cut

#: For how long the button silences.
SILENCE_HOURS = 1


def named(tally: Tally) -> str:
    """`HighErrorRate (9,998), DiskFull, and others`."""
    shown = [f"{cut(title, 80)} ({number:,})" if number > 1 else cut(title, 80) for title, number in tally.titles]
    more = sum(number for _, number in tally.titles) < tally.alerts
    return ", ".join([*shown, "and others"] if more else shown)


def suggestion(
    group: Group, tally: Tally, incidents: Sequence[Incident], services: Services, *, became: Incident | None = None
) -> Card:
    """The card that asks what to do about alerts, and afterwards tells what became of them."""
    where = f"{counted(tally.alerts, 'alert')} on {_services(tally)}"
    if became is not None:
        work = rich("Now part of ", Channel(name=became.channel), f": {headline(became)}")
        return card(where, work, tone=Tone.NEUTRAL).model_copy(update={"facts": _facts(tally)})
    if not tally.firing:
        over = card(f"{where}: resolved", named(tally), "They ended by themselves; nothing is to be done.")
        return over.model_copy(update={"tone": Tone.GOOD, "facts": _facts(tally)})
    what = [group.title] if tally.alerts == 1 else [named(tally), f"It began with {group.title}"]
    shown = card(where, *what, "Is this an incident?", tone=_tone(group, services))
    return shown.model_copy(update={"facts": _facts(tally), "buttons": _choices(group, incidents)})


def silenced_card(group: Group, tally: Tally, by: str, until: When) -> Card:
    """What the suggestion reads once its service is silenced."""
    shown = card(
        f"{counted(tally.alerts, 'alert')} on {_services(tally)}: silenced",
        rich(Who(person=by), f" silenced {group.service} until ", until, ". To see all: ", Code(text="/silences")),
    )
    return shown.model_copy(update={"facts": _facts(tally)})


def _tone(group: Group, services: Services) -> Tone:
    return Tone.CRITICAL if services.scheme.get(group.worst).rank <= 2 else Tone.WARNING


def _choices(group: Group, incidents: Sequence[Incident]) -> tuple[Button, ...]:
    declare = Button(
        label=f"Declare {group.worst}", action="alerts.declare", subject=f"{group.id} {group.worst}", style="primary"
    )
    attach = [
        Button(label=f"Attach to {one.id}", action="alerts.attach", subject=f"{group.id} {one.id}") for one in incidents
    ]
    silence = Button(
        label=f"Silence {cut(group.service, 40)} {SILENCE_HOURS}h", action="alerts.silence", subject=group.id
    )
    return (declare, *attach, silence)


def _services(tally: Tally) -> str:
    first, *others = tally.services or ("nothing",)
    more = len(others) + tally.more_services
    return f"{first} and {counted(more, 'other service')}" if more else first


def _facts(tally: Tally) -> tuple[Fact, ...]:
    flapping = f", {tally.flapping:,} flapping" if tally.flapping else ""
    facts = [fact("Firing", f"{tally.firing:,} of {tally.alerts:,}{flapping}")]
    if tally.first_at and tally.last_at:
        facts.append(fact("First", When(at=tally.first_at)))
        facts += [fact("Last", When(at=tally.last_at))] if tally.last_at != tally.first_at else []
    return (*facts, *((fact("Link", Link(url=tally.link, text="open there")),) if tally.link else ()))


def alerts_card(group: Group, tally: Tally, incident: Incident, services: Services) -> Card:
    """The card in the incident's channel, kept up to date."""
    if tally.firing or not tally.alerts:
        shown = card(f"Alerts: {tally.firing:,} firing", named(tally), tone=_tone(group, services))
        return shown.model_copy(update={"facts": _facts(tally)})
    over = "All alerts are resolved" if tally.alerts > 1 else "The alert is resolved"
    ready = incident.status in {Status.INVESTIGATING, Status.IDENTIFIED}
    watch = ["Is it over? Watch it for a while before you resolve."] if ready else []
    shown = card(over, named(tally), *watch, tone=Tone.GOOD)
    return shown.model_copy(update={"facts": _facts(tally), "buttons": _next_step(incident)})


def _next_step(incident: Incident) -> tuple[Button, ...]:
    """Watched first, then over."""
    if incident.status is Status.MONITORING:
        return (Button(label="Resolve", action="alerts.resolve", subject=incident.id, style="primary"),)
    if incident.status.is_open:
        return (Button(label="Set monitoring", action="alerts.monitoring", subject=incident.id, style="primary"),)
    return ()


def call_for_commander(incident: Incident, on_duty: Sequence[Contact]) -> Card | None:
    """Nobody declared it, so somebody has to take it. None where somebody has, or it is over."""
    if incident.holder(Role.COMMANDER) or not incident.status.is_open:
        return None
    called: list[Part] = [part for one in on_duty for part in (Who(person=one.person) if one.person else one.name, " ")]
    nobody = "Who is on duty is not known: whoever reads this can take it."
    duty = rich("On duty: ", *called) if called else rich(nobody)
    shown = card(
        "This incident needs a commander",
        "It was opened because of alerts, and nobody is in charge yet.",
        duty,
        tone=Tone.CRITICAL,
    )
    role = Role.COMMANDER
    take = Button(
        label=f"Be {role.full_name.lower()}",
        action="role.claim",
        subject=f"{incident.id} {role.value}",
        style="primary",
    )
    return shown.model_copy(update={"buttons": (take,)})


def not_run(line: str, why: str) -> Card:
    """What a rule wanted to run and was refused."""
    return card(
        "A command of the rule for these alerts was refused",
        rich(Code(text=line), f": {why}"),
        rich("Somebody who may can type it."),
        tone=Tone.WARNING,
    )


def alert_line(known: Known, where: Part | None) -> Rich:
    """An alert in a list."""
    alert = known.alert
    often = f" · {known.count:,} times" if known.count > 1 else ""
    place = (" · ", where) if where else ()
    return rich(
        f"{cut(alert.title, 120)} · {alert.service} · since ",
        When(at=known.first_at),
        f"{often} · ",
        Code(text=alert.fingerprint),
        *place,
    )
