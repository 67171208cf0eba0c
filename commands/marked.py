"""Notes that carry more than text: an action item with its owner and its date, a lesson."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from commands.errors import NotFound
from commands.people import Directory


@dataclass(frozen=True)
class Lesson:
    """A lesson; `went_well` where its note began with "went well:"."""

    text: str
    went_well: bool


@dataclass(frozen=True)
class Task:
    """An action item; `assignee` and `due` None where the note named none."""

    text: str
    assignee: str | None
    due: date | None
    done: bool = False


_MENTION = re.compile(r"(?:^|(?<=[\s(,]))<?@(?P<name>[\w.-]*\w)>?")
_LEADING = re.compile(r"^<?@[\w.-]*\w>?[\s:,-]*")
_DUE = re.compile(r"[\s(,]*\b(?:due\s+by|due|by)\s+(?P<date>\d{4}-\d{2}-\d{2})\b\)?", re.IGNORECASE)
_WENT_WELL = re.compile(r"^\s*(?:what\s+)?(?:went\s+)?well\s*:\s*", re.IGNORECASE)


def task_of(text: str, directory: Directory) -> Task:
    """`@ana add an alert by 2026-03-01`, the mention anywhere, the date optional."""
    mention, due = _MENTION.search(text), _due(text)
    without = _DUE.sub("", text, count=1) if due else text
    short = _LEADING.sub("", without.strip()).strip()
    return Task(text=short or text, assignee=_assignee(mention["name"], directory) if mention else None, due=due)


def _due(text: str) -> date | None:
    found = _DUE.search(text)
    try:
        return date.fromisoformat(found["date"]) if found else None
    except ValueError:
        return None


def _assignee(name: str, directory: Directory) -> str:
    """Somebody whom Tocsin does not know stays as they were written: the item is still theirs."""
    try:
        return directory.find(name).name
    except NotFound:
        return name


def lesson_of(text: str) -> Lesson:
    """`went well: the page came at once`, or what could be better."""
    short, found = _WENT_WELL.subn("", text)
    return Lesson(text=short, went_well=found > 0)
