"""The settings of alerts: who may send them, and how they are told."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReceiverSettings(_Section):
    """One sender. What a kind needs besides is said by the kind (`bot/alerts/kinds`)."""

    kind: str
    service: str = ""
    service_label: str = "service"
    token: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")
    topic_arn: str = ""
    mapping: dict[str, str] = {}

    @field_validator("token", "secret")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr) -> SecretStr:
        length = len(secret.get_secret_value().encode())
        if 0 < length < 16:
            raise ValueError(f"it has {length} bytes; 16 or more are allowed: `openssl rand -hex 24` makes one")
        return secret

    @model_validator(mode="after")
    def _the_kind_is_served(self) -> ReceiverSettings:
        from bot.alerts.kinds import discover

        known = discover()
        if self.kind not in known:
            raise ValueError(f"there is no kind {self.kind!r}; allowed: {', '.join(sorted(known))}")
        wrong = known[self.kind].wrong(self)
        if wrong:
            raise ValueError(f"kind {self.kind}: {wrong}")
        return self


class AlertSettings(_Section):
    """Who sends alerts, by the name in the address, and how they are grouped and told."""

    receivers: dict[str, ReceiverSettings] = {}
    rules: str = ""
    platform: str = "console"
    max_body_kb: int = Field(default=512, ge=1, le=8192)
    window_minutes: float = Field(default=10, gt=0)
    flaps: int = Field(default=4, ge=2)
    most_groups: int = Field(default=5, ge=1)
    tell_every_seconds: float = Field(default=5, gt=0)
    stale_hours: float = Field(default=24, gt=0)

    @field_validator("receivers")
    @classmethod
    def _fit_an_address(cls, receivers: dict[str, ReceiverSettings]) -> dict[str, ReceiverSettings]:
        for name in receivers:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name):
                raise ValueError(f"{name!r} is no name of a receiver; small letters, digits, - and _ are allowed")
        return receivers
