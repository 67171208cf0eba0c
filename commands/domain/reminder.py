"""The clocks of an incident: what is owed, and from when on.

A deadline follows from the incident's state alone, so there is no timer that a restart could lose. What people were
told of it is kept, with the moment that it was due, so nobody is told twice. All times are aware, in UTC: a change to
summer time moves none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.incident import Incident, Role, Status
from commands.domain.page import PhoneContact
from commands.domain.severity import Scheme


class ReminderKind(StrEnum):
    """What can be owed."""

    RESPONSE = "response"
    COMMANDER = "commander"
    ESCALATION = "escalation"
    UPDATE = "update"
    ROLE = "role"
    HANDOVER = "handover"
    TASK = "task"
    ACTION = "action"
    REVIEW = "review"
    REPORT = "report"


#: What is no emergency waits for office hours.
UNHURRIED = frozenset({ReminderKind.ACTION, ReminderKind.REVIEW, ReminderKind.REPORT})
#: What is owed and not done is asked for less and less often: after twice the time, down to this.
_RAREST = timedelta(hours=1)
_DAILY = timedelta(days=1)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Level(_Value):
    """A level of escalation (runbook 002, section 2.5), and who is called then: by person id, or by phone alone."""

    title: str
    people: tuple[str, ...] = ()
    contacts: tuple[PhoneContact, ...] = ()


#: Runbook 002, section 2.5. The first level is who is on call.
LEVELS = (Level(title="On-call engineer"), Level(title="Engineering lead"), Level(title="CTO or VP Engineering"))


class Pace(_Value):
    """How long each may take; what the severity says comes on top (`respond_within`, `update_every` and so on).

    `review_within` and `report_within` are of runbook 002, section 2.6.
    """

    commander_within: timedelta = timedelta(minutes=2)
    again_every: timedelta = timedelta(minutes=5)
    role_for: timedelta = timedelta(hours=8)
    handover_within: timedelta = timedelta(minutes=10)
    review_within: timedelta = timedelta(hours=48)
    report_within: timedelta = timedelta(days=7)
    levels: tuple[Level, ...] = LEVELS


class Deadline(_Value):
    """What is owed from `due_at` on; `again`: after so long once more, then after twice that, until it is done.

    `subject`: which one of a kind. `after`: the key of what people must have been told `apart` ago.
    """

    kind: ReminderKind
    subject: str = ""
    due_at: AwareDatetime
    again: timedelta | None = None
    after: str = ""
    apart: timedelta = timedelta()

    @property
    def key(self) -> str:
        """One of each is owed at a time."""
        return f"{self.kind.value}:{self.subject}" if self.subject else self.kind.value

    def newest(self, now: datetime) -> datetime | None:
        """The last moment at which somebody had to be told. Of those that were missed, only this one counts."""
        if now < self.due_at:
            return None
        if not self.again:
            return self.due_at
        moment, pause, rarest = self.due_at, self.again, max(self.again, _RAREST)
        while pause < rarest and moment + pause <= now:
            moment, pause = moment + pause, min(2 * pause, rarest)
        return moment + (now - moment) // pause * pause

    @property
    def snooze(self) -> timedelta:
        """How long nobody hears of it who asked for quiet."""
        if self.kind in UNHURRIED:
            return _DAILY
        return timedelta(hours=1) if self.kind is ReminderKind.ROLE else timedelta(minutes=15)


class Told(_Value):
    """What people were told of a deadline: for which moment (once snoozed, for none), when, how often and where."""

    key: str
    due_at: AwareDatetime | None = None
    told_at: AwareDatetime | None = None
    times: int = 0
    message: str = ""
    snoozed_until: AwareDatetime | None = None


class AskState(StrEnum):
    """Where an ask is."""

    WAITING = "waiting"
    TOLD = "told"
    DONE = "done"
    CANCELLED = "cancelled"


class Ask(_Value):
    """Somebody is to be reminded of something in a channel."""

    id: str
    channel: str
    person: str
    asked_by: str
    text: str
    due_at: AwareDatetime
    state: AskState = AskState.WAITING
    message: str = ""


def deadlines(incident: Incident, scheme: Scheme, pace: Pace) -> list[Deadline]:
    """All that is owed now or will be, if nothing happens."""
    return list(_while_open(incident, scheme, pace) if incident.status.is_open else _afterwards(incident, pace))


def _while_open(incident: Incident, scheme: Scheme, pace: Pace) -> Iterator[Deadline]:
    level, since = scheme.get(incident.severity), incident.opened_at
    if not incident.responders:
        due = since + level.respond_within
        yield Deadline(kind=ReminderKind.RESPONSE, due_at=due, again=level.respond_within)
    if incident.holder(Role.COMMANDER) is None:
        due = max(incident.role_changed.get(Role.COMMANDER, since), since) + pace.commander_within
        yield Deadline(kind=ReminderKind.COMMANDER, due_at=due, again=pace.again_every)
    if level.escalate_after and incident.status is not Status.MONITORING:
        yield from _escalations(incident.severity_since, level.escalate_after, len(pace.levels))
    update = incident.next_update_due(scheme)
    if update:
        yield Deadline(kind=ReminderKind.UPDATE, due_at=update, again=level.update_every)
    for role in incident.roles:
        due = max(incident.role_changed.get(role, since), since) + pace.role_for
        yield Deadline(kind=ReminderKind.ROLE, subject=role.value, due_at=due, again=pace.role_for)
    offer = incident.standing_offer
    if offer and offer.at:
        yield Deadline(kind=ReminderKind.HANDOVER, subject=offer.id, due_at=offer.at + pace.handover_within)
    for task in incident.work.open_tasks:
        if task.due_at:
            yield Deadline(kind=ReminderKind.TASK, subject=task.id, due_at=task.due_at)


def _escalations(since: datetime, every: timedelta, levels: int) -> Iterator[Deadline]:
    """Level by level: the next is called once the one before has had its time."""
    before = ""
    for number in range(2, levels + 1):
        due = since + (number - 1) * every
        one = Deadline(kind=ReminderKind.ESCALATION, subject=str(number), due_at=due, after=before, apart=every)
        before = one.key
        yield one


def _afterwards(incident: Incident, pace: Pace) -> Iterator[Deadline]:
    if incident.resolved_at and incident.status is Status.RESOLVED:
        planned = incident.work.meeting
        usual = incident.resolved_at + pace.review_within
        due = planned.until if planned and not planned.cancelled else usual
        yield Deadline(kind=ReminderKind.REVIEW, due_at=due, again=_DAILY)
    if incident.resolved_at and incident.status is not Status.CLOSED:
        yield Deadline(kind=ReminderKind.REPORT, due_at=incident.resolved_at + pace.report_within, again=_DAILY)
    if incident.merged is None:
        yield from _follow_up(incident)


def _follow_up(incident: Incident) -> Iterator[Deadline]:
    """What is to be done after the end is asked for until it is done."""
    for task in incident.work.open_tasks:
        if task.due_at:
            due = max(task.due_at, incident.resolved_at or task.due_at)
            yield Deadline(kind=ReminderKind.ACTION, subject=task.id, due_at=due, again=_DAILY)
