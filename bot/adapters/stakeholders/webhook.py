"""Stakeholders behind a webhook of anybody: JSON by POST, signed, with a key that stays the same when repeated.

`Tocsin-Signature` is `v1=` and the HMAC-SHA256, in hex, of the timestamp, a point and the body as it was sent;
`Tocsin-Timestamp` are the seconds since 1970. Whoever takes it checks both, and that the time is not long ago.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime

import httpx

from bot.adapters.pausing import pause
from commands.domain.stakeholder import StakeholderUpdate
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected

_TIMEOUT_SECONDS = 10
_LATER = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}


class Webhook:
    """One address."""

    def __init__(
        self, url: str, secret: str, now: Callable[[], datetime], *, timeout: float = _TIMEOUT_SECONDS
    ) -> None:
        self._url = url
        self._secret = secret.encode()
        self._now = now
        self._http = httpx.AsyncClient(timeout=timeout)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def send(self, update: StakeholderUpdate, *, text: str, html: str) -> None:  # noqa: ARG002 - for mail
        """See Sender."""
        told = update.model_dump(mode="json", exclude={"told_at"}) | {"text": text}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        stamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": update.id,
            "Tocsin-Timestamp": stamp,
            "Tocsin-Signature": f"v1={signature(self._secret, stamp, body)}",
        }
        try:
            answer = await self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"The webhook does not answer ({type(error).__name__}).") from error
        _judge(answer)


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What proves that we sent it."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _judge(answer: httpx.Response) -> None:
    status = answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        after = pause(answer.headers.get("Retry-After"))
        raise Overloaded("The webhook takes no more for now (status 429).", after=after)
    if answer.is_redirect or (answer.is_client_error and status not in _LATER):
        raise Rejected(f"status {status}")
    if not answer.is_success:
        raise Unavailable(f"The webhook answers with status {status}.")
