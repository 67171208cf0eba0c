"""What the admin API accepts; unknown fields are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Expected(_Body):
    """The state that a change was decided on."""

    uid: str | None = None
    replicas: int | None = None


class Asked(_Body):
    """What every change says."""

    operation_id: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")
    actor: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)
    expected: Expected = Expected()


class Restart(Asked):
    """POST /admin/restart."""

    workers: list[str] | None = None


class Scale(Asked):
    """POST /admin/scale."""

    replicas: int
