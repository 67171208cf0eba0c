"""Published postmortems in Confluence: one page each, in its storage format, with the chart as an attachment.

The API has no keys against doing something twice, so the space is looked at before each change of it. A page is found
by its title, which has the incident's id; each version that we write says in its message what it shows. A page whose
newest version says something else was changed by somebody there, and is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from requests import RequestException, Response

from bot.adapters.pausing import pause
from bot.exporting.settings import ConfluenceSettings
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected

_CONTENT = "rest/api/content"
_OURS = "Tocsin: "
#: It logs the header that lets us in.
logging.getLogger("atlassian").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Sheet:
    """What a page is to show. `pictures` by the name that its text knows them by."""

    title: str
    body: str
    about: str
    pictures: dict[str, bytes]

    @property
    def message(self) -> str:
        """What the version of the page says of itself: the same for the same text."""
        return f"{_OURS}{self.about} ({hashlib.sha256(self.body.encode()).hexdigest()[:12]})"


class Confluence:
    """Brings one page up to date. Each call waits for the network, so it runs in a worker's thread.

    The library takes long to load, and most do without it.
    """

    def __init__(self, settings: ConfluenceSettings) -> None:
        from atlassian.rest_client import AtlassianRestAPI

        self._settings = settings
        token = settings.token.get_secret_value()
        self._rest = AtlassianRestAPI(
            settings.url.rstrip("/"),
            username=settings.user or None,
            password=token if settings.user else None,
            token=None if settings.user else token,
            timeout=settings.timeout_seconds,
            advanced_mode=True,
        )

    async def show(self, sheet: Sheet) -> str:
        """Create the page, or bring it up to date; its address. Raises Rejected, Overloaded, Unavailable."""
        return await asyncio.to_thread(self._show, sheet)

    def _show(self, sheet: Sheet) -> str:
        page = self._find(sheet.title)
        if page is None:
            page = self._ask("POST", _CONTENT, json=self._new(sheet))
        elif not self._message(page).startswith(_OURS):
            raise Rejected("Somebody has changed the page in Confluence; bring the two together there.")
        elif self._message(page) != sheet.message:
            page = self._ask("PUT", f"{_CONTENT}/{_text(page, 'id')}", json=self._next(page, sheet))
        for name, content in sheet.pictures.items():
            self._attach(_text(page, "id"), name, content)
        return self._address(page)

    def _find(self, title: str) -> dict[str, Any] | None:
        asked = {"spaceKey": self._settings.space, "title": title, "type": "page", "expand": "version"}
        found = self._ask("GET", _CONTENT, params=asked).get("results")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Unavailable("Confluence answers something that is no list of pages.")
        return found[0] if found else None

    def _new(self, sheet: Sheet) -> dict[str, Any]:
        above = {"ancestors": [{"id": self._settings.parent}]} if self._settings.parent else {}
        return self._content(sheet, 1) | {"space": {"key": self._settings.space}, "status": "current"} | above

    def _next(self, page: dict[str, Any], sheet: Sheet) -> dict[str, Any]:
        number = page.get("version", {}).get("number")
        if not isinstance(number, int):
            raise Unavailable("Confluence does not say which version the page has.")
        return self._content(sheet, number + 1)

    def _content(self, sheet: Sheet, version: int) -> dict[str, Any]:
        body = {"storage": {"value": sheet.body, "representation": "storage"}}
        said = {"number": version, "message": sheet.message}
        return {"type": "page", "title": sheet.title, "body": body, "version": said}

    def _message(self, page: dict[str, Any]) -> str:
        version = page.get("version")
        return str(version.get("message", "")) if isinstance(version, dict) else ""

    def _attach(self, page: str, name: str, content: bytes) -> None:
        """The name has the picture's hash, so one that is there is the same."""
        path = f"{_CONTENT}/{page}/child/attachment"
        if self._ask("GET", path, params={"filename": name}).get("results"):
            return
        headers = {"X-Atlassian-Token": "no-check", "Accept": "application/json"}
        self._ask("POST", path, headers=headers, files={"file": (name, content, "image/png")})

    def _address(self, page: dict[str, Any]) -> str:
        links = page.get("_links")
        path = str(links.get("webui", "")) if isinstance(links, dict) else ""
        return f"{self._settings.url.rstrip('/')}{path}" if path.startswith("/") else ""

    def _ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        try:
            answer = self._rest.request(method, path, **what)
        except RequestException as error:
            raise Unavailable(f"Confluence does not answer ({type(error).__name__}).") from None
        _check(answer)
        try:
            said = answer.json()
        except ValueError:
            raise Unavailable("Confluence answers something that is no JSON.") from None
        if not isinstance(said, dict):
            raise Unavailable("Confluence answers something else than was asked.")
        return said


def _text(page: dict[str, Any], key: str) -> str:
    if not page.get(key):
        raise Unavailable(f"Confluence says nothing of the page's {key}.")
    return str(page[key])


def _check(answer: Response) -> None:
    """Raises what the errands know."""
    status, words = answer.status_code, _words(answer)
    if status == 429:
        after = pause(answer.headers.get("Retry-After"))
        raise Overloaded("Confluence asks to be left alone for a while.", after=after)
    if status >= 500 or status in {408, 409} or (status == 400 and "already exists" in words):
        raise Unavailable(f"Confluence answers {status}{words}.")
    if status >= 300:
        raise Rejected(f"Confluence refuses: {status}{words}.")


def _words(answer: Response) -> str:
    """What it says, short: whatever it is, people read it."""
    if answer.ok:
        return ""
    try:
        said = answer.json()
    except ValueError:
        return ""
    message = said.get("message") if isinstance(said, dict) else None
    return f", {' '.join(str(message).split())[:200].rstrip('.')}" if message else ""
