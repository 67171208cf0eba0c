"""Pages: somebody is called, and if nobody answers, the next. Each change is one transaction, told with it.

The chat calls people by itself: a direct message with a button, and a mention. Where there is a pager, it is told too,
by an errand, so that one that does not answer holds up nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from commands.context import Call, Services
from commands.domain.errand import Integration
from commands.domain.event import Paged
from commands.domain.incident import Incident
from commands.domain.page import Page, PageState, Step
from commands.domain.reminder import Level
from commands.duty import named
from commands.errors import Conflict
from commands.people import SYSTEM, Person
from commands.ports import Contact, Transaction, Urgency
from commands.presentation.incident import headline
from commands.presentation.paging import (
    answered_card,
    card_key,
    direct_card,
    direct_key,
    page_card,
)
from commands.presentation.words import lasting
from commands.redaction import redact

MOST_WHY = 300
#: What a pager is told: to ring somebody, that somebody is on it, that it is over.
CALL, ACKNOWLEDGE, RESOLVE = "call", "acknowledge", "resolve"


def for_service(service: str, on_duty: Sequence[Contact], services: Services) -> list[Step]:
    """Who is on duty, one after the other, then the levels above."""
    known = [one for one in on_duty if one.person or one.name]
    steps = [
        Step(target=service, title=f"on call for {service}", people=(one.person,) if one.person else ())
        for one in (known if not services.paging.decides else known[:1])
    ]
    steps = [one for one in steps if one.people or one.contacts or services.paging.target(one)]
    first = services.pace.levels[0] if services.pace.levels else None
    if not steps and first and (first.people or first.contacts):
        steps = [Step(target=service, title=first.title, people=first.people, contacts=first.contacts)]
    if not steps and services.paging.target(Step(target=service, title="")):
        steps = [Step(target=service, title=f"on call for {service}")]
    return [*steps, *for_level(2, services)]


def for_level(number: int, services: Services) -> list[Step]:
    """A level of escalation and those above it, as far as there is somebody."""
    levels = list(enumerate(services.pace.levels, start=1))[number - 1 :]
    steps = [_level(one, level) for one, level in levels]
    return [one for one in steps if one.people or one.contacts or services.paging.target(one)]


def for_person(person: Person, on_duty: Sequence[Contact], service: str, services: Services) -> list[Step]:
    """One person, then whoever is on duty for the service."""
    others = [one for one in for_service(service, on_duty, services) if one.people != (person.id,)]
    return [Step(target=f"@{person.id}", title=person.title, people=(person.id,)), *others]


def _level(number: int, level: Level) -> Step:
    return Step(target=f"level {number}", title=level.title, people=level.people, contacts=level.contacts)


def begin(
    steps: Sequence[Step], why: str, *, incident: Incident | None, service: str, call: Call, tx: Transaction
) -> Page:
    """Call the first. Raises Conflict where the same are called for the same already."""
    _check_new(steps, incident, service, tx)
    page = Page(
        id=f"page-{hashlib.sha256(f'{call.delivery}:{steps[0].target}'.encode()).hexdigest()[:12]}",
        incident=incident.id if incident else "",
        service=service,
        channel=incident.channel if incident else call.channel,
        why=redact(why),
        asked_by=call.person.id,
        steps=tuple(steps),
        created_at=tx.now,
        next_at=tx.now + call.services.paging.answer_within,
        pager=call.services.paging.pager,
        drill=bool(incident and incident.drill),
    )
    tx.pages.add(page)
    _audit("called", page, call.person.id, tx)
    return _call_step(page, call.services, tx)


def at_declaration(incident: Incident, on_duty: Sequence[Contact], call: Call, tx: Transaction) -> None:
    """Where the settings say so, whoever is on duty is called as soon as an incident is opened."""
    if incident.severity not in call.services.paging.at_declaration:
        return
    known = on_duty or named(incident.service, call.services, tx.now)
    steps = for_service(incident.service, known, call.services)
    if steps:
        tell_channel(
            begin(steps, why_of(incident), incident=incident, service=incident.service, call=call, tx=tx),
            call.services,
            tx,
        )


def why_of(incident: Incident) -> str:
    """Why somebody is called who is called for the incident itself; a pager outside is told it too."""
    return f"{incident.severity}, private" if incident.private else incident.title[:MOST_WHY]


def _check_new(steps: Sequence[Step], incident: Incident | None, service: str, tx: Transaction) -> None:
    about = incident.id if incident else ""
    for one in tx.pages.open():
        same = one.incident == about and one.service == service and one.current.target == steps[0].target
        if same and one.state is PageState.SENT:
            since = lasting(tx.now - one.created_at)
            raise Conflict(
                f"They were called {since} ago, and nobody has answered yet.",
                hint="Not to wait, press Call the next where it was told.",
            )


def _call_step(page: Page, services: Services, tx: Transaction) -> Page:
    """Tell those of the current step: directly, on the timeline, and the pager."""
    step, incident = page.current, incident_of(page, tx)
    for person in () if page.drill else step.people:
        if incident:
            tx.messages.add_member(incident.channel, person)
        shown, key = direct_card(page, incident), direct_key(page, person)
        tx.messages.post(_where_read(page, person, services, tx), shown, key=key, only_for=person, urgency=Urgency.PAGE)
    if incident:
        first = page.step == 0
        event = Paged(
            page=page.id,
            what="called" if first else "called next",
            people=step.people,
            title=step.title,
            why=page.why,
            drill=page.drill,
        )
        tx.incidents.record(incident.id, event, actor=page.asked_by if first else SYSTEM.id)
    return _ring(page, services, tx)


def _ring(page: Page, services: Services, tx: Transaction) -> Page:
    """The pager is told too; what it rings already goes on there by itself."""
    if page.drill:
        return page
    target, before = services.paging.target(page.current), {services.paging.target(page.steps[n]) for n in page.rung}
    if not target or target in before:
        return page
    rung = tx.pages.change(page, rung=(*page.rung, page.step))
    _order(CALL, rung, page.step, services, tx)
    return rung


def _order(what: str, page: Page, step: int, services: Services, tx: Transaction) -> None:
    incident, target = incident_of(page, tx), services.paging.target(page.steps[step])
    asked_by = services.directory.get(page.asked_by)
    ring = {
        "key": page.key(step),
        "target": target,
        "summary": page.why,
        "about": _about(incident) if incident else "",
        "service": page.service,
        "asked_by": asked_by.name if asked_by else page.asked_by,
    }
    tx.errands.order(
        pager_called(page.pager),
        incident=page.incident,
        subject=page.id,
        what=f"{what} {target}",
        body={"do": what, "ring": ring},
    )


def _about(incident: Incident) -> str:
    """What a private incident is about is said in its channel only."""
    return incident.id if incident.private else f"{incident.id}, {headline(incident)}"


def _order_for_all(what: str, page: Page, services: Services, tx: Transaction) -> None:
    for step in page.rung if page.pager == services.paging.pager else ():
        _order(what, page, step, services, tx)


def pager_called(name: str) -> Integration:
    """The pager, as errands know it."""
    return Integration(kind=name, name="")


def note_trouble(page_id: str, words: str, services: Services, tx: Transaction, *, again: bool = True) -> None:
    """The pager does not ring them, or does by now (no words): the channel has the phone list as long as it lasts."""
    page = tx.pages.get(page_id)
    if page.state is not PageState.SENT or (page.pager_says, page.pager_again) == (words, again):
        return
    noted = tx.pages.change(page, pager_says=words, pager_again=again)
    tx.messages.edit(card_key(noted), page_card(noted, services))


def waiting_keys(pager: str, tx: Transaction) -> list[str]:
    """What the pager is to be asked about: the calls that somebody is yet to answer."""
    waits = [one for one in tx.pages.open() if one.state.waits and one.pager == pager]
    return [one.key(step) for one in waits for step in one.rung]


def _where_read(page: Page, person: str, services: Services, tx: Transaction) -> str:
    """A channel that they see: on its platform they are told directly."""
    if tx.messages.may_read(page.channel, person):
        return page.channel
    _, at, platform = page.channel.partition("@")
    there = f"{services.announce_in}@{platform}" if at else services.announce_in
    return there if tx.messages.may_read(there, person) else services.announce_in


def incident_of(page: Page, tx: Transaction) -> Incident | None:
    """The incident that it is about, if it is about one."""
    return tx.incidents.get(page.incident) if page.incident else None


def tell_channel(page: Page, services: Services, tx: Transaction) -> None:
    """The channel reads who is called, with a mention."""
    shown = page_card(page, services)
    tx.messages.post(page.channel, shown, key=card_key(page), urgency=Urgency.ANSWER)


def news(tx: Transaction) -> list[Page]:
    """The pages that go on, or that nobody has to answer any more."""
    return [one for one in tx.pages.open() if _is_over(one, tx) or _is_due(one, tx.now)]


def _is_due(page: Page, now: datetime) -> bool:
    return page.state is PageState.SENT and page.next_at <= now


def _is_over(page: Page, tx: Transaction) -> bool:
    incident = incident_of(page, tx)
    return incident is not None and not incident.status.is_open


def look_after(page_id: str, services: Services, tx: Transaction) -> None:
    """Go on to the next, or end what is over."""
    page = tx.pages.get(page_id)
    if _is_over(page, tx) and page.state is not PageState.ENDED:
        _end(page, services, tx)
    elif _is_due(page, tx.now):
        go_on(page, services, tx)


def go_on(page: Page, services: Services, tx: Transaction, *, by: str = SYSTEM.id) -> Page:
    """Call the next; with nobody left, say so."""
    last = page.step + 1 >= len(page.steps)
    changes = {"state": PageState.UNANSWERED} if last else {"step": page.step + 1}
    moved = tx.pages.change(page, **changes, next_at=tx.now + services.paging.answer_within)
    if last:
        if incident_of(moved, tx):
            event = Paged(page=page.id, what="unanswered", why=page.why)
            tx.incidents.record(page.incident, event, actor=SYSTEM.id)
        _audit("unanswered", moved, by, tx)
        tx.messages.edit(card_key(page), page_card(page, services, gone_on=moved))
        said = page_card(moved, services)
        tx.messages.post(moved.channel, said, key=f"{moved.id}:nobody", urgency=Urgency.ANSWER)
        return moved
    tx.messages.edit(card_key(page), page_card(page, services, gone_on=moved))
    moved = _call_step(moved, services, tx)
    _audit("called next", moved, by, tx)
    tell_channel(moved, services, tx)
    return moved


def answer(page: Page, person: str, services: Services, tx: Transaction, *, name: str = "") -> Page:
    """Somebody is on it: by a button here, or by the pager; `name`: of whom only the pager knows. Raises Conflict."""
    if page.state is PageState.ENDED:
        raise Conflict("Nobody is needed any more.", hint="The incident is over.")
    if not page.state.waits:
        raise Conflict("Somebody is on it already.", who=page.by) if page.by else Conflict("Somebody is on it already.")
    changes = {"state": PageState.ACKNOWLEDGED, "by": person, "by_name": name, "at": tx.now}
    moved = tx.pages.change(page, **changes)
    incident = incident_of(moved, tx)
    if incident:
        if person:
            tx.messages.add_member(incident.channel, person)
        event = Paged(page=page.id, what="answered", why=page.why, name=name)
        tx.incidents.record(incident.id, event, actor=person or SYSTEM.id)
    _audit("answered", moved, person or name, tx)
    _order_for_all(ACKNOWLEDGE, moved, services, tx)
    show(moved, services, tx)
    tx.messages.post(moved.channel, answered_card(moved, tx.now), key=f"{moved.id}:answered", urgency=Urgency.ANSWER)
    return moved


def _end(page: Page, services: Services, tx: Transaction) -> None:
    waited = page.state.waits
    moved = tx.pages.change(page, state=PageState.ENDED)
    _order_for_all(RESOLVE, moved, services, tx)
    if waited:
        show(moved, services, tx)


def show(page: Page, services: Services, tx: Transaction) -> None:
    """Its messages say how it stands: in the channel, and to everybody who was called."""
    incident = incident_of(page, tx)
    tx.messages.edit(card_key(page), page_card(page, services))
    if page.state is not PageState.SENT:
        tx.messages.edit(f"{page.id}:nobody", page_card(page, services))
    for number in range(page.step + 1):
        for person in page.steps[number].people:
            shown = direct_card(page, incident)
            tx.messages.edit(direct_key(page.model_copy(update={"step": number}), person), shown)


def _audit(what: str, page: Page, actor: str, tx: Transaction) -> None:
    detail = {"incident": page.incident, "step": page.current.target, "why": page.why}
    tx.audit.append("page", actor=actor, subject=f"{page.id} {what}", detail=detail)
