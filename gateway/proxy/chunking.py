"""How the body of an answer is framed for the client, and the chunked coding (RFC 9112, 7.1)."""

from __future__ import annotations

from enum import Enum

from gateway.proxy.message import RequestHead, ResponseHead

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


def encoded(chunk: bytes) -> list[bytes]:
    """One chunk, in parts; a small one is joined, because a copy costs less than three writes."""
    if len(chunk) <= _SMALL_CHUNK:
        return [b"%x\r\n%b\r\n" % (len(chunk), chunk)]
    return [b"%x\r\n" % len(chunk), chunk, b"\r\n"]
