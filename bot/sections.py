"""The sections of the settings that need no more than their own keys; see `bot/settings.py`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

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


class PolicySettings(Section):
    """Where the policy is, and hard limits whatever a person asks for."""

    file: str = ""
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=50, ge=1)
    approve_within_seconds: float = Field(default=300, gt=0)
    execute_within_seconds: float = Field(default=900, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> PolicySettings:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}")
        return self


class VerifySettings(Section):
    """How a mitigation is followed, in seconds; `readings` consecutive ones must agree."""

    poll_seconds: float = Field(default=0.5, gt=0)
    effect_within_seconds: float = Field(default=120, gt=0)
    within_seconds: float = Field(default=60, gt=0)
    every_seconds: float = Field(default=2, gt=0)
    readings: int = Field(default=3, ge=1)


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
