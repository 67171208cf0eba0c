"""What operators do with the cache: purge, optimise, snapshot, restore, warm; in all workers, and into the history."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Literal

from gateway.settings import Settings
from gateway.supervisor.operations import OperationError, OutOfLimitsError
from gateway.telemetry.records import iso

VERSION = 1
_PART_BYTES = 262_144
#: Rounds of a snapshot in which a worker has not answered in time.
_MOST_MISSED = 3
#: Of one entry, as JSON: a worker's channel has a bound.
_MOST_BYTES = 16 * 1024 * 1024

By = Literal["url", "prefix", "tag", "all"]
#: kind, actor, reason, before, after: into the history and the log, before the change is made.
Record = Callable[[str, str, str, Any, Any], None]
#: What the workers answer to a message.
Ask = Callable[[dict[str, Any]], Awaitable[list[Any]]]


class NotCachedError(OperationError):
    """No route has the cache."""

    code = "cache_disabled"


class IncompleteError(OperationError):
    """Not all workers have said that it is done."""

    code = "incomplete"


class CacheControl:
    """Changes are answered when every worker has said that they are made.

    `workers`: how many there are; `holds`: what they have stored, as they last reported.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        record: Record,
        ask: Ask,
        workers: Callable[[], int],
        holds: Callable[[], dict[str, int]],
    ) -> None:
        self.max_snapshot_bytes = settings.cache.max_snapshot_bytes
        """Of this run: a body of that length is read."""
        self.configure(settings)
        self._record = record
        self._ask = ask
        self._workers = workers
        self._holds = holds

    def configure(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._settings = settings.cache
        self.on = any(
            route.cache.enabled if route.cache is not None else settings.cache.enabled for route in settings.routes
        )

    async def purge(self, by: By, value: str, *, soft: bool, actor: str, reason: str) -> dict[str, Any]:
        """Have no worker answer with what is named; `soft`: not without asking the upstream whether it has changed."""
        order = {"do": "purge", "by": by, "value": value, "soft": soft}
        return await self._done("cache_purged", order, actor, reason, {"by": by, "value": value, "soft": soft})

    async def optimize(self, actor: str, reason: str) -> dict[str, Any]:
        """Drop what can be of no use any more."""
        return await self._done("cache_optimized", {"do": "optimize"}, actor, reason, None)

    async def warm(self, scheme: str, host: str, targets: list[str], actor: str, reason: str) -> dict[str, Any]:
        """Fetch targets of a host, each worker for itself."""
        told = {"scheme": scheme, "host": host, "targets": targets}
        return await self._done("cache_warmed", {"do": "warm", **told}, actor, reason, told)

    async def _done(self, kind: str, order: dict[str, Any], actor: str, reason: str, after: Any) -> dict[str, Any]:
        self.require()
        self._record(kind, actor, reason, self._holds(), after)
        answers = await self._ask({"type": "cache", "order": order})
        found: dict[str, Any] = {"workers": len(answers)}
        for answer in answers:
            for name, number in answer.items():
                if name != "worker":
                    found[name] = found.get(name, 0) + number
        if len(answers) < self._workers():
            raise IncompleteError(f"only {len(answers)} of {self._workers()} workers have said that it is done", found)
        return found

    def require(self) -> None:
        """Raises NotCachedError where nothing is cached."""
        if not self.on:
            raise NotCachedError("no route has the cache: set cache.enabled, or cache.enabled of a route")

    def note_snapshot(self, actor: str, reason: str) -> None:
        """Record that one is taken: it changes nothing, but it has what clients were answered.

        Raises:
            NotCachedError: there is nothing to take.
            OSError: it could not be recorded, and is not to be taken.
        """
        self.require()
        self._record("cache_snapshot_taken", actor, reason, self._holds(), None)

    async def snapshot(self) -> AsyncIterator[bytes]:
        """All entries of all workers as JSON, each once, in parts; no more than `max_snapshot_bytes`.

        `complete` at its end is false where that bound, or a worker that does not answer, has kept entries out.
        """
        name, left, seen = secrets.token_hex(8), self.max_snapshot_bytes, set[bytes]()
        yield json.dumps({"version": VERSION, "created_at": iso(time.time())}).encode()[:-1] + b', "entries": [\n'
        positions: dict[str, int | None] = {}
        separator, missed, complete = b"", 0, False
        while left > 0 and missed < _MOST_MISSED and not complete:
            answers = await self._ask({"type": "cache", "order": {"do": "snapshot", "id": name, "after": positions}})
            for entry in _new([entry for answer in answers for entry in answer["entries"]], seen):
                text = json.dumps(entry, separators=(",", ":")).encode()
                left -= len(text) + 2
                if left >= 0:
                    yield separator + text
                    separator = b",\n"
            positions = {**positions, **{answer["worker"]: answer["next"] for answer in answers}}
            missing = len(answers) < self._workers()
            missed += missing
            complete = left >= 0 and not missing and all(answer["next"] is None for answer in answers)
        yield b'\n], "complete": %b}\n' % (b"true" if complete else b"false")

    async def restore(self, body: bytes, actor: str, reason: str) -> dict[str, Any]:
        """Have all workers take over a snapshot; how many entries each took, at least.

        Raises:
            OutOfLimitsError: it is none.
        """
        self.require()
        parts, elapsed = await asyncio.to_thread(_read, body)
        entries = sum(len(part) for part in parts)
        self._record("cache_restored", actor, reason, self._holds(), {"entries": entries})
        restored: dict[str, int] = {}
        for part in parts:
            order = {"do": "restore", "entries": part, "elapsed": elapsed}
            for answer in await self._ask({"type": "cache", "order": order}):
                restored[answer["worker"]] = restored.get(answer["worker"], 0) + answer["restored"]
        fewest = min(restored.values(), default=0)
        return {"entries": entries, "restored": fewest, "workers": len(restored)}


def _new(entries: list[dict[str, Any]], seen: set[bytes]) -> list[dict[str, Any]]:
    """Those that no other worker had, too."""
    found = []
    for entry in entries:
        name = json.dumps([entry["url"], entry["route"], entry["selection"]]).encode()
        digest = hashlib.blake2b(name, digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            found.append(entry)
    return found


def _read(body: bytes) -> tuple[list[list[Any]], float]:
    """(entries, cut into what one message may carry, seconds since they were taken)."""
    try:
        told = json.loads(body)
        # What JSON calls true is 1 here, and no version.
        if type(told["version"]) is not int or told["version"] != VERSION:
            raise OutOfLimitsError("this is no snapshot of this version")
        if not all(isinstance(entry, dict) for entry in told["entries"]) or not isinstance(told["complete"], bool):
            raise OutOfLimitsError("a snapshot has entries, which are objects, and says whether it is complete")
        taken = datetime.fromisoformat(told["created_at"])
        if taken.tzinfo is None:
            raise OutOfLimitsError("created_at of a snapshot has its offset from UTC, or Z")
        elapsed = time.time() - taken.timestamp()
    except (ValueError, KeyError, TypeError, RecursionError):
        raise OutOfLimitsError("this is no snapshot as POST /cache/snapshot answers with") from None
    return _parts(told["entries"]), max(0.0, elapsed)


def _parts(entries: list[Any]) -> list[list[Any]]:
    parts: list[list[Any]] = []
    size = _PART_BYTES
    for entry in entries:
        length = len(json.dumps(entry))
        if length > _MOST_BYTES:
            continue
        if size + length > _PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(entry)
        size += length
    return parts
