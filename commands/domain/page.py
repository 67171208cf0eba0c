"""A page: somebody is called until somebody answers, one step after the other.

What is owed follows from the page's row: when its time is over, the next step is called. There is no timer.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from commands.domain.rotation import Layer, Shift, on_duty


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageState(StrEnum):
    """Where a page is. `unanswered`: everybody was called, and nobody said a word; it can still be answered."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    ENDED = "ended"

    @property
    def waits(self) -> bool:
        """Whether somebody is still to answer."""
        return self in {PageState.SENT, PageState.UNANSWERED}


class PhoneContact(_Value):
    """Somebody to call who does not use Tocsin, as runbooks list them: a role or a name, and a number."""

    name: str = Field(min_length=1, max_length=80)
    phone: str = Field(min_length=1, max_length=40)


class Step(_Value):
    """Those who are called at once. `target`: a service, `level 2`, or `@ben`, as a pager is told it."""

    target: str
    title: str
    people: tuple[str, ...] = ()
    contacts: tuple[PhoneContact, ...] = ()


class Page(_Value):
    """One call for somebody. `rung`: the steps of which the pager was told; `pager_says`: what it had to say.

    `drill`: nobody is called; the channel reads who would have been.
    """

    id: str
    incident: str = ""
    service: str
    channel: str
    why: str
    asked_by: str
    steps: tuple[Step, ...]
    step: int = 0
    state: PageState = PageState.SENT
    created_at: AwareDatetime
    next_at: AwareDatetime
    by: str = ""
    by_name: str = ""
    at: AwareDatetime | None = None
    pager: str = ""
    rung: tuple[int, ...] = ()
    pager_says: str = ""
    pager_again: bool = True
    drill: bool = False
    version: int = 1

    @property
    def current(self) -> Step:
        """Who is called now."""
        return self.steps[self.step]

    @property
    def called(self) -> tuple[str, ...]:
        """Everybody who was told of it here."""
        people = (person for step in self.steps[: self.step + 1] for person in step.people)
        return tuple(dict.fromkeys(people))

    def key(self, step: int) -> str:
        """What the pager knows a step by: the same however often it is told."""
        return f"{self.id}.{step}" if step else self.id


PREFIX = "page-"
_OURS = re.compile(rf"({PREFIX}[0-9a-f]{{12}})(\.\d+)?")


def page_of(key: str) -> str:
    """The page behind what a pager calls it; empty: it is none of ours, however it begins."""
    ours = _OURS.fullmatch(key)
    return ours[1] if ours else ""


class Override(_Value):
    """Somebody is on duty for a service instead of whoever would be."""

    id: int = 0
    service: str
    person: str
    by: str
    since: AwareDatetime
    until: AwareDatetime


class Paging(_Value):
    """How people are called. `pager`: the system that rings them, or nothing; `takes`: of which targets it knows.

    `services`: those for which the settings name somebody: `always` and by turns, in `rotations`. `at_declaration`: the
    severities at whose declaration the people on duty are called. `decides`: the pager says who that is.
    """

    answer_within: timedelta = timedelta(minutes=5)
    at_declaration: frozenset[str] = frozenset()
    numbers_in_channels: bool = True
    services: tuple[str, ...] = ()
    always: dict[str, tuple[str, ...]] = {}
    rotations: dict[str, tuple[Layer, ...]] = {}
    pager: str = ""
    takes: frozenset[str] = frozenset()
    takes_people: bool = False
    decides: bool = False

    def on_duty(self, service: str, at: datetime) -> list[Shift]:
        """Whom the settings name. What is said of a service counts instead of what is said of all."""
        name = service if service in self.always or service in self.rotations else "*"
        return on_duty(self.rotations.get(name, ()), self.always.get(name, ()), at)

    def target(self, step: Step) -> str:
        """What the pager is to ring for a step; nothing where it cannot."""
        if not self.pager:
            return ""
        if step.target in self.takes or (self.takes_people and step.target.startswith("@")):
            return step.target
        is_service = not step.target.startswith(("@", "level "))
        return "*" if is_service and "*" in self.takes else ""
