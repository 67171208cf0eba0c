"""Answers that the gateway writes itself: errors and its own endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from gateway.proxy.message import Header, Refused
from gateway.proxy.rewriting import PSEUDONYM

JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    """Of no interest to a 204, which has no content."""
    headers: tuple[Header, ...] = ()

    def encoded(self, *, correlation: bytes, close: bool, without_body: bool, added: Iterable[Header] = ()) -> bytes:
        """The bytes for the client; an answer to HEAD has the length and not the body."""
        lines = [b"HTTP/1.1 %d %s\r\n" % (self.status, _phrase(self.status))]
        if self.status != 204:
            lines += [b"content-type: ", self.content_type, b"\r\ncontent-length: %d\r\n" % len(self.body)]
        for name, value in (*self.headers, *added):
            lines += (name, b": ", value, b"\r\n")
        if close:
            lines.append(b"connection: close\r\n")
        lines += (b"server: ", PSEUDONYM, b"\r\nx-request-id: ", correlation, b"\r\n\r\n")
        if not without_body:
            lines.append(self.body)
        return b"".join(lines)


class Answered(Exception):  # noqa: N818 - no error, but the end of the way
    """A rule has an answer of its own, that is none of an error: the request goes no further."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("answered")
        self.reply = reply


def error_reply(refused: Refused, correlation: bytes) -> Reply:
    """The small JSON body of every error: what, why, and the id to ask about."""
    if refused.content is not None:
        content_type, page = refused.content
        return Reply(refused.status, page, content_type, refused.headers)
    body = {"error": refused.error, "message": refused.message, "correlation_id": correlation.decode()}
    return Reply(refused.status, json.dumps(body).encode(), headers=refused.headers)


def json_reply(status: int, body: dict[str, object]) -> Reply:
    """A JSON answer that is not to be cached."""
    return Reply(status, json.dumps(body).encode(), headers=((b"cache-control", b"no-store"),))


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
