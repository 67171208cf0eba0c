"""The part of the Statuspage API that publishing uses, strict about what its documentation says.

Authorization by `OAuth <key>`; JSON bodies under `incident` or `incident_update`; sixty requests a key in a rolling
minute, then 429 with Retry-After (420 until 2021, and still documented); metadata whose top-level values are objects;
known components, states and impacts; lists the newest first, a hundred a page. A change of an incident adds an update.
Bodies and parameters are as the published contract has them, where that is at hand.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.simulators.contracts import check_body, check_query

STATUSES = {"investigating", "identified", "monitoring", "resolved"}
SCHEDULED = {"scheduled", "in_progress", "verifying", "completed"}
IMPACTS = {"none", "minor", "major", "critical"}
STATES = {"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
FIELDS = {
    "name", "status", "body", "impact_override", "component_ids", "components", "deliver_notifications", "metadata",
    "scheduled_for", "scheduled_until", "scheduled_auto_in_progress", "scheduled_auto_completed",
}  # fmt: skip

_CONTRACT = "statuspage/openapi.yaml"
_INCIDENTS, _BELOW = "/pages/{page_id}/incidents", ("{incident_id}", "incident_updates", "{incident_update_id}")
_KEPT = ("status", "metadata", "impact_override", "scheduled_for", "scheduled_until")

Fault = Callable[[httpx.Request], httpx.Response | None]


@dataclass
class Page:
    """One page: who may change it, its components and incidents, newest first."""

    key: str
    components: dict[str, str]
    incidents: list[dict[str, Any]] = field(default_factory=list)

    def bodies(self) -> list[list[str]]:
        """What the public reads: of each incident its updates, newest first."""
        return [[update["body"] for update in one["incident_updates"]] for one in self.incidents]


class RefusedError(Exception):
    """An answer with an error."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(said)
        self.response = httpx.Response(status, json={"error": said})


class StatuspageSimulator(httpx.AsyncBaseTransport):
    """`pages` by id. `before` may answer in its place; with `lose_answers`, a change is made and its answer is lost."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.pages: dict[str, Page] = {}
        self.before: Fault | None = None
        self.lose_answers = 0
        self.seen: list[str] = []
        self._now = now
        self._ids = itertools.count(1)
        self._asked: dict[str, list[datetime]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, as the API answers it."""
        await request.aread()
        answer = self.before(request) if self.before else None
        if answer is None:
            try:
                answer = self._answer(request)
            except RefusedError as refused:
                answer = refused.response
        if request.method != "GET" and self.lose_answers:
            self.lose_answers -= 1
            raise httpx.ReadError("the connection was lost", request=request)
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        parts = request.url.path.strip("/").split("/")
        if parts[:2] != ["v1", "pages"] or len(parts) < 4 or parts[3] != "incidents":
            raise RefusedError(404, "Not found")
        page = self.pages.get(parts[2])
        key = self._authorised(request)
        if page is None or page.key != key:
            raise RefusedError(404, "Not found")
        template = _INCIDENTS + "".join(f"/{one}" for one in _BELOW[: len(parts) - 4])
        if request.method == "GET":
            check_query(request.url.params.multi_items(), _CONTRACT, template)
        match (request.method, parts[4:]):
            case ("GET", []):
                return self._listed(page, request)
            case ("POST", []):
                return self._create(page, _body(request, "incident", template))
            case ("PATCH", [incident]):
                return self._change(page, _one(page.incidents, incident), _body(request, "incident", template))
            case ("DELETE", [incident]):
                page.incidents.remove(_one(page.incidents, incident))
                return httpx.Response(204)
            case ("PATCH", [incident, "incident_updates", update]):
                said = _one(_one(page.incidents, incident)["incident_updates"], update)
                return self._reword(said, _body(request, "incident_update", template))
        raise RefusedError(404, "Not found")

    def _authorised(self, request: httpx.Request) -> str:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "OAuth" or key not in {page.key for page in self.pages.values()}:
            raise RefusedError(401, "Could not authenticate")
        now = self._now()
        asked = [at for at in self._asked.get(key, []) if now - at < timedelta(seconds=60)]
        if len(asked) >= 60:
            limited = RefusedError(429, "Too many requests")
            limited.response.headers["Retry-After"] = "60"
            raise limited
        self._asked[key] = [*asked, now]
        return key

    def _listed(self, page: Page, request: httpx.Request) -> httpx.Response:
        limit = int(request.url.params.get("limit", "100"))
        if not 1 <= limit <= 100:
            raise RefusedError(400, "limit must be at most 100")
        return httpx.Response(200, json=page.incidents[:limit])

    def _create(self, page: Page, given: dict[str, Any]) -> httpx.Response:
        if not given.get("name"):
            raise RefusedError(422, ["Name can't be blank"])
        incident = {"id": f"inc{next(self._ids):09}", "name": given["name"], "metadata": {}, "incident_updates": []}
        self._apply(page, incident, given)
        page.incidents.insert(0, incident)
        return httpx.Response(201, json=incident)

    def _change(self, page: Page, incident: dict[str, Any], given: dict[str, Any]) -> httpx.Response:
        self._apply(page, incident, given)
        return httpx.Response(200, json=incident)

    def _apply(self, page: Page, incident: dict[str, Any], given: dict[str, Any]) -> None:
        _check(page, given)
        page.components |= given.get("components", {})
        incident |= {key: given[key] for key in _KEPT if key in given}
        update = {
            "id": f"upd{next(self._ids):09}", "body": given.get("body", ""), "status": given.get("status"),
            "created_at": f"{self._now().isoformat()}#{next(self._ids):09}",
        }  # fmt: skip
        incident["incident_updates"].insert(0, update)

    def _reword(self, said: dict[str, Any], given: dict[str, Any]) -> httpx.Response:
        if set(given) - {"body", "wants_twitter_update", "display_at", "deliver_notifications"}:
            raise RefusedError(400, "unknown field")
        said["body"] = given["body"]
        return httpx.Response(200, json=said)


def _check(page: Page, given: dict[str, Any]) -> None:
    strange = set(given) - FIELDS
    if strange:
        raise RefusedError(400, f"unknown fields: {sorted(strange)}")
    statuses = SCHEDULED if "scheduled_for" in given else STATUSES
    if given.get("status") not in {None, *statuses} or given.get("impact_override", "none") not in IMPACTS:
        raise RefusedError(422, ["Status or impact is invalid"])
    metadata = given.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, dict) for value in metadata.values()):
        raise RefusedError(422, ["Metadata: all top-level values must be objects"])
    components = given.get("components", {})
    if (set(components) | set(given.get("component_ids", []))) - set(page.components):
        raise RefusedError(422, ["Component is invalid"])
    if set(components.values()) - STATES:
        raise RefusedError(422, ["Component status is invalid"])


def _one(some: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    for one in some:
        if one["id"] == wanted:
            return one
    raise RefusedError(404, "Not found")


def _body(request: httpx.Request, root: str, path: str) -> dict[str, Any]:
    if request.headers.get("Content-Type") != "application/json":
        raise RefusedError(415, "JSON is expected")
    given = json.loads(request.content)
    if list(given) != [root]:
        raise RefusedError(400, f"{root} is missing")
    check_body(given, _CONTRACT, path, request.method)
    found: dict[str, Any] = given[root]
    return found
