"""Requests at `/alerts/NAME`: genuine, small enough, readable, stored; only then acknowledged."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.alerts.kinds import discover
from bot.alerts.kinds.kind import Delivery, Heard, Unreadable
from bot.alerts.settings import AlertSettings, ReceiverSettings
from bot.paging.answering import Answers
from bot.store import alert_arrivals
from bot.store.alert_arrivals import Arrival
from bot.store.database import Database
from bot.store.errors import StoreUnavailable

log = logging.getLogger(__name__)

PREFIX = "/alerts/"
#: Deliveries that are held in memory at once; more are asked to come again.
MOST_AT_ONCE = 64
_AGAIN_SECONDS = "5"
#: A retry comes within so many seconds.
_SAME_SECONDS = 300


class Refused(Exception):  # noqa: N818 - an answer to the sender
    """The answer to a request that is not taken."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": message}, status_code=status, headers=headers)


class Receiving:
    """Takes deliveries in. `taken` is called after each that was new; `answers` to pages of ours are taken at once."""

    def __init__(
        self,
        settings: AlertSettings,
        database: Database,
        answers: Answers,
        *,
        now: Callable[[], datetime],
        service: str,
        taken: Callable[[], None],
    ) -> None:
        self._receivers = settings.receivers
        self._most_bytes = settings.max_body_kb * 1024
        self._database = database
        self._now = now
        self._service = service
        self._taken = taken
        self._answers = answers
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope, receive)
        except Refused as refused:
            response = refused.response
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        name, _, given = scope["path"].removeprefix(PREFIX).partition("/")
        settings = self._receivers.get(name)
        if settings is None:
            raise Refused(404, "There is no receiver of that name; alerts.receivers in the settings names them.")
        if scope["method"] != "POST":
            raise Refused(405, "Alerts are sent with POST.", allow="POST")
        if self._held >= MOST_AT_ONCE:
            raise Refused(503, "Too many deliveries at once; send it again.", **{"retry-after": _AGAIN_SECONDS})
        self._held += 1
        try:
            headers = Headers(scope=scope)
            body = await _body(headers, receive, self._most_bytes)
            service = settings.service or self._service
            return await self._take(Delivery(name, headers, body, given, service), settings)
        finally:
            self._held -= 1

    async def _take(self, delivery: Delivery, settings: ReceiverSettings) -> Response:
        kind = discover()[settings.kind]
        if not await kind.admits(delivery, settings):
            log.warning(
                "alerts: a delivery to %s was refused (401): it does not show that it is genuine", delivery.receiver
            )
            raise Refused(401, "The token or the signature is missing or wrong.", **{"www-authenticate": "Bearer"})
        try:
            heard = kind.read(delivery, settings)
        except Unreadable as wrong:
            log.warning("alerts: a delivery to %s was refused (400): %s", delivery.receiver, wrong)
            raise Refused(400, str(wrong)) from None
        if heard.confirm and not await kind.confirm(heard.confirm):
            raise Refused(503, "The subscription could not be confirmed; send it again.")
        if heard.answers:
            await self._answer_pages(heard)
        if not heard.alerts:
            return JSONResponse({"alerts": 0, "note": "It tells of nothing that concerns alerts."})
        now = self._now()
        row = alert_arrivals.written(Arrival(_identity(delivery, heard, now), delivery.receiver, heard.alerts, now))
        try:
            fresh = await self._database.write(lambda connection: alert_arrivals.store(connection, row), later=True)
        except StoreUnavailable as gone:
            log.warning("alerts: a delivery to %s was not stored: %s", delivery.receiver, gone)
            raise Refused(503, "It could not be stored; send it again.", **{"retry-after": _AGAIN_SECONDS}) from None
        if fresh:
            self._taken()
        return JSONResponse({"alerts": len(heard.alerts), "new": fresh}, status_code=202)

    async def _answer_pages(self, heard: Heard) -> None:
        try:
            await self._answers.take(heard.answers)
        except StoreUnavailable as gone:
            log.warning("alerts: an answer to a page was not stored: %s", gone)
            raise Refused(503, "It could not be stored; send it again.", **{"retry-after": _AGAIN_SECONDS}) from None


def _identity(delivery: Delivery, heard: Heard, now: datetime) -> str:
    """The sender's own id; else the body, for some minutes, where each alert says when it began.

    The same body much later says that it is still so. One without a beginning may be another alert each time; taking it
    again changes nothing while that fires.
    """
    if heard.id:
        return f"{delivery.receiver}:{heard.id}"
    if all(alert.starts_at for alert in heard.alerts):
        body = hashlib.sha256(delivery.body).hexdigest()
        return f"{delivery.receiver}:body-{body}-{int(now.timestamp() // _SAME_SECONDS)}"
    return f"{delivery.receiver}:once-{uuid.uuid4().hex}"


async def _body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """Read up to the limit. Raises Refused."""
    too_long = Refused(413, f"That is too long: at most {most // 1024:,} KB are taken at once. Send fewer alerts each.")
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:12]) > most:
        raise too_long
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The request ended before its body.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_long
        if not message.get("more_body", False):
            return b"".join(parts)


class AlertsDoor:
    """Lets deliveries of alerts by, before the console looks at names and pages: they show who they are themselves."""

    def __init__(self, app: ASGIApp, receiving: Receiving) -> None:
        self._app = app
        self._receiving = receiving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To the receivers, or on."""
        alerts = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._receiving if alerts else self._app)(scope, receive, send)
