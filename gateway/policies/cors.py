"""Cross-origin requests (the Fetch standard): preflights are answered here, before anybody is asked who it is.

A browser's preflight has no credentials, so a route that asks for them could never be reached from another origin if
it came to them first. What is refused further on has the fields, too: a page may read why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from gateway.policies.settings import CorsSettings
from gateway.proxy.admission import Rule
from gateway.proxy.message import Header, Headers, Refused
from gateway.proxy.replies import Answered, Reply

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

#: Of upstreams they are dropped: the gateway's own word and theirs together would be read as neither.
_FIELDS = frozenset(
    b"access-control-" + name
    for name in (
        b"allow-origin", b"allow-credentials", b"allow-methods", b"allow-headers", b"expose-headers", b"max-age",
    )
)  # fmt: skip
_VARY = (b"vary", b"Origin")


class Cors:
    """What each route allows; `routes` are all of them, because those at one path are allowed together."""

    def __init__(self, settings: CorsSettings, routes: Iterable[RouteSettings]) -> None:
        self._settings = settings
        self._routes = tuple(routes)

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route that other origins may ask."""
        settings = route.cors or self._settings
        if not settings.allow_origins:
            return ()
        beside = [one for one in self._routes if one.path == route.path]
        methods = sorted({method for one in beside for method in one.methods})
        takes_options = any("OPTIONS" in one.methods for one in beside)
        own = "OPTIONS" in route.methods
        return (CrossOrigin(settings, methods, takes_options=own, adds_options=not takes_options),)


class CrossOrigin:
    """The rule. `adds_options`: the route is asked OPTIONS only for preflights."""

    def __init__(self, settings: CorsSettings, methods: list[str], *, takes_options: bool, adds_options: bool) -> None:
        self.adds_options = adds_options
        self._takes_options = takes_options
        self._any = "*" in settings.allow_origins
        self._origins = frozenset(origin.encode() for origin in settings.allow_origins)
        self._shared: list[Header] = []
        if settings.allow_credentials:
            self._shared.append((b"access-control-allow-credentials", b"true"))
        exposed = ", ".join(settings.expose_headers).encode()
        self._actual = [*self._shared, *([(b"access-control-expose-headers", exposed)] if exposed else [])]
        self._methods = ", ".join(settings.allow_methods or methods).encode()
        self._headers = ", ".join(settings.allow_headers).encode()
        self._max_age = str(settings.max_age_secs).encode()
        self._allow = ((b"allow", ", ".join(methods).encode()),)

    def __call__(self, exchange: Exchange) -> None:
        """Answer a preflight; tell everybody else whether they may read the answer.

        Raises:
            Answered: it is a preflight.
            Refused: OPTIONS of a route that takes none, and no preflight.
        """
        exchange.dropped_answer_headers |= _FIELDS
        origin = _one(exchange.head.headers, b"origin")
        allowed = self._allowed(origin)
        if not self._any:
            exchange.answer_headers.append(_VARY)
        is_options = exchange.head.method == b"OPTIONS"
        asked = _one(exchange.head.headers, b"access-control-request-method") if is_options else b""
        if origin and asked:
            self._answer_preflight(exchange, allowed)
        elif is_options and not self._takes_options:
            message = f"allowed here: {self._allow[0][1].decode()}"
            raise Refused(405, "method_not_allowed", message, self._allow)
        elif allowed:
            exchange.answer_headers.append((b"access-control-allow-origin", allowed))
            exchange.answer_headers += self._actual

    def _allowed(self, origin: bytes) -> bytes:
        if self._any and origin:
            return b"*"
        return origin if origin in self._origins else b""

    def _answer_preflight(self, exchange: Exchange, allowed: bytes) -> NoReturn:
        told = exchange.answer_headers
        if allowed:
            told.append((b"access-control-allow-origin", allowed))
            told += self._shared
            told.append((b"access-control-allow-methods", self._methods))
            told.append((b"access-control-max-age", self._max_age))
            if self._headers:
                told.append((b"access-control-allow-headers", self._headers))
        # Without the fields the browser does not go on; it needs no other refusal.
        raise Answered(Reply(204, b""))


def _one(headers: Headers, name: bytes) -> bytes:
    found = [value for key, value in headers if key == name]
    return found[0] if len(found) == 1 else b""
