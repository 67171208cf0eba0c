"""Asking a running gateway's admin API, for the command line."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

_TIMEOUT_SECS = 30


class RemoteError(Exception):
    """The gateway did not do what it was asked for; the text is meant for the operator."""


class Remote:
    """The admin API at `url`, with its token."""

    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise RemoteError(f"{url}: must be http://host:port or https://host:port")
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        # The token is for this gateway, and for no proxy that the environment names.
        self._opener = build_opener(ProxyHandler({}))

    def get(self, path: str) -> dict[str, Any]:
        """What is there."""
        return self._asked(Request(self._url + path, headers=self._headers))  # noqa: S310 - checked above

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have it changed."""
        data = json.dumps(body).encode()
        return self._asked(Request(self._url + path, data, self._headers, method="POST"))  # noqa: S310 - checked above

    def _asked(self, request: Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECS) as answer:
                found: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            with error:
                raise RemoteError(_explained(error)) from None
        except (URLError, OSError, ValueError) as error:
            raise RemoteError(f"{self._url}: no answer from the admin API: {error}") from None
        return found


def _explained(error: HTTPError) -> str:
    if error.code == HTTPStatus.UNAUTHORIZED:
        return "the admin API does not know the token in GATEWAY_ADMIN_TOKEN (admin.token, or one of admin.tokens)"
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the admin API answered with {error.code}"
