"""The sections of the settings that need no more than their own keys; see `bot/settings.py`."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bot.adapters.kubernetes.settings import WhereItRuns
from commands.domain.page import PhoneContact
from commands.domain.reminder import LEVELS, Level, Pace
from commands.policy.windows import Window


def _as_time(value: Any) -> Any:
    """YAML reads 17:00 as a number to the base of sixty, 1020, and 17:00:30 as 61230."""
    if not isinstance(value, int) or not 0 <= value < _DAY_SECONDS:
        return value
    seconds = value * 60 if value < _DAY_SECONDS // 60 else value
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)


_DAY_SECONDS = 86_400
#: The time of a clock on the wall, as people write it, with quotes or without.
TimeOfDay = Annotated[time, BeforeValidator(_as_time)]


class Section(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GatewaySettings(Section):
    """Where the gateway's admin API is. Without `admin_token` the adapter `local` refuses to start."""

    name: str = "gateway"
    admin_url: str = "http://127.0.0.1:9901"
    admin_token: SecretStr = SecretStr("")
    timeout_seconds: float = Field(default=5, gt=0, le=60)
    kubernetes: WhereItRuns = WhereItRuns()


class AdapterSettings(Section):
    """Which adapter provides each port, by name."""

    deployments: str = "local"
    telemetry: str = "local"
    logs: str = "local"
    on_call: str = "static"


class WatchSettings(Section):
    """What Tocsin measures by itself. `declare`: open an incident after `readings` bad ones in a row."""

    enabled: bool = True
    every_seconds: float = Field(default=5, gt=0)
    declare: bool = False
    readings: int = Field(default=3, ge=1)
    severity: str = ""
    platform: str = "console"
    keep_days: float = Field(default=30, gt=0)


class LevelOfEscalation(Section):
    """Who is called, one level after the other."""

    title: str = Field(min_length=1, max_length=80)
    people: tuple[str, ...] = ()
    contacts: tuple[PhoneContact, ...] = ()


class ClockSettings(Section):
    """The clocks of incidents beside those of the severities (`respond_within_minutes` and so on)."""

    enabled: bool = True
    every_seconds: float = Field(default=5, gt=0)
    commander_within_minutes: float = Field(default=2, gt=0)
    again_every_minutes: float = Field(default=5, gt=0)
    role_hours: float = Field(default=8, gt=0)
    handover_minutes: float = Field(default=10, gt=0)
    postmortem_hours: float = Field(default=48, gt=0)
    report_days: float = Field(default=7, gt=0)
    escalation: tuple[LevelOfEscalation, ...] = tuple(LevelOfEscalation(title=one.title) for one in LEVELS)
    office_hours: Window | None = None

    def pace(self) -> Pace:
        """As the core knows it."""
        return Pace(
            commander_within=timedelta(minutes=self.commander_within_minutes),
            again_every=timedelta(minutes=self.again_every_minutes),
            role_for=timedelta(hours=self.role_hours),
            handover_within=timedelta(minutes=self.handover_minutes),
            review_within=timedelta(hours=self.postmortem_hours),
            report_within=timedelta(days=self.report_days),
            levels=tuple(Level(title=one.title, people=one.people, contacts=one.contacts) for one in self.escalation),
        )


class StoreSettings(Section):
    """How long a locked SQLite file is waited for, and how long finished work is kept."""

    busy_timeout_seconds: float = Field(default=30, gt=0)
    keep_finished_work_days: float = Field(default=30, gt=0)
