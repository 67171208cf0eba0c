"""The rule of a route that asks who a client is, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.auth.answers import refusal
from gateway.auth.credentials import Credential, NotBelieved
from gateway.auth.sent import Bearing, Sent
from gateway.proxy.admission import Asking
from gateway.proxy.message import Headers, Refused
from gateway.proxy.plain_heads import OWN_NAMES

if TYPE_CHECKING:
    from gateway.auth.authentication import Authentication
    from gateway.auth.jwks import KeySource
    from gateway.proxy.exchange import Exchange

#: What newer keys may put right.
_CURABLE = frozenset({"unknown_key", "keys_unavailable"})


class Guard:
    """That of one route. `roles`: any of them is enough; `permissions`: all of them are needed."""

    def __init__(self, authentication: Authentication, roles: frozenset[str], permissions: frozenset[str]) -> None:
        self._authentication = authentication
        self._roles = roles
        self._permissions = permissions
        self._asks_more = bool(roles or permissions)
        self._cached = authentication.cache.get
        self._now = authentication.now
        self._tally = authentication.tally
        self._scheme = "Bearer" if authentication.settings.takes_tokens else "ApiKey"
        self._bearing = Bearing(authentication.settings)
        self._names = self._bearing.names
        self._is_of_all = self._names.isdisjoint(OWN_NAMES)
        """Whether lines that are of one request only bear no credentials."""
        self._mark = self._bearing.mark

    def __call__(self, exchange: Exchange) -> Asking | None:
        """Let pass who is known and allowed to. What comes before `_look` is the way of nearly all requests."""
        head = exchange.head
        block = head.block
        if block is None or block.headers is not head.headers:
            bearer = self._sole_bearer(head.headers)
        else:
            known = block.base if self._is_of_all else block
            if known.bearing is self._bearing:
                bearer = known.bearer
            else:
                bearer = known.bearer = self._sole_bearer(head.headers)
                known.bearing = self._bearing
        # Whether it is good is looked up each time: it may have ended, or be revoked.
        credential = self._cached(bearer)
        if credential is None or credential.until <= self._now():
            return self._look(exchange)
        if self._asks_more or head.upgrade:
            self._admit(exchange, credential)
        else:
            exchange.identity, exchange.request_headers = credential.identity, credential.edits
            self._tally.auth_successes += 1
        return None

    def _sole_bearer(self, headers: Headers) -> bytes:
        """The value of `authorization`, where it is the only one that bears a credential; else empty."""
        names, mark = self._names, self._mark
        bearer = b""
        sent = 0
        for name, value in headers:
            if name in names:
                if name == b"authorization":
                    bearer = value
                elif name == b"cookie" and mark not in value:
                    continue
                sent += 1
        return bearer if sent == 1 else b""

    def _admit(self, exchange: Exchange, credential: Credential) -> None:
        identity = exchange.identity = credential.identity
        if (self._roles and self._roles.isdisjoint(identity.roles)) or not self._permissions <= credential.permissions:
            raise self._refused(exchange, NotBelieved("forbidden", identity))
        exchange.request_headers = credential.edits
        if exchange.head.upgrade:
            self._authentication.tunnels.add(exchange, credential)
        self._tally.auth_successes += 1

    def _look(self, exchange: Exchange) -> Asking | None:
        authentication = self._authentication
        try:
            sent = self._bearing.found(exchange.head.headers)
            if sent.header == self._bearing.key_header:
                credential = authentication.by_api_key(sent.value)
            elif known := authentication.cached(sent.value):
                credential = known
            elif authentication.sessions is not None:
                return self._look_up(exchange, sent)
            else:
                credential = authentication.by_token(sent.value)
        except NotBelieved as error:
            source = authentication.source
            if error.reason in _CURABLE and source is not None and source.worth_asking:
                return self._look_again(exchange, sent, source)
            raise self._refused(exchange, error) from None
        self._admit_sent(exchange, sent, credential)
        return None

    async def _look_up(self, exchange: Exchange, sent: Sent) -> None:
        """The session may be known elsewhere."""
        try:
            credential = await self._authentication.by_session(sent.value)
        except NotBelieved as error:
            raise self._refused(exchange, error) from None
        self._admit_sent(exchange, sent, credential)

    async def _look_again(self, exchange: Exchange, sent: Sent, source: KeySource) -> None:
        """Newer keys may know the token."""
        await source.refreshed()
        try:
            credential = self._authentication.by_token(sent.value)
        except NotBelieved as error:
            raise self._refused(exchange, error) from None
        self._admit_sent(exchange, sent, credential)

    def _admit_sent(self, exchange: Exchange, sent: Sent, credential: Credential) -> None:
        self._admit(exchange, credential)
        if sent.header == b"cookie":
            told = self._authentication.introduction
            exchange.request_headers = told.without_cookie(credential.edits, exchange.head.headers)

    def _refused(self, exchange: Exchange, error: NotBelieved) -> Refused:
        if error.identity is not None:
            exchange.identity = error.identity  # For the log: the request goes nowhere.
        self._tally.auth_failed(error.reason)
        return refusal(error.reason, scheme=self._scheme, permissions=self._permissions)
