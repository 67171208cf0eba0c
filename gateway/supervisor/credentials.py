"""What operators do with tokens and clients (runbook 000): look, revoke, reset. No secret is kept, told or logged."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.auth.claims import ETERNITY, moment
from gateway.auth.credentials import NotBelieved, client_of, session_id, token_id
from gateway.auth.settings import AuthSettings
from gateway.supervisor.operations import OperationError, OutOfLimitsError
from gateway.supervisor.revocation_registry import ClientReset, Revocation, RevocationRegistry, RevokedToken
from gateway.telemetry.records import iso

if TYPE_CHECKING:
    from gateway.supervisor.shared_revocations import SharedRevocations

_KEY_BYTES = 32
# A key that was given once counts no longer also if somebody writes it into the settings: of so many that is known.
_MOST_VOID = 100

#: kind, actor, reason, before, after: into the history and the log, before the change is made.
Record = Callable[[str, str, str, Any, Any], None]
#: What the workers answer to a message.
Ask = Callable[[dict[str, Any]], Awaitable[list[Any]]]


#: What an operator is told who has revoked what no worker could look at.
_UNKNOWN = "no session has this token; if it was not whole, the one that you mean is not revoked"
_UNSEEN = "the session cannot be looked up now: the token is revoked for good, and nobody has looked whose it is"


class UnrecordedError(OperationError):
    """A change that was made, but is not in the history."""

    code = "not_recorded"


class UnknownClientError(OperationError):
    """Nobody of this name has an API key."""

    code = "not_found"


class Credentials:
    """Changes of what is believed. They are answered when every worker has said that it goes by them."""

    def __init__(
        self,
        settings: AuthSettings,
        registry: RevocationRegistry,
        *,
        record: Record,
        ask: Ask,
        shared: SharedRevocations | None = None,
    ) -> None:
        self.registry = registry
        self._settings = settings
        self._record = record
        self._ask = ask
        self._shared = shared

    def configure(self, settings: AuthSettings) -> None:
        """Go by these settings from now on."""
        self._settings = settings

    async def inspected(self, name: str) -> dict[str, Any] | None:
        """What is known of a token, by its id, its `jti`, or itself; or of an API key, by its id."""
        key = next((key for key in self._settings.api_keys if key.id == name), None)
        if key is not None:
            void = {digest for reset in self.registry.resets() for digest in reset["void"]}
            active = key.digest not in void and self.registry.token(key.digest) is None
            return {
                "id": key.id, "scheme": "api_key", "active": active, "revoked": not active, "client_id": key.client,
                "roles": sorted(key.roles), "permissions": sorted(key.permissions),
            }  # fmt: skip
        answers = await self._ask({"type": "token", "name": name})
        told: list[dict[str, Any]] = [answer for answer in answers if answer is not None]
        # One worker may have found it good lately, while another cannot look it up now.
        found = next((answer for answer in told if "expires_at" in answer), told[0] if told else None)
        revoked = self.registry.token(found["id"] if found else name) or self._revoked(name)
        if revoked is not None:
            times = {"revoked_at": iso(revoked.revoked_at), "expires_at": iso(revoked.expires_at)}
            known = found or {"id": revoked.id, "client_id": revoked.client_id}
            return {**known, **times, "active": False, "revoked": True}
        return found

    async def revoke_token(self, token: str, client_id: str, actor: str, reason: str) -> dict[str, Any]:
        """Believe a token or an API key no longer, in all workers.

        Raises:
            OperationError: it is none that could be believed, or it is another client's.
        """
        one, note = await self._revocation_of(token, client_id)
        if one.client_id != client_id:
            raise OutOfLimitsError(f"the token is not of client {client_id!r}")
        after = {"id": one.id, "client_id": one.client_id, "expires_at": iso(one.expires_at)}
        answer = {**after, "revoked": True, **note}
        if one.expires_at <= time.time() or self._is_kept(one):
            return answer
        self._make_room()
        return {**answer, **await self._done(one, "token_revoked", actor, reason, None, after)}

    async def revoke_client(self, client_id: str, actor: str, reason: str) -> dict[str, Any]:
        """Believe nothing that a client was given until now: neither tokens nor keys."""
        return await self._reset(client_id, None, "client_revoked", actor, reason)

    async def reset_secret(self, client_id: str, actor: str, reason: str) -> dict[str, Any]:
        """The same, with a new API key for the client, told this once.

        Raises:
            UnknownClientError: nobody of this name has one.
        """
        if all(key.client != client_id for key in self._settings.api_keys):
            raise UnknownClientError(f"no client {client_id!r} has an API key (auth.api_keys)")
        secret = secrets.token_urlsafe(_KEY_BYTES)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        done = await self._reset(client_id, digest, "client_secret_reset", actor, reason)
        return {**done, "api_key": secret, "header": self._settings.api_key_header}

    async def _reset(self, client_id: str, digest: str | None, kind: str, actor: str, reason: str) -> dict[str, Any]:
        before = self.registry.client(client_id)
        if before is None:
            self._make_room()
        # The clock of another gateway, which has reset it before, may be ahead.
        now = max(time.time(), before.at + 0.001 if before else 0.0)
        known = [digest for digest, client in self._keys_now() if client == client_id]
        earlier = before.void if before else ()
        ended = [one for one in known if one not in earlier]
        void = tuple(dict.fromkeys([*known, *earlier]))[: max(_MOST_VOID, len(known))]
        after = {"client_id": client_id, "tokens_issued_until": iso(now), "keys_revoked": len(ended)}
        was = {"tokens_issued_until": iso(before.at)} if before else None
        return {**after, **await self._done(ClientReset(client_id, now, void, digest), kind, actor, reason, was, after)}

    async def _done(self, one: Revocation, *change: Any) -> dict[str, Any]:
        """Keep it, record the change, and tell the workers and the other gateways; what came of that.

        Raises:
            OSError: it cannot be kept, and nothing is done.
            UnrecordedError: it is done, but the history does not say so.
        """
        self.registry.add(one)
        unrecorded: OSError | None = None
        try:
            self._record(*change)
        except OSError as error:
            unrecorded = error
        done: dict[str, Any] = {"workers": await self.apply(one)}
        if self._shared is not None:
            done["shared"] = await self._shared.publish(one)
        if unrecorded is not None:
            raise UnrecordedError(f"it is revoked, but the history of changes cannot be written: {unrecorded}")
        return done

    async def read_again(self) -> None:
        """Go by what another process has written into the file since this one has read it."""
        for one in self.registry.news():
            await self.apply(one)

    async def apply(self, one: Revocation) -> int:
        """Tell all workers; how many have said that they go by it."""
        whole: dict[str, Any] = {"tokens": {}, "clients": {}, "resets": None}
        if isinstance(one, RevokedToken):
            whole["tokens"] = {one.id: one.expires_at}
        else:
            whole |= {"clients": {one.client: one.at}, "resets": self.registry.resets()}
        return len(await self._ask({"type": "revocations", **whole}))

    def _make_room(self) -> None:
        if self.registry.full:
            most = self._settings.revocations.max_kept
            raise OutOfLimitsError(f"there are {most} revocations (auth.revocations.max_kept)")

    def _id_of(self, token: str) -> str:
        return (token_id if self._settings.sessions.redis_url is None else session_id)(token.encode())

    def _revoked(self, name: str) -> RevokedToken | None:
        """The revocation of a token that nobody knows any more, by its id or by itself."""
        return self.registry.token(name) or self.registry.token(self._id_of(name))

    def _is_kept(self, one: RevokedToken) -> bool:
        kept = self.registry.token(one.id)
        return kept is not None and kept.expires_at >= one.expires_at

    async def _revocation_of(self, token: str, client_id: str) -> tuple[RevokedToken, dict[str, str]]:
        """The revocation, and what the operator should know of it."""
        now = time.time()
        digest = hashlib.sha256(token.encode()).hexdigest()
        key = next((key for key in self._keys_now() if key[0] == digest), None)
        if key is not None:
            return RevokedToken(digest, key[1], now, ETERNITY), {}
        if self._settings.sessions.redis_url is not None:
            return await self._session_revocation(token, client_id, now)
        claims = _claims_of(token)
        try:
            end, client = moment(claims["exp"]) + self._settings.leeway_secs, client_of(claims)
        except (KeyError, TypeError, ValueError, OverflowError, NotBelieved):
            raise OutOfLimitsError("this is no API key, and no token with an end: it is believed by nobody") from None
        return RevokedToken(token_id(token.encode()), client, now, min(end, ETERNITY)), {}

    async def _session_revocation(self, token: str, client_id: str, now: float) -> tuple[RevokedToken, dict[str, str]]:
        """That of a session, which only workers can look up; revoking must work also while they cannot."""
        name, leeway = self._id_of(token), self._settings.leeway_secs
        answers = await self._ask({"type": "token", "name": token})
        known = next((answer for answer in answers if answer is not None and "expires_at" in answer), None)
        if known is not None:
            end = datetime.fromisoformat(known["expires_at"]).timestamp() + leeway
            return RevokedToken(name, known["client_id"], now, min(end, ETERNITY)), {}
        if answers and all(answer is None for answer in answers):
            # It was deleted, or there never was one: a worker that has not answered may believe it for so long.
            end = now + self._settings.cache.ttl_secs + leeway
            return RevokedToken(name, client_id, now, end), {"note": _UNKNOWN}
        # It may be good when it can be looked up again, and nobody knows until when.
        return RevokedToken(name, client_id, now, ETERNITY), {"note": _UNSEEN}

    def _keys_now(self) -> list[tuple[str, str]]:
        given = [(reset["sha256"], reset["client"]) for reset in self.registry.resets() if reset["sha256"]]
        return [(key.digest, key.client) for key in self._settings.api_keys] + given


def _claims_of(token: str) -> dict[str, Any]:
    """What a token says of itself, believed by nobody: with other claims it would have another id."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
