"""Tokens that were found good, for a while: bounded in number and time, and never past their own end."""

from __future__ import annotations

from collections import OrderedDict

from gateway.auth.credentials import Credential
from gateway.auth.settings import TokenCacheSettings


class CredentialCache:
    """By the value of the `Authorization` header, as it is sent; each token is here once."""

    def __init__(self, settings: TokenCacheSettings) -> None:
        self._capacity = settings.max_capacity if settings.enabled else 0
        self._ttl = settings.ttl_secs
        self._by_value: OrderedDict[bytes, Credential] = OrderedDict()
        self._values: dict[str, bytes] = {}
        #: Looks a value up; bound once, because every request does it. What it finds may be over: see `until`.
        self.get = self._by_value.get

    def __len__(self) -> int:
        return len(self._by_value)

    def put(self, value: bytes, credential: Credential, now: float) -> None:
        """Believe it for a while. The oldest makes room."""
        credential.until = min(now + self._ttl, credential.expires_at)
        known = self._values.get(credential.id)
        # The same token in another spelling is looked at each time: what is here twice would be revoked once.
        if credential.until <= now or (known is not None and known != value) or not self._capacity:
            return
        self._by_value[value] = credential
        self._values[credential.id] = value
        while len(self._by_value) > self._capacity:
            _, oldest = self._by_value.popitem(last=False)
            del self._values[oldest.id]

    def drop(self, credential_id: str) -> None:
        """Believe this one no longer."""
        value = self._values.pop(credential_id, None)
        if value is not None:
            del self._by_value[value]

    def clear(self) -> None:
        """Believe none without another look."""
        self._by_value.clear()
        self._values.clear()

    def found(self, name: str) -> Credential | None:
        """The one with this id or `jti`, for operators: it looks through all."""
        value = self._values.get(name)
        if value is not None:
            return self._by_value[value]
        return next((one for one in self._by_value.values() if one.jti == name), None)
