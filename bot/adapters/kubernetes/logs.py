"""The Logs port over the pods of a Deployment: every container, a few at a time, bounded in lines and bytes.

The cluster keeps what the nodes have not rotated away. What is read is bounded, too: `kept_since` of a page is the
time before which lines may be missing because of that; None, when all that the nodes have was read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.kubernetes.access import GET_LOG
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.wire import Declined
from commands.errors import NotFound
from commands.ports import ErrorCount, ErrorGroup, LogLine, LogPage, LogQuery, LogSource

TAIL, BYTES = 2000, 4 * 2**20
_AT_ONCE, _SHORTER, _TRIES, _FEW = 4, 8, 3, 10
_LEVELS = {"TRACE": 0, "DEBUG": 0, "INFO": 1, "WARNING": 2, "WARN": 2, "ERROR": 3, "CRITICAL": 3, "FATAL": 3}
_NAMES = ("DEBUG", "INFO", "WARNING", "ERROR")
_MESSAGES, _TIMES, _LEVEL_KEYS = ("message", "msg"), ("timestamp", "time", "ts"), ("level", "severity", "lvl")


@dataclass(frozen=True)
class _Read:
    lines: list[LogLine]
    cut: bool
    there: bool = True


class PodLogs:
    """Lines that are JSON keep their fields; of others, the whole line is the message."""

    def __init__(self, place: Place, *, tail: int = TAIL, most_bytes: int = BYTES) -> None:
        self._place = place
        self._tail = tail
        self._bytes = most_bytes

    async def lines(self, service: str, query: LogQuery) -> LogPage:
        """See Logs."""
        found, kept_since = await self._all(service, query.since, query.source)
        least, wanted = _LEVELS[query.level], query.grep.casefold()
        fitting = [one for one in found if _LEVELS[one.level] >= least and wanted in _searched(one)]
        return LogPage(lines=tuple(fitting[-query.limit :]), total=len(fitting), kept_since=kept_since)

    async def errors(self, service: str, *, since: timedelta) -> ErrorCount:
        """See Logs."""
        found, kept_since = await self._all(service, since, LogSource())
        groups: dict[tuple[str, int, str], tuple[int, datetime]] = {}
        for one in found:
            if _is_error(one):
                key = _group_of(one)
                groups[key] = (groups.get(key, (0, one.at))[0] + 1, one.at)
        listed = tuple(
            ErrorGroup(route=route, status=status, error_type=kind, count=count, last_seen=last)
            for (route, status, kind), (count, last) in groups.items()
        )
        return ErrorCount(groups=listed, total=sum(one.count for one in listed), kept_since=kept_since)

    async def _all(self, service: str, since: timedelta, source: LogSource) -> tuple[list[LogLine], datetime | None]:
        """Every container's lines, oldest first, and since when they are whole."""
        self._place.check(service)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def read(pod: str, container: str) -> _Read:
            async with gate:
                return await self._of_container(pod, container, since, previous=source.previous)

        pairs = _meant(await self._place.pods(also=source.selector), source)
        found = await asyncio.gather(*(read(*pair) for pair in pairs))
        if source.previous and not any(one.there for one in found):
            raise NotFound("Nothing was restarted: there is no run before this one.", example="/gw pods")
        starts = [one.lines[0].at for one in found if one.cut and one.lines]
        lines = sorted((line for one in found for line in one.lines), key=lambda line: line.at)
        return lines, max(starts, default=None)

    async def _of_container(self, pod: str, container: str, since: timedelta, *, previous: bool) -> _Read:
        """The limit of bytes cuts off the newest lines, so fewer are asked for until they fit."""
        tail, body = self._tail, b""
        seconds = max(1, int(since.total_seconds()))
        query: dict[str, object] = {"limitBytes": self._bytes, "sinceSeconds": seconds, "timestamps": "true"}
        if previous:
            query["previous"] = "true"
        for _ in range(_TRIES):
            answer = await self._ask(pod, container, {**query, "tailLines": tail})
            if answer is None:
                return _Read([], cut=False, there=False)
            body = answer
            if len(body) < self._bytes:
                break
            tail = max(1, tail // _SHORTER)
        lines = list(_lines(body.decode(errors="replace"), pod, container))
        return _Read(lines, cut=len(lines) >= tail or len(body) >= self._bytes)

    async def _ask(self, pod: str, container: str, query: dict[str, object]) -> bytes | None:
        space = await self._place.space()
        try:
            return await self._place.cluster.text(GET_LOG, space, pod, container=container, **query)
        except (NotFound, Declined):
            return None  # gone since it was listed, or it has not begun to run and has written nothing


def _meant(pods: list[dict[str, Any]], source: LogSource) -> list[tuple[str, str]]:
    """Pod and container of all that is to be read. Raises NotFound, with those there are."""
    known = [(pod["metadata"]["name"], name) for pod in pods for name in _containers(pod)]
    of_pods = [pair for pair in known if pair[0].startswith(source.pod)]
    found = [pair for pair in of_pods if source.container in {"", pair[1]}]
    if found or not source.said:
        return found
    if not known:
        raise NotFound("No pod that has begun to run fits that.", example="/gw pods")
    if not of_pods:
        names = list(dict.fromkeys(pod for pod, _ in known))[:_FEW]
        raise NotFound(f"There is no pod {source.pod[:60]!r}.", hint="There are", allowed=names)
    names = list(dict.fromkeys(name for _, name in of_pods))[:_FEW]
    raise NotFound(f"There is no container {source.container[:60]!r}.", hint="There are", allowed=names)


def _containers(pod: dict[str, Any]) -> list[str]:
    """Those that have begun to run, or may have."""
    if not pod["spec"].get("nodeName"):
        return []
    return [one["name"] for one in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])]


