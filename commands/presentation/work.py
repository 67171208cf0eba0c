"""Tasks and hypotheses as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from commands.cards import Button, Card, Code, Fact, Part, Rich, Tone, When, Who, card, rich
from commands.domain.incident import Incident
from commands.domain.work import Hypothesis, Outcome, Task, Work
from commands.presentation.words import cut

#: How many are named where the rest is one command away.
_NAMED, _LENGTH = 3, 80


def task_key(incident: Incident, task: Task) -> str:
    """The message that shows a task."""
    return f"{incident.id}:task:{task.id}"


def task_card(incident: Incident, task: Task) -> Card:
    """What is to be done, by whom until when; or who did it."""
    title = f"{task.id}: {task.text}"
    if task.done_at and task.done_by:
        return card(
            title, rich("Done by ", Who(person=task.done_by), " at ", When(at=task.done_at), "."), tone=Tone.GOOD
        )
    own = f"{incident.id} {task.id}"
    take = () if task.person else (Button(label="Take it", action="task.take", subject=own),)
    shown = card(title, (*_whose(task), *_until(task)), tone=Tone.INFO)
    done = Button(label="Done", action="task.done", subject=own, style="primary")
    return shown.model_copy(update={"buttons": (done, *take)})


def _whose(task: Task) -> Rich:
    return rich(Who(person=task.person)) if task.person else rich("nobody yet")


def _until(task: Task) -> Rich:
    return rich(", due ", When(at=task.due_at)) if task.due_at else ()


def task_line(task: Task) -> Rich:
    """`T1 ask the database team · @Ana, due 12:30`."""
    return rich(f"{task.id} {cut(task.text, _LENGTH)} · ", *_whose(task), *_until(task))


def hypothesis_line(one: Hypothesis) -> Rich:
    """`H1 pool exhausted`, and why it was settled so."""
    return rich(f"{one.id} {cut(one.text, _LENGTH)}", f" ({cut(one.why, _LENGTH)})" if one.why else "")


def work_facts(work: Work, *, settled: bool = True) -> tuple[Fact, ...]:
    """What is open, and what was found out of the cause; nothing for what there is not."""
    outcomes = [Outcome.CONFIRMED, Outcome.OPEN, Outcome.RULED_OUT] if settled else [Outcome.OPEN]
    labels = {Outcome.CONFIRMED: "Cause confirmed", Outcome.OPEN: "Suspected", Outcome.RULED_OUT: "Ruled out"}
    found = [(labels[one], [hypothesis_line(h) for h in work.of(one)], "/incident hypothesis") for one in outcomes]
    found.insert(0, ("Open tasks", [task_line(one) for one in work.open_tasks], "/task list"))
    return tuple(Fact(label=label, value=listed(lines, rest)) for label, lines, rest in found if lines)


def listed(lines: Sequence[Rich], rest: str, *, most: int = _NAMED) -> Rich:
    """Some of them in one value, how many more there are, and the command that shows all."""
    shown = joined(lines[:most])
    left = len(lines) - most
    return (*shown, *rich(f"; {left} more, all: ", Code(text=rest))) if left > 0 else shown


def joined(lines: Iterable[Rich], between: Part = "; ") -> Rich:
    """One after the other."""
    spans: list[Part] = []
    for line in lines:
        spans += [*([between] if spans else []), *line]
    return rich(*spans)
