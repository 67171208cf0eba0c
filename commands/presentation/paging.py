"""Pages and who is on call, as people read them: whom to call, how, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from commands.cards import Button, Card, Channel, Code, Part, Rich, Table, Tone, When, Who, card, rich, strong
from commands.context import Services
from commands.domain.incident import Incident
from commands.domain.page import Page, PageState, Step
from commands.domain.reminder import Level
from commands.ports import Contact
from commands.presentation.incident import headline
from commands.presentation.words import lasting

_MOST_PEOPLE = 12


def card_key(page: Page) -> str:
    """The message in the channel that tells of the current step."""
    return f"{page.id}:{page.step}"


def direct_key(page: Page, person: str) -> str:
    """What somebody is told directly who is called by the current step."""
    return f"{page.id}:{page.step}:{person}"


def whom(step: Step) -> Rich:
    """The people of a step, named."""
    people: list[Part] = []
    for person in step.people[:_MOST_PEOPLE]:
        people += [" ", Who(person=person)] if people else [Who(person=person)]
    if not people:
        names = ", ".join(one.name for one in step.contacts)
        return rich(f"{names} ({step.title})" if names and names != step.title else step.title)
    return rich(*people, f" ({step.title})" if step.title else "")


def page_card(page: Page, services: Services, *, gone_on: Page | None = None) -> Card:
    """What the channel reads of a step."""
    title = f"DRILL, nobody is called: {page.why}" if page.drill else f"Page: {page.why}"
    if gone_on:
        return card(title, rich("No answer from ", *whom(page.current), ". It goes on below."))
    if page.state is PageState.ACKNOWLEDGED:
        return card(title, _is_on_it(page), tone=Tone.GOOD)
    if page.state is PageState.ENDED:
        return card(title, "The incident is over; nobody is needed any more.")
    if page.state is PageState.UNANSWERED:
        advice = "In earnest, somebody would be called by phone now." if page.drill else "Call somebody by phone."
        shown = card(title, f"Nobody has answered. {advice}", tone=Tone.CRITICAL)
        if page.drill:
            return shown.model_copy(update={"buttons": (_on_it(page),)})
        return _with_numbers(shown, page.steps, services, (_on_it(page),))
    by_phone = not page.current.people and bool(page.current.contacts)
    called = "Would be called: " if page.drill else "Call them by phone: " if by_phone else "Called: "
    lines = [rich(called, *whom(page.current)), *_next_line(page)]
    shown = card(title, *lines, tone=Tone.WARNING)
    buttons = (_on_it(page), *((_next(page),) if page.step + 1 < len(page.steps) else ()))
    if page.pager_says:
        again = "It is tried again" if page.pager_again else "It is not tried again by itself"
        said = page.pager_says[:1].lower() + page.pager_says[1:].rstrip(".")
        trouble = rich(f"{page.pager} does not ring them: {said}. {again}. Call them by phone.")
        shown = card(title, *lines, trouble, tone=Tone.CRITICAL)
        return _with_numbers(shown, page.steps, services, buttons)
    if by_phone and not page.drill:
        return _with_numbers(shown, page.steps[page.step :], services, buttons)
    return shown.model_copy(update={"buttons": buttons})


def _next_line(page: Page) -> list[Rich]:
    if page.step + 1 >= len(page.steps):
        return []
    return [
        rich("Without an answer by ", When(at=page.next_at), " it goes on to ", *whom(page.steps[page.step + 1]), ".")
    ]


def _with_numbers(shown: Card, steps: Iterable[Step], services: Services, buttons: tuple[Button, ...]) -> Card:
    """The phone list; where numbers are not for channels, where it is."""
    shown = shown.model_copy(update={"buttons": buttons})
    if not services.paging.numbers_in_channels:
        return shown.model_copy(update={"footer": rich("Their numbers: ", Code(text="/oncall"))})
    return shown.model_copy(update={"table": phone_list(steps, services)})


def phone_list(steps: Iterable[Step], services: Services) -> Table:
    """Who to call, in order."""
    rows: list[tuple[Rich, ...]] = []
    for step in steps:
        numbers = ((one, number_of(one, services) or "no number") for one in step.people)
        rows += [(rich(Who(person=person)), rich(step.title), rich(number)) for person, number in numbers]
        rows += [(rich(one.name), rich(step.title), rich(one.phone)) for one in step.contacts]
    unique = tuple(dict.fromkeys(rows))
    return Table(columns=("Who", "What", "Phone"), rows=unique)


def reachable(number: int, services: Services) -> bool:
    """Whether a page of this level calls anybody: people, a number to call, or whom the pager knows."""
    level = services.pace.levels[number - 1]
    rings = services.paging.target(Step(target=f"level {number}", title=level.title))
    return bool(level.people or level.contacts or rings)


def number_of(person: str, services: Services) -> str:
    """Somebody's phone number, or nothing."""
    known = services.directory.get(person)
    return known.phone if known else ""


