"""The settings of the admin API: where it listens, and who may do what with it."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.sections import PlainId, Port, Secret, Section, unique

Role = Literal["viewer", "operator", "admin"]
#: Each may do what those before it may.
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
#: What `admin.token` is called in the history.
FIRST = "admin"
_SHORTEST = 8
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEVER = (
    "the admin API never runs unauthenticated: set admin.token, of 8 characters or more, or one of admin.tokens with "
    "role admin (for example with GATEWAY_ADMIN_TOKEN)"
)


def digest_of(token: str) -> str:
    """How a token is kept where it is only compared."""
    return hashlib.sha256(token.encode()).hexdigest()


def _long_enough(value: Secret) -> Secret:
    if len(value.get_secret_value()) < _SHORTEST:
        raise ValueError(_NEVER)
    return value


class AdminTokenSettings(Section):
    """One token: itself, or its SHA-256, so that it is written nowhere."""

    name: PlainId
    role: Role
    token: Secret | None = None
    token_sha256: Secret | None = None
    """Not shown either: who may only look could try out which token it is of."""

    @field_validator("token")
    @classmethod
    def _no_guess(cls, value: Secret | None) -> Secret | None:
        return None if value is None else _long_enough(value)

    @field_validator("token_sha256")
    @classmethod
    def _hexadecimal(cls, value: Secret | None) -> Secret | None:
        if value is not None and not _SHA256.fullmatch(value.get_secret_value()):
            raise ValueError("must be 64 hexadecimal digits in lower case: printf %s TOKEN | sha256sum")
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> AdminTokenSettings:
        if (self.token is None) == (self.token_sha256 is None):
            raise ValueError("one of token and token_sha256 is needed")
        return self

    @property
    def digest(self) -> str:
        """The SHA-256 of it."""
        if self.token_sha256 is not None:
            return self.token_sha256.get_secret_value()
        return digest_of("" if self.token is None else self.token.get_secret_value())


class AdminSettings(Section):
    """The admin API's listener. It never runs without a token."""

    bind_address: str = "127.0.0.1"
    port: Port = 9901
    token: Secret | None = None
    tokens: Annotated[tuple[AdminTokenSettings, ...], Field(max_length=1000)] = ()
    history_path: str | None = None
    versions_path: str | None = None

    @field_validator("token")
    @classmethod
    def _no_guess(cls, value: Secret | None) -> Secret | None:
        return None if value is None else _long_enough(value)

    @model_validator(mode="after")
    def _somebody_may(self) -> AdminSettings:
        callers = self.callers
        unique("tokens", [name for name, _, _ in callers])
        if len({digest for _, _, digest in callers}) < len(callers):
            raise ValueError("tokens: each needs another secret: who asks is known by it")
        if all(role != ROLES[-1] for _, role, _ in callers):
            raise ValueError(_NEVER)
        return self

    @property
    def callers(self) -> tuple[tuple[str, Role, str], ...]:
        """(name, role, SHA-256) of every token, `token` first."""
        first = () if self.token is None else ((FIRST, ROLES[-1], digest_of(self.token.get_secret_value())),)
        return (*first, *((one.name, one.role, one.digest) for one in self.tokens))
