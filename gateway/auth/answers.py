"""What somebody is told who is not let in (RFC 6750, section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.auth.credentials import REASONS
from gateway.proxy.message import Refused

_REALM = 'realm="tocsin-gateway"'
_RETRY_SECS = b"5"


def refusal(reason: str, *, scheme: str, permissions: Iterable[str] = ()) -> Refused:
    """The answer for one of REASONS. `scheme` is what a client is asked for: Bearer, or ApiKey."""
    words = REASONS[reason]
    if reason in ("keys_unavailable", "store_unavailable"):
        return Refused(503, "authentication_unavailable", words, ((b"retry-after", _RETRY_SECS),))
    if reason == "missing":
        challenge = f"{scheme} {_REALM}"
        return _refused(401, "unauthorized", words, challenge)
    if reason == "ambiguous":
        return _refused(400, "invalid_request", words, _challenge(scheme, "invalid_request", words))
    if reason == "forbidden":
        challenge = _challenge(scheme, "insufficient_scope", words)
        scope = " ".join(sorted(permissions))
        return _refused(403, "forbidden", words, f'{challenge}, scope="{scope}"' if scope else challenge)
    return _refused(401, "unauthorized", words, _challenge(scheme, "invalid_token", words))


def _challenge(scheme: str, error: str, words: str) -> str:
    return f'{scheme} {_REALM}, error="{error}", error_description="{words}"'


def _refused(status: int, error: str, words: str, challenge: str) -> Refused:
    return Refused(status, error, f"authentication failed: {words}", ((b"www-authenticate", challenge.encode()),))
