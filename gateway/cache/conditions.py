"""Conditions and ranges of requests against what is stored (RFC 9110, 13 and 14), and what a 304 changes of it."""

from __future__ import annotations

import re

from gateway.cache.directives import Fields, date_of, fields_of
from gateway.proxy.message import Headers

_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)
#: A 304 does not change what these say of the content that is stored (RFC 9111, 3.2).
_OF_THE_CONTENT = frozenset(
    {b"content-encoding", b"content-length", b"content-md5", b"content-range", b"etag", b"transfer-encoding"}
)
#: What a 304 to a client says (RFC 9110, 15.4.5); the rest it has.
IN_A_304 = frozenset(
    {b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary", b"last-modified", b"set-cookie"}
)


def not_modified(asked: Fields, kept: Fields, received: float) -> bool:
    """Whether the client has what is stored. `received`: when that came, where it does not say itself.

    `If-None-Match` goes before `If-Modified-Since` (RFC 9110, 13.2.2).
    """
    tags = asked.get(b"if-none-match")
    if tags is not None:
        return _names(tags, kept.get(b"etag"))
    since = date_of(asked.get(b"if-modified-since"))
    if since is None:
        return False
    changed = date_of(kept.get(b"last-modified")) or date_of(kept.get(b"date")) or received
    return changed <= since


def _names(tags: bytes, tag: bytes | None) -> bool:
    """By the weak comparison: what differs in a byte only is the same here."""
    if tags.strip() == b"*":
        return True
    if tag is None:
        return False
    plain = tag.removeprefix(b"W/")
    return any(one.removeprefix(b"W/") == plain for one in _TAG.findall(tags))


def wanted_range(asked: Fields, kept: Fields, size: int) -> tuple[int, int] | None:
    """The one range of bytes that is asked for, (first, beyond the last); None where the whole is the answer.

    Several ranges, and one that cannot be satisfied by `first < size`, are answered with the whole, as a server may.
    """
    found = _RANGE.fullmatch(asked.get(b"range", b""))
    if found is None or not _still_the_same(asked.get(b"if-range"), kept):
        return None
    first, last = found.groups()
    if not first:
        start = size - min(int(last), size) if last and int(last) else size
        return (start, size) if start < size else None
    end = min(size, int(last) + 1) if last else size
    return (int(first), end) if int(first) < end else None


def _still_the_same(condition: bytes | None, kept: Fields) -> bool:
    if condition is None:
        return True
    if condition.startswith(b'"'):
        return condition == kept.get(b"etag")
    return not condition.startswith(b"W/") and condition == kept.get(b"last-modified")


def updated(kept: Headers, newer: Headers) -> Headers:
    """The fields that are stored, with those of a 304 or of an answer to HEAD in their place (RFC 9111, 3.2)."""
    replaced = {name for name, _ in newer} - _OF_THE_CONTENT
    return [one for one in kept if one[0] not in replaced] + [one for one in newer if one[0] in replaced]


def same_content(kept: Headers, newer: Headers, size: int) -> bool:
    """Whether an answer to HEAD is about what is stored (RFC 9111, 4.3.5)."""
    old, new = fields_of(kept), fields_of(newer)
    if any(name in new and new[name] != old.get(name) for name in (b"etag", b"last-modified")):
        return False
    length = new.get(b"content-length")
    return length is None or (length.isdigit() and int(length) == size)
