"""`/postmortem actions` and `/actions`: what came of the lessons, and what is overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from commands.actions_taken import Item, follow_up, new_items
from commands.cards import Channel, Code, Rich, Table, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.work import Task
from commands.errors import NotAllowed
from commands.grammar.arguments import Flag, Word
from commands.handlers.common import at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.words import counted, cut
from commands.registry import READERS, RESPONDERS, ActionClass, Command, Reply, Where

_SHOWN, _OVER = 30, 500


@dataclass(frozen=True)
class ActionsArgs:
    """Arguments of `/postmortem actions`."""

    follow: Annotated[bool, Flag("--follow", "those of the text are tasks from now on")] = False


@dataclass(frozen=True)
class WhoseArgs:
    """Arguments of `/actions`."""

    person: Annotated[Person | None, Word("whose, e.g. @ana")] = None


def actions(args: ActionsArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The tasks, and what the text asks for besides."""
    incident = at_hand(call, tx)
    paper = tx.postmortems.paper(incident.id)
    text = paper.markdown if paper else ""
    if args.follow:
        if not RESPONDERS.allows(call.person, incident):
            raise NotAllowed("That is not for you.", hint=RESPONDERS.hint(call.person))
        follow_up(incident, text, call.person.id, call.services, tx)
        incident = tx.incidents.get(incident.id)
    tasks, items = incident.work.tasks, new_items(incident, text)
    if not tasks and not items:
        how = rich("Add one: ", Code(text="/task add size the pool by workers @ana"))
        return Reply(card("No action items", how), private=not args.follow)
    rows = [*(_task_row(task, tx.now) for task in tasks), *(_item_row(item) for item in items)]
    left = len(incident.work.open_tasks) + len(items)
    title = (
        f"{counted(left, 'action item')} of {headline(incident)} to be done" if left else "Every action item is done"
    )
    table = Table(columns=("", "What", "Whose", "Due"), rows=tuple(rows))
    shown = card(title, tone=Tone.NEUTRAL if left else Tone.GOOD)
    return Reply(shown.model_copy(update={"table": table, "footer": _next(incident, items)}), private=not args.follow)


def _next(incident: Incident, items: list[Item]) -> Rich:
    if items:
        return rich("To follow up what only the text has: ", Code(text="/postmortem actions --follow"))
    still = incident.work.open_tasks
    return rich("When one is done: ", Code(text=f"/task done {still[0].id}")) if still else ()


def _task_row(task: Task, now: datetime) -> tuple[Rich, ...]:
    return rich(task.id), rich(cut(task.text, 120)), _whose(task.person), _due(task, now)


def _item_row(item: Item) -> tuple[Rich, ...]:
    due = rich(item.due.isoformat()) if item.due else ()
    return rich("text"), rich(cut(item.text, 120)), rich(item.who or "nobody"), due


def _whose(person: str | None) -> Rich:
    return rich(Who(person=person)) if person else rich("nobody")


def _due(task: Task, now: datetime) -> Rich:
    if task.done_at:
        return rich("done ", When(at=task.done_at, style="full"))
    if not task.due_at:
        return ()
    late = rich(" ", strong("overdue")) if task.due_at < now else ()
    return (*rich(When(at=task.due_at, style="full")), *late)


def everywhere(args: WhoseArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Over all incidents that are over and that the asker may read; what is due first comes first."""
    over = [one for one in tx.incidents.owing(limit=_OVER) if tx.messages.may_read(one.channel, call.person.id)]
    found = [(one, task) for one in over for task in one.work.open_tasks]
    if args.person:
        found = [(one, task) for one, task in found if task.person == args.person.id]
    if not found:
        return Reply(card("No action item is open", tone=Tone.GOOD), private=True)
    found.sort(key=lambda pair: (pair[1].due_at is None, pair[1].due_at or pair[0].declared_at))
    rows = tuple((rich(Channel(name=one.channel)), *_task_row(task, tx.now)) for one, task in found[:_SHOWN])
    late = sum(1 for _, task in found if task.due_at and task.due_at < tx.now)
    title = counted(len(found), "open action item") + (f", {late} overdue" if late else "")
    more = [f"The first {_SHOWN} are shown."] if len(found) > _SHOWN else []
    table = Table(columns=("Incident", "", "What", "Whose", "Due"), rows=rows)
    shown = card(title, *more, tone=Tone.WARNING if late else Tone.NEUTRAL)
    footer = rich("In its channel: ", Code(text="/task done T1"), " or ", Code(text="/task assign T1 @ana"))
    return Reply(shown.model_copy(update={"table": table, "footer": footer}), private=True)


COMMANDS = (
    Command(
        path=("postmortem", "actions"),
        args=ActionsArgs,
        summary="Show the action items of the incident; --follow makes tasks of those in the text.",
        example="/postmortem actions --follow",
        decide=actions,
        where=Where.INCIDENT,
    ),
    Command(
        path=("actions",),
        args=WhoseArgs,
        summary="Show the open action items of all incidents that are over, overdue ones first.",
        example="/actions @ana",
        decide=everywhere,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
