"""What one worker knows of clients: keys, revocations, and the tokens that it has found good."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.auth.api_keys import ApiKeys
from gateway.auth.cache import CredentialCache
from gateway.auth.credentials import Credential, NotBelieved, session_id, token_id
from gateway.auth.guard import Guard
from gateway.auth.introduction import Introduction
from gateway.auth.revocations import Revocations
from gateway.auth.settings import AuthSettings
from gateway.auth.tunnels import Tunnels
from gateway.proxy import plain_heads
from gateway.proxy.admission import Rule
from gateway.telemetry.records import iso
from gateway.telemetry.tally import Tally

if TYPE_CHECKING:
    from gateway.auth.jwks import Fetch, KeySource, Told
    from gateway.auth.keys import Keys
    from gateway.auth.session_checks import SessionChecks
    from gateway.auth.sessions import Sessions
    from gateway.auth.tokens import TokenVerifier
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

_PREFIX = b"Bearer "


class Authentication:
    """Finds out whose a credential is; `policy` makes the rules of routes."""

    def __init__(
        self,
        settings: AuthSettings,
        *,
        tally: Tally,
        tell: Told = lambda *_: None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        fetch: Fetch | None = None,
    ) -> None:
        self.settings = settings
        self.tally = tally
        self.now = now
        self.cache = CredentialCache(settings.cache)
        self.introduction = Introduction(settings)
        self.source: KeySource | None = None
        plain_heads.never_keep(settings.api_key_header.encode())
        self.tunnels = Tunnels()
        self._judged = 0
        self._revised = 0
        self._revocations = Revocations(settings.leeway_secs)
        self._api_keys = ApiKeys(settings)
        self._keys: Keys | None = None
        self._verifier: TokenVerifier | None = None
        self.sessions: Sessions | None = None
        self._checks: SessionChecks | None = None
        if settings.has_keys:
            self._read_keys(tell, clock, fetch)
        if settings.sessions.redis_url is not None:
            from gateway.auth.session_checks import SessionChecks
            from gateway.auth.sessions import Sessions

            self.sessions = Sessions(settings, now=now, clock=clock, tell=tell)
            every, leeway = settings.sessions.tunnel_check_secs, settings.leeway_secs
            self._checks = SessionChecks(self.sessions, self.cache, every, leeway=leeway, clock=clock, now=now)

    def _read_keys(self, tell: Told, clock: Callable[[], float], fetch: Fetch | None) -> None:
        # Only workers that verify tokens load what is needed for it.
        from gateway.auth.keys import Keys
        from gateway.auth.tokens import TokenVerifier

        keys = self._keys = Keys(self.settings)
        self._verifier = TokenVerifier(self.settings, keys)
        if self.settings.jwks_url is not None:
            from gateway.auth.jwks import KeySource

            self.source = KeySource(
                self.settings, keys, clock=clock, tell=tell, withdrawn=self.cache.clear, fetch=fetch
            )

    def inherit(self, earlier: Authentication) -> None:
        """Begin with the tunnels of the one before, and with its fetched keys, where they come from the same place."""
        self.tunnels = earlier.tunnels
        place = (self.settings.jwks_url, self.settings.jwt_algorithm)
        is_same = place == (earlier.settings.jwks_url, earlier.settings.jwt_algorithm)
        if is_same and self.source is not None and self._keys is not None and earlier._keys is not None:
            self._keys.inherit(earlier._keys)

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of one route. Where nobody has to be known, nobody may claim in a header to be somebody."""
        if route.auth_required:
            return (Guard(self, frozenset(route.roles), frozenset(route.permissions)),)
        if not self.settings.possible:
            return ()
        edits = self.introduction.of_nobody()

        def unclaimed(exchange: Exchange) -> None:
            exchange.request_headers = edits

        return (unclaimed,)

    def revoke(self, told: dict[str, Any]) -> bool:
        """Believe no longer what the supervisor names: at once, also what was found good before."""
        self._revised += 1
        self._revocations.add(told, self.now())
        for name in told["tokens"]:
            self.cache.drop(name)
        if told["clients"]:
            self.cache.clear()
        if told["resets"] is not None:
            self._api_keys.replace_resets(told["resets"])
        return True

    def end_tunnels(self) -> None:
        """End those that a token or key allowed that counts no longer; to be called several times a second."""
        if self._checks is not None:
            self._checks.tick(self.tunnels)
        ends = self.settings.tunnels_end_at_expiry
        if ends or self._judged != self._revised:
            self._judged = self._revised
            self.tunnels.end(self._void if not ends else lambda one: self._void(one) or self._expired(one))

    def _void(self, credential: Credential) -> str | None:
        if credential.identity.scheme == "session" and self.sessions is None:
            return "unknown_session"  # The settings that know of sessions are gone, and nobody would look it up again.
        if credential.identity.scheme == "api_key":
            good = self._api_keys.knows(credential.id) and not self._revocations.names(credential.id)
        else:
            good = not self._revocations.covers(credential)
        return None if good else "revoked"

    def _expired(self, credential: Credential) -> str | None:
        # For as long as new requests are let in with it: clocks may differ.
        leeway = self.settings.leeway_secs if credential.identity.scheme == "jwt" else 0.0
        return "expired" if credential.expires_at + leeway <= self.now() else None

    def cached(self, token: bytes) -> Credential | None:
        """The credential that a token is, if it was found good lately."""
        known = self.cache.get(_PREFIX + token)
        return known if known is not None and known.until > self.now() else None

    def by_token(self, token: bytes) -> Credential:
        """The credential that a signed token is.

        Raises:
            NotBelieved: it is none.
        """
        assert self._verifier is not None
        begun = time.perf_counter()
        try:
            found = self._verifier.verify(token)
        finally:
            self.tally.auth_took("jwt", time.perf_counter() - begun)
        return self._kept(token, found)

    async def by_session(self, token: bytes) -> Credential:
        """The credential that the token of a session is.

        Raises:
            NotBelieved: it is none, or that cannot be said now.
        """
        assert self.sessions is not None
        begun = time.perf_counter()
        try:
            found = await self.sessions.verify(token)
        finally:
            self.tally.auth_took("session", time.perf_counter() - begun)
        return self._kept(token, found)

    def _kept(self, token: bytes, found: Credential) -> Credential:
        if self._revocations.covers(found):
            raise NotBelieved("revoked", found.identity)
        self.cache.put(_PREFIX + token, found, self.now())
        return found

    def by_api_key(self, key: bytes) -> Credential:
        """The credential that an API key is.

        Raises:
            NotBelieved: it is none.
        """
        begun = time.perf_counter()
        try:
            found = self._api_keys.find(key)
        finally:
            self.tally.auth_took("api_key", time.perf_counter() - begun)
        if self._revocations.names(found.id):
            raise NotBelieved("revoked", found.identity)
        return found

    async def described(self, name: str) -> dict[str, Any] | None:
        """For operators: a token that was found good lately, by its id or `jti`, or any token, by itself."""
        token = name.encode()
        known = self.cache.found(name) or self.cached(token)
        if known is not None:
            return self._told(known)
        try:
            if self.sessions is not None:
                return self._told(await self.sessions.verify(token))
            if self._verifier is not None and b"." in token:
                return self._told(self._verifier.verify(token))
        except NotBelieved as error:
            if error.reason != "unknown_session":
                name = token_id(token) if self.sessions is None else session_id(token)
                # Where sessions cannot be looked up, nobody can say whether it is good.
                active = None if error.reason == "store_unavailable" else False
                return {"id": name, "active": active, "revoked": False, "why": str(error)}
        return None

    def _told(self, one: Credential) -> dict[str, Any]:
        identity = one.identity
        revoked = self._revocations.covers(one)
        return {
            "id": one.id,
            "scheme": identity.scheme,
            "active": not revoked,
            "revoked": revoked,
            "jti": one.jti,
            "subject": identity.subject,
            "client_id": identity.client,
            "roles": sorted(identity.roles),
            "permissions": sorted(one.permissions),
            "issued_at": None if one.issued_at is None else iso(one.issued_at),
            "expires_at": iso(one.expires_at),
        }

    async def close(self) -> None:
        """Close what looking up sessions has opened."""
        if self._checks is not None:
            self._checks.close()
        if self.sessions is not None:
            await self.sessions.close()
