"""A report as files: one HTML page that needs nothing else, and CSV; made of the record when they are asked for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from bot import charts
from bot.exporting import html
from bot.platforms.console.console import AReader, TheConsole
from bot.platforms.console.wire import Asked
from commands.domain.period import LONGEST, ReportKind
from commands.errors import NotFound
from commands.presentation.report import as_csv
from commands.presentation.words import lasting

routes = APIRouter()
_TIME = "%Y%m%dT%H%M%SZ"


@routes.get("/reports/{kind}/{since}/{until}.html")
async def page(
    kind: Asked, since: Asked, until: Asked, request: Request, console: TheConsole, reader: AReader
) -> Response:
    """To read, to print, or to send."""
    report, chart = await console.papers.report(_kind(kind), *_span(since, until), reader.person.id)
    address = str(request.base_url).rstrip("/")
    text = await asyncio.to_thread(lambda: html.report(report, charts.png(chart) if chart else None, address))
    return Response(text, media_type="text/html", headers=_named(kind, until, "html"))


@routes.get("/reports/{kind}/{since}/{until}.csv")
async def sheet(kind: Asked, since: Asked, until: Asked, console: TheConsole, reader: AReader) -> Response:
    """A line for each incident."""
    report, _ = await console.papers.report(_kind(kind), *_span(since, until), reader.person.id)
    return PlainTextResponse(as_csv(report), media_type="text/csv", headers=_named(kind, until, "csv"))


def _kind(word: str) -> ReportKind:
    try:
        return ReportKind(word)
    except ValueError:
        raise NotFound(f"There is no report {word[:40]}.", hint=f"There are: {', '.join(ReportKind)}.") from None


def _span(since: str, until: str) -> tuple[datetime, datetime]:
    begin, end = _time(since), _time(until)
    if not timedelta() < end - begin <= LONGEST:
        raise NotFound(f"A report goes over {lasting(LONGEST)} at most.", hint="In a channel: /report monthly")
    return begin, end


def _time(word: str) -> datetime:
    try:
        return datetime.strptime(word, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise NotFound(f"{word[:40]} is no time.", hint="Write it as 20260301T120000Z.") from None


def _named(kind: str, until: str, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{kind}-{until[:8]}.{ending}"'}
