"""The sections of the settings that need no more than their own keys; see `bot/settings.py`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bot.adapters.kubernetes.settings import WhereItRuns


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


class StoreSettings(Section):
    """How long a locked SQLite file is waited for, and how long finished work is kept."""

    busy_timeout_seconds: float = Field(default=30, gt=0)
    keep_finished_work_days: float = Field(default=30, gt=0)
