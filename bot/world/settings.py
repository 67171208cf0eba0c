"""The settings of stakeholders, and of the mail server that some of them are told by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from bot.sections import Section
from commands.domain.severity import Scheme
from commands.domain.stakeholder import Form, Kind, Place
from commands.errors import Malformed

_HERE = {"127.0.0.1", "localhost", "::1"}


def check_address(url: str) -> None:
    """Raises ValueError for what is not https; plain http is for this machine."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)):
        raise ValueError("an address begins with https://, or with http:// for this machine")


class MailSettings(Section):
    """The server that takes mail. Without `host` there is none."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    timeout_seconds: float = Field(default=20, gt=0, le=60)

    @model_validator(mode="after")
    def _is_whole(self) -> MailSettings:
        if self.host and "@" not in self.sender:
            raise ValueError("sender: mail needs an address that it comes from")
        return self


class StakeholderSettings(Section):
    """One place. `to` is for mail, `url` for Teams and webhooks, `card` for Teams; `secret` signs for webhooks."""

    kind: Kind
    severities: tuple[str, ...] = ()
    form: Form = Form.EXECUTIVE
    private: bool = False
    channel: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_-]{0,78})?$")
    platform: str = Field(default="console", pattern=r"^[A-Za-z0-9:_-]+$")
    to: tuple[str, ...] = ()
    url: SecretStr = SecretStr("")
    card: Literal["message", "adaptive"] = "message"
    secret: SecretStr = SecretStr("")

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [one for one in to if "@" not in one or any(c.isspace() for c in one)]:
            raise ValueError(f"{strange[0]!r} is no mail address")
        return to

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> StakeholderSettings:
        needed = {Kind.CHANNEL: "channel", Kind.MAIL: "to", Kind.TEAMS: "url", Kind.WEBHOOK: "url"}[self.kind]
        if not getattr(self, needed):
            raise ValueError(f"{needed}: a place of the kind {self.kind.value} needs it")
        if self.kind in {Kind.TEAMS, Kind.WEBHOOK}:
            check_address(self.url.get_secret_value())
        if self.kind is Kind.WEBHOOK and len(self.secret.get_secret_value()) < 16:
            raise ValueError("secret: what a webhook is sent is signed; it needs 16 characters or more")
        return self

    def place(self, name: str, scheme: Scheme) -> Place:
        """As the core knows it."""
        severities = tuple(scheme.parse(one).id for one in self.severities)
        kept = self.model_dump(include={"kind", "form", "private", "channel", "platform"})
        return Place(name=name, severities=severities, **kept)


def check_stakeholders(places: Mapping[str, StakeholderSettings], mail: MailSettings, scheme: Scheme) -> None:
    """Raises ValueError for severities that there are not, and for mail without a server."""
    for name, one in places.items():
        try:
            one.place(name, scheme)
        except Malformed as refused:
            raise ValueError(f"stakeholders.{name}.severities: {refused.words()}") from None
        if one.kind is Kind.MAIL and not mail.host:
            raise ValueError(f"stakeholders.{name} is told by mail, and mail.host names no server")
