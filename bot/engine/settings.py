"""The settings of mitigations: their limits, and how they are followed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicySettings(_Section):
    """Where the policy is, and hard limits whatever a person asks for."""

    file: str = ""
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=50, ge=1)
    approve_within_seconds: float = Field(default=300, gt=0)
    execute_within_seconds: float = Field(default=900, gt=0)
    lease_seconds: float = Field(default=1800, gt=0)
    longest_lease_seconds: float = Field(default=86_400, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> PolicySettings:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}")
        if self.lease_seconds > self.longest_lease_seconds:
            longest = f"longest_lease_seconds {self.longest_lease_seconds:g}"
            raise ValueError(f"lease_seconds {self.lease_seconds:g} is more than {longest}")
        return self


class VerifySettings(_Section):
    """How a mitigation is followed, in seconds; `readings` consecutive ones must agree."""

    poll_seconds: float = Field(default=0.5, gt=0)
    effect_within_seconds: float = Field(default=120, gt=0)
    effect_at_most_seconds: float = Field(default=1800, gt=0)
    absent_for_seconds: float = Field(default=60, gt=0)
    within_seconds: float = Field(default=60, gt=0)
    every_seconds: float = Field(default=2, gt=0)
    readings: int = Field(default=3, ge=1)
