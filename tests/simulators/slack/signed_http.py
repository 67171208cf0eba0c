"""Deliveries over HTTP, signed as Slack signs them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.simulators.slack.deliveries import Ack, Delivery

FORM = "application/x-www-form-urlencoded"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of `x-slack-signature`."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


class SignedHttp:
    """Brings each delivery to one of the addresses, as a load balancer would."""

    def __init__(self, secret: str, *, timeout: float = 3.0, signed_at: Callable[[], float] = time.time) -> None:
        self.secret = secret
        self.urls: list[str] = []
        self.timeout = timeout
        self._signed_at = signed_at
        self._turn = itertools.count()
        self._session: aiohttp.ClientSession | None = None

    async def bring(self, delivery: Delivery, *, to_all: bool = False) -> Ack:
        """See Way."""
        if not self.urls:
            return Ack(ok=False, error="connection_failed")
        if to_all:
            acks = await asyncio.gather(*(self._post(url, delivery) for url in self.urls))
            return acks[0]
        return await self._post(self.urls[next(self._turn) % len(self.urls)], delivery)

    async def _post(self, url: str, delivery: Delivery) -> Ack:
        body, content = _body(delivery)
        headers = self.headers(body) | {"content-type": content}
        if delivery.attempt:
            headers |= {"x-slack-retry-num": str(delivery.attempt), "x-slack-retry-reason": delivery.reason}
        try:
            async with asyncio.timeout(self.timeout):
                async with self._client().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                    return _ack(answer, await answer.read())
        except TimeoutError:
            return Ack(ok=False, error="http_timeout")
        except (aiohttp.ClientError, OSError):
            return Ack(ok=False, error="connection_failed")

    def headers(self, body: bytes) -> dict[str, str]:
        """The signature of a body, made now."""
        timestamp = str(int(self._signed_at()))
        return {
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": signature(self.secret, timestamp, body),
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(trust_env=False)
        return self._session

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session:
            await self._session.close()


def _body(delivery: Delivery) -> tuple[bytes, str]:
    if delivery.kind == "event":
        return json.dumps(delivery.payload).encode(), "application/json"
    flat: dict[str, Any] = delivery.payload
    if delivery.kind == "interactive":
        flat = {"payload": json.dumps(delivery.payload)}
    return urlencode({name: _flat(value) for name, value in flat.items()}).encode(), FORM


def _flat(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ack(answer: aiohttp.ClientResponse, raw: bytes) -> Ack:
    quiet = answer.headers.get("x-slack-no-retry") == "1"
    if not 200 <= answer.status < 300:
        return Ack(ok=False, status=answer.status, error="http_error", body=_parsed(raw), no_retry=quiet)
    return Ack(ok=True, status=answer.status, body=_parsed(raw))


def _parsed(raw: bytes) -> Any:
    """JSON where it is, text elsewhere."""
    words = raw.decode("utf-8", "replace")
    try:
        return json.loads(words) if words.strip() else None
    except ValueError:
        return words