def _lines(text: str, pod: str, container: str) -> Iterator[LogLine]:
    for raw in text.splitlines():
        stamp, _, said = raw.partition(" ")
        at = _moment(stamp)
        if at is not None and said.strip():
            yield _line(at, said, {"pod": pod, "container": container})


def _line(at: datetime, said: str, where: dict[str, Any]) -> LogLine:
    fields = _json(said)
    if fields is None:
        return LogLine(at=at, level=_guess(said), message=said, fields=where)
    level = str(next((fields[key] for key in _LEVEL_KEYS if key in fields), "INFO")).upper()
    message = str(next((fields[key] for key in _MESSAGES if key in fields), said))
    kept = {key: value for key, value in fields.items() if key not in (*_MESSAGES, *_TIMES, *_LEVEL_KEYS)}
    return LogLine(at=at, level=_NAMES[_LEVELS.get(level, 1)], message=message, fields=where | kept)


def _json(said: str) -> dict[str, Any] | None:
    if not said.startswith("{"):
        return None
    try:
        read = json.loads(said)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _guess(said: str) -> str:
    """The level that a plain line names near its beginning."""
    words = (word.strip("[]:|()<>").upper() for word in said.split()[:4])
    return _NAMES[next((_LEVELS[word] for word in words if word in _LEVELS), 1)]


def _moment(stamp: str) -> datetime | None:
    """With nanoseconds, which are more than a datetime holds."""
    whole, dot, fraction = stamp.rstrip("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}{dot}{fraction[:6]}+00:00")
    except ValueError:
        return None


def _searched(line: LogLine) -> str:
    return f"{line.message} {json.dumps(line.fields, ensure_ascii=False, default=str)}".casefold()


def _is_error(line: LogLine) -> bool:
    return _LEVELS[line.level] >= _LEVELS["ERROR"] or _status(line) >= 500


def _status(line: LogLine) -> int:
    status = line.fields.get("status")
    return status if isinstance(status, int) and not isinstance(status, bool) else 0


def _group_of(line: LogLine) -> tuple[str, int, str]:
    """As the gateway's records name it; of other programs, the message is the kind."""
    kind = line.fields.get("error_type") or line.fields.get("error") or line.message
    return str(line.fields.get("route") or "-"), _status(line), str(kind)[:120]
