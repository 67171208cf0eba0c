"""What the gateway does itself of HTTP/2: its fields from and to those of HTTP/1, and GOAWAY (RFC 9113)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from hpack import Encoder, NeverIndexedHeaderTuple
from hpack.hpack import encode_integer

from gateway.proxy import framing
from gateway.proxy.message import Header, Headers, Refused, ResponseHead

_HEAD_BYTES = 9
_GOAWAY = 7
_LONGEST_FRAME = 65_536
_STATUS = re.compile(rb"[1-9][0-9]{2}")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
# Those of a connection of HTTP/1: whoever sends one has not understood HTTP/2 (RFC 9113, 8.2.2).
_OF_A_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_NOT_SENT = frozenset({b"host", b"transfer-encoding", b"connection", b"keep-alive"})
# The table that compresses fields is shared by all clients of a connection; what is in it could be guessed.
_NEVER_INDEXED = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"x-api-key"})
_NO_OPTIONS: frozenset[bytes] = frozenset()


# Fields as they are, without Huffman's code (RFC 7541, 6.2.2 and 6.2.3), and a table that has no room (6.3).
_LITERAL, _NEVER, _NO_TABLE = b"\x00", b"\x10", b"\x20"
_LENGTHS = [bytes(encode_integer(length, 7)) for length in range(1024)]
_LONGEST_KEPT = 100


class LiteralEncoder(Encoder):
    """Writes each field whole: some more bytes, for a small part of the time that tables and Huffman's code take."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:  # noqa: ARG002 - so it is called
        """A block of fields; the first one says that there is no table."""
        begin = b"" if self._begun else _NO_TABLE
        self._begun = True
        return begin + b"".join([_written(one[0], one[1], type(one) is NeverIndexedHeaderTuple) for one in headers])


def _written(name: bytes, value: bytes, is_secret: bool) -> bytes:
    if is_secret or len(value) > _LONGEST_KEPT:
        return _literal(_NEVER if is_secret else _LITERAL, name, value)
    return _often(name, value)


@lru_cache(maxsize=4096)  # The same few come again and again.
def _often(name: bytes, value: bytes) -> bytes:
    return _literal(_LITERAL, name, value)


def _literal(kind: bytes, name: bytes, value: bytes) -> bytes:
    return b"".join((kind, _length(name), name, _length(value), value))


def _length(text: bytes) -> bytes:
    return _LENGTHS[len(text)] if len(text) < len(_LENGTHS) else bytes(encode_integer(len(text), 7))


def fields_of(head: bytes, scheme: bytes) -> tuple[Headers, bool]:
    """(the fields for HTTP/2, whether a body follows) of a request's head as it is written for HTTP/1.1."""
    line, *lines = head[:-4].split(b"\r\n")
    method, target, _ = line.split(b" ", 2)
    authority, has_body, fields = b"", False, Headers()
    for one in lines:
        name, _, value = one.partition(b": ")
        if name in _NOT_SENT:
            authority = value if name == b"host" else authority
            has_body = has_body or name == b"transfer-encoding"
            continue
        if name == b"content-length":
            has_body = value != b"0"
        # A parser of HTTP/1 leaves obsolete white space around values alone, HTTP/2 has none.
        value = value.strip()
        fields.append(NeverIndexedHeaderTuple(name, value) if name in _NEVER_INDEXED else (name, value))
    pseudo = [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", target)]
    return pseudo + fields, has_body


def answer_of(fields: list[Header]) -> ResponseHead:
    """The head of an answer, as the gateway knows it of HTTP/1: without a length, its body still has an end to be seen.

    Raises:
        Refused: it could be understood in two ways.
    """
    name, value = fields[0] if fields else (b"", b"")
    status = int(value) if name == b":status" and _STATUS.fullmatch(value) else 0
    headers = checked(fields[1:])
    special = framing.gather(headers)
    if status == 101 or status < 100:
        raise Refused(502, "bad_answer", f"status {status} was not asked for")
    length = framing.content_length(special.lengths) if special.lengths else None
    return ResponseHead(status, _phrase(status), headers, length, length is None, _NO_OPTIONS)


def checked(fields: Iterable[Header]) -> Headers:
    """The fields of an answer, or those behind its body. The library would end the whole connection for a wrong one.

    Raises:
        Refused: one of them is none of HTTP/2.
    """
    found: Headers = []
    for name, value in fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name in _OF_A_CONNECTION:
            raise Refused(502, "bad_answer", "an answer has a field that is none")
        found.append((bytes(name), bytes(value)))
    return found


@lru_cache(maxsize=1000)
def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


class FrameSplitter:
    """Takes GOAWAY out of what an upstream sends.

    The library takes a connection for closed with it, while what is under way on it is still to be answered.
    """

    def __init__(self) -> None:
        self._left = b""

    def split(self, received: bytes) -> Iterator[tuple[bytes, int | None]]:
        """(whole frames for the library, the last stream that is answered of a GOAWAY behind them or None).

        Raises:
            Refused: a frame that is longer than anybody may send.
        """
        left = self._left + received if self._left else received
        begin = at = 0
        while at + _HEAD_BYTES <= len(left):
            length = int.from_bytes(left[at : at + 3], "big")
            if length > _LONGEST_FRAME:
                raise Refused(502, "bad_answer", "a frame is too long")
            end = at + _HEAD_BYTES + length
            if end > len(left):
                break
            if left[at + 3] == _GOAWAY and length >= 8:
                payload = left[at + _HEAD_BYTES : end]
                yield left[begin:at], int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
                begin = end
            at = end
        self._left = left[at:]
        if at > begin:
            yield left[begin:at], None
