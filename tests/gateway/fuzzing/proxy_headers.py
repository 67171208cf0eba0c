"""Headers of the PROXY protocol: in whatever parts they come they name the same client, as another reader says."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address

from gateway.listening.proxy_protocol import LONGEST, BadHeaderError, client_of, measured
from tests.gateway.fuzzing.judging import cuts, demand

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_ADDRESSES = {0x10: (socket.AF_INET, 4, 12), 0x20: (socket.AF_INET6, 16, 36), 0x30: (None, 0, 216)}
_CHECKSUM = 3
_REFUSED = "refused"


def proxy_headers(data: bytes) -> None:
    """The input is what a balancer sends, its client's first bytes included."""
    found = [_arrived(parts) for parts in cuts(data)]
    demand(all(one == found[0] for one in found), "it depends on the parts", data, found)
    client, size = found[0]
    demand(size <= LONGEST, "more was taken than a header has", data, size)
    if client == _REFUSED or size == 0:
        return
    expected = _by_referee(data[:size])
    demand(client == expected, "another client", data[:size], client, expected)


def _arrived(parts: list[bytes]) -> tuple[str | None, int]:
    """(the client, or that it is refused; how many bytes were taken): 0 where the header is not whole."""
    taken, waiting = b"", b""
    for part in parts:
        waiting += part
        while waiting:
            try:
                size, is_whole = measured(taken + waiting[:LONGEST])
                demand(size > len(taken), "nothing was taken of what waits", taken, waiting)
                rest = size - len(taken)
                taken, waiting = taken + waiting[:rest], waiting[rest:]
                if is_whole:
                    return client_of(taken), len(taken)
            except BadHeaderError:
                return _REFUSED, 0
    return None, 0


def _by_referee(header: bytes) -> str | None:
    """Whom it names, None where nobody; `_REFUSED` where it is no header."""
    if not header.startswith(_SIGNATURE):
        return _of_line(header)
    if header[12] not in (0x20, 0x21):
        return _REFUSED
    kind = header[13] & 0xF0
    if header[12] == 0x20 or kind not in _ADDRESSES:
        return None
    family, width, size = _ADDRESSES[kind]
    if len(header) < 16 + size or not is_intact(header, 16 + size):
        return _REFUSED
    if family is None:
        is_text = all(one < 128 for one in header[16 : 16 + size])
        return None if is_text else _REFUSED
    if header[13] & 0x0F != 1:
        return _REFUSED
    return _plain(socket.inet_ntop(family, header[16 : 16 + width]))


def _of_line(line: bytes) -> str | None:
    if re.fullmatch(rb"PROXY UNKNOWN( .*)?\r\n", line, re.DOTALL):
        return None
    found = _LINE.fullmatch(line)
    if found is None or int(found[4]) > 65535 or int(found[5]) > 65535:
        return _REFUSED
    family = socket.AF_INET if found[1] == b"TCP4" else socket.AF_INET6
    try:
        for address in (found[3], found[2]):
            packed = socket.inet_pton(family, address.decode())
    except (OSError, ValueError):
        return _REFUSED
    return _plain(socket.inet_ntop(family, packed))


def _plain(address: str) -> str:
    known = ip_address(address)
    return str(getattr(known, "ipv4_mapped", None) or known)


def crc32c(data: bytes) -> int:
    """The checksum, bit by bit (RFC 3720, B.4)."""
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (0x82F63B78 if found & 1 else 0)
    return found ^ 0xFFFFFFFF


def extension(kind: int, value: bytes) -> bytes:
    """One of them, as it is written."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def with_checksum(header: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A header of version 2 with its checksum between these extensions."""
    rest = before + extension(_CHECKSUM, bytes(4)) + behind
    whole = header[:14] + (len(header) - 16 + len(rest)).to_bytes(2, "big") + header[16:] + rest
    at = len(header) + len(before) + 3
    return whole[:at] + crc32c(whole).to_bytes(4, "big") + whole[at + 4 :]


def is_intact(header: bytes, at: int) -> bool:
    """Whether the checksum is right, if there is one among the extensions from `at` on."""
    while at + 3 <= len(header):
        size = int.from_bytes(header[at + 1 : at + 3], "big")
        if header[at] == _CHECKSUM:
            told = header[at + 3 : at + 3 + size]
            bare = header[: at + 3] + bytes(len(told)) + header[at + 3 + len(told) :]
            if size != 4 or told != crc32c(bare).to_bytes(4, "big"):
                return False
        at += 3 + size
    return True
