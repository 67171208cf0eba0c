"""What the public is told: updates of an incident for the status pages, and what became of them on each page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class PublicStatus(StrEnum):
    """The four of the status page (runbook 002, section 2.4.5)."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class PublicImpact(StrEnum):
    """How much the public notices; what is worse comes later."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class PublicState(StrEnum):
    """Where an update is. What is retracted was published once; what is discarded never was."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETRACTED = "retracted"
    DISCARDED = "discarded"


#: What a page says in the place of an update that was taken back.
WITHDRAWN = "This update was withdrawn."


class Component(_Value):
    """A part of the service as the public knows it; `service` is its name among ourselves."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str = Field(min_length=1, max_length=120)
    service: str = ""


class Publicity(_Value):
    """Where the public is told, and of what: the pages outside by name, the components, words that stay inside."""

    title: str = "Status"
    built_in: bool = True
    pages: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    blocked: tuple[str, ...] = ()

    def named(self, ids: Iterable[str]) -> list[str]:
        """The names of components, in their order; one that is no longer configured by its id."""
        names = {one.id: one.name for one in self.components}
        return [names.get(one, one) for one in ids]


class PublicUpdate(_Value):
    """One update. `correction` is a text that waits to replace a published one; `earlier` are the texts it had.

    `wanted`: a private incident that is made public on purpose.
    """

    id: str
    incident: str
    title: str
    status: PublicStatus
    text: str
    impact: PublicImpact = PublicImpact.NONE
    components: tuple[str, ...] = ()
    state: PublicState = PublicState.DRAFT
    version: int = 1
    wanted: bool = False
    written_by: str
    written_at: AwareDatetime
    approved_by: str = ""
    published_at: AwareDatetime | None = None
    corrected_at: AwareDatetime | None = None
    correction: str = ""
    earlier: tuple[str, ...] = ()
    drill: bool = False

    @property
    def stands(self) -> bool:
        """Whether the public reads it."""
        return self.state is PublicState.PUBLISHED

    @property
    def waits(self) -> bool:
        """Whether somebody is to approve it, or its correction."""
        return self.state is PublicState.DRAFT or bool(self.stands and self.correction)

    @property
    def body(self) -> str:
        """What a page shows of it."""
        return self.text if self.stands else WITHDRAWN


class What(StrEnum):
    """Why a page is to be brought up to date."""

    PUBLISH = "publish"
    CORRECT = "correct"
    RETRACT = "retract"


#: What is affected and how, from good to bad, as status pages say it.
STATES = ("operational", "degraded_performance", "partial_outage", "major_outage")
_STATE_OF = dict(zip(PublicImpact, STATES, strict=True))


def state_of(update: PublicUpdate) -> str:
    """The state of the components that an update names."""
    return STATES[0] if update.status is PublicStatus.RESOLVED else _STATE_OF[update.impact]


class Told(_Value):
    """An incident as the public knows it: its updates that stand or were taken back, the newest first."""

    incident: str
    updates: tuple[PublicUpdate, ...]

    @property
    def latest(self) -> PublicUpdate:
        """What counts now."""
        return next(one for one in self.updates if one.stands)

    @property
    def is_over(self) -> bool:
        """Whether the public was told that it is resolved."""
        return self.latest.status is PublicStatus.RESOLVED


def told(updates: Iterable[PublicUpdate]) -> list[Told]:
    """By incident, the one with the newest update first. Where all was taken back, nothing is said of it."""
    found: dict[str, list[PublicUpdate]] = {}
    published = [one for one in updates if one.published_at]
    for one in sorted(published, key=_moment, reverse=True):
        found.setdefault(one.incident, []).append(one)
    return [
        Told(incident=incident, updates=tuple(some))
        for incident, some in found.items()
        if any(one.stands for one in some)
    ]


def _moment(update: PublicUpdate) -> datetime:
    assert update.published_at is not None
    return update.published_at


def states(told_now: Iterable[Told], components: Iterable[Component]) -> dict[str, str]:
    """The state of each component: the worst that any incident says which is not over."""
    found = {one.id: 0 for one in components}
    for incident in told_now:
        for component in incident.latest.components:
            if component in found:
                found[component] = max(found[component], STATES.index(state_of(incident.latest)))
    return {component: STATES[rank] for component, rank in found.items()}


def due(last: datetime, every: timedelta | None) -> datetime | None:
    """When the public is to hear again."""
    return last + every if every else None
