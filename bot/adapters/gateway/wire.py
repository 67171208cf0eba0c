"""Requests to the admin API. Reads are tried twice; changes are never sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from commands.errors import Unavailable
from commands.ports import OutcomeUnknown, Rejected

_READ_TRIES = 2
#: A change that the gateway could not write into its history, and therefore has not made.
_NOTHING_DONE = "not_recorded"
#: What whoever operates the bot has to do where it is turned away.
_REMEDIES = {
    401: "gateway.admin_token must be admin.token of the gateway, or one of its admin.tokens",
    403: "The token of gateway.admin_token needs that role, under admin.tokens of the gateway's settings",
}
Query = Mapping[str, object]


class AdminWire:
    """One admin API. `name` is what people call the gateway."""

    def __init__(self, *, name: str, admin_url: str, token: str, timeout: float) -> None:
        self.name = name
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=admin_url, headers=headers, timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def get(self, path: str, query: Query | None = None, *, missing_ok: bool = False) -> Any:
        """Read, once more after a dropped connection. Raises Unavailable."""
        for attempt in range(_READ_TRIES):
            try:
                answer = await self._http.get(path, params={key: str(value) for key, value in (query or {}).items()})
                break
            except httpx.TransportError as error:
                if attempt + 1 == _READ_TRIES:
                    raise self._gone(type(error).__name__) from error
        if answer.status_code == httpx.codes.NOT_FOUND and missing_ok:
            return None
        if not answer.is_success:
            raise self._refused(answer)
        return answer.json()

    async def page(self, url: str) -> Any:
        """A page of the public port, which needs no token; None where it has none, or does not answer."""
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
                answer = await client.get(url)
        except httpx.HTTPError:
            return None
        return _document(answer) if answer.is_success else None

    def _refused(self, answer: httpx.Response) -> Unavailable:
        """It is there, and does not answer this: for want of a token or a role, or because of the question."""
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return Unavailable(
                f"The admin API of {self.name} does not accept the token (status 401).",
                hint=f"{_REMEDIES[401]}.",
            )
        if answer.status_code == httpx.codes.FORBIDDEN:
            return Unavailable(
                f"The admin API of {self.name} refuses this token: {_error(answer)}.", hint=f"{_REMEDIES[403]}."
            )
        if answer.is_client_error:
            return Unavailable(f"The admin API of {self.name} does not answer that: {_error(answer)}")
        return self._gone(f"status {answer.status_code}")

    def _gone(self, why: str) -> Unavailable:
        return Unavailable(
            f"The admin API of {self.name} does not answer ({why}).",
            hint="Is the gateway running? The address and token are gateway.admin_url and gateway.admin_token.",
        )

    async def change(self, path: str, operation: str, actor: str, **body: object) -> None:
        """Ask once. Raises Rejected when it was refused with certainty, OutcomeUnknown when nobody can tell."""
        await self.send(
            "POST", path, {"operation_id": operation, "actor": actor, "reason": f"{operation} by {actor}", **body}
        )

    async def send(
        self, method: str, path: str, body: Mapping[str, object] | None = None, query: Query | None = None
    ) -> Any:
        """As `change`; the answer, where it has one. What is to be removed and is not there is as it should be."""
        params = {key: str(value) for key, value in (query or {}).items()}
        try:
            answer = await self._http.request(method, path, json=body, params=params)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Rejected(f"no connection ({type(error).__name__})") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(type(error).__name__) from error
        if method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_client_error or _code(answer) == _NOTHING_DONE:
            remedy = _REMEDIES.get(answer.status_code)
            raise Rejected(f"{_error(answer)}. {remedy}" if remedy else _error(answer))
        if not answer.is_success:
            raise OutcomeUnknown(_error(answer))
        return _document(answer)


def _document(answer: httpx.Response) -> Any:
    """What was answered, where that is JSON."""
    try:
        return answer.json()
    except ValueError:
        return None


def _code(answer: httpx.Response) -> str:
    """What the gateway calls its error."""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _error(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
