"""Signing in and out with a password."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.platforms.console.console import AReader, Console, ForeignRequest, Reader, TheConsole, reader_of
from bot.platforms.console.pages import keep
from bot.platforms.console.sessions import Session
from bot.platforms.console.spoken import is_own
from commands.errors import NotFound
from commands.people import Person

routes = APIRouter()
_NOBODY = Person(id="", name="")


@routes.get("/login")
async def form(request: Request, console: TheConsole, next: str = "/") -> Response:  # noqa: A002 - as forms call it
    """The form. It has a session of its own, of nobody, so that no other site can sign somebody in."""
    _only_with_passwords(console)
    if reader_of(request):
        return RedirectResponse(_own(next), status_code=303)
    return _form(console, _anonymous(request, console), then=next)


@routes.post("/login")
async def sign_in(
    request: Request,
    console: TheConsole,
    person: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - as forms call it
) -> Response:
    """Check the password; refusals do not say which part was wrong."""
    _only_with_passwords(console)
    session = _anonymous(request, console)
    if not console.sessions.csrf_matches(session, csrf):
        return _form(console, session, person, next, status=403, error="The form was out of date. Please try again.")
    address = request.client.host if request.client else ""
    wait = console.doorkeeper.wait(person, address)
    if wait > 0:
        return _too_often(console, session, person, next, wait)
    known = console.directory.get(person)
    if await console.doorkeeper.admits(person, password, address) and known:
        return keep(
            console,
            Reader(known, console.sessions.start(person)),
            RedirectResponse(_own(next), status_code=303),
        )
    return _form(console, session, person, next, status=401, error="That person and password do not fit together.")


@routes.post("/logout")
async def sign_out(console: TheConsole, reader: AReader, csrf: Annotated[str, Form()] = "") -> Response:
    """Forget the session in this browser."""
    if not console.sessions.csrf_matches(reader.session, csrf):
        raise ForeignRequest
    response = RedirectResponse("/login" if console.settings.authentication == "password" else "/", status_code=303)
    response.delete_cookie(
        console.sessions.cookie,
        path="/",
        httponly=True,
        samesite="strict",
        secure=console.settings.secure_cookies,
    )
    return response


def _only_with_passwords(console: Console) -> None:
    if console.settings.authentication != "password":
        raise NotFound("Nobody signs in here.", hint="Choose who you are at the foot of the channel list.")


def _anonymous(request: Request, console: Console) -> Session:
    session = console.sessions.open(request.cookies.get(console.sessions.cookie))
    return session if session and not session.person else console.sessions.start("")


def _too_often(console: Console, session: Session, person: str, then: str, wait: float) -> Response:
    minutes = math.ceil(wait / 60)
    error = f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
    response = _form(console, session, person, then, status=429, error=error)
    response.headers["Retry-After"] = str(math.ceil(wait))
    return response


def _form(
    console: Console,
    session: Session,
    person: str = "",
    then: str = "/",
    *,
    status: int = 200,
    error: str = "",
) -> Response:
    html = console.renderer.page(
        "login", csrf=console.sessions.csrf(session), person=person, next=_own(then), error=error
    )
    return keep(console, Reader(_NOBODY, session), HTMLResponse(html, status_code=status))


def _own(path: str) -> str:
    return path if is_own(path) else "/"
