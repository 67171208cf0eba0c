"""The pages that people open: a channel, and the switch of who they are in a demo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.platforms.console.api import PAGE
from bot.platforms.console.console import (
    AReader,
    Console,
    ForeignRequest,
    Reader,
    SignedOut,
    TheConsole,
    reader_of,
)
from bot.platforms.console.rendering import iso
from bot.platforms.console.spoken import is_own
from bot.platforms.console.wire import Asked
from bot.store.views import MessageView
from commands.errors import NotAllowed, NotFound

routes = APIRouter()


@routes.get("/")
async def front(request: Request, console: TheConsole) -> Response:
    """The first channel: standing ones come first."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    channels = await console.record.channels(reader.person.id)
    if not channels:
        raise NotFound("There is no channel yet.", hint="Ask an administrator to add one to the settings.")
    return keep(console, reader, RedirectResponse(f"/c/{quote(channels[0].name, safe='')}", status_code=303))


@routes.get("/c/{name}")
async def channel(name: Asked, request: Request, console: TheConsole) -> Response:
    """A channel with its newest messages. What happens after the cursor comes by the stream."""
    reader = enter(request, console)
    if reader is None:
        return bounce(console)
    cursor = await console.record.cursor()
    view = await console.channel_in_sight(name, reader.person)
    found = await console.record.messages(name, reader.person.id, limit=PAGE)
    pinned = await console.record.pinned(name, reader.person.id)
    await console.renderer.prepare(reader.person, *found)
    values = await frame(console, reader, cursor=cursor)
    html = console.renderer.page(
        "channel",
        channel=view,
        pinned=console.renderer.pinned(pinned, reader.person) if pinned else "",
        log=[(one, console.renderer.message(one, reader.person)) for one in _log(found)],
        before=found[0].id if len(found) == PAGE else "",
        **values,
    )
    return keep(console, reader, HTMLResponse(html))


def _log(found: list[MessageView]) -> list[MessageView]:
    """What stands in the log: replies are in their threads, and the pinned card is on top."""
    return [view for view in found if not view.thread and not view.pinned]


@routes.get("/c/{name}/postmortem")
async def postmortem_of(name: Asked, console: TheConsole, reader: AReader) -> Response:
    """The postmortem of a channel's incident."""
    view = await console.channel_in_sight(name, reader.person)
    if view.incident is None:
        raise NotFound(f"{name[:80]} is no incident's channel.")
    return RedirectResponse(f"/postmortems/{quote(view.incident, safe='')}", status_code=303)


@routes.post("/whoami")
async def switch(
    console: TheConsole,
    reader: AReader,
    person: Annotated[str, Form()],
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the name that forms use
) -> Response:
    """Speak as somebody else. Only where nobody signs in: that is for trying things out."""
    if console.settings.authentication != "none":
        raise NotAllowed("You cannot switch to somebody else here.", hint="Sign out, and sign in as them.")
    if not console.sessions.csrf_matches(reader.session, csrf):
        raise ForeignRequest
    chosen = next_person(console, person)
    fresh = Reader(chosen.person, chosen.session)
    return keep(console, fresh, RedirectResponse(next if is_own(next) else "/", status_code=303))


def next_person(console: Console, person_id: str) -> Reader:
    """A new session for a configured person."""
    person = next((one for one in console.directory if one.id == person_id), None)
    if person is None:
        raise NotFound(f"I know nobody called {person_id[:60]}.")
    return Reader(person, console.sessions.start(person.id))


def enter(request: Request, console: Console) -> Reader | None:
    """Who opens a page. Where nobody signs in, a first visit speaks as the first person.

    None: the browser comes by a link from another site and so has not shown its cookie; it has to be asked
    again from here, or a link in a mail would make people somebody else.
    """
    reader = reader_of(request)
    if reader is not None:
        return reader
    if request.headers.get("sec-fetch-site") == "cross-site" and console.sessions.cookie not in request.cookies:
        return None
    first = next(iter(console.directory), None)
    if console.settings.authentication == "password" or first is None:
        raise SignedOut
    return next_person(console, first.id)


def bounce(console: Console) -> Response:
    """Ask again from here, with the cookie."""
    return HTMLResponse(console.renderer.page("bounce"))


def keep(console: Console, reader: Reader, response: Response) -> Response:
    """Send the session along."""
    response.set_cookie(
        console.sessions.cookie,
        console.sessions.seal(reader.session),
        max_age=int(console.sessions.remaining(reader.session)),
        path="/",
        httponly=True,
        samesite="strict",
        secure=console.settings.secure_cookies,
    )
    return response


async def frame(console: Console, reader: Reader, *, cursor: int) -> dict[str, Any]:
    """What every page of a signed-in person shows around its content."""
    return {
        "reader": reader.person,
        "people": list(console.directory) if console.settings.authentication == "none" else [],
        "csrf": console.sessions.csrf(reader.session),
        "channels": await console.channels.html(reader.person),
        "cursor": cursor,
        "now": iso(datetime.now(UTC)),
    }
