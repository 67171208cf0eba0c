"""The part of Confluence's REST API (v1) that publishing uses, on the wire, strict about what its documentation says.

A page has one title in a space; a new version has the next number; the storage format is XML with Confluence's own
names; attachments need `X-Atlassian-Token: no-check`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

_NAMES = 'xmlns:ac="http://atlassian.com/content" xmlns:ri="http://atlassian.com/resource/identifier"'


class RefusedError(Exception):
    """An answer with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class ConfluenceSimulator:
    """`before` may answer in its place with a status and a body; with `lose_answers`, a change is made and its answer
    is lost."""

    token: str
    space: str = "OPS"
    pages: list[dict[str, Any]] = field(default_factory=list)
    attachments: dict[str, list[str]] = field(default_factory=dict)
    before: Callable[[str, str], tuple[int, str] | None] | None = None
    lose_answers: int = 0
    seen: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, str] | None:
        """A status and a body; None: the connection is cut."""
        parts = urlsplit(target)
        self.seen.append(f"{method} {parts.path}")
        given = self.before(method, parts.path) if self.before else None
        if given:
            return given
        try:
            said = self._do(method, parts.path, parse_qs(parts.query), headers, body)
        except RefusedError as refused:
            return refused.status, json.dumps({"statusCode": refused.status, "message": str(refused)})
        if method != "GET" and self.lose_answers:
            self.lose_answers -= 1
            return None
        return 200, json.dumps(said)

    def _do(self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes) -> dict[str, Any]:
        if headers["Authorization"] != f"Bearer {self.token}":
            raise RefusedError(401, "Basic auth with password is not allowed on this instance")
        match method, path.removeprefix("/rest/api/content").strip("/").split("/"):
            case "GET", [""]:
                return {"results": [one for one in self.pages if [one["title"]] == query["title"]]}
            case "POST", [""]:
                return self._create(json.loads(body))
            case "PUT", [page]:
                return self._update(self._page(page), json.loads(body))
            case "GET", [page, "child", "attachment"]:
                names = [one for one in self.attachments.get(page, []) if [one] == query["filename"]]
                return {"results": [{"title": one} for one in names]}
            case "POST", [page, "child", "attachment"]:
                return self._attach(self._page(page)["id"], headers, body)
        raise RefusedError(404, "null for uri")

    def _page(self, page: str) -> dict[str, Any]:
        return next(one for one in self.pages if one["id"] == page)

    def _create(self, content: dict[str, Any]) -> dict[str, Any]:
        if content["space"]["key"] != self.space:
            raise RefusedError(404, "No space with key")
        if any(one["title"] == content["title"] for one in self.pages):
            raise RefusedError(400, "A page with this title already exists: in the space")
        page = {"id": str(1000 + len(self.pages)), **_checked(content)}
        self.pages.append(page | {"_links": {"webui": f"/spaces/{self.space}/pages/{page['id']}"}})
        return self.pages[-1]

    def _update(self, page: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        if content["version"]["number"] != page["version"]["number"] + 1:
            raise RefusedError(409, "Version must be incremented on update.")
        page.update(_checked(content))
        return page

    def _attach(self, page: str, headers: Any, body: bytes) -> dict[str, Any]:
        if headers["X-Atlassian-Token"] != "no-check":
            raise RefusedError(403, "XSRF check failed")
        name = body.split(b'filename="', 1)[1].split(b'"', 1)[0].decode()
        assert b"\x89PNG" in body
        self.attachments.setdefault(page, []).append(name)
        return {"results": [{"title": name}]}

    @contextmanager
    def served(self) -> Iterator[str]:
        """On a free port, in a thread; its address."""
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                answer = simulator.answer(self.command, self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    return
                content = answer[1].encode()
                self.send_response(answer[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - names that the library looks for

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    storage = content["body"]["storage"]
    try:
        ElementTree.fromstring(f"<page {_NAMES}>{storage['value']}</page>")
    except ElementTree.ParseError as error:
        raise RefusedError(400, f"Error parsing xhtml: {error}") from None
    assert storage["representation"] == "storage"
    return {key: content[key] for key in ("title", "body", "version")}
