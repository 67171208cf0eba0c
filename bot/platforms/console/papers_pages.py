"""The pages of a postmortem: read it, edit it, its versions, its review, and its files."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from bot import charts
from bot.delivery import TextDelivery
from bot.exporting import html
from bot.platforms.console.console import AReader, Console, ForeignRequest, Reader, TheConsole
from bot.platforms.console.pages import bounce, enter, frame, keep
from bot.platforms.console.rendering import markdown
from bot.platforms.console.wire import Asked, DeliveryId, Number, Written
from commands.cards import transcript
from commands.domain.paper import Overtaken, Paper, PaperState
from commands.errors import Conflict, NotFound
from commands.people import Person
from commands.sections import difference, joined, sections

routes = APIRouter()
_LINES = {"review": "/postmortem review", "publish": "/postmortem publish"}


@routes.get("/postmortems/{incident}.md")
async def file(incident: Asked, console: TheConsole, reader: AReader) -> Response:
    """Its Markdown, to keep."""
    paper = await console.papers.paper(incident, reader.person.id)
    return PlainTextResponse(paper.markdown, media_type="text/markdown", headers=attached(incident, "md"))


@routes.get("/postmortems/{incident}.html")
async def page_file(incident: Asked, request: Request, console: TheConsole, reader: AReader) -> Response:
    """One file that needs nothing else."""
    paper = await console.papers.paper(incident, reader.person.id)
    title, address = f"Postmortem of {incident}", _origin(request)
    text = await asyncio.to_thread(lambda: html.page(paper, title, _drawn(paper), address))
    return Response(text, media_type="text/html", headers=attached(incident, "html"))


@routes.get("/postmortems/{incident}.pdf")
async def pdf_file(incident: Asked, request: Request, console: TheConsole, reader: AReader) -> Response:
    """To print, or to send."""
    paper = await console.papers.paper(incident, reader.person.id)
    title, address = f"Postmortem of {incident}", _origin(request)
    content = await asyncio.to_thread(_printed, paper, title, address)
    return Response(content, media_type="application/pdf", headers=attached(incident, "pdf"))


def _printed(paper: Paper, title: str, address: str) -> bytes:
    """The library takes half a second to load, which the start need not wait for."""
    from bot.exporting import pdf

    return pdf.pdf(paper, title, _drawn(paper), address)


def _drawn(paper: Paper) -> bytes | None:
    return charts.png(paper.chart) if paper.chart else None


def _origin(request: Request) -> str:
    """By which name the console was called: links of a file lead back there."""
    return str(request.base_url).rstrip("/")


@routes.get("/postmortems/{incident}/review.ics")
async def review_file(incident: Asked, console: TheConsole, reader: AReader) -> Response:
    """The meeting, for a calendar."""
    text = await console.papers.review(incident, reader.person.id)
    return PlainTextResponse(text, media_type="text/calendar", headers=attached(incident, "ics"))


def attached(incident: str, ending: str) -> dict[str, str]:
    """A browser keeps it as a file of this name."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", incident)[:80]
    return {"Content-Disposition": f'attachment; filename="postmortem-{name}.{ending}"'}


@routes.get("/postmortems/{incident}/chart.png")
async def chart(incident: Asked, console: TheConsole, reader: AReader) -> Response:
    """What was measured, with its key moments."""
    paper = await console.papers.paper(incident, reader.person.id)
    if paper.chart is None:
        raise NotFound("Too little was measured for a chart.")
    return Response(await asyncio.to_thread(charts.png, paper.chart), media_type="image/png")


@routes.get("/postmortems/{incident}")
async def read(incident: Asked, request: Request, console: TheConsole) -> Response:
    """The page."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    paper = await console.papers.paper(incident, reader.person.id)
    shown: dict[str, Any] = {
        "document": markdown(paper.markdown),
        "news": [(key, difference(sections(paper.markdown).get(key, ""), text)) for key, text in paper.news().items()],
        "reviewers": [one for one in console.directory if one.id != reader.person.id],
        "delivery": uuid.uuid4().hex,
        "review": await _is_planned(console, reader, incident),
    }
    return await _page("postmortem", paper, console, reader, **shown)


async def _is_planned(console: Console, reader: Reader, incident: str) -> bool:
    try:
        return bool(await console.papers.review(incident, reader.person.id))
    except NotFound:
        return False


@routes.get("/postmortems/{incident}/edit")
async def form(incident: Asked, request: Request, console: TheConsole, section: Asked = "") -> Response:
    """The form: the whole text, or one section."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    paper = await console.papers.paper(incident, reader.person.id)
    found = sections(paper.markdown)
    if section and section not in found:
        raise NotFound(f"There is no section {section[:80]}.", hint="Edit the postmortem as a whole.")
    text = found[section] if section else paper.markdown
    return await _form(paper, text, section, console, reader)


