"""What is believed no longer, in one worker. The supervisor keeps the whole of it, and tells each worker."""

from __future__ import annotations

from typing import Any

from gateway.auth.credentials import Credential

_TIDY_EVERY = 1000


class Revocations:
    """Tokens by their ids, until they have expired by themselves; clients from a moment on."""

    def __init__(self, leeway_secs: float) -> None:
        self._leeway = leeway_secs
        self._tokens: dict[str, float] = {}
        self._clients: dict[str, float] = {}
        self._since_tidied = 0

    def add(self, told: dict[str, Any], now: float) -> None:
        """Revoke more: `tokens` as {id: its end}, `clients` as {client: what was issued until then}."""
        self._tokens.update(told["tokens"])
        for client, moment in told["clients"].items():
            self._clients[client] = max(moment, self._clients.get(client, moment))
        self._since_tidied += len(told["tokens"])
        if self._since_tidied >= _TIDY_EVERY:
            self._since_tidied = 0
            self._tokens = {name: end for name, end in self._tokens.items() if end > now}

    def names(self, credential_id: str) -> bool:
        """Whether this one was revoked by itself."""
        return credential_id in self._tokens

    def covers(self, credential: Credential) -> bool:
        """Whether it is revoked."""
        if credential.id in self._tokens:
            return True
        before = self._clients.get(credential.identity.client)
        # A token that does not say when it was issued may be an old one, and its issuer's clock may be ahead.
        return before is not None and (credential.issued_at is None or credential.issued_at <= before + self._leeway)
