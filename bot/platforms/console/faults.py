"""What went wrong, as a person is told it: JSON for the page's scripts, a page for a reader."""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bot.platforms.console.console import ForeignRequest, SignedOut, console_of
from bot.store.errors import StoreUnavailable
from commands.errors import Conflict, NotAllowed, NotFound, Refusal, Unavailable

_log = logging.getLogger(__name__)
_STATUS: dict[type[Refusal], int] = {NotFound: 404, NotAllowed: 403, Conflict: 409, Unavailable: 503}


def install(app: FastAPI) -> None:
    """Answer every exception with words."""
    app.add_exception_handler(StoreUnavailable, _store_unavailable)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_exception_handler(ForeignRequest, _foreign)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def say(request: Request, status: int, message: str, hint: str = "") -> Response:
    """One answer for both kinds of callers."""
    if is_for_script(request):
        return JSONResponse({"error": message, "hint": hint}, status_code=status)
    page = console_of(request).renderer.page("problem", status=status, message=message, hint=hint)
    return HTMLResponse(page, status_code=status)


def is_for_script(request: Request) -> bool:
    """Whether a script asked, not a reader."""
    return request.url.path.startswith(("/api/", "/events"))


async def _store_unavailable(request: Request, error: Exception) -> Response:
    kept = "What you typed is still in the box; try again in a moment."
    return say(request, 503, str(error), kept if is_for_script(request) else "Load the page again in a moment.")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    return say(request, status, error.message, error.hint)


async def _signed_out(request: Request, _error: Exception) -> Response:
    password = console_of(request).settings.authentication == "password"
    if is_for_script(request) or request.method != "GET" or not password:
        return say(request, 401, "Your session has ended.", "Sign in again." if password else "Load the page again.")
    return RedirectResponse(f"/login?next={quote(request.url.path)}", status_code=303)


async def _foreign(request: Request, _error: Exception) -> Response:
    return say(
        request,
        403,
        "This page is out of date, so nothing was done.",
        "Load it again, then repeat what you did.",
    )


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return say(request, 422, f"{where or 'The request'}: {str(first['msg']).removeprefix('Value error, ')}")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "There is no such page." if error.status_code == 404 else str(error.detail)
    return say(request, error.status_code, message)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("console request failed: %s %s", request.method, request.url.path, exc_info=error)
    return say(request, 500, "Something went wrong here; it has been logged.", "Nothing else is affected. Try again.")
