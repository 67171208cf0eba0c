"""The clocks of incidents at work: what is due is told, once, with the button that does it; what is done is ticked off.

`commands.domain.reminder` says what is owed and when. Each look is one transaction, so a process that is killed between
two has told either all or nothing, and the next one goes on from the record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from commands.cards import When, Who, rich
from commands.context import Call, Services
from commands.domain.incident import Incident, Noted, Status
from commands.domain.reminder import UNHURRIED, Ask, AskState, Deadline, ReminderKind, Told, deadlines
from commands.errors import Conflict
from commands.ports import Transaction, Urgency
from commands.presentation.reminder import AGAIN, ask_card, lapsed, reminder_card, ticked_off

log = logging.getLogger(__name__)
ASK_SNOOZE = timedelta(minutes=15)
#: How long after its end an incident still has clocks, and of how many that are over they are looked at.
_REMEMBERED, _MOST_OVER = timedelta(days=30), 200
#: How long it is kept what people were told.
KEPT = timedelta(days=90)


def with_news(services: Services, tx: Transaction) -> list[str]:
    """The incidents of which there is anything to tell or to tick off; most of the time there are none."""
    running = {one.id: one for one in tx.incidents.unfinished(over=_MOST_OVER)}
    running |= {one.id: one for one in tx.incidents.owing(limit=_MOST_OVER)}
    told = tx.reminders.all_of(list(running))
    news = [one.id for one in running.values() if _has_news(one, told[one.id], services, tx.now)]
    return [*news, *(one for one in tx.reminders.outstanding() if one not in running)]


def standing(incident: Incident, services: Services, now: datetime) -> dict[str, Deadline]:
    """What is owed now or will be, by key; of what has been over for so long, only its action items."""
    forgotten = incident.resolved_at is not None and now - incident.resolved_at > _REMEMBERED
    owed = deadlines(incident, services.scheme, services.pace)
    return {one.key: one for one in owed if one.kind is ReminderKind.ACTION or not forgotten}


def _has_news(incident: Incident, told: Mapping[str, Told], services: Services, now: datetime) -> bool:
    try:
        owed = standing(incident, services, now)
        due = any(_due(one, told, services, now) for one in owed.values())
        return due or any(_has_lapsed(one, owed, now) for one in told.values())
    except Exception:  # what is wrong with one must not keep the others from being told
        log.exception("the clocks of %s cannot be read", incident.id)
        return False


def remind(incident_id: str, services: Services, tx: Transaction) -> None:
    """Tell what is due, and tick off what was done since it was told."""
    incident, told = tx.incidents.get(incident_id), tx.reminders.of(incident_id)
    owed = standing(incident, services, tx.now)
    for one in list(told.values()):
        if _has_lapsed(one, owed, tx.now):
            told[one.key] = _lapse(incident, one, tx)
    for deadline in owed.values():
        moment = _due(deadline, told, services, tx.now)
        if moment is not None:
            told[deadline.key] = _tell(incident, deadline, moment, told.get(deadline.key), services, tx)


def _tell(
    incident: Incident, deadline: Deadline, moment: datetime, before: Told | None, services: Services, tx: Transaction
) -> Told:
    times = before.times + 1 if before else 1
    # The same for whoever tells it: of two, one message comes of it.
    key = f"{incident.id}:clock:{deadline.key}:{times}"
    if before and before.message:
        tx.messages.edit(before.message, ticked_off(incident, before.key, AGAIN))
    shown = reminder_card(incident, deadline, services, tx.now)
    tx.messages.post(incident.channel, shown, key=key, urgency=Urgency.LATER)
    told = Told(key=deadline.key, due_at=moment, told_at=tx.now, times=times, message=key)
    tx.reminders.put(incident.id, told)
    return told


def _due(deadline: Deadline, told: Mapping[str, Told], services: Services, now: datetime) -> datetime | None:
    """The moment that people are to be told of now; None where they were, or are not to be yet."""
    moment, known, before = deadline.newest(now), told.get(deadline.key), told.get(deadline.after)
    if moment is None or (deadline.kind in UNHURRIED and not _at_work(services, now)):
        return None
    if known and ((known.snoozed_until and now < known.snoozed_until) or (known.due_at and known.due_at >= moment)):
        return None
    if deadline.after and not (before and before.told_at and now - before.told_at >= deadline.apart):
        return None
    return moment


def _at_work(services: Services, now: datetime) -> bool:
    return services.office_hours is None or services.office_hours.covers(now)


def _has_lapsed(told: Told, owed: Mapping[str, Deadline], now: datetime) -> bool:
    """What was told, or put off, is not owed any more: it was done, or a new term has begun."""
    deadline = owed.get(told.key)
    over = deadline is None or deadline.newest(now) is None
    return over and bool(told.message or told.snoozed_until or told.due_at)


def _lapse(incident: Incident, told: Told, tx: Transaction) -> Told:
    """Should it be owed again one day, people are told again."""
    if told.message:
        tx.messages.edit(told.message, ticked_off(incident, told.key, lapsed(incident, told.key)))
    cleared = told.model_copy(update={"due_at": None, "message": "", "snoozed_until": None})
    tx.reminders.put(incident.id, cleared)
    return cleared


def snooze(incident: Incident, key: str, call: Call, tx: Transaction) -> datetime:
    """Nobody hears of it for a while; then, if it is still owed, once more. Raises Conflict."""
    told, deadline = _told(incident, key, call.services, tx)
    until = tx.now + deadline.snooze
    style: Literal["clock", "full"] = "full" if deadline.snooze >= timedelta(days=1) else "clock"
    words = rich("Snoozed until ", When(at=until, style=style), " by ", Who(person=call.person.id), ".")
    tx.messages.edit(told.message, ticked_off(incident, key, words))
    tx.reminders.put(incident.id, told.model_copy(update={"due_at": None, "message": "", "snoozed_until": until}))
    return until


def called(incident: Incident, key: str, call: Call, tx: Transaction) -> None:
    """Somebody says that the next level was called, which the record cannot tell by itself. Raises Conflict."""
    told, deadline = _told(incident, key, call.services, tx)
    if deadline.kind is not ReminderKind.ESCALATION:
        raise Conflict("That is not done by saying so.", example="/reminders")
    level = call.services.pace.levels[int(deadline.subject) - 1]
    noted = Noted(text=f"Escalated to level {deadline.subject}: {level.title}.")
    tx.incidents.record(incident.id, noted, actor=call.person.id)
    words = rich(Who(person=call.person.id), f": {level.title} was called.")
    tx.messages.edit(told.message, ticked_off(incident, key, words))
    tx.reminders.put(incident.id, told.model_copy(update={"message": ""}))


def _told(incident: Incident, key: str, services: Services, tx: Transaction) -> tuple[Told, Deadline]:
    told, deadline = tx.reminders.of(incident.id).get(key), standing(incident, services, tx.now).get(key)
    if told is None or deadline is None or not told.message:
        raise Conflict("That is done already.", example="/reminders")
    return told, deadline


def tell_ask(ask_id: str, tx: Transaction) -> None:
    """Remind whoever is to be reminded now; in the channel of what is closed, nobody is."""
    ask = tx.reminders.get(ask_id)
    if ask.state is not AskState.WAITING or ask.due_at > tx.now:
        return
    incident = tx.incidents.in_channel(ask.channel)
    if incident and incident.status is Status.CLOSED:
        tx.reminders.move(ask, AskState.CANCELLED)
        return
    key = f"{ask.id}:{ask.due_at.isoformat()}"
    if ask.message:
        tx.messages.edit(ask.message, ask_card(ask, tx.now, again=True))
    told = tx.reminders.move(ask, AskState.TOLD, message=key)
    tx.messages.post(ask.channel, ask_card(told, tx.now), key=key, urgency=Urgency.NORMAL)


def end_ask(ask: Ask, to: AskState, call: Call, tx: Transaction) -> Ask:
    """It was done, or is not wanted any more. Raises Conflict."""
    if ask.state not in {AskState.WAITING, AskState.TOLD}:
        raise Conflict(f"That reminder is {ask.state.value} already.", example="/reminders")
    moved = tx.reminders.move(ask, to)
    shown = ask_card(moved, tx.now, by=call.person.id)
    if ask.message:
        tx.messages.edit(ask.message, shown)
    elif call.channel != ask.channel:
        tx.messages.post(ask.channel, shown, key=f"{ask.id}:{to.value}")
    return moved


def snooze_ask(ask: Ask, tx: Transaction) -> datetime:
    """Later once more. Raises Conflict."""
    if ask.state is not AskState.TOLD:
        raise Conflict(f"That reminder is {ask.state.value}.", example="/reminders")
    moved = tx.reminders.move(ask, AskState.WAITING, due_at=tx.now + ASK_SNOOZE)
    tx.messages.edit(ask.message, ask_card(moved, tx.now))
    return moved.due_at
