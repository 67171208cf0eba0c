"""The section `platforms.slack` of the settings."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from commands.people import OrgRole

_NONE = SecretStr("")


class SlackSettings(BaseModel):
    """How Slack is reached, and what its people may do. Tokens belong in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["socket", "http"] = "socket"
    bot_token: SecretStr = _NONE
    app_token: SecretStr = _NONE
    signing_secret: SecretStr = _NONE
    client_id: str = ""
    client_secret: SecretStr = _NONE
    token_rotation: bool = False
    workspaces: tuple[str, ...] = ()
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8702, ge=0, le=65535)
    sockets: int = Field(default=2, ge=1, le=10)
    api_base_url: str = "https://slack.com/api/"
    proxy: str = ""
    members: tuple[OrgRole, ...] = (OrgRole.RESPONDER,)
    guests: tuple[OrgRole, ...] = ()
    strangers: tuple[OrgRole, ...] = ()
    groups: dict[str, tuple[OrgRole, ...]] = {}
    reaction: str = "pushpin"

    @field_validator("members", "guests", "strangers", "groups", "workspaces", mode="before")
    @classmethod
    def _from_the_environment(cls, value: Any) -> Any:
        """Variables are text: lists and maps are JSON there."""
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError('lists and maps are written as ["a", "b"] or {"a": ["b"]}') from None

    @field_validator("api_base_url")
    @classmethod
    def _ends_with_a_slash(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"{url!r} is no address; Slack's is https://slack.com/api/, GovSlack's another")
        return url if url.endswith("/") else f"{url}/"

    @field_validator("public_url")
    @classmethod
    def _is_secure(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError(f"{url!r}: Slack and browsers need https://HOST")
        return url.rstrip("/")

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("a proxy is written as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
        return url

    @model_validator(mode="after")
    def _can_connect(self) -> SlackSettings:
        if self.mode == "socket" and not self.app_token.get_secret_value():
            raise ValueError("mode socket needs app_token (xapp-…), with the scope connections:write")
        if self.mode == "http" and not self.signing_secret.get_secret_value():
            raise ValueError("mode http needs signing_secret, from the app's Basic Information")
        if not self.bot_token.get_secret_value() and not self.has_oauth:
            raise ValueError("bot_token (xoxb-…) for one workspace, or client_id and client_secret for several")
        return self

    @model_validator(mode="after")
    def _installs_by_itself(self) -> SlackSettings:
        if bool(self.client_id) != bool(self.client_secret.get_secret_value()):
            raise ValueError("client_id and client_secret come together, from the app's Basic Information")
        if self.has_oauth and self.bot_token.get_secret_value():
            raise ValueError("bot_token is for one workspace, client_id for several: leave one of them out")
        if self.has_oauth and not (self.public_url and self.workspaces):
            raise ValueError("installing by OAuth needs public_url, and workspaces: the ids of those that may install")
        if self.token_rotation and not self.has_oauth:
            raise ValueError("token_rotation needs client_id and client_secret: a token in the settings stays as it is")
        return self

    @property
    def has_oauth(self) -> bool:
        """Whether workspaces install the app by themselves."""
        return bool(self.client_id and self.client_secret.get_secret_value())

    def admits(self, team: str) -> bool:
        """Whether a workspace may install Tocsin; `*` admits every one."""
        return bool({team, "*"} & set(self.workspaces))

    def believes(self, team: str) -> bool:
        """Whether a workspace's word about addresses and groups counts: it is ours, by its token or its id."""
        return not self.has_oauth or team in self.workspaces
