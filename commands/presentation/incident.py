"""The card of an incident: pinned on top of its channel and kept up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commands.cards import Button, Card, Channel, Fact, Link, Tone, When, Who, fact, rich, strong
from commands.context import Services
from commands.domain.incident import Incident, Role, Status
from commands.ports import Bookmark, Messages, Room
from commands.presentation.words import cut, lasting
from commands.presentation.work import joined, work_facts

_SHORT = {Role.COMMANDER: "IC", Role.TECH: "Tech", Role.COMMS: "Comms"}


def card_key(incident_id: str) -> str:
    """The message key of an incident's card."""
    return f"{incident_id}:card"


def incident_tone(incident: Incident, services: Services) -> Tone:
    """Red for the worst two levels, amber below, green when it is over."""
    if not incident.status.is_open:
        return Tone.GOOD
    return Tone.CRITICAL if services.scheme.get(incident.severity).rank <= 2 else Tone.WARNING


def headline(incident: Incident) -> str:
    """`SEV1 · API is down`."""
    return f"{incident.severity} · {cut(incident.title, 200)}"


def incident_card(incident: Incident, services: Services) -> Card:
    """Severity, status, roles, clock, next update due, and the next thing to do."""
    return Card(
        title=headline(incident),
        tone=incident_tone(incident, services),
        facts=(
            fact("Status", strong(incident.status.value)),
            fact("Severity", f"{incident.severity}, {services.scheme.get(incident.severity).name}"),
            *role_facts(incident),
            fact("Service", incident.service),
            _clock(incident),
            *_update_due(incident, services),
            *work_facts(incident.work, settled=False),
            *related_facts(incident),
            *_links(incident),
            *_drill(incident),
        ),
        buttons=_next_steps(incident),
        footer=rich(incident.id, " · private" if incident.private else ""),
    )


def role_facts(incident: Incident) -> tuple[Fact, ...]:
    """Who holds each role, and in one line what nobody holds yet."""
    held = tuple(fact(role.full_name, Who(person=who)) for role in Role if (who := incident.holder(role)))
    if not held:
        return (fact("Roles", "nobody yet" if incident.status.is_open else "nobody"),)
    free = free_roles(incident)
    return (*held, fact("Free roles", ", ".join(role.full_name.lower() for role in free))) if free else held


def free_roles(incident: Incident) -> list[Role]:
    """What somebody could take; of an incident that is over, nothing."""
    return [role for role in Role if incident.status.is_open and incident.holder(role) is None]


def related_facts(incident: Incident) -> tuple[Fact, ...]:
    """What it has to do with others."""
    merged = [Channel(name=one.channel) for one in incident.work.related if one.merged]
    beside = [Channel(name=one.channel) for one in incident.work.related if not one.merged]
    into = [Channel(name=incident.merged.channel)] if incident.merged else []
    found = (("Duplicate of", into), ("Duplicates", merged), ("Related", beside))
    return tuple(Fact(label=label, value=joined([rich(one) for one in ones], ", ")) for label, ones in found if ones)


def _clock(incident: Incident) -> Fact:
    if incident.resolved_at is None:
        return fact("Declared", When(at=incident.declared_at, style="relative"))
    return fact("Lasted", lasting(incident.duration(incident.resolved_at)))


def _update_due(incident: Incident, services: Services) -> tuple[Fact, ...]:
    due = incident.next_update_due(services.scheme)
    return (fact("Next update due", When(at=due)),) if due else ()


def _links(incident: Incident) -> tuple[Fact, ...]:
    return tuple(fact("Link", Link(url=link.url, text=cut(link.label or link.url, 80))) for link in incident.links[-5:])


def _drill(incident: Incident) -> tuple[Fact, ...]:
    if incident.drill is None:
        return ()
    if not incident.status.is_open:
        return (fact("DRILL", "nobody outside was told"),)
    until = rich(", the fault ends by ", When(at=incident.drill.until)) if incident.drill.fault else ()
    return (fact("DRILL", "nobody outside is told", *until),)


def _next_steps(incident: Incident) -> tuple[Button, ...]:
    if incident.status.is_open:
        return tuple(_claim(incident, role) for role in free_roles(incident))
    if incident.status is Status.RESOLVED:
        return (Button(label="Reopen", action="incident.reopen", subject=incident.id),)
    return ()


def _claim(incident: Incident, role: Role) -> Button:
    first = role is Role.COMMANDER
    return Button(
        label=f"Be {role.full_name.lower()}",
        action="role.claim",
        subject=f"{incident.id} {role.value}",
        style="primary" if first else "plain",
    )


def topic_of(incident: Incident, names: Mapping[str, str]) -> str:
    """`SEV1 · API is down · investigating · IC Ana Ruiz`: what the channel shows on its top, at most 250 characters."""
    held = [f"{_SHORT[role]} {names.get(who, who)}" for role in Role if (who := incident.holder(role))]
    rest = " · ".join([incident.status.value, *(held or ["no commander yet"])])
    return cut(f"{incident.severity} · {cut(incident.title, 120)} · {rest}", 250)


def bookmarks_of(incident: Incident, services: Services) -> tuple[Bookmark, ...]:
    """What the organisation keeps at hand in every incident, then the incident's own links."""
    own = [Bookmark(label=cut(link.label or link.url, 60), url=link.url) for link in incident.links[-20:]]
    return tuple({one.url: one for one in (*services.bookmarks, *own)}.values())


def incident_room(incident: Incident, services: Services, members: Sequence[str]) -> Room:
    """The incident's channel (runbook 002, section 2.4.2)."""
    return Room(
        name=incident.channel,
        platform=incident.platform,
        private=incident.private,
        topic=topic_of(incident, services.directory.names()),
        purpose=cut(f"{incident.id}: {incident.title} ({incident.service})", 250),
        members=tuple(members),
        invite=invited(incident, services),
        bookmarks=bookmarks_of(incident, services),
    )


def invited(incident: Incident, services: Services) -> tuple[str, ...]:
    """The groups that are called in because of the severity; into a drill, none."""
    return () if incident.drill else services.invited.get(incident.severity, ())


#: What an incident knows and its card does not show.
UNSHOWN = frozenset({"version", "responders", "offer"})


def may_read_otherwise(before: Incident, now: Incident) -> bool:
    """Whether the cards of two states may differ; to make two of them takes fifty times as long as to look."""
    return any(getattr(before, name) != getattr(now, name) for name in Incident.model_fields.keys() - UNSHOWN)


def refresh(incident: Incident, messages: Messages, services: Services) -> None:
    """Bring the pinned card and the channel's top up to date; part of every transaction that touched the incident."""
    messages.edit(card_key(incident.id), incident_card(incident, services))
    topic = topic_of(incident, services.directory.names())
    messages.arrange(
        incident.channel,
        topic=topic,
        bookmarks=bookmarks_of(incident, services),
        invite=invited(incident, services),
    )
