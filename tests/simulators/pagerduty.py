"""The part of PagerDuty that paging uses, strict about what its contract says: the Events API v2 and two lists.

It keeps its incidents: one for each key that is triggered and not resolved. `before` may answer in its place; with
`lose_answers`, an event is taken and its answer is lost. Where the vendor's contract is there, each request is checked
against it.
"""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import trustme

from tests.simulators.contracts import check_body, check_query

_API, _EVENTS = "pagerduty/openapi.json", "pagerduty/events-v2.json"
Fault = Callable[[httpx2.Request], httpx2.Response | None]


@dataclass
class PagerDutySimulator(httpx2.BaseTransport):
    """`keys` are the routing keys that it knows, `token` that of the API; `people` by name, with their addresses."""

    keys: dict[str, str]
    token: str
    people: dict[str, str] = field(default_factory=dict)
    oncalls: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    before: Fault | None = None
    lose_answers: int = 0
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request."""
        instead = self.before(request) if self.before else None
        if instead is not None:
            return instead
        answer = self._event(request) if request.url.path == "/v2/enqueue" else self._api(request)
        if self.lose_answers and request.method == "POST":
            self.lose_answers -= 1
            raise httpx2.ReadError("connection reset", request=request)
        return answer

    def acknowledges(self, name: str, key: str) -> None:
        """Somebody answers on their phone."""
        one = self._standing(key)
        assert one is not None
        one["status"] = "acknowledged"
        who = {"type": "user_reference", "id": name, "summary": name, "email": self.people[name]}
        one["acknowledgements"] = [{"at": "2026-03-01T12:00:00Z", "acknowledger": who}]

    def state(self, key: str) -> list[tuple[str, str]]:
        """The incidents of a key: status, and whom it rings."""
        return [(one["status"], one["rings"]) for one in self.incidents if one["incident_key"] == key]

    def _standing(self, key: str) -> dict[str, Any] | None:
        return next((o for o in self.incidents if o["incident_key"] == key and o["status"] != "resolved"), None)

    def _event(self, request: httpx2.Request) -> httpx2.Response:
        event = json.loads(request.content)
        check_body(event, _EVENTS, "/enqueue", "POST")
        rings = self.keys.get(event["routing_key"])
        if rings is None:
            errors = ["'routing_key' is invalid"]
            return httpx2.Response(400, json={"status": "invalid event", "message": "no", "errors": errors})
        self.events.append(event["event_action"])
        key, there = event["dedup_key"], self._standing(event["dedup_key"])
        if event["event_action"] == "trigger" and there is None:
            one = {"id": f"Q{next(self._ids)}", "incident_key": key, "status": "triggered", "acknowledgements": []}
            self.incidents.append(one | {"title": event["payload"]["summary"], "rings": rings})
        elif event["event_action"] != "trigger" and there is not None:
            there["status"] = "acknowledged" if event["event_action"] == "acknowledge" else "resolved"
        return httpx2.Response(202, json={"status": "success", "message": "Event processed", "dedup_key": key})

    def _api(self, request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("authorization") != f"Token token={self.token}":
            return httpx2.Response(401, json={"error": {"message": "Unauthorized", "code": 2006}})
        return self._list(request) if request.method == "GET" else self._change(request)

    def _change(self, request: httpx2.Request) -> httpx2.Response:
        assert "@" in request.headers["from"]
        wanted, opening = json.loads(request.content), request.method == "POST"
        check_body(wanted, _API, "/incidents" if opening else "/incidents/{id}", request.method)
        change = wanted["incident"]
        if opening:
            key, who = change["incident_key"], change["assignments"][0]["assignee"]["id"]
            if self._standing(key):
                return httpx2.Response(400, json={"error": {"message": "Invalid Input", "errors": ["matching key"]}})
            one = {"id": f"Q{next(self._ids)}", "incident_key": key, "status": "triggered", "acknowledgements": []}
            self.incidents.append(one | {"title": change["title"], "rings": who})
        else:
            one = next(one for one in self.incidents if one["id"] == request.url.path.rpartition("/")[2])
            one["status"] = change["status"]
        return httpx2.Response(201 if opening else 200, json={"incident": one})

    def _list(self, request: httpx2.Request) -> httpx2.Response:
        what, asked = request.url.path.strip("/"), request.url.params
        check_query(request.url.params.multi_items(), _API, request.url.path)
        if what == "users":
            found = [{"id": f"P-{name}", "name": name, "email": at} for name, at in self.people.items()]
        elif what == "incidents":
            found = [one for one in self.incidents if one["incident_key"] == asked["incident_key"]]
        else:
            found = [one for one in self.oncalls if one["policy"] == asked["escalation_policy_ids[]"]]
        return httpx2.Response(200, json={what: found, "limit": 100, "offset": 0, "more": False})


@contextmanager
def serving(simulator: PagerDutySimulator) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The simulator behind TLS, since the official client takes nothing else; its address, and what trusts it."""
    authority = trustme.CA()
    here, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(here)
    authority.configure_trust(trusting)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        do_PUT = do_POST  # noqa: N815 - as the server wants it

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            url = f"https://{self.headers['host']}{self.path}"
            headers = {"authorization": self.headers.get("authorization", "")}
            said = simulator.handle_request(httpx2.Request(self.command, url, headers=headers, content=body))
            content = said.read()
            self.send_response(said.status_code)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = here.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}", trusting
        server.shutdown()
        thread.join()
