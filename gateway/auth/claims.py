"""From what a token or a session says to a credential."""

from __future__ import annotations

from typing import Any, Literal

from gateway.auth.credentials import Credential, client_of, words_of, written
from gateway.auth.introduction import Introduction
from gateway.auth.settings import AuthSettings
from gateway.proxy.admission import Identity

#: The last second that a date can be written of.
ETERNITY = 253_402_300_799
Claims = dict[str, Any]


class ClaimsReader:
    """Reads claims that are known to be true."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._introduction = Introduction(settings)

    def credential(self, claims: Claims, *, name: str, scheme: Literal["jwt", "session"]) -> Credential:
        """The credential with the id `name`. `exp` is a number there, and so is `iat` where it is.

        Raises:
            NotBelieved: a text in it cannot be written down.
        """
        identity = Identity(
            subject=_text(claims, "sub"),
            client=client_of(claims),
            roles=words_of(_at(claims, self._settings.roles_claim)),
            scheme=scheme,
        )
        return Credential(
            id=name,
            identity=identity,
            permissions=words_of(_at(claims, self._settings.permissions_claim)),
            edits=self._introduction.edits(identity),
            expires_at=moment(claims["exp"]),
            issued_at=moment(claims["iat"]) if "iat" in claims else None,
            jti=_text(claims, "jti") or None,
        )


def moment(claim: Any) -> float:
    """A time in a claim, in seconds since the epoch.

    Raises:
        ValueError, TypeError, OverflowError: it is none.
    """
    return float(min(max(int(claim), 0), ETERNITY))


def _text(claims: Claims, name: str) -> str:
    found = claims.get(name)
    return written(found) if isinstance(found, str) else ""


def _at(claims: Claims, path: str) -> object:
    """The claim at a path: "roles", or "realm_access.roles". A claim's own name may have dots in it."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
