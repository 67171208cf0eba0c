"""How the body of an answer is framed for the client, and the chunked coding (RFC 9112, 7.1)."""

from __future__ import annotations

import re
from enum import Enum

from gateway.proxy.message import Headers, RequestHead, ResponseHead
from gateway.proxy.rewriting import HOP_BY_HOP

LAST_CHUNK = b"0\r\n\r\n"
_SMALL_CHUNK = 4096


class Framing(Enum):
    """How the client learns where the answer's body ends."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def chosen_framing(request: RequestHead, answer: ResponseHead) -> Framing:
    """The framing that suits both the answer and the client's version of HTTP."""
    if request.method == b"HEAD" or answer.status in (204, 304):
        return Framing.NONE
    if answer.content_length is not None and not answer.chunked:
        return Framing.LENGTH
    return Framing.CHUNKED if request.version == "1.1" else Framing.CLOSE


# What a trailer must not say, because it steers how the message or the connection is understood (RFC 9110, 6.5.1).
_NO_TRAILERS = HOP_BY_HOP | {
    b"content-length", b"content-encoding", b"content-type", b"content-range", b"host", b"authorization", b"set-cookie",
    b"cookie", b"cache-control", b"expect", b"max-forwards", b"range", b"location", b"vary", b"age",
    b"expires", b"date", b"x-api-key",
}  # fmt: skip
_TRAILER_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")


def takes_trailers(request: RequestHead) -> bool:
    """Whether the client has said that it reads them (`TE: trailers`)."""
    return any(name == b"te" and b"trailers" in value.lower() for name, value in request.headers)


def may_trail(name: bytes) -> bool:
    """Whether a field of this name may be a trailer at all."""
    return name not in _NO_TRAILERS and _TRAILER_NAME.fullmatch(name) is not None


def last_chunk(trailers: Headers) -> bytes:
    """The end of a chunked body, with those of the trailers that may be passed on."""
    kept = [b"%b: %b\r\n" % (name, value) for name, value in trailers if may_trail(name)]
    return b"0\r\n%b\r\n" % b"".join(kept)


def encoded(chunk: bytes) -> list[bytes]:
    """One chunk, in parts; a small one is joined, because a copy costs less than three writes."""
    if len(chunk) <= _SMALL_CHUNK:
        return [b"%x\r\n%b\r\n" % (len(chunk), chunk)]
    return [b"%x\r\n" % len(chunk), chunk, b"\r\n"]
