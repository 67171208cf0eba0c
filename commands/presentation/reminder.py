"""Reminders as people read them: what is owed, since when, and the button that does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from commands.cards import Button, Card, Code, Part, Rich, Tone, When, Who, card, rich
from commands.context import Services
from commands.domain.incident import Incident, Role, Status
from commands.domain.reminder import UNHURRIED, Ask, AskState, Deadline, ReminderKind
from commands.presentation.incident import headline
from commands.presentation.paging import reachable
from commands.presentation.words import cut, lasting

_MOST_NAMED, _LONG_AGO = 5, timedelta(hours=12)


def title_of(incident: Incident, key: str) -> str:
    """What is owed, in a few words."""
    kind, _, subject = key.partition(":")
    match ReminderKind(kind):
        case ReminderKind.RESPONSE:
            return "Nobody has responded"
        case ReminderKind.COMMANDER:
            return "Nobody commands this incident"
        case ReminderKind.ESCALATION:
            return f"Escalate to level {subject}"
        case ReminderKind.UPDATE:
            return "The next update is due"
        case ReminderKind.ROLE:
            return f"{Role(subject).full_name}: time for a handover"
        case ReminderKind.HANDOVER:
            return "A handover waits for its answer"
        case ReminderKind.TASK | ReminderKind.ACTION:
            return f"{subject} is due: {cut(incident.work.task(subject).text, 100)}"
        case ReminderKind.REVIEW:
            return f"{incident.id}: hold the postmortem"
        case ReminderKind.REPORT:
            return f"{incident.id}: publish the postmortem"


def reminder_card(incident: Incident, deadline: Deadline, services: Services, now: datetime) -> Card:
    """What is owed, who is asked, and how it is done."""
    late = now - deadline.due_at
    shown = card(title_of(incident, deadline.key), *_words(incident, deadline, services, now), tone=Tone.WARNING)
    style: Literal["clock", "full"] = "full" if late >= _LONG_AGO else "clock"
    footer = rich(
        "due ", When(at=deadline.due_at, style=style), f", {lasting(late)} ago" if late >= timedelta(minutes=1) else ""
    )
    return shown.model_copy(update={"buttons": _buttons(incident, deadline, services), "footer": footer})


def _words(incident: Incident, deadline: Deadline, services: Services, now: datetime) -> list[Rich]:
    match deadline.kind:
        case ReminderKind.RESPONSE:
            said = f"{headline(incident)} was opened {lasting(now - incident.opened_at)} ago."
            return [rich(*_called(_first_level(incident, services)), said)]
        case ReminderKind.COMMANDER:
            people = incident.responders or _first_level(incident, services)
            return [rich(*_called(people), f"{headline(incident)} needs somebody who decides.")]
        case ReminderKind.ESCALATION:
            return _escalation(incident, int(deadline.subject), services, now)
        case ReminderKind.UPDATE:
            asked = incident.holder(Role.COMMS) or incident.holder(Role.COMMANDER)
            said = f"the last update was {lasting(now - incident.updated_at)} ago ({incident.status.value})."
            how = Code(text=f"/incident status {incident.status.value} what is known now")
            return [rich(*_called([asked] if asked else []), said), rich("Say what is new: ", how)]
        case ReminderKind.ROLE:
            return _long_held(incident, Role(deadline.subject), now)
        case ReminderKind.HANDOVER:
            return _unanswered(incident)
        case ReminderKind.TASK | ReminderKind.ACTION:
            asked = incident.work.task(deadline.subject).person or incident.holder(Role.COMMANDER)
            return [rich(*_called([asked] if asked else []), "is it done?" if asked else "Is it done?")]
        case ReminderKind.REVIEW:
            return _afterwards(incident, "Once it was held: ", "/incident status postmortem", now)
        case ReminderKind.REPORT:
            return _afterwards(incident, "Once it is published: ", "/incident status closed", now)


def _afterwards(incident: Incident, then: str, command: str, now: datetime) -> list[Rich]:
    asked, since = incident.holder(Role.COMMANDER), lasting(now - (incident.resolved_at or now))
    over = f"{headline(incident)} was resolved {since} ago."
    return [rich(*_called([asked] if asked else []), over), rich(then, Code(text=command))]


def _escalation(incident: Incident, number: int, services: Services, now: datetime) -> list[Rich]:
    level = services.pace.levels[number - 1]
    open_for = lasting(now - incident.opened_at)
    people = rich(", ", *_named(level.people)) if level.people else ()
    if incident.drill:
        return [rich(f"{headline(incident)} is open for {open_for}. In earnest, you would call: {level.title}.")]
    return [rich(f"{headline(incident)} is open for {open_for}. Call: {level.title}", *people)]


def _first_level(incident: Incident, services: Services) -> Sequence[str]:
    """Who is asked first where nobody is at work yet; into a drill, nobody is called."""
    return () if incident.drill else services.pace.levels[0].people


def _long_held(incident: Incident, role: Role, now: datetime) -> list[Rich]:
    since = max(incident.role_changed.get(role, incident.opened_at), incident.opened_at)
    who = Who(person=incident.roles[role])
    return [
        rich(who, f" has been {role.full_name.lower()} for {lasting(now - since)}."),
        rich("Somebody rested takes over: ", Code(text="/handover @who")),
    ]


def _unanswered(incident: Incident) -> list[Rich]:
    offer = incident.standing_offer
    if offer is None:
        return []
    whom = rich(Who(person=offer.incoming)) if offer.incoming else rich("anybody who may")
    held = offer.roles[0].value
    return [
        (*whom, *rich(": accept or decline the handover of ", Who(person=offer.outgoing), ".")),
        rich("Or name somebody else: ", Code(text=f"/incident role {held} @who")),
    ]


def _named(people: Sequence[str]) -> list[Part]:
    """Those who are called by it."""
    parts: list[Part] = []
    for person in people[:_MOST_NAMED]:
        parts += [" ", Who(person=person)] if parts else [Who(person=person)]
    return parts


def _called(people: Sequence[str]) -> list[Part]:
    """The same, at the beginning of a sentence."""
    return [*_named(people), ": "] if people else []


def _buttons(incident: Incident, deadline: Deadline, services: Services) -> tuple[Button, ...]:
    own = f"{incident.id} {deadline.key}"
    quiet = "Snooze until tomorrow" if deadline.snooze >= timedelta(days=1) else f"Snooze {lasting(deadline.snooze)}"
    return (*_first(incident, deadline, own, services), Button(label=quiet, action="reminder.snooze", subject=own))


def _first(incident: Incident, deadline: Deadline, own: str, services: Services) -> tuple[Button, ...]:
    """What does it."""
    match deadline.kind:
        case ReminderKind.RESPONSE | ReminderKind.COMMANDER:
            return (_button("Be incident commander", "role.claim", f"{incident.id} {Role.COMMANDER.value}"),)
        case ReminderKind.UPDATE:
            status = incident.status.value
            return (_button(f"Still {status}", "update.same", f"{incident.id} {status}"),)
        case ReminderKind.ESCALATION:
            return _calling(int(deadline.subject), own, services)
        case ReminderKind.HANDOVER:
            offered = f"{incident.id} {deadline.subject}"
            decline = Button(label="Decline", action="handover.decline", subject=offered)
            return (_button("Accept", "handover.accept", offered), decline)
        case ReminderKind.REVIEW:
            return (_button("It was held", "reminder.after", f"{incident.id} {Status.POSTMORTEM.value}"),)
        case ReminderKind.REPORT:
            return (_button("It is published", "reminder.after", f"{incident.id} {Status.CLOSED.value}"),)
        case ReminderKind.TASK | ReminderKind.ACTION:
            return (_button("Done", "task.done", f"{incident.id} {deadline.subject}"),)
        case ReminderKind.ROLE:
            return ()


def _calling(number: int, own: str, services: Services) -> tuple[Button, ...]:
    """Tocsin calls whom it knows; whoever else is called by phone."""
    if not reachable(number, services):
        return (_button("They were called", "reminder.called", own),)
    return (
        _button("Page them", "page.level", own),
        Button(label="They were called", action="reminder.called", subject=own),
    )


def _button(label: str, action: str, subject: str) -> Button:
    return Button(label=label, action=action, subject=subject, style="primary")


AGAIN: Rich = rich("Told again below.")


def ticked_off(incident: Incident, key: str, words: Rich) -> Card:
    """A reminder that asks for nothing any more, and why."""
    return card(title_of(incident, key), words)


def lapsed(incident: Incident, key: str) -> Rich:
    """Why it is not owed any more, as far as the incident tells."""
    kind, commander = ReminderKind(key.partition(":")[0]), incident.holder(Role.COMMANDER)
    if kind is ReminderKind.COMMANDER and commander:
        return rich(Who(person=commander), " does.")
    if kind is ReminderKind.UPDATE and incident.status.is_open:
        return rich("There was one.")
    if kind in UNHURRIED and not incident.status.is_open and incident.status is not Status.RESOLVED:
        return rich("Done.")
    return rich("Nobody is asked for it any more.")


def ask_card(ask: Ask, now: datetime, *, by: str = "", again: bool = False) -> Card:
    """Somebody is reminded, or was."""
    title = f"Reminder: {cut(ask.text, 200)}"
    footer = rich("asked by ", Who(person=ask.asked_by), " · ", Code(text=ask.id))
    who = rich(" by ", Who(person=by), ".") if by else rich(".")
    shown = card(title, rich(Who(person=ask.person), ", it is time."), tone=Tone.INFO)
    buttons: tuple[Button, ...] = ()
    if ask.state is AskState.DONE:
        shown = card(title, (*rich("Done"), *who), tone=Tone.GOOD)
    elif ask.state is AskState.CANCELLED:
        shown = card(title, (*rich("Cancelled"), *who))
    elif again:
        shown = card(title, AGAIN)
    elif ask.due_at > now:
        shown = card(title, rich("Snoozed until ", When(at=ask.due_at), "."))
    else:
        buttons = (
            _button("Done", "ask.done", ask.id),
            Button(label="Snooze 15 min", action="ask.snooze", subject=ask.id),
        )
    return shown.model_copy(update={"footer": footer, "buttons": buttons})
