"""The small grammars: targets, forwarding headers, directives, dates, ranges, credentials, and what a log shows."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from gateway.auth.credentials import NotBelieved
from gateway.auth.sent import Bearing
from gateway.auth.settings import AuthSettings
from gateway.cache.conditions import not_modified, wanted_range
from gateway.cache.directives import date_of, directives_of, listed
from gateway.policies.attack_patterns import CATEGORIES, Patterns
from gateway.proxy import target
from gateway.proxy.message import Refused, RequestHead
from gateway.proxy.peers import Peer, TrustedProxies, ip_of
from gateway.telemetry.redaction import clean
from gateway.tracing.context import parent_in, tracestate_in
from tests.gateway.fuzzing.judging import demand

_PROXIES = TrustedProxies(["10.0.0.0/8"])
_PATTERNS = Patterns(CATEGORIES)
_BEARING = Bearing(AuthSettings.model_validate({"jwt_secret": "s" * 64, "cookie_name": "sid"}))


def words(data: bytes) -> None:
    """The first byte chooses the grammar, the rest is what is read."""
    chosen = _GRAMMARS[data[0] % len(_GRAMMARS)] if data else _target
    chosen(data[1:].translate(None, b"\r\n\0"))


def _target(written: bytes) -> None:
    try:
        found, _ = target.origin_form(written)
        normalised = target.normalised(found)
        path = target.checked_path(normalised)
    except Refused as refused:
        demand(refused.status == 400, "another refusal", written)
        return
    demand(target.normalised(normalised) == normalised, "normalised once more it is another", written, normalised)
    demand(path[:1] == b"/" and b"#" not in normalised, "not a path", written, path)
    segments = unquote_to_bytes(path).replace(b"\\", b"/").split(b"/")
    demand(b".." not in segments and b"." not in segments, "it leads elsewhere", written, path)


def _forwarded_for(written: bytes) -> None:
    head = RequestHead(
        b"GET", b"/", b"/", "1.1", [(b"x-forwarded-for", written)], b"h", None, False, True, False, frozenset()
    )
    found = _PROXIES.client(Peer(b"10.0.0.1", trusted=True), head)
    demand(ip_of(found.decode("latin-1")) is not None, "a client without an address", written, found)


def _directives(written: bytes) -> None:
    found = directives_of(written)
    for name in found:
        seconds = found.seconds(name)
        demand(seconds is not None and 0 <= seconds <= 2**31, "a time that is none", written, name, seconds)
    listed(written)


def _date(written: bytes) -> None:
    moment = date_of(written)
    demand(moment is None or moment == moment, "no moment", written, moment)  # noqa: PLR0124 - only NaN is not


def _conditions(written: bytes) -> None:
    for name in (b"if-none-match", b"if-modified-since"):
        not_modified({name: written}, {b"etag": b'"a"', b"last-modified": b"Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0)
    wanted = wanted_range({b"range": written}, {b"etag": b'"a"'}, 100)
    demand(wanted is None or 0 <= wanted[0] <= wanted[1] <= 100, "a range that is none", written, wanted)


def _credential(written: bytes) -> None:
    for name in (b"authorization", b"cookie"):
        try:
            sent = _BEARING.found([(name, written)])
        except NotBelieved:
            continue
        demand(sent.value in written and sent.value, "a credential that was not sent", written, sent)


def _trace(written: bytes) -> None:
    parent = parent_in([(b"traceparent", written)])
    demand(parent is None or (parent.trace_id and parent.span_id), "a trace without an id", written)
    tracestate_in([(b"tracestate", written)])


def _log(written: bytes) -> None:
    text = clean(written)
    demand(text.isprintable() or "\n" not in text, "a line end in a log", written, text)
    demand(len(text) <= 8 * 512, "a log without an end", written)


def _attack(written: bytes) -> None:
    for found in (_PATTERNS.in_target(written), _PATTERNS.in_agent(written)):
        demand(found is None or found in CATEGORIES, "an attack without a name", written, found)


_GRAMMARS: tuple[Callable[[bytes], None], ...] = (
    _target, _forwarded_for, _directives, _date, _conditions, _credential, _trace, _log, _attack,
)  # fmt: skip
