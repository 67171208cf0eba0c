"""What stakeholders are told, as a channel reads it; who is told what; and the preview of what somebody sends."""

from __future__ import annotations

from commands.cards import Button, Card, Code, Fact, Link, Part, Rich, Tone, When, card, fact, rich, strong
from commands.domain.incident import Incident
from commands.domain.stakeholder import Brief, Form, Place, StakeholderUpdate
from commands.presentation.words import counted


def brief_card(brief: Brief, tone: Tone) -> Card:
    """Short enough to be read between two meetings."""
    said = brief.words or brief.changed
    parts = () if brief.words else _facts(brief)
    after = () if brief.ended is None else (fact("Over since", When(at=brief.ended, style="full")),)
    word = (fact("Next word", When(at=brief.next_at)),) if brief.next_at else ()
    where: Rich = rich(brief.incident) if not brief.link else rich(Link(url=brief.link, text=brief.incident))
    shown = card(brief.headline, *([said] if said else []), tone=tone)
    return shown.model_copy(update={"facts": (*parts, *after, *word), "footer": where})


def _facts(brief: Brief) -> tuple[Fact, ...]:
    since = fact("Since", When(at=brief.since, style="full"))
    if brief.form is Form.EXECUTIVE:
        return (fact("What customers notice", brief.notices), since, fact("What is being done", brief.doing))
    parts = (("Conditions", brief.conditions), ("Actions", brief.actions), ("Needs", brief.needs))
    return (since, *(fact(label, "; ".join(lines)) for label, lines in parts))


def places_card(places: tuple[Place, ...], last: dict[str, StakeholderUpdate], incident: Incident | None) -> Card:
    """Who is told what, and when they were told last."""
    if not places:
        how = rich("The setting ", Code(text="stakeholders"), " names who is told.")
        return card("Stakeholders", "Nobody is told by itself.", how)
    about = f" of {incident.id}" if incident else ""
    lines = [_line(place, last.get(place.name), incident) for place in places]
    shown = card(f"{counted(len(places), 'place')} told{about}", *lines)
    say: Rich = rich("To tell them something yourself: ", Code(text="/stakeholders send executive TEXT"))
    return shown.model_copy(update={"footer": say}) if incident else shown


def _line(place: Place, last: StakeholderUpdate | None, incident: Incident | None) -> Rich:
    what = f" ({place.kind.value}) · {place.form.value} · {', '.join(place.severities) or 'all severities'} · "
    return rich(strong(place.name), what, *_last(place, last, incident))


def _last(place: Place, last: StakeholderUpdate | None, incident: Incident | None) -> tuple[Part, ...]:
    if last is None:
        hidden = incident is not None and incident.private and not place.private
        return ("never told, the incident is private",) if hidden else ("not told yet",)
    if last.told_at is None:
        return ("on its way since ", When(at=last.at))
    return ("told ", When(at=last.told_at, style="full"))


def preview(brief: Brief, places: list[Place], subject: str) -> Card:
    """What they will read, and the buttons."""
    goes = ", ".join(f"{one.name} ({one.kind.value})" for one in places)
    shown = brief_card(brief, Tone.INFO)
    return shown.model_copy(
        update={
            "title": f"To {counted(len(places), 'stakeholder')}: {brief.headline}",
            "facts": (*shown.facts, fact("Goes to", goes)),
            "buttons": (
                Button(label="Send", action="stakeholders.send", subject=subject, style="primary"),
                Button(label="Discard", action="stakeholders.discard", subject=subject),
            ),
        }
    )
