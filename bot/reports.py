"""Reports that are made by themselves: each once for each time that it is due, by one process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from pydantic import BaseModel, ConfigDict, Field

from bot.sections import TimeOfDay
from bot.store.transaction import Store
from bot.supervised import repeated
from commands.context import Services
from commands.domain.period import ReportKind, Scheduled
from commands.handlers.report import what
from commands.reporting import WORKFLOW

#: A report that could not be made for so long is not made any more: the next one is near.
_AT_MOST_LATE = timedelta(hours=12)
_LOOK_SECONDS = 20.0


class ReportSettings(BaseModel):
    """When a report is made by itself, and where it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: TimeOfDay = time(7, 0)
    channel: str = Field(pattern=r"^[a-z0-9_-]{1,80}$")
    platform: str = "console"


class Reports:
    """A loop. The key of the work is the time at which it was due, so of two processes that look one makes it."""

    def __init__(self, store: Store, services: Services, scheduled: Sequence[Scheduled]) -> None:
        self._store = store
        self._services = services
        self._scheduled = scheduled
        self._ordered: dict[ReportKind, datetime] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await repeated("reports", self.once, lambda: self._services.clock.sleep(_LOOK_SECONDS))

    async def once(self) -> None:
        """Order what is due."""
        for one in self._scheduled:
            now = self._services.clock.now()
            due = one.due(now)
            if self._ordered.get(one.kind) != due and now - due < _AT_MOST_LATE:
                await self._order(one, due)
                self._ordered[one.kind] = due

    async def _order(self, one: Scheduled, due: datetime) -> None:
        before = one.due(due - timedelta(seconds=1))  # so no day is lost, and none counts twice
        order = what(one.kind, before, due, one.channel)
        key = f"report:{one.kind.value}:{due.isoformat()}"
        await self._store.transact(key, lambda tx: tx.work.enqueue(WORKFLOW, key=key, payload=order))


def scheduled(settings: dict[ReportKind, ReportSettings], services: Services) -> list[Scheduled]:
    """Those of the settings, where their channels are."""
    return [
        Scheduled(kind=kind, channel=services.standing(one.channel, one.platform), at=one.at, zone=services.zone)
        for kind, one in settings.items()
    ]
