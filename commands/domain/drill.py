"""A drill: an incident that is practised. What is broken for it, what is expected of the crew, and how it went."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from commands.domain.event import Event

#: How long figures still speak of a fault that has ended, and alerts may come of it.
AFTERWARDS = timedelta(minutes=1)
LONGEST = timedelta(hours=1)
#: The route that had the most requests when the drill began.
BUSIEST = "busiest"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Value):
    """What is broken: requests of a route, or of all with `*`, are delayed, and a share of them fails."""

    route: str = Field(default="*", min_length=1, max_length=64)
    latency_ms: float = Field(default=0, ge=0, le=60_000)
    error_rate: float = Field(default=0, ge=0, le=1)
    status: int = Field(default=503, ge=500, le=599)

    def words(self) -> str:
        """`60% of the requests fail with 503, 350 ms slower, on every route`."""
        some = "all requests fail" if self.error_rate == 1 else f"{self.error_rate:.0%} of the requests fail"
        parts = [f"{some} with {self.status}"] if self.error_rate else []
        parts += [f"answers take {self.latency_ms:,.0f} ms longer"] if self.latency_ms else []
        where = {"*": "on every route", BUSIEST: "on the busiest route"}.get(self.route, f"on the route {self.route}")
        return f"{', '.join(parts)}, {where}"

    @model_validator(mode="after")
    def _does_something(self) -> Fault:
        if not self.error_rate and not self.latency_ms:
            raise ValueError("a fault has an error_rate or a latency_ms")
        return self


class Scenario(_Value):
    """A drill that can be run. `title` is what the crew is told; `expects` what they are to find out and do.

    `cured_by`: the changes that end the fault, as the right one would.
    """

    title: str = Field(min_length=1, max_length=200)
    expects: str = Field(min_length=1, max_length=500)
    severity: str = ""
    fault: Fault | None = None
    cured_by: tuple[str, ...] = ()
    mitigate_within_minutes: float = Field(default=15, gt=0, le=24 * 60)
    resolve_within_minutes: float = Field(default=30, gt=0, le=24 * 60)


class Drill(_Value):
    """The drill that an incident is. `fault` None: it is talked through only; else it is over by itself at `until`."""

    name: str
    expects: str
    until: AwareDatetime
    fault: Fault | None = None
    cured_by: tuple[str, ...] = ()
    mitigate_within: timedelta
    resolve_within: timedelta

    def spoils(self, now: datetime, *, ended: datetime | None) -> bool:
        """Whether figures of this moment may be the fault's, in an incident that ended then."""
        last = min(self.until, ended) if ended else self.until
        return self.fault is not None and now <= last + AFTERWARDS


class FaultChanged(Event):
    """What became of the fault of a drill. What it is like is for the crew to find out."""

    type: Literal["fault_changed"] = "fault_changed"
    what: Literal["injected", "ended"]
    why: str = ""

    @property
    def words(self) -> str:
        """As the timeline has it."""
        said = "The drill's fault began" if self.what == "injected" else "The drill's fault is to end"
        return f"{said}: {self.why}" if self.why else said


class DrillStopped(Event):
    """Somebody ended the drill before it was worked to its end."""

    type: Literal["drill_stopped"] = "drill_stopped"
    why: str = ""

    @property
    def words(self) -> str:
        """As the timeline has it."""
        return f"The drill was stopped: {self.why}" if self.why else "The drill was stopped"


class Mark(_Value):
    """One thing that was looked at: so many points of so many, and why."""

    what: str
    points: int
    of: int
    why: str


class DrillReviewed(Event):
    """How a drill went, when it ended."""

    type: Literal["drill_reviewed"] = "drill_reviewed"
    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """Of `of`."""
        return total(self.marks)

    @property
    def of(self) -> int:
        """What was to be had."""
        return sum(mark.of for mark in self.marks)

    @property
    def words(self) -> str:
        """As the timeline has it."""
        return f"The drill was reviewed: {self.points} of {self.of} points"


def total(marks: Iterable[Mark]) -> int:
    """All points together."""
    return sum(mark.points for mark in marks)


DrillEvent = FaultChanged | DrillStopped | DrillReviewed