async def _form(
    paper: Paper, text: str, section: str, console: Console, reader: Reader, *, status: int = 200, **meanwhile: str
) -> Response:
    """`meanwhile`: how it reads now (`overtaken`), or the section that is there no more (`gone`)."""
    values = {"text": text, "section": section, "sections": list(sections(paper.markdown))}
    return await _page("postmortem_edit", paper, console, reader, status=status, **values, **meanwhile)


@routes.post("/postmortems/{incident}/edit")
async def save(
    incident: Asked,
    console: TheConsole,
    reader: AReader,
    text: Annotated[Written, Form()],
    version: Annotated[Number, Form()],
    section: Annotated[Asked, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Save it; where somebody else was faster, nothing is lost: both texts are shown."""
    _from_own_page(console, reader, csrf)
    try:
        await console.papers.edit(incident, reader.person, text, version=version, section=section)
    except Overtaken as overtaken:
        return await _overtaken(overtaken.paper, text, section, console, reader)
    return RedirectResponse(_address(incident), status_code=303)


async def _overtaken(paper: Paper, text: str, section: str, console: Console, reader: Reader) -> Response:
    """Both texts. A section that was taken out meanwhile stands at the end of the whole, so that it can be saved."""
    parts = sections(paper.markdown)
    if section and section not in parts:
        whole = joined({**parts, section: text})
        return await _form(paper, whole, "", console, reader, status=409, gone=section)
    now = parts[section] if section else paper.markdown
    return await _form(paper, text, section, console, reader, status=409, overtaken=now)


@routes.get("/postmortems/{incident}/versions")
async def versions(incident: Asked, request: Request, console: TheConsole) -> Response:
    """Who changed it when."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    paper = await console.papers.paper(incident, reader.person.id)
    found = await console.papers.revisions(incident, reader.person.id)
    return await _page("postmortem_versions", paper, console, reader, revisions=found, shown=None)


@routes.get("/postmortems/{incident}/versions/{number}")
async def version_page(incident: Asked, number: Number, request: Request, console: TheConsole) -> Response:
    """What changed in a version."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    paper = await console.papers.paper(incident, reader.person.id)
    found = await console.papers.revisions(incident, reader.person.id)
    shown = await console.papers.revision(incident, number, reader.person.id)
    before = max((one.number for one in found if one.number < number), default=0)
    text = (await console.papers.revision(incident, before, reader.person.id)).markdown if before else ""
    changes = difference(text, shown.markdown)
    values: dict[str, Any] = {"revisions": found, "shown": shown, "before": before, "changes": changes}
    return await _page("postmortem_versions", paper, console, reader, **values)


@routes.post("/postmortems/{incident}/state")
async def move(
    incident: Asked,
    console: TheConsole,
    reader: AReader,
    to: Annotated[Asked, Form()],
    id: Annotated[DeliveryId, Form()],  # noqa: A002 - the name that the console's requests use
    reviewer: Annotated[Asked, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Ask for a review, or publish: as if it was typed in the incident's channel."""
    _from_own_page(console, reader, csrf)
    await console.papers.paper(incident, reader.person.id)
    line = f"{_LINES.get(to, '/postmortem')}{_named(reviewer, console) if to == 'review' else ''}"
    home = await _channel_of(console, incident, reader.person)
    sent = TextDelivery(platform="console", id=id, person=reader.person.id, channel=home, text=line)
    receipt = await console.intake.command(sent)
    console.hub.wake()
    if not receipt.accepted:
        said = await console.record.message(receipt.reply_key, reader.person.id)
        raise Conflict(transcript(said.card) if said.card else said.text)
    return RedirectResponse(_address(incident), status_code=303)


def _named(reviewer: str, console: Console) -> str:
    person = console.directory.get(reviewer) if reviewer else None
    return f" @{person.id}" if person else ""


async def _channel_of(console: Console, incident: str, person: Person) -> str:
    channels = await console.record.channels(person.id)
    return next((one.name for one in channels if one.incident == incident), "")


async def _page(
    name: str, paper: Paper, console: Console, reader: Reader, *, status: int = 200, **values: Any
) -> Response:
    around = await frame(console, reader, cursor=await console.record.cursor())
    home = await _channel_of(console, paper.incident, reader.person)
    may = console.papers.may_edit(reader.person)
    own = {"incident": paper.incident, "paper": paper, "home": home, "may_edit": may, "states": PaperState}
    text = console.renderer.page(name, **around, **own, **values)
    return keep(console, reader, HTMLResponse(text, status_code=status))


def _from_own_page(console: Console, reader: Reader, csrf: str) -> None:
    if not console.sessions.csrf_matches(reader.session, csrf):
        raise ForeignRequest


def _address(incident: str) -> str:
    return f"/postmortems/{quote(incident, safe='')}"
