"""The settings of authentication: which tokens and keys are believed, and what is done with them."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.sections import PlainId, RedisUrl, Seconds, Secret, Section, unique

#: How many bytes a shared secret has at least: as many as the hash (RFC 7518, 3.2).
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Dropping one of these from every request, or sending a second one, would break requests in other ways.
_TAKEN = frozenset({"host", "connection", "content-length", "transfer-encoding", "authorization", "cookie", "via"})

Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "ES256"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
#: As a scope is written (RFC 6749, 3.3): clients are told which they lack.
Permission = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]


class TokenCacheSettings(Section):
    """How long a token that was found good is believed without another look."""

    enabled: bool = True
    max_capacity: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    ttl_secs: Seconds = 300.0


class SessionSettings(Section):
    """Where sessions are, with `token_format: opaque`."""

    redis_url: RedisUrl | None = None
    timeout_secs: Annotated[float, Field(gt=0, le=10)] = 0.1
    retry_secs: Annotated[float, Field(ge=0.01, le=3600)] = 1.0
    key_prefix: Annotated[str, Field(max_length=64)] = "tocsin:session:"
    tunnel_check_secs: Annotated[float, Field(ge=0, le=3600)] = 30.0


class RevocationSettings(Section):
    """Where revocations are kept, and with whom they are shared."""

    path: str | None = None
    max_kept: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    redis_url: RedisUrl | None = None
    redis_timeout_secs: Annotated[float, Field(gt=0, le=10)] = 1.0
    redis_key: Annotated[str, Field(min_length=1, max_length=100)] = "tocsin:revocations"


class PublicKeySettings(Section):
    """A public key (PEM) that tokens are signed for; without `kid` it is tried for every token."""

    kid: Name | None = None
    pem: str


class ApiKeySettings(Section):
    """A key of a client, by the SHA-256 of it: the key itself is written nowhere."""

    id: PlainId
    sha256: Secret
    """Not shown either: who may only look could try out which key it is of."""
    client: Name
    roles: tuple[Name, ...] = ()
    permissions: tuple[Name, ...] = ()

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, value: Secret) -> Secret:
        if not _SHA256.fullmatch(value.get_secret_value()):
            raise ValueError("must be 64 hexadecimal digits in lower case: printf %s KEY | sha256sum")
        return value

    @property
    def digest(self) -> str:
        """The SHA-256 of it."""
        return self.sha256.get_secret_value()


class IdentityHeaderSettings(Section):
    """In which headers an upstream is told who asks."""

    subject: str = "x-authenticated-subject"
    client: str = "x-authenticated-client"
    roles: str = "x-authenticated-roles"

    @field_validator("subject", "client", "roles")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return _checked_header(value)


class AuthSettings(Section):
    """Tokens (JWT) and API keys. Routes say for themselves whether they need any."""

    token_format: Literal["jwt", "opaque"] = "jwt"  # noqa: S105 - a format
    jwt_algorithm: Algorithm = "HS256"
    jwt_secret: Secret | None = None
    jwt_previous_secret: Secret | None = None
    jwt_public_keys: tuple[PublicKeySettings, ...] = ()
    jwks_url: str | None = None
    jwks_refresh_secs: Seconds = 300.0
    jwks_retry_secs: Seconds = 10.0
    jwks_timeout_secs: Seconds = 2.0
    jwt_issuer: Name | None = None
    jwt_audience: Name | None = None
    leeway_secs: Annotated[float, Field(ge=0, le=600)] = 30.0
    max_token_bytes: Annotated[int, Field(ge=256, le=65_536)] = 8192
    roles_claim: Name = "roles"
    permissions_claim: Name = "scope"
    cookie_name: str | None = None
    api_key_header: str = "x-api-key"
    api_keys: tuple[ApiKeySettings, ...] = ()
    forward_token: bool = True
    tunnels_end_at_expiry: bool = False
    identity_headers: IdentityHeaderSettings = Field(default_factory=IdentityHeaderSettings)
    revocations: RevocationSettings = Field(default_factory=RevocationSettings)
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    cache: TokenCacheSettings = Field(default_factory=TokenCacheSettings)

    @field_validator("api_key_header")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return _checked_header(value)

    @field_validator("cookie_name")
    @classmethod
    def _plain_cookie(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", value):
            raise ValueError("must be letters, digits, '_', '.' or '-'")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None:
            url = urlsplit(value)
            if url.scheme not in ("http", "https") or not url.hostname or url.username or url.fragment:
                raise ValueError("must be http://host/path or https://host/path, without a user name")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> AuthSettings:
        unique("auth.api_keys", [key.id for key in self.api_keys])
        unique("auth.api_keys (their sha256)", [key.digest for key in self.api_keys])
        self._check_format()
        self._check_secret()
        self._check_public_keys()
        return self

    def _check_format(self) -> None:
        if self.token_format == "opaque" and self.has_keys:  # noqa: S105 - a format
            raise ValueError("jwt_secret, jwt_public_keys and jwks_url do not go with token_format opaque")
        if self.token_format == "jwt" and self.sessions.redis_url is not None:  # noqa: S105 - a format
            raise ValueError("sessions.redis_url needs token_format: opaque")

    def _check_secret(self) -> None:
        if self.jwt_previous_secret is not None and self.jwt_secret is None:
            raise ValueError("jwt_previous_secret needs jwt_secret, the one that tokens are signed with now")
        for name, secret in (("jwt_secret", self.jwt_secret), ("jwt_previous_secret", self.jwt_previous_secret)):
            if secret is not None:
                self._check_strength(name, secret.get_secret_value())

    def _check_strength(self, name: str, secret: str) -> None:
        least = _SECRET_BYTES.get(self.jwt_algorithm)
        if least is None:
            raise ValueError(f"jwt_algorithm {self.jwt_algorithm} has public keys (jwt_public_keys or jwks_url)")
        if "-----BEGIN" in secret:
            raise ValueError(f"{name} is a key of another kind; public keys belong in jwt_public_keys")
        if len(secret.encode()) < least:
            raise ValueError(f"{name} needs {least} bytes or more with {self.jwt_algorithm}")

    def _check_public_keys(self) -> None:
        if not self.jwt_public_keys and self.jwks_url is None:
            return
        if self.jwt_algorithm in _SECRET_BYTES:
            raise ValueError(f"jwt_public_keys and jwks_url do not go with jwt_algorithm {self.jwt_algorithm}")
        unique("auth.jwt_public_keys (their kid)", [str(key.kid) for key in self.jwt_public_keys])
        if self.jwt_public_keys:
            from gateway.auth.keys import public_key

            for key in self.jwt_public_keys:
                public_key(key.pem, self.jwt_algorithm)

    @property
    def has_keys(self) -> bool:
        """Whether signed tokens can be verified."""
        return self.jwt_secret is not None or bool(self.jwt_public_keys) or self.jwks_url is not None

    @property
    def takes_tokens(self) -> bool:
        """Whether tokens of any kind mean anything."""
        return self.has_keys or self.sessions.redis_url is not None

    @property
    def possible(self) -> bool:
        """Whether anybody at all can be known."""
        return self.takes_tokens or bool(self.api_keys)


def _checked_header(value: str) -> str:
    name = value.lower()
    if not _HEADER.fullmatch(name) or name in _TAKEN:
        raise ValueError("must be a header's name in letters, digits and '-', and none that has a meaning of its own")
    return name
