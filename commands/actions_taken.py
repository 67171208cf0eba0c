"""Action items: what a postmortem says is to be done becomes tasks, which are followed up until they are done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from commands.context import Services
from commands.domain.incident import Incident
from commands.domain.work import Task, TaskAdded
from commands.errors import NotFound
from commands.people import Directory
from commands.ports import Transaction
from commands.sections import sections

#: When a day is over for whoever has something to do by then.
_EVENING = time(17)
_MOST, _LONGEST = 100, 300
_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*+])\s+(?:\[(?P<box>[ xX])\]\s+)?(?P<text>\S.*)$")
_WHO = re.compile(r"\s+-+\s+Assigned to:\s*(?P<who>.*?)(?=\s+-+\s+Due:|$)", re.IGNORECASE)
_DUE = re.compile(r"\s+-+\s+Due:\s*(?P<due>\S.*?)\s*$", re.IGNORECASE)
_SECTION = "action items"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@dataclass(frozen=True)
class Item:
    """An action item as the text has it. `who` is as it was written."""

    text: str
    who: str
    due: date | None


def items_of(markdown: str) -> list[Item]:
    """Those that are not ticked off: `1. [ ] text - Assigned to: Ana - Due: 2026-03-20`.

    Beside the section of that name, only those that say whose they are or when they are due.
    """
    found: list[Item] = []
    for heading, text in sections(markdown).items():
        for line in map(_ITEM.match, text.splitlines()):
            if line and (line["box"] == " " or line["box"] is None):
                owned = _WHO.search(line["text"]) or _DUE.search(line["text"])
                listed = line["box"] and heading.casefold() == _SECTION
                found += [_item(line["text"])] if owned or listed else []
    return found


def _item(line: str) -> Item:
    who, due = _WHO.search(line), _DUE.search(line)
    text = _DUE.sub("", _WHO.sub("", line))
    plain = _ESCAPED.sub(r"\1", text.strip("\u2068\u2069")).replace("&lt;", "<").replace("&amp;", "&")
    return Item(plain.strip(), _named(who["who"]) if who else "", _day(due["due"]) if due else None)


def _named(who: str) -> str:
    return "" if who.strip().casefold() in {"", "nobody", "nobody yet", "tbd", "?"} else who.strip().lstrip("@")


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        return None


def new_items(incident: Incident, markdown: str) -> list[Item]:
    """Those that are no tasks yet."""
    known = {_same(task.text) for task in incident.work.tasks}
    fresh: dict[str, Item] = {}
    for item in items_of(markdown):
        if known.isdisjoint({_same(item.text), _same(_with_owner(item))}):
            fresh.setdefault(_same(item.text), item)
    return list(fresh.values())


def _with_owner(item: Item) -> str:
    """Whoever is not known here is named by the text."""
    return f"{item.text} ({item.who})"


def _same(text: str) -> str:
    return " ".join(text.split()).casefold()[:_LONGEST]


def follow_up(incident: Incident, markdown: str, by: str, services: Services, tx: Transaction) -> list[Task]:
    """Each action item of the text is a task from now on; those that are new."""
    added: list[Task] = []
    for item in new_items(incident, markdown)[: max(_MOST - len(incident.work.tasks), 0)]:
        person = _person(item.who, incident, services.directory, tx)
        text = item.text if person or not item.who else _with_owner(item)
        event = TaskAdded(
            task=f"T{len(incident.work.tasks) + 1}",
            text=text[:_LONGEST],
            person=person,
            due_at=_by(item.due, services.zone) if item.due else None,
        )
        incident = tx.incidents.record(incident.id, event, actor=by)
        added.append(incident.work.task(event.task))
    return added


def _person(who: str, incident: Incident, directory: Directory, tx: Transaction) -> str | None:
    """None for whoever is not known here, or cannot read the incident."""
    try:
        person = directory.find(who) if who else None
    except NotFound:
        return None
    return person.id if person and tx.messages.may_read(incident.channel, person.id) else None


def _by(day: date, zone: str) -> datetime:
    return datetime.combine(day, _EVENING, tzinfo=ZoneInfo(zone))
