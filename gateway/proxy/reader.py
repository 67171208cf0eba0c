"""Reading requests from a client's bytes: httptools for the grammar, limits and refusals around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import httptools

from gateway.proxy import framing, target
from gateway.proxy.message import Headers, Refused, RequestHead
from gateway.proxy.plain_heads import Block, plain_request, repeated_request, whole_request

_VERSIONS = ("1.1", "1.0")
_NOT_PROXIED = frozenset({b"CONNECT", b"TRACE"})
_CHUNK_OVERHEAD_ALLOWED = 65_536
#: What is longer is not kept for the next request: with all that was made of it, it takes four times as much.
_LONGEST_BLOCK = 8192
#: The parser cannot be stopped, so it gets no more than so many bytes at a time of what may hold many requests.
_SLICE = 4096
_SLICE_OF_CHUNKS = 16_384


class RequestSink(Protocol):
    """Who is told what was read, in order; a body belongs to the last head."""

    def request_started(self, head: RequestHead) -> None: ...

    def request_body(self, chunk: bytes) -> None: ...

    def request_trailers(self, fields: Headers) -> None: ...

    def request_ended(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request, in bytes."""

    head: int
    target: int
    body: int


class RequestReader:
    """Turns the bytes of one connection into requests.

    `feed` raises `Refused` when the bytes are not a request that may be passed on. Nothing can be read after
    that, because where the next request starts is not known; the caller answers and closes.
    """

    def __init__(self, sink: RequestSink, limits: Limits, has_enough: Callable[[], bool] = lambda: False) -> None:
        """With `has_enough`, requests are read only while it is False, and the rest when `go_on` is called."""
        self._sink = sink
        self._has_enough = has_enough
        self._left = b""
        self._limits = self._next_limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: Headers = []
        self._trailers: Headers = []
        self._head_bytes = 0
        self._raw_head_bytes = 0
        self._body_bytes = 0
        self._wire_bytes = 0
        self._chunked = False
        self._length = 0
        self._block: Block | None = None
        """The header lines of an earlier request: the next one may have the same."""
        self.in_head = True
        self.started = False
        """Whether some of the next head has arrived."""
        self.ended = False
        """Whether the last request said that none follows."""
        self.has_dropped = False
        """Whether something followed all the same."""

    def limit_by(self, limits: Limits) -> None:
        """Read by these limits from the next request on."""
        self._next_limits = limits
        if self.in_head and not self.started:
            self._limits = limits

    def whole(self, chunk: bytes) -> RequestHead | None:
        """The head of the request that `chunk` is; None where `feed` has to look, which comes to the same.

        Most requests have no body and arrive by themselves. Nothing is told to the sink.
        """
        if self.started or self.ended or not self.in_head:
            return None
        block, limits = self._block, self._limits
        try:
            if block is not None:
                head = repeated_request(chunk, block, most_head=limits.head, most_target=limits.target)
                if head is not None:
                    return head
            head = whole_request(chunk, block, most_head=limits.head, most_target=limits.target)
        except Refused:
            return None
        base = None if head is None or head.block is None else head.block.base
        if base is not None and base.size <= _LONGEST_BLOCK:
            self._block = base
        return head

    def forget(self) -> None:
        """Keep nothing of earlier requests."""
        self._block = None

    @property
    def has_left(self) -> bool:
        """Whether something is left that `go_on` would read."""
        return bool(self._left)

    def feed(self, chunk: bytes) -> None:
        """Read `chunk`; the sink is called for what it completes."""
        self._left = self._left + chunk if self._left else chunk
        self.go_on()

    def go_on(self) -> None:
        """Read what is left, as long as the sink has not enough."""
        chunk, self._left = self._left, b""
        while chunk:
            if self.in_head and not self.started:
                chunk = self._without_plain(chunk)
            if self.ended:
                self.has_dropped = self.has_dropped or bool(chunk)
                return
            if self._has_enough():
                self._left = chunk
                return
            size = self._at_once(len(chunk))
            self._parse(chunk[:size])
            chunk = chunk[size:]

    def _at_once(self, size: int) -> int:
        """How many of so many bytes the parser gets now: dozens of requests may be behind the end of this one."""
        if size <= _SLICE:
            return size
        if self.in_head:
            return _SLICE
        if self._chunked:
            return min(size, _SLICE_OF_CHUNKS)
        return min(size, max(_SLICE, self._length - self._body_bytes))

    def _parse(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._count_raw(len(chunk))
        try:
            self._parser.feed_data(chunk)
        except httptools.HttpParserUpgrade as found:
            self.ended = True
            self.has_dropped = found.args[0] < len(chunk)
        except httptools.HttpParserCallbackError as error:
            raise _cause_of(error) from None
        except httptools.HttpParserError as error:
            if not self.ended:
                raise Refused(400, "bad_request", str(error) or "the request is malformed") from None
        self._check_raw()

    def _without_plain(self, chunk: bytes) -> bytes:
        """Read the requests of the plainest kind that `chunk` begins with; what is left is for the parser."""
        start, limits = 0, self._limits
        while not self.ended and start < len(chunk) and not self._has_enough():
            found = plain_request(chunk, start, most_head=limits.head, most_target=limits.target)
            if found is None:
                break
            head, start = found
            self._sink.request_started(head)
            self._sink.request_ended()
        return chunk[start:] if start else chunk

    def _count_raw(self, size: int) -> None:
        if self.in_head:
            self._raw_head_bytes += size
            self.started = True
        else:
            self._wire_bytes += size

    def _check_raw(self) -> None:
        # The parser reports a header only when it is complete, so an endless one is seen here.
        if self.in_head and self._raw_head_bytes > self._limits.head:
            raise self._too_large()
        if self._chunked and self._wire_bytes > 16 * self._body_bytes + _CHUNK_OVERHEAD_ALLOWED:
            raise Refused(400, "bad_chunk", "the chunks carry far more framing than content")

    def _too_large(self) -> Refused:
        if not self._headers and len(self._target) > self._limits.target:
            return Refused(414, "uri_too_long", f"the request target is longer than {self._limits.target} bytes")
        return Refused(431, "headers_too_large", f"the request head is longer than {self._limits.head} bytes")

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._head_bytes = 0
        self.started = True

    def on_url(self, part: bytes) -> None:
        self._target += part
        if len(self._target) > self._limits.target:
            raise self._too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.head:
            raise self._too_large()
        # What comes after the body is a trailer.
        (self._headers if self.in_head else self._trailers).append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        head = self._head()
        self.in_head = False
        self._chunked = head.chunked
        self._length = head.content_length or 0
        self._trailers = []
        self._body_bytes = self._wire_bytes = 0
        self._sink.request_started(head)

    def on_body(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        if self._body_bytes > self._limits.body:
            raise self._body_too_large()
        self._sink.request_body(chunk)

    def on_message_complete(self) -> None:
        if self._trailers:
            self._sink.request_trailers(self._trailers)
            self._trailers = []
        self.in_head = True
        self.started = False
        # Whoever has the head keeps them; an idle connection does not.
        self._target, self._headers = b"", []
        self._chunked = False
        self._raw_head_bytes = 0
        self._limits = self._next_limits
        self.ended = not self._parser.should_keep_alive()
        self._sink.request_ended()

    def _head(self) -> RequestHead:
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            raise Refused(505, "version_not_supported", "HTTP/1.1 and HTTP/1.0 are understood here")
        special = framing.gather(self._headers)
        length, chunked = framing.body_framing(special, version)
        if length is not None and length > self._limits.body:
            raise self._body_too_large()
        method = self._parser.get_method()
        self._refuse_tunnels(method, bool(length or chunked))
        return self._assembled(method, version, special, length, chunked)

    def _assembled(
        self, method: bytes, version: str, special: framing.Special, length: int | None, chunked: bool
    ) -> RequestHead:
        host = framing.authority(special, version)
        path_and_query, named = target.origin_form(self._target)
        path_and_query = target.normalised(path_and_query)
        upgrade = self._parser.should_upgrade()
        return RequestHead(
            method=method,
            target=path_and_query,
            path=target.checked_path(path_and_query),
            version=version,
            headers=self._headers,
            authority=host if named is None else named,
            content_length=length,
            chunked=chunked,
            keep_alive=version == "1.1" and not upgrade and self._parser.should_keep_alive(),
            expects_continue=framing.expects_continue(special, version),
            connection_options=framing.options(special.connection),
            upgrade=special.upgrade[0].lower() if upgrade and len(special.upgrade) == 1 else b"",
        )

    def _refuse_tunnels(self, method: bytes, has_body: bool) -> None:
        if method in _NOT_PROXIED:
            raise Refused(501, "not_implemented", "CONNECT and TRACE are not proxied")
        if self._parser.should_upgrade() and has_body:
            raise Refused(400, "bad_upgrade", "an upgrade with a body is ambiguous")

    def _body_too_large(self) -> Refused:
        return Refused(413, "body_too_large", f"the body is longer than {self._limits.body} bytes")


def _cause_of(error: Exception) -> Exception:
    return error.__context__ if isinstance(error.__context__, Exception) else error
