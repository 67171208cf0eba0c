"""What a reader of requests tells, and readers that take one of the two ways to a head: by the parser, or in one go."""

from __future__ import annotations

from typing import Any

from gateway.proxy.message import Headers, RequestHead
from gateway.proxy.reader import RequestReader


class Heard:
    """Remembers what a reader tells it, in order: heads, ("body", bytes), ("trailers", fields), "ended"."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @property
    def heads(self) -> list[RequestHead]:
        return [one for one in self.told if isinstance(one, RequestHead)]

    @property
    def bodies(self) -> list[bytes]:
        """Of each request, however it was cut."""
        found: list[bytes] = []
        for one in self.told:
            if isinstance(one, RequestHead):
                found.append(b"")
            elif one[0] == "body":
                found[-1] += one[1]
        return found

    @property
    def ended(self) -> int:
        """How many requests were whole."""
        return self.told.count("ended")

    def request_started(self, head: RequestHead) -> None:
        self.told.append(head)

    def request_body(self, chunk: bytes) -> None:
        self.told.append(("body", chunk))

    def request_trailers(self, fields: Headers) -> None:
        self.told.append(("trailers", fields))

    def request_ended(self) -> None:
        self.told.append("ended")


class HeadsOnly(Heard):
    """Of requests that have nothing but a head."""

    def request_body(self, chunk: bytes) -> None:
        raise AssertionError(chunk)

    def request_trailers(self, fields: Headers) -> None:
        raise AssertionError(fields)


class ParserOnly(RequestReader):
    """Leaves everything to the parser."""

    def _without_plain(self, chunk: bytes) -> bytes:
        return chunk


class WholeFirst(RequestReader):
    """Asks for whole requests, as a connection does, before it leaves what is none to `feed`."""

    def feed(self, chunk: bytes) -> None:
        head = self.whole(chunk)
        if head is None:
            super().feed(chunk)
        else:
            self._sink.request_started(head)
            self._sink.request_ended()
