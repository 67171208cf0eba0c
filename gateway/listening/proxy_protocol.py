"""The PROXY protocol's header, versions 1 and 2: what a load balancer says before its client's first byte.

What it means is read by the library; here are its bounds, and where it ends, because the bytes behind it are not
ours to take (they may begin a TLS handshake). The specification is HAProxy's `proxy-protocol.txt`.
"""

from __future__ import annotations

import re
import struct

from proxyprotocol import ProxyProtocolIncompleteError
from proxyprotocol.result import is_ipv4, is_ipv6
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

_FIRST, _SECOND = ProxyProtocolV1(), ProxyProtocolV2()
_WORD = b"PROXY "
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16
#: With its line end (2.1 of the specification).
_LONGEST_LINE = 107
#: Two addresses of Unix sockets, and room for what balancers add (names, certificates, an endpoint's id).
LONGEST = 4096
#: What the library would read more freely: ports are plain numbers, and an address has no scope (`%eth0`) here.
_LINE = re.compile(rb"PROXY (?:UNKNOWN(?: .*)?|TCP[46] [0-9a-fA-F.:]+ [0-9a-fA-F.:]+ [0-9]+ [0-9]+)\r\n", re.DOTALL)
#: The half of a byte of version 2 that says TCP, and no datagrams.
_STREAM = 1
#: The byte that says that a balancer speaks for itself.
_LOCAL = 0x20
#: Bytes that the addresses of a family take; behind them are extensions: a type, a length of two bytes, a value.
_ADDRESSES = {0x10: 12, 0x20: 36, 0x30: 216}
_EXTENSION = struct.Struct("!BH")
_CHECKSUM = 3
#: CRC-32C, a byte at a time (RFC 3720, B.4).
_POLYNOMIAL = 0x82F63B78


class BadHeaderError(Exception):
    """It is no header that can be understood; the text says why, and holds nothing of it."""


def measured(seen: bytes) -> tuple[int, bool]:
    """(how many of the first bytes belong to the header, whether that is the whole of it).

    Raises:
        BadHeaderError: whatever follows, it is none.
    """
    if seen.startswith(_SIGNATURE):
        if len(seen) < _FIXED:
            return len(seen), False
        size = _FIXED + int.from_bytes(seen[14:16], "big")
        if size > LONGEST:
            raise BadHeaderError(f"it is longer than {LONGEST} bytes")
        return min(size, len(seen)), len(seen) >= size
    if _SIGNATURE.startswith(seen) or _WORD.startswith(seen):
        return len(seen), False
    if not seen.startswith(_WORD):
        raise BadHeaderError("it begins like neither version 1 nor 2")
    end = seen.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0 and len(seen) >= _LONGEST_LINE:
        raise BadHeaderError(f"its line is longer than {_LONGEST_LINE} bytes")
    return (len(seen), False) if end < 0 else (end + 2, True)


def client_of(header: bytes) -> str | None:
    """The client's address, of a whole header; None where it names none (LOCAL, UNKNOWN, a Unix socket).

    Raises:
        BadHeaderError: it cannot be understood.
    """
    if header.startswith(_WORD):
        if not _LINE.fullmatch(header):
            raise BadHeaderError("its line is not as the specification has it")
    else:
        header = _bare(header)
    try:
        found = _FIRST.unpack_line(header) if header.startswith(_WORD) else _SECOND.unpack(header)
    except (ProxyProtocolIncompleteError, ValueError, LookupError, struct.error) as error:
        raise BadHeaderError(f"it cannot be understood ({type(error).__name__})") from None
    if not (is_ipv4(found) or is_ipv6(found)):
        return None
    if not header.startswith(_WORD) and header[13] & 0x0F != _STREAM:
        raise BadHeaderError("it is of datagrams")
    client = found.source[0]
    # A balancer that listens for both kinds tells of clients with IPv4 as IPv6; they are known by their own addresses.
    return str(getattr(client, "ipv4_mapped", None) or client)


def _bare(header: bytes) -> bytes:
    """A header of version 2 without what is behind its addresses: what a balancer says for itself has none at all.

    Raises:
        BadHeaderError: its checksum is wrong.
    """
    if header[12] == _LOCAL:
        return header[:14] + b"\0\0"
    size = _ADDRESSES.get(header[13] & 0xF0, 0)
    at = _FIXED + size
    while at + _EXTENSION.size <= len(header):
        kind, length = _EXTENSION.unpack_from(header, at)
        at += _EXTENSION.size
        if kind == _CHECKSUM:
            _check(header, at, length)
        at += length
    return header[:14] + size.to_bytes(2, "big") + header[_FIXED : _FIXED + size]


def _check(header: bytes, at: int, length: int) -> None:
    """See whether the checksum that is there is that of the header with zeros in its place."""
    told = header[at : at + length]
    if length != 4 or told != _crc32c(header[:at] + bytes(len(told)) + header[at + length :]).to_bytes(4, "big"):
        raise BadHeaderError("its checksum is wrong")


def _crc32c(text: bytes) -> int:
    found = 0xFFFFFFFF
    for byte in text:
        found = _TABLE[(found ^ byte) & 0xFF] ^ (found >> 8)
    return found ^ 0xFFFFFFFF


def _table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [one >> 1 ^ (_POLYNOMIAL if one & 1 else 0) for one in table]
    return table


_TABLE = _table()
