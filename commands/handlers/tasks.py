"""`/task add`, `done`, `assign` and `list`: who does what in an incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.cards import Code, Table, Tone, When, Who, card, rich
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.work import Task, TaskAdded, TaskAssigned, TaskDone
from commands.drafting import order_draft
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Option, Rest, Word
from commands.handlers.common import at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.words import counted, lasting
from commands.presentation.work import task_card, task_key
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Click, Command, Reply, Where

_LONGEST, _MOST_TEXT, _MOST_TASKS = timedelta(days=30), 300, 100


@dataclass(frozen=True)
class AddArgs:
    """Arguments of `/task add`."""

    text: Annotated[str, Rest("what is to be done; who does it can stand at its end: @ana")]
    due: Annotated[timedelta | None, Option("--due", "in how long, e.g. 30m")] = None


@dataclass(frozen=True)
class DoneArgs:
    """Arguments of `/task done`."""

    task: Annotated[str, Word("a task's number, e.g. T1")]


@dataclass(frozen=True)
class AssignArgs:
    """Arguments of `/task assign`."""

    task: Annotated[str, Word("a task's number, e.g. T1")]
    person: Annotated[Person, Word("who does it, e.g. @ana", lead="to")]


@dataclass(frozen=True)
class ListArgs:
    """Arguments of `/task list`."""

    all: Annotated[bool, Flag("--all", "those that are done too")] = False


def add(args: AddArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """One more thing to do, with a button for whoever has done it."""
    incident = at_hand(call, tx)
    text, person = _whose(args.text, call)
    _check(text, args.due, incident)
    if person:
        _check_reads(person, incident, tx)
    added = TaskAdded(
        task=f"T{len(incident.work.tasks) + 1}",
        text=redact(text),
        person=person.id if person else None,
        due_at=tx.now + args.due if args.due else None,
    )
    changed = tx.incidents.record(incident.id, added, actor=call.person.id)
    _draft_anew(changed, tx)
    task = changed.work.task(added.task)
    return Reply(task_card(changed, task), key=task_key(changed, task))


def _whose(text: str, call: Call) -> tuple[str, Person | None]:
    """`ask the vendor @ana` is Ana's. Raises NotFound for a name at the end that nobody has."""
    rest, _, last = text.rpartition(" ")
    if not last.startswith(("@", "<@")) or len(last) == 1:
        return text, None
    return rest.strip(), call.services.directory.find(last, call.platform)


def _check(text: str, due: timedelta | None, incident: Incident) -> None:
    if not text:
        raise Malformed("What is to be done?", example="/task add ask the database team @ana")
    if len(text) > _MOST_TEXT:
        raise Malformed(
            f"That task has {len(text):,} characters; at most {_MOST_TEXT} fit.",
            hint="Say it shortly, and put the rest into a note.",
        )
    if due is not None and not timedelta() < due <= _LONGEST:
        raise Malformed(f"A task is due within {lasting(_LONGEST)}.", example="/task add roll back @ana --due 30m")
    if len(incident.work.tasks) >= _MOST_TASKS:
        raise Conflict(f"This incident has {_MOST_TASKS} tasks already.", hint="Note what else is to be done.")


def _check_reads(person: Person, incident: Incident, tx: Transaction) -> None:
    if not tx.messages.may_read(incident.channel, person.id):
        raise Conflict(f"{person.name} does not read this channel.", hint="Invite them first, or name somebody else.")


def _draft_anew(incident: Incident, tx: Transaction) -> None:
    """A postmortem that was written already has its action items from the tasks."""
    if incident.resolved_at:
        order_draft(incident, tx)


