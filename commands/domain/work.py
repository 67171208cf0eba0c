"""What people work on in an incident: tasks, and hypotheses of its cause. Each is known by a short number: T1, H1."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.event import Event
from commands.errors import NotFound


class Outcome(StrEnum):
    """What became of a hypothesis."""

    OPEN = "open"
    RULED_OUT = "ruled-out"
    CONFIRMED = "confirmed"

    @property
    def words(self) -> str:
        """`ruled out`."""
        return self.value.replace("-", " ")


class TaskAdded(Event):
    type: Literal["task_added"] = "task_added"
    task: str
    text: str
    person: str | None = None
    due_at: AwareDatetime | None = None


class TaskAssigned(Event):
    type: Literal["task_assigned"] = "task_assigned"
    task: str
    text: str
    person: str


class TaskDone(Event):
    type: Literal["task_done"] = "task_done"
    task: str
    text: str


class HypothesisPut(Event):
    """Somebody thinks that this is the cause."""

    type: Literal["hypothesis_put"] = "hypothesis_put"
    hypothesis: str
    text: str


class HypothesisSettled(Event):
    """It was ruled out or confirmed; or it is open again."""

    type: Literal["hypothesis_settled"] = "hypothesis_settled"
    hypothesis: str
    text: str
    outcome: Outcome
    why: str = ""


class Related(Event):
    """Another incident has to do with this one. `merged`: it was the same, and was closed for this one."""

    type: Literal["related"] = "related"
    incident: str
    channel: str
    title: str
    merged: bool = False


class ItemTicked(Event):
    """Something on the checklist was done."""

    type: Literal["item_ticked"] = "item_ticked"
    text: str


class MeetingSet(Event):
    """The review of the postmortem is planned, moved or cancelled."""

    type: Literal["meeting_set"] = "meeting_set"
    at: AwareDatetime
    minutes: int
    people: tuple[str, ...] = ()
    cancelled: bool = False


WorkEvent = TaskAdded | TaskAssigned | TaskDone | HypothesisPut | HypothesisSettled | Related | ItemTicked | MeetingSet


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Task(_Value):
    """Something to be done, perhaps by somebody, perhaps by a time."""

    id: str
    text: str
    person: str | None = None
    due_at: AwareDatetime | None = None
    done_by: str | None = None
    done_at: AwareDatetime | None = None


class Hypothesis(_Value):
    """What may be the cause, who thinks so, and who settled it why."""

    id: str
    text: str
    by: str
    outcome: Outcome = Outcome.OPEN
    why: str = ""
    settled_by: str | None = None
    settled_at: AwareDatetime | None = None


class Tick(_Value):
    """An item of the checklist that is done. Its words tell which: another severity may have it at another place."""

    text: str
    by: str
    at: AwareDatetime


class Meeting(_Value):
    """The review as it is planned now. `sequence` rises with each change, as calendars have it."""

    at: AwareDatetime
    minutes: int
    people: tuple[str, ...]
    cancelled: bool
    sequence: int
    set_at: AwareDatetime

    @property
    def until(self) -> datetime:
        """Its end."""
        return self.at + timedelta(minutes=self.minutes)


class Work(_Value):
    """All of it, in the order in which it came up."""

    tasks: tuple[Task, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    related: tuple[Related, ...] = ()
    ticks: tuple[Tick, ...] = ()
    meeting: Meeting | None = None

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        """What is still to be done."""
        return tuple(task for task in self.tasks if task.done_at is None)

    def of(self, outcome: Outcome) -> tuple[Hypothesis, ...]:
        """The hypotheses of which that became."""
        return tuple(one for one in self.hypotheses if one.outcome is outcome)

    def task(self, task_id: str) -> Task:
        """By its number. Raises NotFound."""
        wanted = task_id.strip("#").upper()
        for task in self.tasks:
            if task.id == wanted:
                return task
        raise NotFound(f"There is no task {task_id[:20]} in this incident.", example="/task list")

    def hypothesis(self, hypothesis_id: str) -> Hypothesis:
        """By its number. Raises NotFound."""
        for one in self.hypotheses:
            if one.id == hypothesis_id.upper():
                return one
        raise NotFound(f"There is no hypothesis {hypothesis_id[:20]} here.", example="/incident hypothesis")


def worked(work: Work, event: WorkEvent, *, actor: str, at: datetime) -> Work:
    """The state after one more event."""
    match event:
        case TaskAdded(task=number, text=text, person=person, due_at=due):
            return work.model_copy(
                update={"tasks": (*work.tasks, Task(id=number, text=text, person=person, due_at=due))}
            )
        case TaskAssigned(task=number, person=person):
            return _task(work, number, person=person)
        case TaskDone(task=number):
            return _task(work, number, done_by=actor, done_at=at)
        case HypothesisPut(hypothesis=number, text=text):
            put = Hypothesis(id=number, text=text, by=actor)
            return work.model_copy(update={"hypotheses": (*work.hypotheses, put)})
        case HypothesisSettled(hypothesis=number, outcome=outcome, why=why):
            settled = {"outcome": outcome, "why": why, "settled_by": actor, "settled_at": at}
            changed = (one.model_copy(update=settled) if one.id == number else one for one in work.hypotheses)
            return work.model_copy(update={"hypotheses": tuple(changed)})
        case ItemTicked(text=text):
            return work.model_copy(update={"ticks": (*work.ticks, Tick(text=text, by=actor, at=at))})
        case MeetingSet():
            return work.model_copy(update={"meeting": _meeting(work.meeting, event, at)})
        case Related():
            others = (one for one in work.related if one.incident != event.incident)
            return work.model_copy(update={"related": (*others, event)})


def _meeting(before: Meeting | None, event: MeetingSet, at: datetime) -> Meeting:
    sequence = before.sequence + 1 if before else 0
    return Meeting(sequence=sequence, set_at=at, **event.model_dump(exclude={"type"}))


def is_related(work: Work, incident_id: str) -> bool:
    """Whether people know already."""
    return any(one.incident == incident_id for one in work.related)


def _task(work: Work, number: str, **changes: object) -> Work:
    changed = (one.model_copy(update=changes) if one.id == number else one for one in work.tasks)
    return work.model_copy(update={"tasks": tuple(changed)})
