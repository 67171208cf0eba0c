"""API keys, found by their SHA-256: how long that takes says nothing about how much of a key was right."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from gateway.auth.credentials import Credential, NotBelieved
from gateway.auth.introduction import Introduction
from gateway.auth.settings import ApiKeySettings, AuthSettings
from gateway.proxy.admission import Identity

_NEVER = float("inf")
_LONGEST_KEY = 512


class ApiKeys:
    """Those of the settings, but for what operators have reset since."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._introduction = Introduction(settings)
        self._by_digest: dict[str, Credential] = {}
        self._void: frozenset[str] = frozenset()
        self.replace_resets([])

    def replace_resets(self, resets: Iterable[dict[str, Any]]) -> None:
        """Apply exactly these: {client, void: digests that count no longer, sha256: the new one's or None}."""
        resets = list(resets)
        self._void = frozenset(digest for reset in resets for digest in reset["void"])
        keys = {key.digest: key for key in self._settings.api_keys if key.digest not in self._void}
        for reset in resets:
            model = next((key for key in self._settings.api_keys if key.client == reset["client"]), None)
            if model is not None and reset["sha256"] is not None:
                keys[reset["sha256"]] = model
        self._by_digest = {digest: self._credential(digest, key) for digest, key in keys.items()}

    def find(self, key: bytes) -> Credential:
        """Whose key it is.

        Raises:
            NotBelieved: nobody's.
        """
        if len(key) > _LONGEST_KEY:
            raise NotBelieved("oversized")
        digest = hashlib.sha256(key).hexdigest()
        found = self._by_digest.get(digest)
        if found is None:
            raise NotBelieved("revoked" if digest in self._void else "unknown_api_key")
        return found

    def knows(self, digest: str) -> bool:
        """Whether there is still a key with this SHA-256."""
        return digest in self._by_digest

    def _credential(self, digest: str, key: ApiKeySettings) -> Credential:
        identity = Identity(subject=key.id, client=key.client, roles=frozenset(key.roles), scheme="api_key")
        return Credential(
            id=digest,
            identity=identity,
            permissions=frozenset(key.permissions),
            edits=self._introduction.edits(identity),
            expires_at=_NEVER,
        )