def done(args: DoneArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It was done."""
    incident = at_hand(call, tx)
    task = _done(incident, args.task, call, tx)
    left = len(incident.work.open_tasks) - 1
    said = f"{counted(left, 'task')} left." if left else "No task is left."
    return Reply(card(f"Done: {task.id}", task.text, said, tone=Tone.GOOD))


def click_done(subject: str, call: Call, tx: Transaction) -> None:
    """The same from its card, which then says who did it."""
    incident_id, number = subject.split()
    _done(tx.incidents.get(incident_id), number, call, tx)


def _done(incident: Incident, number: str, call: Call, tx: Transaction) -> Task:
    task = _open(incident, number)
    event = TaskDone(task=task.id, text=task.text)
    changed = tx.incidents.record(incident.id, event, actor=call.person.id)
    _draft_anew(changed, tx)
    return _shown(changed, task.id, tx)


def _open(incident: Incident, number: str) -> Task:
    task = incident.work.task(number)
    if task.done_at:
        raise Conflict(f"{task.id} is done already.", example="/task list")
    return task


def _shown(incident: Incident, number: str, tx: Transaction) -> Task:
    """Its card says how it stands now."""
    task = incident.work.task(number)
    tx.messages.edit(task_key(incident, task), task_card(incident, task))
    return task


def assign(args: AssignArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Somebody does it."""
    incident = at_hand(call, tx)
    _check_reads(args.person, incident, tx)
    task = _assign(incident, args.task, args.person, call, tx)
    return Reply(card(f"{task.id} is assigned", rich(Who(person=args.person.id), f": {task.text}"), tone=Tone.INFO))


def click_take(subject: str, call: Call, tx: Transaction) -> None:
    """Whoever presses does it."""
    incident_id, number = subject.split()
    _assign(tx.incidents.get(incident_id), number, call.person, call, tx)


def _assign(incident: Incident, number: str, person: Person, call: Call, tx: Transaction) -> Task:
    task = _open(incident, number)
    if task.person == person.id:
        raise Conflict(f"{task.id} is theirs already.", example="/task list")
    event = TaskAssigned(task=task.id, text=task.text, person=person.id)
    changed = tx.incidents.record(incident.id, event, actor=call.person.id)
    _draft_anew(changed, tx)
    return _shown(changed, task.id, tx)


def list_tasks(args: ListArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What is to be done, for the asker alone."""
    work = at_hand(call, tx).work
    shown = work.tasks if args.all else work.open_tasks
    if not shown:
        how = rich("Add one: ", Code(text="/task add ask the database team @ana"))
        return Reply(card("No task is open", how), private=True)
    rows = tuple(
        (
            rich(task.id),
            rich(task.text),
            rich(Who(person=task.person)) if task.person else rich("nobody"),
            rich("done ", When(at=task.done_at))
            if task.done_at
            else rich(*([When(at=task.due_at)] if task.due_at else [])),
        )
        for task in shown
    )
    table = Table(columns=("", "Task", "Whose", "Due"), rows=rows)
    still = work.open_tasks
    title = counted(len(still), "open task") if still else "No task is open"
    footer = rich("When one is done: ", Code(text=f"/task done {still[0].id}")) if still else ()
    return Reply(card(title).model_copy(update={"table": table, "footer": footer}), private=True)


COMMANDS = (
    Command(
        path=("task", "add"),
        args=AddArgs,
        summary="Add a task to the incident, perhaps for somebody.",
        example="/task add ask the database team @ana --due 30m",
        decide=add,
        where=Where.INCIDENT,
    ),
    Command(
        path=("task", "done"),
        args=DoneArgs,
        summary="Say that a task is done.",
        example="/task done T1",
        decide=done,
        where=Where.INCIDENT,
    ),
    Command(
        path=("task", "assign"),
        args=AssignArgs,
        summary="Give a task to somebody.",
        example="/task assign T1 @ben",
        decide=assign,
        where=Where.INCIDENT,
    ),
    Command(
        path=("task", "list"),
        args=ListArgs,
        summary="List the open tasks of the incident.",
        example="/task list",
        decide=list_tasks,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="task.done", decide=click_done),
    Click(action="task.take", decide=click_take),
)
