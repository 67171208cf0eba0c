"""Batches over HTTP, and what the answers that every collector gives alike mean for them."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Mapping

import httpx

from gateway.sinks.lines import TooLargeError, UnavailableError

_SHOWN = 200
_MOST_BYTES = 16_777_216
#: An answer may come in parts, each of which has its timeout, but not for longer than so many of them.
_TIMES = 3
#: Whoever is asked does not want this batch, now or ever. Everything else that is no success may pass by itself, or
#: when an operator has mended a token, a path or a right: it is tried again.
_OF_THE_BATCH = frozenset({400, 422})


class Poster:
    """A connection to one of several addresses that mean the same; which one changes when it fails."""

    def __init__(
        self, urls: tuple[str, ...], *, timeout: float, ca_path: str | None, headers: Mapping[str, str],
        secret: str | None, auth: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._secrets = [secret] if secret else []
        if auth is not None:
            self._secrets.append(base64.b64encode(":".join(auth).encode()).decode())
        self._timeout = timeout
        self._urls = urls
        self._turn = 0
        self._client = httpx.Client(
            headers={"accept-encoding": "identity", **headers}, auth=auth, timeout=timeout, trust_env=False,
            verify=ssl.create_default_context(cafile=ca_path),
        )  # fmt: skip

    def post(self, body: bytes, query: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer to a batch: a success, or the batch's own fault (400, 422).

        Raises:
            UnavailableError: no answer, or one that says that it is of no use to ask now.
            TooLargeError: the answer is 413.
        """
        url = self._urls[self._turn % len(self._urls)]
        try:
            answer = self._answer(url, body, query)
        except (httpx.HTTPError, OSError) as error:
            self._turn += 1
            raise UnavailableError(f"{_host(url)}: {_kind(error)}") from None
        if answer.status_code == 413:
            raise TooLargeError
        if answer.is_success or answer.status_code in _OF_THE_BATCH:
            return answer
        self._turn += answer.status_code >= 500
        raise UnavailableError(f"{_host(url)}: {answer.status_code} {self.said(answer)}".strip(), _retry_after(answer))

    def _answer(self, url: str, body: bytes, query: Mapping[str, str] | None) -> httpx.Response:
        """The answer as a whole, if it is of a size and comes in a time that answers have."""
        latest = time.monotonic() + _TIMES * self._timeout
        with self._client.stream("POST", url, content=body, params=query) as answer:
            parts, size = list[bytes](), 0
            for part in answer.iter_raw():
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES or time.monotonic() > latest:
                    raise httpx.ReadTimeout("the answer does not end")
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=b"".join(parts))

    def said(self, answer: httpx.Response) -> str:
        """What an answer says, shortened, and without the secret where it is quoted."""
        return self.without_secret(answer.text)

    def without_secret(self, text: str) -> str:
        """A text of the collector's, in the same way."""
        text = " ".join(text.split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:_SHOWN]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {name: headers[name] for name in ("content-type", "retry-after") if name in headers}


def _host(url: str) -> str:
    found = httpx.URL(url)
    return f"{found.host}:{found.port}" if found.port else found.host


def _kind(error: Exception) -> str:
    """What went wrong, in words without anything that was sent."""
    words = {
        "ConnectError": "no connection", "ConnectTimeout": "no connection in time", "ReadTimeout": "no answer in time"
    }  # fmt: skip
    return words.get(type(error).__name__, type(error).__name__)


def _retry_after(answer: httpx.Response) -> float:
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
