"""How an upstream is told who asks: in headers that no client can write itself."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from gateway.auth.settings import AuthSettings
from gateway.proxy.admission import Identity
from gateway.proxy.message import Headers
from gateway.proxy.rewriting import HeaderEdits, spellings

_PLAIN = "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"


class Introduction:
    """What is changed of a request's headers, by who sent it."""

    def __init__(self, settings: AuthSettings) -> None:
        names = settings.identity_headers
        self._names = (names.subject.encode(), names.client.encode(), names.roles.encode())
        self._secretive = not settings.forward_token
        self._dropped = {"": spellings((names.subject, names.client, names.roles))}
        self._dropped["jwt"] = self._dropped[""] | ({b"authorization"} if self._secretive else set())
        self._dropped["session"] = self._dropped["jwt"]
        key_header = settings.api_key_header.encode()
        self._dropped["api_key"] = self._dropped[""] | ({key_header} if self._secretive else set())
        self._cookie = settings.cookie_name.encode() if settings.cookie_name else b""

    def of_nobody(self) -> HeaderEdits:
        """Of a request that nobody has looked at: its sender is nobody, whatever it says."""
        return HeaderEdits(dropped=self._dropped[""])

    def edits(self, identity: Identity) -> HeaderEdits:
        """Of a request that `identity` sent. What is no plain character, and "," and "%", is percent-encoded."""
        values = (_encoded(identity.subject), _encoded(identity.client), _listed(identity.roles))
        added = tuple((name, value) for name, value in zip(self._names, values, strict=True) if value)
        return HeaderEdits(dropped=self._dropped[identity.scheme], added=added)

    def without_cookie(self, edits: HeaderEdits, headers: Headers) -> HeaderEdits:
        """The same for a request whose token came in a cookie: where tokens are not passed on, that cookie is not."""
        if not self._secretive:
            return edits
        kept = [
            cookie
            for name, value in headers
            if name == b"cookie"
            for cookie in value.split(b";")
            if cookie.partition(b"=")[0].strip() != self._cookie
        ]
        line = ((b"cookie", b";".join(kept).strip()),) if kept else ()
        return HeaderEdits(dropped=edits.dropped | {b"cookie"}, added=edits.added + line)


@lru_cache(maxsize=1000)
def _listed(roles: frozenset[str]) -> bytes:
    # The same few roles are everybody's: kept once, they take no room in the cache of tokens.
    return b",".join(_encoded(role) for role in sorted(roles))


def _encoded(text: str) -> bytes:
    return quote(text, safe=_PLAIN, errors="replace").encode()
