"""Reading what heads say of caching: Cache-Control (RFC 9111, 5.2), dates (RFC 9110, 5.6.7), fields by name."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from gateway.proxy.message import Header

Fields: TypeAlias = dict[bytes, bytes]
"""Field values by lower-case name; several lines of one name are joined with commas."""

#: Longer than any time that matters, shorter than what breaks arithmetic (RFC 9111, 1.2.2).
MOST_SECONDS = 2**31
_PARTS = re.compile(rb'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
_LONGEST_KEPT = 200
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(form)
    for form in (
        rb"[A-Z][a-z]{2}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) " + _TIME + rb" GMT",
        rb"[A-Z][a-z]{5,8}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{2})-(?P<year>\d\d) " + _TIME + rb" GMT",
        rb"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) " + _TIME + rb" (?P<year>\d{4})",
    )
)


def fields_of(headers: Iterable[Header]) -> Fields:
    """The fields of a head by their names."""
    fields: Fields = {}
    for name, value in headers:
        known = fields.get(name)
        fields[name] = value if known is None else known + b", " + value
    return fields


class Directives(dict[bytes, bytes | None]):
    """The directives of a Cache-Control by lower-case name; what comes twice has its more restrictive value."""

    def seconds(self, name: bytes) -> float | None:
        """The value of a directive that is a time; None where it is not there, 0 where it is no plain number.

        A response whose freshness cannot be understood is stale (RFC 9111, 4.2.1).
        """
        if name not in self:
            return None
        value = self[name]
        return min(int(value), MOST_SECONDS) if value is not None and value.isdigit() and len(value) < 20 else 0


NONE = Directives()


def directives_of(value: bytes | None) -> Directives:
    """Those of a whole Cache-Control value. It is shared: change nothing in it."""
    if value is None:
        return NONE
    return _kept(value) if len(value) <= _LONGEST_KEPT else _parsed(value)


def _parsed(value: bytes) -> Directives:
    found = Directives()
    for part in _PARTS.findall(value):
        name, equals, written = part.strip().partition(b"=")
        name = name.strip().lower()
        argument = _unquoted(written) if equals else None
        if name in found:
            argument = _stricter(found[name], argument)
        if name:
            found[name] = argument
    return found


_kept = lru_cache(maxsize=1000)(_parsed)


def _unquoted(value: bytes) -> bytes:
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        return re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return value


def _stricter(first: bytes | None, second: bytes | None) -> bytes | None:
    if first is None or second is None:
        return None  # Without an argument a directive concerns everything.
    if first.isdigit() and second.isdigit():
        return min(first, second, key=int)
    return first if not first.isdigit() else second


def date_of(value: bytes | None) -> float | None:
    """Seconds since the epoch; None where it is no date in one of the three forms."""
    if value is None:
        return None
    for form in _DATES:
        if found := form.fullmatch(value):
            return _moment(found)
    return None


def _moment(found: re.Match[bytes]) -> float | None:
    month = _MONTHS.get(found["month"])
    day, year = int(found["day"]), int(found["year"])
    if len(found["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if month is None or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    return float(timegm((year, month, day, hour, minute, second)))


def listed(value: bytes | None) -> list[bytes]:
    """The members of a comma-separated list, lower case, empty ones left out."""
    return [one.strip() for one in value.lower().split(b",") if one.strip()] if value else []
