"""Reports: over which span of time, and when each is made by itself (runbook 000, "Regular Reports")."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

_QUARTER = 3
#: The longest span of a report.
LONGEST = timedelta(days=366)


class ReportKind(StrEnum):
    """Those of runbook 000, and the response times alone."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    MTTR = "mttr"

    @property
    def span(self) -> timedelta:
        """Over how long it goes, where nobody says."""
        return timedelta(days=_DAYS[self])

    @property
    def heading(self) -> str:
        """`Weekly performance report`."""
        return _TITLES[self]


_DAYS = {
    ReportKind.DAILY: 1,
    ReportKind.WEEKLY: 7,
    ReportKind.MONTHLY: 30,
    ReportKind.QUARTERLY: 91,
    ReportKind.MTTR: 30,
}
_TITLES = {
    ReportKind.DAILY: "Daily status",
    ReportKind.WEEKLY: "Weekly performance",
    ReportKind.MONTHLY: "Monthly SLO report",
    ReportKind.QUARTERLY: "Quarterly review",
    ReportKind.MTTR: "Response times",
}


class Scheduled(BaseModel):
    """A report that is made by itself: daily, on Mondays, on the first of a month or of a quarter, at this hour."""

    model_config = ConfigDict(frozen=True)

    kind: ReportKind
    channel: str
    at: time
    zone: str

    def due(self, now: datetime) -> datetime:
        """The last moment at which it was due; aware, UTC. A clock that is changed shifts no day."""
        zone = ZoneInfo(self.zone)
        day = now.astimezone(zone).date()
        while not (self._falls_on(day) and datetime.combine(day, self.at, tzinfo=zone) <= now):
            day -= timedelta(days=1)
        return datetime.combine(day, self.at, tzinfo=zone).astimezone(now.tzinfo)

    def _falls_on(self, day: date) -> bool:
        match self.kind:
            case ReportKind.WEEKLY:
                return day.weekday() == 0
            case ReportKind.MONTHLY:
                return day.day == 1
            case ReportKind.QUARTERLY:
                return day.day == 1 and day.month % _QUARTER == 1
            case _:
                return True
