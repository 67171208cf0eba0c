"""The part of Opsgenie that paging uses, strict about what its documentation says: alerts by alias, and on-calls.

`Authorization: GenieKey`; a message of at most 130 characters, responders of known types, an alias that is of one open
alert; requests are taken with 202 and worked off. `before` may answer in its place; `lose_answers` as of PagerDuty's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

Fault = Callable[[httpx.Request], httpx.Response | None]
TYPES = {"team": "name", "schedule": "name", "escalation": "name", "user": "username"}
FIELDS = {"message", "alias", "description", "responders", "entity", "source", "priority"}


@dataclass
class OpsgenieSimulator(httpx.AsyncBaseTransport):
    """`schedules`: who is on call by a schedule's name."""

    key: str
    schedules: dict[str, list[str]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    before: Fault | None = None
    lose_answers: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        instead = self.before(request) if self.before else None
        if instead is not None:
            return instead
        if request.headers.get("authorization") != f"GenieKey {self.key}":
            return httpx.Response(403, json={"message": "You are not authorized", "took": 0.0, "requestId": "r"})
        answer = self._answer(request)
        if self.lose_answers and request.method == "POST":
            self.lose_answers -= 1
            raise httpx.ReadError("connection reset", request=request)
        return answer

    def acknowledges(self, address: str, alias: str) -> None:
        """Somebody answers on their phone."""
        one = self._standing(alias)
        assert one is not None
        one |= {"acknowledged": True, "report": {"acknowledgedBy": address}}

    def state(self, alias: str) -> list[tuple[str, str]]:
        """The alerts of an alias: how they stand, and whom they ring."""
        return [
            ("closed" if one["status"] == "closed" else "acknowledged" if one["acknowledged"] else "open", one["rings"])
            for one in self.alerts
            if one["alias"] == alias
        ]

    def _standing(self, alias: str) -> dict[str, Any] | None:
        return next((one for one in self.alerts if one["alias"] == alias and one["status"] == "open"), None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = [unquote(one) for one in request.url.raw_path.decode().partition("?")[0].split("/")[2:]]
        if parts[0] == "schedules":
            found = self.schedules.get(parts[1])
            assert dict(request.url.params.items()).keys() == {"scheduleIdentifierType", "flat", "date"}
            return _data({"onCallRecipients": found}) if found is not None else _missing()
        if len(parts) == 1:
            return self._create(json.loads(request.content))
        assert request.url.params["identifierType"] == "alias"
        if request.method == "GET":
            newest = next((one for one in reversed(self.alerts) if one["alias"] == parts[1]), None)
            return _data(newest) if newest else _missing()
        one = self._standing(parts[1])
        if one is not None:
            one |= {"acknowledged": True} if parts[2] == "acknowledge" else {"status": "closed"}
        return _taken()

    def _create(self, body: dict[str, Any]) -> httpx.Response:
        assert set(body) <= FIELDS
        assert 0 < len(body["message"]) <= 130
        assert body["priority"] in {"P1", "P2", "P3", "P4", "P5"}
        for one in body["responders"]:
            assert TYPES[one["type"]] in one
        if self._standing(body["alias"]) is None:
            rings = ", ".join(one.get("name") or one["username"] for one in body["responders"])
            self.alerts.append({"alias": body["alias"], "status": "open", "acknowledged": False, "rings": rings})
        return _taken()


def _data(content: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"data": content, "took": 0.1, "requestId": "r"})


def _taken() -> httpx.Response:
    return httpx.Response(202, json={"result": "Request will be processed", "took": 0.1, "requestId": "r"})


def _missing() -> httpx.Response:
    return httpx.Response(404, json={"message": "No alert exists", "took": 0.1, "requestId": "r"})