def _on_it(page: Page) -> Button:
    return Button(label="I'm on it", action="page.answer", subject=page.id, style="primary")


def _next(page: Page) -> Button:
    return Button(label="Call the next", action="page.next", subject=f"{page.id} {page.step}")


def direct_card(page: Page, incident: Incident | None) -> Card:
    """What somebody reads who is called."""
    title = f"You are paged: {page.why}"
    about = rich(headline(incident), " · ", Channel(name=incident.channel)) if incident else rich(page.service)
    if page.state is PageState.ACKNOWLEDGED:
        return card(title, about, _is_on_it(page), tone=Tone.GOOD)
    if page.state is PageState.ENDED:
        return card(title, about, "The incident is over; you are not needed any more.")
    asked = rich("asked by ", Who(person=page.asked_by))
    shown = card(title, about, tone=Tone.CRITICAL)
    return shown.model_copy(update={"buttons": (_on_it(page),), "footer": asked})


def answered_card(page: Page, now: datetime) -> Card:
    """What the channel is told once somebody has answered."""
    who = rich(Who(person=page.by)) if page.by else rich(page.by_name or "Somebody")
    words = rich(*who, f" answered the page after {lasting(now - page.created_at)}.")
    return card("Somebody is on it", words, tone=Tone.GOOD)


def _is_on_it(page: Page) -> Rich:
    who = Who(person=page.by) if page.by else page.by_name or "Somebody"
    return rich(who, " is on it, since ", When(at=page.at or page.created_at), ".")


def duty_lines(on_duty: Sequence[Contact], services: Services, *, numbers: bool) -> list[Rich]:
    """Who is called first, until when, and who comes then; then the levels above."""
    lines = [_duty_line(one, services, numbers=numbers) for one in on_duty]
    levels = enumerate(services.pace.levels[1:], start=2)
    return [*lines, *(_level_line(number, one, services, numbers=numbers) for number, one in levels if _known(one))]


def _known(level: Level) -> bool:
    return bool(level.people or level.contacts)


def _level_line(number: int, level: Level, services: Services, *, numbers: bool) -> Rich:
    parts: list[Part] = []
    for person in level.people:
        parts += [", ", *_named(person, services, numbers=numbers)]
    for one in level.contacts:
        parts += [", ", f"{one.name}{_number(one.phone, numbers=numbers)}"]
    return rich(strong(f"Level {number}"), f", {level.title}: ", *parts[1:])


def _duty_line(contact: Contact, services: Services, *, numbers: bool) -> Rich:
    who = _named(contact.person, services, numbers=numbers) if contact.person else [contact.name]
    until = rich(" until ", When(at=contact.until, style="full")) if contact.until else ()
    follows = contact.after and contact.after != contact.person
    after = rich(", then ", Who(person=contact.after)) if follows else ()
    return rich(strong(f"Call {_ORDER.get(contact.level, f'number {contact.level}')}"), ": ", *who, *until, *after)


_ORDER = {1: "first", 2: "second", 3: "third"}


def _named(person: str, services: Services, *, numbers: bool) -> list[Part]:
    number = _number(number_of(person, services), numbers=numbers)
    return [Who(person=person), *([number] if number else [])]


def _number(number: str, *, numbers: bool) -> str:
    return f" ({number})" if number and numbers else ""
