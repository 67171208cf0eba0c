"""The trace context of a request (W3C Trace Context): what its client sent, whether it is sampled, what is sent on."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.proxy.message import Headers
from gateway.proxy.rewriting import HeaderEdits

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1
#: Level 2: that the trace id is random in its last 7 bytes. Other flags are not known, and are not passed on.
_RANDOM = 2
_TRACEPARENT_ONLY = frozenset({b"traceparent"})
_BOTH = frozenset({b"traceparent", b"tracestate"})


@dataclass(slots=True)
class Parent:
    """A client's span, as its `traceparent` names it."""

    trace_id: int
    span_id: int
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether the client says that it records this trace."""
        return bool(self.flags & _SAMPLED)


@dataclass(slots=True)
class TraceContext:
    """That of one request: the trace that it belongs to, and the gateway's decision about it."""

    trace_id: int
    parent: Parent | None
    sampled: bool

    def edits_for(self, span_id: int, before: HeaderEdits | None) -> HeaderEdits:
        """What is changed of a request that the span `span_id` stands for, after `before`.

        A `tracestate` belongs to the `traceparent` beside it: it goes on with it, and is dropped without one.
        """
        flags = (self.parent.flags & _RANDOM if self.parent else 0) | (_SAMPLED if self.sampled else 0)
        value = b"00-%032x-%016x-%02x" % (self.trace_id, span_id, flags)
        dropped = _BOTH if self.parent is None else _TRACEPARENT_ONLY
        if before is None:
            return HeaderEdits(dropped, ((b"traceparent", value),))
        kept = tuple(one for one in before.added if one[0] not in dropped)
        return HeaderEdits(before.dropped | dropped, (*kept, (b"traceparent", value)))

    def edits_unsampled(self, before: HeaderEdits | None) -> HeaderEdits | None:
        """The same for a request that is not sampled: whoever comes after the gateway goes by that, too."""
        if self.parent is None:
            return self.edits_for(random.getrandbits(64) or 1, before)
        return self.edits_for(self.parent.span_id, before) if self.parent.sampled else before


class Sampling:
    """Decides by the trace's id, so that all who sample by ratio decide alike; a client that samples is followed.

    It is followed for up to `client_sampled_per_sec` requests a second, of all clients together: nobody outside may
    have everything recorded. Beyond that, its requests are as others are. One that says it does not record is followed
    always.

    `bound` is what the last 8 bytes of a trace id have to be below (as in OpenTelemetry's `TraceIdRatioBased`).
    """

    def __init__(self, bound: int, *, client_sampled_per_sec: float, clock: Callable[[], float]) -> None:
        self._bound = bound
        self._rate = client_sampled_per_sec
        self._most = max(1.0, client_sampled_per_sec) if client_sampled_per_sec else 0.0
        self._left = self._most
        self._clock = clock
        self._at = clock()

    def context(self, headers: Headers) -> TraceContext:
        """The context of a request with these headers."""
        parent = parent_in(headers)
        if parent is None:
            trace_id = random.getrandbits(128) or 1
            return TraceContext(trace_id, None, self._in_ratio(trace_id))
        sampled = parent.sampled and (self._in_ratio(parent.trace_id) or self._follows())
        return TraceContext(parent.trace_id, parent, sampled)

    def _in_ratio(self, trace_id: int) -> bool:
        return trace_id & 0xFFFF_FFFF_FFFF_FFFF < self._bound

    def _follows(self) -> bool:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def parent_in(headers: Headers) -> Parent | None:
    """The client's span. None without a `traceparent`, with one that is not valid, and with several."""
    sent = [value for name, value in headers if name == b"traceparent"]
    if not sent:
        return None
    match = _TRACEPARENT.fullmatch(sent[0]) if len(sent) == 1 else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(int(trace_id, 16), int(span_id, 16), int(flags, 16))


def tracestate_in(headers: Headers) -> list[str]:
    """The values of the client's `tracestate` fields, in their order."""
    return [value.decode("latin-1") for name, value in headers if name == b"tracestate"]
