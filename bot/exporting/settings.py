"""The settings of what postmortems are exported to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.world.settings import check_address


class ConfluenceSettings(BaseModel):
    """A space of Confluence. `token` is that of `user` (Cloud), or without one a personal one (Data Center)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    space: str = ""
    parent: str = Field(default="", pattern=r"^\d{0,20}$")
    user: str = ""
    token: SecretStr = SecretStr("")
    timeout_seconds: int = Field(default=10, gt=0, le=25)

    @model_validator(mode="after")
    def _is_whole(self) -> ConfluenceSettings:
        if self.url and not (self.space and self.token.get_secret_value()):
            raise ValueError("confluence needs url, space and token")
        if self.url:
            check_address(self.url)
        return self
