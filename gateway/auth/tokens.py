"""Verifying a JWT. The algorithm comes from the settings and the keys are of its kind; the token has no say in it."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from typing import Any

import jwt
from jwt import get_algorithm_by_name
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from gateway.auth.claims import ClaimsReader
from gateway.auth.credentials import Credential, NotBelieved, token_id
from gateway.auth.keys import Keys
from gateway.auth.settings import AuthSettings

_SHAPE = re.compile(rb"(([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_LONGEST_KID = 256
_REASONS: dict[type[PyJWTError], str] = {
    ExpiredSignatureError: "expired",
    ImmatureSignatureError: "not_yet_valid",
    InvalidIssuerError: "wrong_issuer",
    InvalidAudienceError: "wrong_audience",
}
_OF_CLAIMS = {"iss": "wrong_issuer", "aud": "wrong_audience"}


class TokenVerifier:
    """Says what a token says, once its signature and its claims are good."""

    def __init__(self, settings: AuthSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._algorithm = get_algorithm_by_name(settings.jwt_algorithm)
        self._reader = ClaimsReader(settings)
        required = ["exp", *(["iss"] if settings.jwt_issuer else []), *(["aud"] if settings.jwt_audience else [])]
        self._options: Any = {
            "require": required,
            "verify_iss": settings.jwt_issuer is not None,
            "verify_aud": settings.jwt_audience is not None,
        }

    def verify(self, token: bytes) -> Credential:
        """The credential that `token` is.

        Raises:
            NotBelieved: it is none. With the reason `unknown_key` newer keys may say otherwise.
        """
        if len(token) > self._settings.max_token_bytes:
            raise NotBelieved("oversized")
        key = self._signed_with(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[self._settings.jwt_algorithm],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=self._settings.leeway_secs,
                options=self._options,
            )
        except MissingRequiredClaimError as error:
            raise NotBelieved(_OF_CLAIMS.get(error.claim, "malformed")) from None
        except PyJWTError as error:
            raise NotBelieved(_REASONS.get(type(error), "malformed")) from None
        except (ValueError, TypeError):
            raise NotBelieved("malformed") from None
        return self._reader.credential(claims, name=token_id(token), scheme="jwt")

    def _signed_with(self, token: bytes) -> Any:
        """The key that has signed the token.

        The library looks at the signature again. But it takes ten times as long, and nobody is to keep the gateway busy
        with tokens that are made up.
        """
        match = _SHAPE.fullmatch(token)
        if match is None:
            raise NotBelieved("malformed")
        kid = _kid_of(match.group(2), self._settings.jwt_algorithm)
        keys = self._keys.find(kid)
        if not keys:
            raise NotBelieved("keys_unavailable" if self._keys.empty else "unknown_key")
        try:
            signature = _decoded(match.group(3))
            found = next((key for key in keys if self._algorithm.verify(match.group(1), key, signature)), None)
        except (PyJWTError, ValueError, TypeError):
            raise NotBelieved("malformed") from None
        if found is None:
            # A key without a name was tried for want of the one that is named.
            raise NotBelieved("unknown_key" if self._keys.newer_may_fit(kid) else "bad_signature")
        return found


@lru_cache(maxsize=256)  # An issuer's tokens have the same few headers.
def _kid_of(part: bytes, algorithm: str) -> str | None:
    try:
        header = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        raise NotBelieved("malformed") from None
    # What `crit` lists must be understood (RFC 7515, 4.1.11), and no extension is.
    if not isinstance(header, dict) or header.get("alg") != algorithm or "crit" in header:
        raise NotBelieved("malformed")
    kid = header.get("kid")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise NotBelieved("malformed")
    return kid


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
