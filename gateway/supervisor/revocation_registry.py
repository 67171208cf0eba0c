"""What operators have revoked: kept for as long as it could matter, in memory and, where there is one, in a file.

The file is JSON lines; of a client the last counts. It is written anew at the start, without what is over, if there is
room for that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from gateway.auth.claims import ETERNITY
from gateway.supervisor.whole_files import for_its_owner, replace_whole


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """A token or an API key, by its id; nothing can be read from that. Times are seconds since the epoch."""

    id: str
    client_id: str
    revoked_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class ClientReset:
    """A client, whose tokens of before `at` and whose keys in `void` are believed no longer; `sha256` is a new key."""

    client: str
    at: float
    void: tuple[str, ...] = ()
    sha256: str | None = None


Revocation: TypeAlias = RevokedToken | ClientReset


def revocation_of(line: bytes) -> Revocation | None:
    """What a line says; None where it makes no sense."""
    try:
        entry = json.loads(line)
        if "id" in entry:
            token = RevokedToken(**entry)
            _text(token.id), _text(token.client_id)
            return replace(token, expires_at=_moment(token.expires_at), revoked_at=_moment(token.revoked_at))
        client = ClientReset(**{**entry, "void": tuple(map(_text, entry["void"]))})
        _text(client.client), _text(client.sha256 or "")
        return replace(client, at=_moment(client.at))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # Half a character is a ValueError.
    return value


def _moment(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not 0 <= value <= ETERNITY:
        raise ValueError
    return float(value)


class RevocationRegistry:
    """All revocations. `shared`: another process writes into the file still, which is not written anew then.

    Raises:
        OSError: the file cannot be read or written; what cannot be recorded is not done.
    """

    def __init__(self, path: Path | None, most: int, now: Callable[[], float], *, shared: bool = False) -> None:
        self._path = path
        self._most = most
        self._now = now
        self._tokens: dict[str, RevokedToken] = {}
        self._clients: dict[str, ClientReset] = {}
        self._torn = False
        """Whether what is written next begins with a line end, because nobody knows how the file ends."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self.learn(path)
            if shared or not self._written_anew(path):
                self._torn = True
                open(path, "ab", opener=for_its_owner).close()

    @property
    def full(self) -> bool:
        """Whether there is no room for another; one that is forgotten would come to life again."""
        if len(self._tokens) + len(self._clients) >= self._most:
            self._tokens = {name: one for name, one in self._tokens.items() if one.expires_at > self._now()}
        return len(self._tokens) + len(self._clients) >= self._most

    def add(self, one: Revocation) -> None:
        """Record a revocation, before it is told to anybody."""
        if self._path is not None:
            # What a full disk cut off gets its line end, or it would take this line along.
            start, self._torn = b"\n" if self._torn else b"", True
            with open(self._path, "ab", opener=for_its_owner) as file:
                file.write(start + _line(one))
                file.flush()
                os.fsync(file.fileno())
            self._torn = False
        self.keep(one)

    def is_news(self, one: Revocation) -> bool:
        """Whether it says more than what is known, and is not over."""
        if isinstance(one, RevokedToken):
            token = self._tokens.get(one.id)
            return one.expires_at > self._now() and (token is None or token.expires_at < one.expires_at)
        client = self._clients.get(one.client)
        return client is None or client.at < one.at

    def token(self, name: str) -> RevokedToken | None:
        """The revocation of the token with this id."""
        return self._tokens.get(name)

    def client(self, name: str) -> ClientReset | None:
        """The reset of a client, if there was any."""
        return self._clients.get(name)

    def for_workers(self) -> dict[str, Any]:
        """All of it, as a worker needs it."""
        now = self._now()
        return {
            "tokens": {name: one.expires_at for name, one in self._tokens.items() if one.expires_at > now},
            "clients": {name: one.at for name, one in self._clients.items()},
            "resets": self.resets(),
        }

    def resets(self) -> list[dict[str, Any]]:
        """The keys that clients have lost and got."""
        return [
            {"client": one.client, "void": list(one.void), "sha256": one.sha256}
            for one in self._clients.values()
            if one.void or one.sha256
        ]

    def keep(self, one: Revocation) -> None:
        """Go by it in this run, whether or not the file has it."""
        if isinstance(one, RevokedToken):
            self._tokens[one.id] = one
        else:
            self._clients[one.client] = one

    def news(self) -> list[Revocation]:
        """What is in the file and was not known; it is from now on."""
        if self._path is None:
            return []
        lines = self._path.read_bytes().splitlines()
        found = [one for one in map(revocation_of, lines) if one is not None and self.is_news(one)]
        for one in found:
            self.keep(one)
        return found

    def _written_anew(self, path: Path) -> bool:
        """Whether there was room; where there is none, what is over stays in it, and nothing else is lost."""
        try:
            replace_whole(path, map(_line, self.all()))
        except OSError:
            return False
        return True

    def learn(self, path: Path) -> None:
        """Go by what is in that file. Raises OSError."""
        # A line that a crash cut off was never acted on.
        for one in map(revocation_of, path.read_bytes().splitlines()):
            if isinstance(one, ClientReset) or (one is not None and one.expires_at > self._now()):
                self.keep(one)

    def all(self) -> Iterator[Revocation]:
        """Each of them that is not over."""
        now = self._now()
        yield from (one for one in self._tokens.values() if one.expires_at > now)
        yield from self._clients.values()


def _line(one: Revocation) -> bytes:
    return json.dumps(asdict(one), separators=(",", ":")).encode() + b"\n"
