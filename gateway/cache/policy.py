"""What RFC 9111 decides, as pure functions: may it be stored, for how long is it fresh, may it be used now.

The gateway is a shared cache. Ages and lifetimes are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.cache.directives import MOST_SECONDS, Directives, Fields, date_of, directives_of

#: Statuses that may be reused without explicit freshness (RFC 9110, 15.1), but for 206, which is never stored.
_HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
#: What is understood of statuses, for `must-understand`.
_UNDERSTOOD = _HEURISTIC | {302, 303, 307, 400, 403, 406, 409, 411, 412, 413, 415, 416, 417, 421, 422, 426}
#: Never stored: they are of a part of the content, or about one client or what it has sent (RFC 6585). An error that
#: an odd request has brought about would else be the answer to everybody's.
_NEVER = frozenset({206, 304, 400, 408, 413, 428, 429, 431, 511})
#: Fresh for the time of the settings where they say nothing themselves.
_BY_DEFAULT = frozenset({200, 203, 204, 300, 301, 308, 404, 410})
#: What goes before Cache-Control and Expires in a cache like this one, the first before the second.
_TARGETED = (b"cdn-cache-control", b"surrogate-control")
_HEURISTIC_SHARE = 0.1
_HEURISTIC_MOST = 86_400.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How an answer may be used once it is stored."""

    lifetime: float
    """For how long it is fresh, from its origination."""
    initial_age: float
    """How old it was when it arrived."""
    no_cache: bool
    """Never without asking the upstream."""
    must_revalidate: bool
    """Never stale, whatever happens."""
    shared: bool
    """Also for requests that say who sends them."""
    stale_while_revalidate: float
    stale_if_error: float


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings say where an answer says nothing."""

    ttl: float = 0.0
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0


def storable(status: int, fields: Fields, asked: Directives, *, credentials: bool) -> bool:
    """Whether the answer to a GET may be stored (RFC 9111, 3), and is nobody's own.

    `credentials`: the request has said who sends it; the answer then has to say that it is for all (3.5).
    """
    told = _told(fields)
    if status < 200 or status in _NEVER or b"no-store" in asked:
        return False
    if b"must-understand" in told:
        if status not in _UNDERSTOOD:
            return False
    elif b"no-store" in told:
        return False
    if b"private" in told or b"set-cookie" in fields or b"*" in fields.get(b"vary", b""):
        return False
    if credentials and not for_all(told):
        return False
    explicit = b"public" in told or b"max-age" in told or b"s-maxage" in told or b"expires" in fields
    return explicit or status in _HEURISTIC


def _told(fields: Fields) -> Directives:
    """What an answer says to caches: to those before an upstream, if it does so, or else to all (RFC 9213)."""
    for name in _TARGETED:
        if name in fields:
            # With a parameter a directive of Surrogate-Control is for another one than this.
            own = Directives(one for one in directives_of(fields[name]).items() if b";" not in (one[1] or b""))
            if own:
                return own
    return directives_of(fields.get(b"cache-control"))


def for_all(told: Directives) -> bool:
    """Whether an answer to somebody known may be given to others (RFC 9111, 3.5)."""
    return b"public" in told or b"s-maxage" in told or b"must-revalidate" in told


def terms(status: int, fields: Fields, defaults: Defaults, *, now: float, delay: float) -> Terms:
    """How an answer that arrived at `now` (epoch), `delay` seconds after it was asked for, may be used."""
    told = _told(fields)
    date = date_of(fields.get(b"date"))
    lifetime, age = _lifetime(status, fields, told, defaults.ttl, now if date is None else date), _age(fields)
    no_cache = b"no-cache" in told or (b"pragma" in fields and not told and b"no-cache" in fields[b"pragma"].lower())
    must_revalidate = b"must-revalidate" in told or b"proxy-revalidate" in told
    allowed = not must_revalidate and not no_cache and b"s-maxage" not in told
    while_revalidate, if_error = told.seconds(b"stale-while-revalidate"), told.seconds(b"stale-if-error")
    return Terms(
        lifetime=lifetime if age is not None else 0.0,
        initial_age=max(0.0, 0.0 if date is None else now - date, (age or 0.0) + max(0.0, delay)),
        no_cache=no_cache,
        # Without a word about staleness, `s-maxage` forbids it (RFC 9111, 5.2.2.10).
        must_revalidate=must_revalidate or (b"s-maxage" in told and while_revalidate is None and if_error is None),
        shared=for_all(told),
        stale_while_revalidate=_given(while_revalidate, defaults.stale_while_revalidate if allowed else 0.0),
        stale_if_error=_given(if_error, defaults.stale_if_error if allowed else 0.0),
    )


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


def _lifetime(status: int, fields: Fields, told: Directives, ttl: float, date: float) -> float:
    for name in (b"s-maxage", b"max-age"):
        if (seconds := told.seconds(name)) is not None:
            return seconds
    if b"expires" in fields:
        end = date_of(fields[b"expires"])
        return 0.0 if end is None else min(MOST_SECONDS, max(0.0, end - date))
    if status not in _HEURISTIC and b"public" not in told:
        return 0.0
    modified = date_of(fields.get(b"last-modified"))
    if modified is not None:
        return min(_HEURISTIC_MOST, max(0.0, (date - modified) * _HEURISTIC_SHARE))
    return ttl if status in _BY_DEFAULT else 0.0


def _age(fields: Fields) -> float | None:
    """What `Age` says; None where that cannot be understood."""
    value = fields.get(b"age")
    if value is None:
        return 0.0
    return min(int(value), MOST_SECONDS) if value.isdigit() and len(value) < 20 else None


class Use(Enum):
    """What may be done with what is stored."""

    FRESH = "fresh"
    STALE = "stale"
    """Although it is stale; nobody has to ask for a newer one."""
    STALE_WHILE_REVALIDATE = "stale while revalidate"
    REVALIDATE = "revalidate"


def usable(
    terms: Terms, age: float, staleness: float, asked: Directives, *, rests: bool = False, erred: bool = False
) -> Use:
    """What may be done with an answer that is so old, for a request with these directives.

    `staleness`: for how long it has been stale; negative while it is fresh. `rests`: the upstream was asked for a newer
    one in vain a moment ago; `erred`: by an error.
    """
    if terms.no_cache or b"no-cache" in asked:
        return Use.REVALIDATE
    most, least = asked.seconds(b"max-age"), asked.seconds(b"min-fresh")
    if (most is not None and age > most) or (least is not None and -staleness < least):
        return Use.REVALIDATE
    if staleness < 0:
        return Use.FRESH
    if terms.must_revalidate:
        return Use.REVALIDATE
    if b"max-stale" in asked and staleness <= _most_stale(asked):
        return Use.STALE
    if staleness < terms.stale_while_revalidate:
        return Use.STALE if rests else Use.STALE_WHILE_REVALIDATE
    return Use.STALE if erred and usable_on_error(terms, staleness) else Use.REVALIDATE


def _most_stale(asked: Directives) -> float:
    return MOST_SECONDS if asked[b"max-stale"] is None else asked.seconds(b"max-stale") or 0.0


def usable_on_error(terms: Terms, staleness: float) -> bool:
    """Whether it may be given in place of an error of the upstream (RFC 5861, 4)."""
    allowed = not terms.must_revalidate and not terms.no_cache and terms.stale_if_error > 0
    return allowed and staleness < terms.stale_if_error
