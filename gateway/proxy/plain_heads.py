"""Heads of the plainest kind, read in one go: most heads are, and a parser that calls back for each header is slow.

What is taken here is a small part of what the parser takes, and comes to the same (a test holds the two against each
other). Whatever is unusual is left to the parser and its checks: a head that has not arrived whole, bodies of requests,
odd methods, versions and names, headers that steer the connection, anything that would be refused.
"""

from __future__ import annotations

import re

from gateway.proxy import framing, target
from gateway.proxy.message import Header, Headers, RequestHead, ResponseHead

_REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!\"$-~]*+) HTTP/1\.1\r\n")
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
_NOT_KEPT = {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"}
#: Header lines that were read before: the same few come again and again. Long ones and credentials are not kept.
_LINES: dict[bytes, Header] = {}


def never_keep(name: bytes) -> None:
    """Keep no header of this name: it bears credentials."""
    _NOT_KEPT.add(name)
    for line in [line for line, header in _LINES.items() if header[0] == name]:
        del _LINES[line]


def plain_request(data: bytes, start: int, *, most_head: int, most_target: int) -> tuple[RequestHead, int] | None:
    """The request without a body that begins at `start`, and where it ends; None where the parser has to look.

    Raises:
        Refused: it must not be passed on.
    """
    line = _REQUEST_LINE.match(data, start)
    end = data.find(b"\r\n\r\n", start)
    if line is None or end < line.end() or end + 4 - start > most_head:
        return None
    method, wanted = line.groups()
    read = _read(data[line.end() : end])
    if read is None or len(wanted) > most_target:
        return None
    headers, by_name, options = read
    host = by_name.get(b"host")
    if host is None or not framing.HOST.fullmatch(host) or not _STEERING_REQUESTS.isdisjoint(by_name):
        return None
    if b"%" in wanted or b"." in wanted or b"\\" in wanted:
        wanted = target.normalised(wanted)
        path = target.checked_path(wanted)
    else:
        path = wanted.partition(b"?")[0]
    return RequestHead(method, wanted, path, "1.1", headers, host, None, False, True, False, options), end + 4


def plain_answer(data: bytes) -> tuple[ResponseHead, int] | None:
    """The head of an answer with a body of known length, and where it ends; None where the parser has to look."""
    line = _STATUS_LINE.match(data)
    end = data.find(b"\r\n\r\n")
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
    return ResponseHead(int(status), reason, headers, int(length), False, options), end + 4


def _read(block: bytes) -> tuple[Headers, dict[bytes, bytes], frozenset[bytes]] | None:
    """The headers, their values by name, and the options of the connection; None where it is not simply kept alive."""
    headers: Headers = []
    for line in block.split(b"\r\n"):
        header = _LINES.get(line) or _header(line)
        if header is None:
            return None
        headers.append(header)
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
