"""Seals tokens before they are kept: whoever reads the database alone cannot speak in Slack."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_MARK = "sealed:"
_KEY_BYTES = 32


class Locked(Exception):  # noqa: N818 - a state of what is kept
    """A token was sealed with a key that is not there."""


def checked(keys: str) -> tuple[str, ...]:
    """Keys that are separated by commas, as Fernet takes them. Raises ValueError for what is none."""
    return tuple(_key(one.strip()) for one in keys.split(",") if one.strip())


def _key(text: str) -> str:
    try:
        found = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != _KEY_BYTES:
        raise ValueError("a key is 32 random bytes in base64: openssl rand -base64 32")
    return base64.urlsafe_b64encode(found).decode()


class Seal:
    """The first key seals, each may open: so a key is changed by putting a new one before it. No key seals nothing."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        fernets = [Fernet(key) for key in keys]
        self._first = fernets[0] if fernets else None
        self._all = MultiFernet(fernets) if fernets else None

    @property
    def is_there(self) -> bool:
        """Whether tokens are sealed at all."""
        return self._first is not None

    def close(self, token: str | None) -> str | None:
        """The token, sealed."""
        if self._first is None or not token or token.startswith(_MARK):
            return token
        return _MARK + self._first.encrypt(token.encode()).decode()

    def open(self, kept: str | None) -> str | None:
        """The token that was kept. Raises Locked."""
        if not kept or not kept.startswith(_MARK):
            return kept
        try:
            return self._opened(kept)
        except InvalidToken:
            raise Locked from None

    def _opened(self, kept: str) -> str:
        if self._all is None:
            raise InvalidToken
        return self._all.decrypt(kept.removeprefix(_MARK).encode()).decode()

    def renewed(self, kept: str | None) -> str | None:
        """What is to be kept instead: sealed with the first key, if it was not. What cannot be opened stays."""
        if self._first is None or not kept:
            return kept
        try:
            if kept.startswith(_MARK):
                self._first.decrypt(kept.removeprefix(_MARK).encode())
                return kept
        except InvalidToken:
            pass
        try:
            return self.close(self.open(kept))
        except Locked:
            return kept
