"""Evidence: logs, errors, metrics, copies, changes and configuration are captured before a target is changed.

It is captured through the ports that the commands read by, redacted before it is stored, and bounded. What does not
answer in time is left out and named: no capture holds up a mitigation for more than a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

from commands.context import Services
from commands.domain.evidence import Evidence
from commands.domain.plan import Plan
from commands.locating import apart
from commands.ports import LogLine, LogQuery
from commands.presentation.words import cut_lines
from commands.reading import WINDOW
from commands.redaction import redact, redact_value

log = logging.getLogger(__name__)

#: How long all parts together may take, how far back is looked, and how much of each part is kept.
PATIENCE_SECONDS = 4.0
_BACK = timedelta(minutes=15)
_LINES, _CHARACTERS = 300, 16_000

Part = Callable[[], Awaitable[list[str]]]


async def capture(plan: Plan, services: Services) -> Evidence:
    """What the target is like at this moment. Never raises."""
    at = services.clock.now()
    parts = dict(_parts(plan, services))
    taken = await asyncio.gather(*(_taken(name, part) for name, part in parts.items()))
    texts = [f"{plan.summary}\n{plan.id}, captured {_time(at)}"]
    for name, lines in zip(parts, taken, strict=True):
        kept = ["not captured"] if lines is None else lines or ["nothing"]
        texts.append(f"== {name}\n{cut_lines([redact(line) for line in kept], most=_LINES, characters=_CHARACTERS)}")
    missing = tuple(name for name, lines in zip(parts, taken, strict=True) if lines is None)
    text = "\n\n".join(texts).encode(errors="replace").decode()  # half a character is none that can be stored
    return Evidence(plan=plan.id, at=at, text=text, missing=missing)


async def _taken(name: str, part: Part) -> list[str] | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await part()
    except Exception as error:  # whatever goes wrong there, the mitigation goes on
        log.warning("no evidence of %s: %s: %s", name, type(error).__name__, error)
        return None


def _parts(plan: Plan, services: Services) -> Iterator[tuple[str, Part]]:
    service, target = plan.target.name, plan.target
    where = apart(target, services)

    async def metrics() -> list[str]:
        now = await services.telemetry.reading(service, window=WINDOW, at=where)
        routes = await services.telemetry.routes(service, window=_BACK, at=where)
        rows = [f"{r.route}: {r.requests} requests, errors {r.error_rate:.1%}, p95 {r.p95_ms} ms" for r in routes]
        return [now.words(), *rows]

    async def copies() -> list[str]:
        return [json.dumps(one.model_dump(mode="json")) for one in await services.deployments.pods(target)]

    async def changes() -> list[str]:
        found = await services.deployments.history(target, limit=20)
        return [f"{_time(c.at)} {c.kind} by {c.actor}: {c.before} → {c.after} {c.outcome} {c.reason}" for c in found]

    async def configuration() -> list[str]:
        return redact(await services.deployments.config(target)).splitlines()

    async def errors() -> list[str]:
        found = (await services.logs.errors(service, since=_BACK, at=where)).groups
        return [f"{e.count}x {e.route} {e.status} {e.error_type}, last {_time(e.last_seen)}" for e in found]

    async def lines() -> list[str]:
        page = await services.logs.lines(service, LogQuery(limit=200, level="INFO", since=_BACK), where)
        return [_line(line) for line in page.lines]

    async def events() -> list[str]:
        assert services.inspection is not None
        page = await services.inspection.events(target, since=_BACK, limit=100, everything=True)
        return [json.dumps(redact_value(one.model_dump(mode="json")), ensure_ascii=False) for one in page.events]

    yield "Metrics", metrics
    if services.inspection is not None:
        yield "Events", events
    yield "Workers", copies
    yield "Changes", changes
    yield "Errors", errors
    yield "Log", lines
    yield "Configuration", configuration


def _line(line: LogLine) -> str:
    extra = {key: value for key, value in line.fields.items() if key not in {"timestamp", "level", "message"}}
    words = json.dumps(redact_value(extra), ensure_ascii=False, default=str) if extra else ""
    return f"{_time(line.at)} {line.level} {line.message} {words}".rstrip()


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
