"""Maintenance windows: planned work, announced to the public a day before (runbook 001), begun and ended by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.public import STATES

#: How the ids of maintenance begin.
MARK = "maint-"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class MaintenanceState(StrEnum):
    """Where it is. What lapsed was never begun, and its time is over."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"

    @property
    def stands(self) -> bool:
        """Whether anything of it is still to come."""
        return self in {MaintenanceState.PLANNED, MaintenanceState.RUNNING}


class Notice(_Value):
    """What the public was told of it."""

    at: AwareDatetime
    text: str


class Maintenance(_Value):
    """One window. `notices`: what the public was told, oldest first; of an internal one it is told nothing.

    `asked_at`: when people were last asked to begin or to end it, by the message `asked`. `silences`: those that it
    began, of the alerts of its service.
    """

    id: str
    title: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    service: str = ""
    components: tuple[str, ...] = ()
    details: str = ""
    internal: bool = False
    silent: bool = True
    state: MaintenanceState = MaintenanceState.PLANNED
    version: int = 1
    channel: str
    platform: str
    planned_by: str
    planned_at: AwareDatetime
    announced_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    asked_at: AwareDatetime | None = None
    asked: str = ""
    silences: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether the public was told of it."""
        return bool(self.notices)

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have begun by now, or be over."""
        due = self.ends_at if self.state is MaintenanceState.RUNNING else self.starts_at
        return self.state.stands and now >= due


#: The state of a component that is worked on, as status pages say it.
UNDER = "under_maintenance"


def maintained(states: Mapping[str, str], running: Iterable[Maintenance]) -> dict[str, str]:
    """The states of components: what an incident says of one counts for more than that it is worked on."""
    worked_on = {component for one in running for component in one.components}
    return {
        component: UNDER if component in worked_on and state == STATES[0] else state
        for component, state in states.items()
    }
