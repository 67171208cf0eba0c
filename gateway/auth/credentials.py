"""What was found out about whoever sent a request, and why somebody was not believed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.proxy.admission import Identity
from gateway.proxy.rewriting import HeaderEdits

#: Why a request is not let in: the `reason` of `auth_failures_total`, and how the answer says it.
REASONS = {
    "missing": "credentials are required",
    "ambiguous": "more than one credential was sent",
    "malformed": "the token is malformed",
    "oversized": "the token is too long",
    "bad_signature": "the token's signature is not valid",
    "unknown_key": "the token is signed with a key that is not known",
    "expired": "the token has expired",
    "not_yet_valid": "the token is not valid yet",
    "wrong_issuer": "the token is of another issuer",
    "wrong_audience": "the token is for another audience",
    "revoked": "the credentials were revoked",
    "unknown_api_key": "the API key is not known",
    "unknown_session": "the session is not known, or over",
    "store_unavailable": "sessions cannot be looked up now",
    "keys_unavailable": "no key to verify tokens with is at hand",
    "forbidden": "the route asks for a role or permission that is not held",
}


class NotBelieved(Exception):  # noqa: N818 - what the answer depends on, not whose error it was
    """A credential that is not good; `reason` is one of REASONS. `identity` is whose it is, where that is certain."""

    def __init__(self, reason: str, identity: Identity | None = None) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason
        self.identity = identity


@dataclass(slots=True)
class Credential:
    """One that is good. `until` is up to when it is believed without another look; times are of the epoch."""

    id: str
    identity: Identity
    permissions: frozenset[str]
    edits: HeaderEdits
    """What the upstream is told of it."""
    expires_at: float
    issued_at: float | None = None
    jti: str | None = None
    until: float = 0.0


def token_id(token: bytes) -> str:
    """The id of a token, which says nothing of it.

    Of a signed token the signature is left out: there may be several that fit, and a revoked token must not come
    back with another one.
    """
    signed, dot, _ = token.rpartition(b".")
    return hashlib.sha256(signed if dot else token).hexdigest()


def session_id(token: bytes) -> str:
    """The id of a token that is nothing but a random word; a session's key ends with it."""
    return hashlib.sha256(token).hexdigest()


def written(text: str) -> str:
    """`text`, where it can be written down.

    Raises:
        NotBelieved: it has half a character in it ("\\ud800"), which neither a header nor the log can have.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotBelieved("malformed") from None
    return text


def words_of(claim: object) -> frozenset[str]:
    """A claim's words: a list of texts, or a text with spaces between (RFC 8693, 4.2); of anything else none.

    Raises:
        NotBelieved: one of them cannot be written down.
    """
    if isinstance(claim, str):
        return _shared(frozenset(written(claim).split()))
    if isinstance(claim, list):
        return _shared(frozenset(written(word) for word in claim if isinstance(word, str)))
    return frozenset()


@lru_cache(maxsize=1000)
def _shared(words: frozenset[str]) -> frozenset[str]:
    """The same words as one object, however many tokens have them: thousands are kept."""
    return words


def client_of(claims: Mapping[str, object]) -> str:
    """The client that a token was given to: whom it names as such, otherwise its subject.

    Raises:
        NotBelieved: the name cannot be written down.
    """
    named = (claims.get(name) for name in ("client_id", "azp", "sub"))
    return written(next((text for text in named if isinstance(text, str) and text), ""))
