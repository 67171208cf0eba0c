"""What can be configured of the console, and what is refused before it listens."""

from __future__ import annotations

import ipaddress
from typing import Literal

from argon2 import PasswordHasher
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_HOW_TO_HASH = "`tocsin console hash-password` prints the hash to put there"


class ConsoleSettings(BaseModel):
    """The `console` section of the settings.

    `allowed_hosts` are further names by which browsers may call the console, beside the loopback names
    and `host`; `passwords` maps a person's id to an argon2 hash; what `trusted_proxies` say of where a request
    comes from is believed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    authentication: Literal["none", "password"] = "none"
    passwords: dict[str, SecretStr] = {}
    session_hours: float = Field(default=12, gt=0, le=24 * 30)
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    secure_cookies: bool = False

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy!r} is no address and no network; write it as 10.0.0.7 or 10.0.0.0/8"
                ) from None
        return proxies

    @model_validator(mode="after")
    def _only_loopback_is_open(self) -> ConsoleSettings:
        if self.authentication == "none" and not is_loopback(self.host):
            raise ValueError(
                f"console.host is {self.host!r}, which other machines can reach, while console.authentication is none. "
                "Set console.authentication to password and add console.passwords, or set console.host to 127.0.0.1."
            )
        return self

    @model_validator(mode="after")
    def _passwords_are_hashes(self) -> ConsoleSettings:
        if self.authentication == "password" and not self.passwords:
            raise ValueError(f"console.authentication is password, but console.passwords is empty; {_HOW_TO_HASH}.")
        for person, hashed in self.passwords.items():
            if not hashed.get_secret_value().startswith("$argon2"):
                raise ValueError(f"console.passwords.{person} is no argon2 hash; {_HOW_TO_HASH}.")
        return self

    def names(self) -> frozenset[str]:
        """The Host names that the console answers to."""
        return frozenset(name.casefold() for name in ("127.0.0.1", "localhost", "::1", self.host, *self.allowed_hosts))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def netloc(host: str, port: int) -> str:
    """Host and port as an address has them: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def hash_password(plain: str) -> str:
    """The argon2 hash of a password, for `console.passwords`."""
    return PasswordHasher().hash(plain)
