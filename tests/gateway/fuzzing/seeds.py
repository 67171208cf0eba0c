"""Where fuzzing begins: good and bad messages, the published cases of desynchronisation, and pieces to mix in."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import yaml
from hpack import Encoder

from tests.architecture.reading import ROOT
from tests.gateway.fuzzing.proxy_headers import extension, with_checksum
from tests.gateway.refused_requests import REFUSED

_DESYNC = ROOT.parent / "shared" / "contracts" / "http-desync"
_LONGEST = 4096

_REQUESTS = (
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a/b;c?d=%20&e=%2e%2e HTTP/1.1\r\nHost: h:80\r\nUser-Agent: a\r\nAccept: */*\r\nX-A: b\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /y HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    "HEAD /y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    "GET http://other/x?y HTTP/1.1\r\nHost: h\r\nConnection: X-A, keep-alive\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc",
    "GET /x HTTP/1.0\r\nConnection: keep-alive\r\nVia: 1.0 a\r\nX-Forwarded-For: 1.2.3.4, 10.0.0.2\r\n\r\n",
    "GET /%41%2f.%2E/ HTTP/1.1\r\nHost: [::1]:8080\r\nForwarded: for=1.2.3.4\r\nX-Request-Id: a b\r\n\r\n",
    "DELETE /x HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\nAuthorization: Bearer eyJ\r\nTE: trailers\r\n\r\n",
)
_ANSWERS = (
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nab",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 5\r\n\r\n',
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc",
    "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 1\r\nConnection: X-A\r\nX-A: 1\r\nVia: 1.1 a\r\n\r\nxy",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
)
_WORDS = (
    "\0/a/%2e%2e/b;c?d", "\0http://h/x?y", "\0/a%252e/./%41", "\1 1.2.3.4, 10.0.0.1", '\1"[2001:db8::1]:80", unknown',
    '\2max-age=3, s-maxage="4", no-cache="a, b", private', "\2stale-while-revalidate=99999999999999999999",
    "\3Sun, 06 Nov 1994 08:49:37 GMT", "\3Sunday, 06-Nov-94 08:49:37 GMT", "\3Sun Nov  6 08:49:37 1994",
    '\4W/"a", "b\\"c", *', "\4bytes=1-5", "\4bytes=-0", "\5Bearer eyJhbGciOi.eyJzdWIiOi.c2ln", "\5sid=abc; sid=d",
    "\x0600-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "\6a=1,b@c=2",
    "\7/reset/token/abcdefgh12345678?password=x&mail=ana@example.com", "\7Basic dXNlcjpwYXNz",
    "\0/a%25%4%41", "\x08/a?b=1%27%20or%201%3D1--", "\x08/?q=%3Cscript%3E&r=..%2f..%2fetc/passwd;cat${jndi:x}",
)  # fmt: skip

#: What is mixed into messages: each has made some server read another message than its neighbour did.
PIECES = tuple(
    piece.encode("latin-1")
    for piece in (
        "\r\n", "\n", "\r", "\0", "\t", " ", ":", ",", ";", "\x0b", "\x80", "\xff", "\r\n\r\n", "\r\n ", "\n\n",
        "0\r\n\r\n",
        "Content-Length: 3\r\n", "Content-Length: 0\r\n", "Content-Length: +3\r\n", "Content-Length: 3, 3\r\n",
        "Content-Length: 99999999999999999999\r\n", "Content_Length: 3\r\n", "Content-Length : 3\r\n",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n", "Transfer_Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Content-Length, Host, Via, X-Request-Id\r\n", "Connection: X-A\r\n", "Host: a\r\n",
        "Host: a@b/c\r\n",
        "Expect: 100-continue\r\n", "TE: trailers\r\n", "Trailer: X\r\n", "Proxy-Connection: close\r\n",
        "X-Forwarded-For: 10.0.0.1, 1.2.3.4\r\n", "X-Forwarded-Host: x\r\nX-Forwarded-Proto: y\r\n", "Via: 1.1 a\r\n",
        "Forwarded: for=_x\r\n", "X-Own: 2\r\n", "X-Request-Id: a\r\n", " HTTP/1.1", " HTTP/1.0", "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST ", "HEAD ", "http://", "%2e%2e",
        "..",
        "%00", "%2f", "%5c", "#", "?", "//", "3\r\nabc\r\n", "3;x=\"\r\n", "ffffffffffffffff\r\n", "0x3\r\n", "-1\r\n",
        "3 \r\n",
    )
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """The first inputs of a target, by its name."""
    return [one[:_LONGEST] for one in _OF[target]()]


def _requests() -> Iterator[bytes]:
    for text in (*_REQUESTS, *(text for text, _ in REFUSED.values())):
        yield text.encode("latin-1")
    for path in sorted(_DESYNC.glob("*.yaml")) if _DESYNC.is_dir() else ():
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield _written(case)


def _written(case: dict[str, Any]) -> bytes:
    """A published case, with a host and what may be a body."""
    fields = [f"{item['name']}: {item['value']}" for item in case.get("headers") or ()]
    line = f"{case.get('method', 'GET')} {case.get('uri', '/')} {case.get('version', 'HTTP/1.1')}"
    return "\r\n".join([line, "Host: h", *fields, "", "0\r\n\r\n"]).encode("utf-8", "surrogateescape")


def _frames() -> Iterator[bytes]:
    head = Encoder().encode([(b":status", b"200"), (b"content-length", b"3")])
    early = Encoder().encode([(b":status", b"103")])
    trailers = Encoder().encode([(b"x-t", b"1")])

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return bytes((kind, flags, stream, len(payload))) + payload

    yield b"\0" + frame(1, 4, 0, head) + frame(0, 1, 0, b"abc")
    yield b"\0" + frame(1, 4, 1, early) + frame(1, 4, 1, head) + frame(0, 0, 1, b"abc") + frame(1, 5, 1, trailers)
    yield b"\0" + frame(1, 5, 0, head) + frame(2, 0, 1, b"\0\0\0\7") + frame(5, 0, 2, b"\0\0\0\1\0\0\0\0")
    yield b"\0" + frame(3, 0, 2, b"\0\4\0\0\0\1") + frame(6, 0, 0, b"\0\0\0\1") + frame(4, 0, 2, b"12345678")
    yield b"\0" + frame(5, 0, 2, b"\0\0\0\0\0\0\0\0") + frame(1, 4, 0, head)
    yield b"\xff\0\0\3\0\1\0\0\0\1abc"


def _proxied() -> Iterator[bytes]:
    """Headers of both versions, a request behind them."""
    signature, ask = b"\r\n\r\n\x00\r\nQUIT\n", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    v4, v6 = b"\xc0\0\2\7\xc0\0\2\1\x12\x67\1\xbb", bytes(10) + b"\xff\xff" + bytes(range(20)) + b"\1\2\3\4"
    paths = b"/run/a".ljust(108, b"\0") * 2

    def second(command: int, family: int, body: bytes) -> bytes:
        return signature + bytes([0x20 | command, family]) + len(body).to_bytes(2, "big") + body

    for line in ("TCP4 192.0.2.7 192.0.2.1 4711 443", "TCP6 2001:db8::7 ::1 1 65535", "UNKNOWN", "UNKNOWN a b",
                 "TCP6 fe80::1%a ::1 1 2", "TCP4 1.2.3.4 1.2.3.4 +1 2_0"):  # fmt: skip
        yield b"PROXY " + line.encode() + b"\r\n" + ask
    for family, body in ((0x11, v4), (0x12, v4), (0x21, v6), (0x31, paths), (0x00, b""), (0x41, v4)):
        for command in (0, 1, 2):
            yield second(command, family, body) + ask
    for family, body in ((0x11, v4), (0x21, v6)):
        noise = extension(4, bytes(3))
        yield with_checksum(second(1, family, body)) + ask
        yield with_checksum(second(1, family, body), noise, extension(1, b"h2") + noise) + ask
        yield second(1, family, body + extension(3, b"abcd")) + ask


_OF = {
    "proxy_headers": _proxied,
    "requests": _requests,
    "answers": lambda: (text.encode("latin-1") for text in _ANSWERS),
    "http2_frames": _frames,
    "words": lambda: (text.encode("latin-1") for text in _WORDS),
}


def mutated(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """The input with one to four changes: pieces put in, spans dropped, doubled or moved, bytes changed."""
    for _ in range(random.randrange(1, 5)):
        at, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + 64)
        span = data[at:end]
        chosen = random.randrange(7)
        if chosen <= 1:
            data = data[:at] + random.choice(PIECES) + data[at:]
        elif chosen == 2:
            data = data[:at] + data[end:]
        elif chosen == 3:
            data = data[:end] + span + data[end:]
        elif chosen == 4:
            data = data[:at] + random.randbytes(1) + data[at + 1 :]
        elif chosen == 5:
            data = _with_a_line(data, random)
        else:
            other = random.choice(others)
            data = data[:at] + other[random.randrange(len(other) + 1) :]
    return data[:_LONGEST]


def _with_a_line(data: bytes, random: Random) -> bytes:
    """One of its lines replaced by a piece, or moved to another place."""
    lines = data.split(b"\r\n")
    line = lines.pop(random.randrange(len(lines)))
    lines.insert(random.randrange(len(lines) + 1), random.choice((line, random.choice(PIECES).rstrip(b"\r\n"))))
    return b"\r\n".join(lines)
