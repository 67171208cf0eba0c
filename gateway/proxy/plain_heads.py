"""Heads of the plainest kind, read in one go: most heads are, and a parser that calls back for each header is slow.

What is taken here is a small part of what the parser takes, and comes to the same (a test holds the two against each
other). Whatever is unusual is left to the parser and its checks: a head that has not arrived whole, bodies of requests,
odd methods, versions and names, headers that steer the connection, anything that would be refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from gateway.proxy import framing, target
from gateway.proxy.message import Header, Headers, RequestHead, ResponseHead
from gateway.proxy.rewriting import HeaderEdits, response_lines, sent_id

if TYPE_CHECKING:
    from gateway.auth.sent import Bearing
    from gateway.proxy.peers import Peer

# The path of nearly every target needs no second look: it has no escapes, dots or backslashes. It is the second group.
_REQUEST_LINE = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
    rb"(?:((/[!\"$&-\-/->@-\[\]-~]*+)(?:\?[!\"$-~]*+)?)|(/[!\"$-~]*+)) HTTP/1\.1"
)
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) ([\t -~\x80-\xff]*+)\r\n")
# Names without "_" and "--", which could imitate a framing header.
_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^`|~]++(?:-[A-Za-z0-9!#$%&'*+.^`|~]++)*+")
#: What headers may be made of here; neither a tab nor half a line end is among it.
_PLAIN_BYTES = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
#: What the phrase behind a status may be made of; the parser takes any.
REASON_BYTES = _PLAIN_BYTES + b"\t"
_STEERING_REQUESTS = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"proxy-connection"})
_STEERING_ANSWERS = frozenset({b"transfer-encoding", b"upgrade", b"proxy-connection"})
_ONLY_ONCE = (b"host", b"content-length", b"connection")
_BODILESS = frozenset({b"204", b"304"})
_NO_OPTIONS: frozenset[bytes] = frozenset()
_KEPT_ALIVE = frozenset({b"keep-alive"})
_LONGEST_LENGTH = 18
_MOST_LINES = 4096
_LONGEST_LINE = 100
_NOT_KEPT = {
    b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key",
    # These are of one message only, and would push out what comes again.
    b"x-request-id", b"x-correlation-id", b"traceparent", b"tracestate", b"idempotency-key",
}  # fmt: skip
#: What is of one request only, and says nothing of how it is understood.
_OWN_LINE = re.compile(
    # By its first letter most lines are seen to be none, which takes half the time.
    rb"\r\n((?:[Xx]-(?i:request-id|correlation-id)|[Tt](?i:raceparent|racestate)|[Ii](?i:dempotency-key))): "
    rb"([!-~]++)(?=\r\n)"
)
OWN_NAMES = frozenset({b"x-request-id", b"x-correlation-id", b"traceparent", b"tracestate", b"idempotency-key"})
#: Header lines that were read before: the same few come again and again. Long ones and credentials are not kept.
_LINES: dict[bytes, Header] = {}
_NO_LINES: dict[bytes, Header] = {}
_MOST_ANSWERS = 256
_LONGEST_ANSWER = 4096
_ANSWERS: dict[bytes, PlainAnswer] = {}


def never_keep(name: bytes) -> None:
    """Keep no header of this name: it bears credentials."""
    _NOT_KEPT.add(name)
    for line in [line for line, header in _LINES.items() if header[0] == name]:
        del _LINES[line]
    _ANSWERS.clear()


def plain_request(data: bytes, start: int, *, most_head: int, most_target: int) -> tuple[RequestHead, int] | None:
    """The request without a body that begins at `start`, and where it ends; None where the parser has to look.

    Raises:
        Refused: it must not be passed on.
    """
    break_at = data.find(b"\r\n", start)
    end = data.find(b"\r\n\r\n", start)
    if end <= break_at or end + 4 - start > most_head:
        return None
    line = _REQUEST_LINE.fullmatch(data, start, break_at)
    block = None if line is None else _block(data[break_at : end + 4])
    if line is None or block is None:
        return None
    head = _head(line, block, most_target)
    return None if head is None else (head, end + 4)


def whole_request(data: bytes, earlier: Block | None = None, *, most_head: int, most_target: int) -> RequestHead | None:
    """The request without a body that `data` is, with nothing behind it; None where it is anything else.

    But for lines that are of one request only, its headers may be those of an `earlier` one.

    Raises:
        Refused: it must not be passed on.
    """
    if len(data) > most_head or not data.endswith(b"\r\n\r\n"):
        return None
    break_at = data.find(b"\r\n")
    line = _REQUEST_LINE.fullmatch(data, 0, break_at)
    if line is None:
        return None
    own = list(_OWN_LINE.finditer(data, break_at))
    rest = _without(data, break_at, own)
    # An empty line before the last is no plain header, so a second request is seen here, too.
    block = earlier if earlier is not None and rest == earlier.raw else _block(rest, earlier)
    if block is None:
        return None
    return _head(line, block if not own else block.with_lines(own, data, break_at), most_target)


def _without(data: bytes, start: int, lines: list[re.Match[bytes]]) -> bytes:
    """`data` from `start` on, without these lines."""
    pieces = []
    for line in lines:
        pieces.append(data[start : line.start()])
        start = line.end()
    return b"".join((*pieces, data[start:]))


def repeated_request(data: bytes, block: Block, *, most_head: int, most_target: int) -> RequestHead | None:
    """The request that is nothing but a line and that block of header lines; None where it is anything else.

    Clients send the same headers again and again, and what was checked then is true now: the same bytes are compared.

    Raises:
        Refused: it must not be passed on.
    """
    if not data.endswith(block.raw) or len(data) > most_head:
        return None
    line = _REQUEST_LINE.fullmatch(data, 0, len(data) - block.size)
    if line is None:
        return None
    method, wanted, path, odd = line.groups()
    if odd is not None or len(wanted) > most_target:
        return _head(line, block, most_target)
    # As in `_head`: nearly every request comes by here.
    return RequestHead(
        method, wanted, path, "1.1", block.headers, block.host, None, False, True, False, block.options, b"", block
    )


def _head(line: re.Match[bytes], block: Block, most_target: int) -> RequestHead | None:
    method, wanted, path, odd = line.groups()
    if odd is not None:
        if len(odd) > most_target:
            return None
        wanted = target.normalised(odd)
        path = target.checked_path(wanted)
    elif len(wanted) > most_target:
        return None
    return RequestHead(
        method, wanted, path, "1.1", block.headers, block.host, None, False, True, False, block.options, b"", block
    )


class Block:
    """The header lines of a request, and what was made of them: the next request may have the same.

    `raw` is from the end of the request's line to the end of the head. What others find out from the headers alone is
    kept beside them, with what else it depends on.
    """

    __slots__ = (
        "_own_lines", "base",
        "bearer", "bearing", "edits", "headers", "host", "lines", "options", "peer", "raw", "sent_id", "size",
    )  # fmt: skip

    def __init__(self, raw: bytes, headers: Headers, host: bytes, options: frozenset[bytes], sent_id: bytes) -> None:
        self.raw = raw
        self.size = len(raw)
        self.headers = headers
        self.host = host
        self.options = options
        self.sent_id = sent_id
        self.bearing: Bearing | None = None
        self.bearer = b""
        self.peer: Peer | None = None
        self.edits: HeaderEdits | None = None
        self.lines = b""
        self.base = self
        """The same without lines that are of one request only."""
        self._own_lines: dict[bytes, Header] | None = None

    def with_lines(self, own: list[re.Match[bytes]], data: bytes, start: int) -> Block:
        """This one with these lines of one request, as they stand in its head, which begins at `start` of `data`."""
        added: Headers = []
        written: list[bytes] = []
        for line in own:
            name, value = line.groups()
            name = name.lower()
            added.append((name, value))
            if name != b"x-request-id":
                written += (b"\r\n", name, b": ", value)
        if own[0].start() == start and own[-1].end() - start == len(data) - start - self.size:
            # They stand together at the begin.
            headers = [*added, *self.headers]
        else:
            headers = self.headers.copy()
            for line, header in zip(own, added, strict=True):
                headers.insert(data.count(b"\r\n", start, line.start()), header)
        made = Block(b"", headers, self.host, self.options, sent_id(headers if self.sent_id else added))
        made.base = self
        if self.lines and (self.edits is None or self.edits.dropped.isdisjoint([name for name, _ in added])):
            written.append(self.lines)
            made.lines, made.edits, made.peer = b"".join(written), self.edits, self.peer
        return made

    def own_lines(self) -> dict[bytes, Header]:
        """The lines that are not kept for all connections: long ones and credentials."""
        if self._own_lines is None:
            pairs = zip(self.raw[2:-4].split(b"\r\n"), self.headers, strict=True)
            self._own_lines = {line: header for line, header in pairs if line not in _LINES}
        return self._own_lines


def _block(raw: bytes, earlier: Block | None = None) -> Block | None:
    read = _read(raw[2:-4], _NO_LINES if earlier is None else earlier.own_lines())
    if read is None:
        return None
    headers, by_name, options = read
    host = by_name.get(b"host")
    if host is None or not framing.HOST.fullmatch(host) or not _STEERING_REQUESTS.isdisjoint(by_name):
        return None
    return Block(raw, headers, host, options, sent_id(headers) if b"x-request-id" in by_name else b"")


class PlainAnswer:
    """The head of an answer with a body of known length, and how its lines are written for a client."""

    __slots__ = ("_dropped", "_lines", "head", "is_kept", "length", "raw", "size")

    def __init__(self, head: ResponseHead, raw: bytes) -> None:
        self.head = head
        self.length = head.content_length or 0
        """Of the body."""
        self.raw = raw
        """The head itself, with its end."""
        self.size = len(raw)
        self.is_kept = False
        """Whether it is without credentials, and may be kept."""
        self._dropped: frozenset[bytes] = frozenset()
        self._lines = b""

    def own_head(self) -> ResponseHead:
        """The head for somebody who may change it."""
        head = self.head
        return ResponseHead(head.status, head.reason, head.headers.copy(), self.length, False, head.connection_options)

    def lines_without(self, dropped: frozenset[bytes]) -> bytes:
        """The lines for a client that is told the length, but for the last: `x-request-id` and what ends the head."""
        if self._dropped is not dropped:
            self._lines = response_lines(self.head, dropped=dropped, chunked=False, length=self.length)
            self._dropped = dropped
        return self._lines


def plain_answer(data: bytes) -> PlainAnswer | None:
    """The head of the answer that `data` begins with; None where the parser has to look.

    The same heads come again and again, from all connections to a target: those without credentials are kept, unless
    they are long.
    """
    end = data.find(b"\r\n\r\n") + 4
    raw = data[:end]
    known = _ANSWERS.get(raw)
    if known is not None:
        return known
    found = _read_answer(raw)
    if found is None or end > _LONGEST_ANSWER:
        return found
    if _NOT_KEPT.isdisjoint([name for name, _ in found.head.headers]):
        if len(_ANSWERS) >= _MOST_ANSWERS:
            _ANSWERS.clear()
        _ANSWERS[raw] = found
        found.is_kept = True
    return found


def _read_answer(data: bytes) -> PlainAnswer | None:
    line = _STATUS_LINE.match(data)
    end = len(data) - 4
    if line is None or end < line.end():
        return None
    status, reason = line.groups()
    read = _read(data[line.end() : end])
    if read is None or status in _BODILESS:
        return None
    headers, by_name, options = read
    length = by_name.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _LONGEST_LENGTH or not _STEERING_ANSWERS.isdisjoint(by_name):
        return None
    return PlainAnswer(ResponseHead(int(status), reason, headers, int(length), False, options), data)


def _read(
    block: bytes, earlier: dict[bytes, Header] = _NO_LINES
) -> tuple[Headers, dict[bytes, bytes], frozenset[bytes]] | None:
    """The headers, their values by name, and the options of the connection; None where it is not simply kept alive."""
    lines = block.split(b"\r\n")
    known = [_LINES.get(line) for line in lines]
    if None in known:
        known = [header or earlier.get(line) or _header(line) for header, line in zip(known, lines, strict=True)]
        if None in known:
            return None
    headers = cast(Headers, known)
    by_name = dict(headers)
    if len(by_name) < len(headers) and _is_doubled(headers):
        return None
    connection = by_name.get(b"connection")
    if connection is None:
        return headers, by_name, _NO_OPTIONS
    if connection.lower() != b"keep-alive":
        return None
    return headers, by_name, _KEPT_ALIVE


def _header(line: bytes) -> Header | None:
    """One header, kept for the next time; None where it is not a plain one."""
    written, colon, value = line.partition(b": ")
    if not colon or not _NAME.fullmatch(written) or value.translate(None, _PLAIN_BYTES):
        return None
    header = (written.lower(), value.strip(b" "))
    if len(line) <= _LONGEST_LINE and header[0] not in _NOT_KEPT:
        if len(_LINES) >= _MOST_LINES:
            _LINES.clear()
        _LINES[line] = header
    return header


def _is_doubled(headers: Headers) -> bool:
    names = [name for name, _ in headers]
    return any(names.count(name) > 1 for name in _ONLY_ONCE)
