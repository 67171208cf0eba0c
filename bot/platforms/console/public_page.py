"""The built-in status page and its feed: for everybody, without a login, and only what was published.

It is served beside the console and shares nothing with it: no session, no script, and a policy of its own. Browsers
and caches keep it for a moment; whoever asks again with the tag of what they have is told when nothing is new.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from starlette.responses import Response

from commands.domain.maintenance import Maintenance, MaintenanceState, maintained
from commands.domain.public import Publicity, PublicUpdate, Told, states, told
from commands.ports import Transaction
from commands.publishing import LOOKS_BACK
from templates.render import day, render

_KEPT_SECONDS = 15
_ATOM = "http://www.w3.org/2005/Atom"
_MOST_ENTRIES = 50


@dataclass(frozen=True)
class Board:
    """What the public may know at a moment: every update that was published, and announced maintenance."""

    now: datetime
    updates: Sequence[PublicUpdate]
    windows: Sequence[Maintenance] = ()

    @classmethod
    def of(cls, tx: Transaction) -> Board:
        """As the record has it."""
        since = tx.now - LOOKS_BACK
        return cls(tx.now, tx.public.published(since=since), tx.maintenances.since(since))

    @property
    def coming(self) -> list[Maintenance]:
        """Maintenance that lasts or is still to come, of which the public was told; or that was called off."""
        return [one for one in self.windows if one.is_public and (one.state.stands or self._called_off(one))]

    def _called_off(self, one: Maintenance) -> bool:
        return one.state is MaintenanceState.CANCELLED and one.started_at is None and one.ends_at > self.now


@dataclass(frozen=True)
class PublicPage:
    """`read` gives the board; `address` is where the bot's pages are reached."""

    read: Callable[[], Awaitable[Board]]
    publicity: Publicity
    zone: str
    history_days: int
    address: str

    def routes(self) -> APIRouter:
        """`/status` and its feed."""
        router = APIRouter()
        router.add_api_route("/status", self.page, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route("/status/feed.atom", self.feed, methods=["GET", "HEAD"], response_model=None)
        return router

    async def page(self, request: Request) -> Response:
        """The page."""
        board = await self.read()
        return _answer(request, self.html(board), "text/html; charset=utf-8", _policy())

    async def feed(self, request: Request) -> Response:
        """The feed."""
        board = await self.read()
        return _answer(request, self.atom(board), "application/atom+xml; charset=utf-8", "default-src 'none'")

    def html(self, board: Board) -> str:
        """What is the case now, the components, and the days before."""
        known = told(board.updates)
        now_open = [one for one in known if not one.is_over]
        running = [one for one in board.coming if one.state is MaintenanceState.RUNNING]
        state = maintained(states(now_open, self.publicity.components), running)
        return render(
            "status_page/page.html.j2",
            title=self.publicity.title,
            style=_style(),
            summary=_summary(now_open, list(state.values()), running),
            open=now_open,
            windows=[(one, self.publicity.named(one.components)) for one in board.coming],
            components=[
                {"name": one.name, "state": state[one.id], "words": state[one.id].replace("_", " ").capitalize()}
                for one in self.publicity.components
            ],
            days=self._days(board.now, known),
            zone=self.zone,
        )

    def _days(self, now: datetime, known: list[Told]) -> list[dict[str, object]]:
        """What is over stands under the day when it began; `open`: something else began by then and is not over."""
        by_day: dict[str, list[Told]] = {}
        for one in known:
            if one.is_over:
                by_day.setdefault(self._began(one), []).append(one)
        since = min((self._began(one) for one in known if not one.is_over), default="9")
        dates = dict.fromkeys(day(now - timedelta(days=ago), self.zone) for ago in range(self.history_days))
        return [{"day": date, "incidents": by_day.get(date, []), "open": date >= since} for date in dates]

    def _began(self, one: Told) -> str:
        return day(_published(one.updates[-1]), self.zone)

    def atom(self, board: Board) -> str:
        """One entry an update, the newest first (RFC 4287)."""
        entries = [_of_update(one) for incident in told(board.updates) for one in incident.updates]
        entries += [one for window in board.windows for one in _of_window(window)]
        entries.sort(key=lambda one: one.changed, reverse=True)
        ElementTree.register_namespace("", _ATOM)
        feed = ElementTree.Element(f"{{{_ATOM}}}feed")
        _put(feed, "title", self.publicity.title)
        _put(feed, "id", f"{self.address}/status")
        _put(
            feed, "updated", (entries[0].changed if entries else board.now.replace(second=0, microsecond=0)).isoformat()
        )
        _put(feed, "link", href=f"{self.address}/status/feed.atom", rel="self")
        _put(feed, "link", href=f"{self.address}/status")
        _put(_put(feed, "author"), "name", self.publicity.title)
        for one in entries[:_MOST_ENTRIES]:
            self._entry(feed, one)
        return ElementTree.tostring(feed, encoding="unicode", xml_declaration=True)

    def _entry(self, feed: ElementTree.Element, one: _Entry) -> None:
        entry = _put(feed, "entry")
        _put(entry, "title", one.title)
        _put(entry, "id", f"{self.address}/status#{one.id}")
        _put(entry, "updated", one.changed.isoformat())
        _put(entry, "published", one.published.isoformat())
        _put(entry, "link", href=f"{self.address}/status")
        _put(entry, "content", one.text, type="text")


@dataclass(frozen=True)
class _Entry:
    id: str
    title: str
    text: str
    published: datetime
    changed: datetime


def _of_update(update: PublicUpdate) -> _Entry:
    title = f"{update.status.value.capitalize()}: {update.title}"
    return _Entry(update.id, title, update.body, _published(update), _changed(update))


def _of_window(window: Maintenance) -> list[_Entry]:
    """What the public was told of a maintenance, each with when it is to be."""
    when = f"From {window.starts_at.isoformat(timespec='minutes')} to {window.ends_at.isoformat(timespec='minutes')}."
    title = f"Maintenance: {window.title}"
    return [
        _Entry(f"{window.id}-{number}", title, f"{one.text} {when}", one.at, one.at)
        for number, one in enumerate(window.notices, start=1)
    ]


def _published(update: PublicUpdate) -> datetime:
    assert update.published_at is not None, "only what was published comes here"
    return update.published_at


def _changed(update: PublicUpdate) -> datetime:
    return update.corrected_at or _published(update)


def _put(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{_ATOM}}}{tag}", attributes)
    child.text = "".join(c for c in text if c.isprintable() or c in "\n\t") or None  # XML takes no other controls
    return child


def _summary(now_open: list[Told], state: list[str], running: list[Maintenance]) -> str:
    if not now_open and running:
        return "Maintenance now"
    if not now_open:
        return "All systems operational" if state else "No incidents now"
    return "One incident now" if len(now_open) == 1 else f"{len(now_open)} incidents now"


@cache
def _style() -> str:
    return (files("templates") / "status_page" / "style.css").read_text(encoding="utf-8").strip()


@cache
def _policy() -> str:
    """Nothing but this very style."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _answer(request: Request, body: str, kind: str, policy: str) -> Response:
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={_KEPT_SECONDS}", "Content-Security-Policy": policy}
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
