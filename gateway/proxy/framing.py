"""What a head says about the message's body and its connection (RFC 9110, RFC 9112).

The parser is strict already; these checks are the gateway's own and do not depend on its version. Whatever two
programs could read in two ways is refused, because that is how requests are smuggled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.proxy.message import Headers, Refused

_SPECIAL = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade"})
_IMITATED = frozenset({b"contentlength", b"transferencoding"})
_DIGITS = re.compile(rb"[0-9]{1,18}")
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_NO_OPTIONS: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Special:
    """The headers that steer the connection itself."""

    host: list[bytes] = field(default_factory=list)
    lengths: list[bytes] = field(default_factory=list)
    codings: list[bytes] = field(default_factory=list)
    connection: list[bytes] = field(default_factory=list)
    expect: list[bytes] = field(default_factory=list)
    upgrade: list[bytes] = field(default_factory=list)


def gather(headers: Headers) -> Special:
    """The special headers among `headers`, by kind.

    Raises:
        Refused: a name that some servers would read as a framing header.
    """
    special = Special()
    kinds = {
        b"host": special.host,
        b"content-length": special.lengths,
        b"transfer-encoding": special.codings,
        b"connection": special.connection,
        b"expect": special.expect,
        b"upgrade": special.upgrade,
    }
    for name, value in headers:
        if name in _SPECIAL:
            kinds[name].append(value)
        elif (b"_" in name or b"--" in name) and name.translate(None, b"_-") in _IMITATED:
            raise Refused(400, "suspicious_header", "a header name imitates a framing header")
    return special


def body_framing(special: Special, version: str) -> tuple[int | None, bool]:
    """(content length or None, chunked) of a request.

    Raises:
        Refused: both framings, more than one length, or a transfer coding that is not understood.
    """
    if special.codings:
        _require_chunked_only(special, version)
        return None, True
    if not special.lengths:
        return None, False
    return content_length(special.lengths), False


def _require_chunked_only(special: Special, version: str) -> None:
    if special.lengths:
        raise Refused(400, "ambiguous_framing", "both Content-Length and Transfer-Encoding are present")
    if version == "1.0":
        raise Refused(400, "bad_transfer_encoding", "Transfer-Encoding needs HTTP/1.1")
    if len(special.codings) != 1 or special.codings[0].lower() != b"chunked":
        raise Refused(400, "bad_transfer_encoding", "the only transfer coding understood is a single 'chunked'")


def content_length(values: list[bytes]) -> int:
    """The one length in `values`.

    Raises:
        Refused: several values, or one that is not plain digits.
    """
    if len(values) != 1:
        raise Refused(400, "multiple_content_length", "Multiple Content-Length headers")
    if not _DIGITS.fullmatch(values[0]):
        raise Refused(400, "bad_content_length", "Content-Length is not a plain number")
    return int(values[0])


def authority(special: Special, version: str) -> bytes:
    """The host that the request names; empty only for HTTP/1.0.

    Raises:
        Refused: none, several, or a malformed one.
    """
    if not special.host and version == "1.0":
        return b""
    if len(special.host) != 1:
        raise Refused(400, "bad_host", "exactly one Host header is required")
    if special.host[0] and not HOST.fullmatch(special.host[0]):
        raise Refused(400, "bad_host", "the Host header is malformed")
    return special.host[0]


def options(values: list[bytes]) -> frozenset[bytes]:
    """The names in the Connection headers, lower case: they concern this connection only."""
    if not values:
        return _NO_OPTIONS
    return frozenset(option.strip() for value in values for option in value.lower().split(b",") if option.strip())


def expects_continue(special: Special, version: str) -> bool:
    """Whether the client waits for `100 Continue`.

    Raises:
        Refused: an expectation that is not understood (417).
    """
    if not special.expect or version == "1.0":
        return False
    if [value.lower() for value in special.expect] != [b"100-continue"]:
        raise Refused(417, "expectation_failed", "the only expectation understood is 100-continue")
    return True
