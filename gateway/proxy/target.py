"""The request target: from what the client wrote to the path and query that are passed on.

Raises:
    Refused: targets that an upstream could read as another path than the one that was routed.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from gateway.proxy.framing import HOST
from gateway.proxy.message import Refused

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([^#]*)")
_SEPARATOR = re.compile(rb"[/\\]")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    """(path and query, the authority of an absolute target or None)."""
    if target[:1] == b"/":
        return target, None
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Refused(400, "bad_target", "the request target must be a path or an absolute http URL")
    named, rest = match.groups()
    if not HOST.fullmatch(named):
        raise Refused(400, "bad_target", "the request target names a malformed host")
    return (rest if rest[:1] == b"/" else b"/" + rest), named


def normalised(target: bytes) -> bytes:
    """`target` with needless escapes in its path decoded (RFC 3986, 6.2.2.2), so that one path has one spelling."""
    if b"%" not in target:
        return target
    path, mark, query = target.partition(b"?")
    if _ESCAPE.search(path):
        # What is decoded behind it would make it whole: of "%4%41" an escape that nobody has sent.
        raise Refused(400, "bad_target", "a % in the path is not followed by two hexadecimal digits")
    return _ESCAPED.sub(_decoded_if_plain, path) + mark + query


def _decoded_if_plain(match: re.Match[bytes]) -> bytes:
    character = bytes.fromhex(match.group(1).decode())
    return character if character in _UNRESERVED else match.group(0)


def checked_path(target: bytes) -> bytes:
    """The path of an origin-form target, known to mean the same to every server."""
    path = target.partition(b"?")[0]
    if b"#" in target:
        raise Refused(400, "bad_target", "a fragment does not belong in a request target")
    if b"%" in path or b"." in path or b"\\" in path:
        _refuse_disguises(path)
    return path


def _refuse_disguises(path: bytes) -> None:
    decoded = unquote_to_bytes(path)
    if b"\0" in decoded:
        raise Refused(400, "bad_target", "the path holds a zero byte")
    # ";" starts path parameters, which some servers drop before they resolve "..": "/a/..;x/b".
    segments = [segment.partition(b";")[0] for segment in _SEPARATOR.split(decoded)]
    if b".." in segments or b"." in segments:
        raise Refused(400, "bad_target", "the path has '.' or '..' segments; send it resolved")
