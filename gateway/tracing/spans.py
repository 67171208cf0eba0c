"""Spans of requests: one of the server's kind for each that is sampled, with those of its legs below it.

Attributes are those of OpenTelemetry's semantic conventions for HTTP. No header is among them but the name of the user
agent, and no query; paths are cleaned of what looks like a credential, as they are in the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, TraceIdRatioBased
from opentelemetry.semconv.attributes.client_attributes import CLIENT_ADDRESS
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_REQUEST_RESEND_COUNT,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME, SERVICE_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_FULL, URL_PATH, URL_SCHEME
from opentelemetry.semconv.attributes.user_agent_attributes import USER_AGENT_ORIGINAL
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from gateway import __version__
from gateway.proxy.upstream_leg import UpstreamLeg
from gateway.settings import METHODS
from gateway.telemetry.redaction import clean
from gateway.tracing.context import Sampling, TraceContext, tracestate_in
from gateway.tracing.export import Outcome, Outlet
from gateway.tracing.leg import TracedLeg
from gateway.tracing.settings import TracingSettings

if TYPE_CHECKING:
    from gateway.proxy.admission import Rule
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.legs import AnswerWatcher
    from gateway.proxy.pool import UpstreamPool
    from gateway.proxy.target_pool import TargetPool
    from gateway.settings import RouteSettings
    from gateway.telemetry.tally import Tally

#: (level, component, event type, message), for the log.
Tell: TypeAlias = Callable[[str, str, str, str], None]
_NAMES = {name.encode(): name for name in METHODS}
_OTHER = "_OTHER"
_LONGEST_AGENT = 200
_LONGEST_NAME = 255


class Tracing:
    """That of one worker, by one configuration. Requests that began with it end with it."""

    def __init__(
        self,
        settings: TracingSettings,
        *,
        tally: Tally,
        tell: Tell,
        masks_emails: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.masks_emails = masks_emails
        self._tally = tally
        self._tell = tell
        self._is_down = False
        self._ids = _GivenIds()
        self._outlet = Outlet(settings, self._counted)
        provider = TracerProvider(
            sampler=ALWAYS_ON,  # only what is sampled comes to it
            resource=Resource.create({SERVICE_NAME: settings.service_name, SERVICE_VERSION: __version__}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._outlet)
        self._tracer = provider.get_tracer("tocsin-gateway", __version__)
        bound = TraceIdRatioBased.get_bound_for_rate(settings.sampling_rate)
        self._sampling = Sampling(bound, client_sampled_per_sec=settings.client_sampled_per_sec, clock=clock)

    def policy(self, _route: RouteSettings) -> tuple[Rule, ...]:
        """What comes before all other rules: what they refuse is traced as well."""
        return (self.begin,)

    def begin(self, exchange: Exchange) -> None:
        """Decide about a request, and begin its span where it is sampled."""
        context = self._sampling.context(exchange.head.headers)
        exchange.trace_id = f"{context.trace_id:032x}"
        if context.sampled:
            trace = RequestTrace(self, context, exchange)
            exchange.span_id = f"{trace.span.get_span_context().span_id:016x}"
            exchange.make_leg = trace.leg
            exchange.at_end = partial(trace.end, exchange)
        elif context.parent is None or context.parent.sampled:
            exchange.make_leg = partial(_unsampled_leg, context)

    def started(self, name: str, kind: SpanKind, parent: Span | None, trace_id: int, at: int) -> Span:
        """A new span, at `at` nanoseconds since the epoch."""
        self._ids.trace_id = trace_id
        within = None if parent is None else set_span_in_context(parent)
        return self._tracer.start_span(name, within, kind, start_time=at)

    def _counted(self, outcome: Outcome, spans: int) -> None:
        self._tally.spans(outcome, spans)
        if outcome != "dropped" and self._is_down is not (outcome == "failed"):
            self._is_down = outcome == "failed"
            if self._is_down:
                self._tell("WARNING", "tracing", "traces_not_taken", "the collector takes no traces; they are lost")
            else:
                self._tell("INFO", "tracing", "traces_taken", "the collector takes traces again")

    async def close(self) -> None:
        """Send what is left, within a bound."""
        await self._outlet.close()


class RequestTrace:
    """The spans of one request. It knows no exchange: the two would wait for the collector of garbage."""

    __slots__ = ("_offset", "_tracing", "context", "span")

    def __init__(self, tracing: Tracing, context: TraceContext, exchange: Exchange) -> None:
        self._tracing = tracing
        self.context = context
        self._offset = time.time_ns() - _nanoseconds(exchange.plane.clock())
        name = _NAMES.get(exchange.head.method, "HTTP")
        route = exchange.route
        self.span = tracing.started(
            name if route is None else f"{name} {route.prefix.decode()}",
            SpanKind.SERVER,
            _remote(context, exchange),
            context.trace_id,
            self._at(exchange.started_at),
        )

    def leg(
        self, exchange: Exchange, pool: UpstreamPool, unsent: list[bytes], watcher: AnswerWatcher | None
    ) -> UpstreamLeg:
        """The request's way to an upstream."""
        return TracedLeg(self, exchange, pool, unsent, watcher)

    def asked(self, exchange: Exchange, upstream: str, target: TargetPool[Any], resent: int) -> ClientSpan:
        """A target is asked, for the first time or once more."""
        head, route, (host, port) = exchange.head, exchange.route, target.address
        assert route is not None
        name, at = _NAMES.get(head.method, "HTTP"), self._at(exchange.plane.clock())
        span = self._tracing.started(name, SpanKind.CLIENT, self.span, self.context.trace_id, at)
        scheme = "http" if target.service.tls is None else "https"
        path = self._cleaned(target.service.prefix + route.upstream_target(head.path))
        span.set_attributes(
            {
                **_method(head.method),
                URL_FULL: f"{scheme}://{target.service.authority.decode('latin-1')}{path}",
                SERVER_ADDRESS: host,
                SERVER_PORT: port,
                "gateway.upstream": upstream,
                "gateway.target": target.name,
            }
        )
        if resent:
            span.set_attribute(HTTP_REQUEST_RESEND_COUNT, resent)
        return ClientSpan(span, resent, lambda: self._at(exchange.plane.clock()))

    def end(self, exchange: Exchange) -> None:
        """The request is over."""
        head, peer, span = exchange.head, exchange.client.peer, self.span
        span.set_attributes(
            {
                **_method(head.method),
                URL_PATH: self._cleaned(head.path),
                URL_SCHEME: peer.scheme.decode(),
                NETWORK_PROTOCOL_VERSION: head.version,
                CLIENT_ADDRESS: exchange.client_ip.decode("latin-1"),
                "gateway.correlation_id": exchange.correlation.decode("latin-1"),
                "gateway.route": exchange.label,
                **_authority(head.authority),
            }
        )
        if exchange.route is not None:
            span.set_attribute(HTTP_ROUTE, exchange.route.prefix.decode())
        for name, value in head.headers:
            if name == b"user-agent":
                span.set_attribute(USER_AGENT_ORIGINAL, self._cleaned(value[:_LONGEST_AGENT]))
        self._conclude(exchange)

    def _conclude(self, exchange: Exchange) -> None:
        span, status, failure = self.span, exchange.status, exchange.error_type
        if status and status != 499:
            # 499 is what the log calls it when the client has left: nobody was answered that.
            span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
        if status >= 500 or failure:
            span.set_attribute(ERROR_TYPE, failure or str(status))
        if status >= 500 or (failure and status < 400):
            # What a client has brought about (4xx) is no error of the server.
            span.set_status(StatusCode.ERROR)
        span.end(self._at(exchange.upgraded_at or exchange.plane.clock()))

    def _cleaned(self, raw: bytes) -> str:
        return clean(raw, emails=self._tracing.masks_emails)

    def _at(self, clock: float) -> int:
        return _nanoseconds(clock) + self._offset


class ClientSpan:
    """One attempt at one target."""

    __slots__ = ("_now", "_span", "_status", "id", "resent")

    def __init__(self, span: Span, resent: int, now: Callable[[], int]) -> None:
        self.id = span.get_span_context().span_id
        self.resent = resent
        self._span: Span | None = span
        self._now = now
        self._status = 0

    def answered(self, status: int) -> None:
        """The head of an answer is there."""
        self._status = status
        if self._span is not None:
            self._span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)

    def end(self, failure: str | None) -> None:
        """It is over: with the answer, or with what went wrong. Only the first time counts."""
        span, self._span = self._span, None
        if span is None:
            return
        failure = failure or (str(self._status) if self._status >= 400 else None)
        if failure is not None:
            span.set_attribute(ERROR_TYPE, failure)
            span.set_status(StatusCode.ERROR)
        span.end(self._now())


class _GivenIds(RandomIdGenerator):
    """Of the trace that was decided about; ids of spans are random."""

    trace_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id


def _unsampled_leg(
    context: TraceContext,
    exchange: Exchange,
    pool: UpstreamPool,
    unsent: list[bytes],
    watcher: AnswerWatcher | None,
) -> UpstreamLeg:
    """No span; who comes after the gateway is told that this is not sampled."""
    exchange.request_headers = context.edits_unsampled(exchange.request_headers)
    return UpstreamLeg(exchange, pool, unsent, watcher)


def _remote(context: TraceContext, exchange: Exchange) -> Span | None:
    parent = context.parent
    if parent is None:
        return None
    state = TraceState.from_header(tracestate_in(exchange.head.headers))
    flags = TraceFlags(parent.flags)
    return NonRecordingSpan(SpanContext(parent.trace_id, parent.span_id, True, flags, state))


def _method(method: bytes) -> dict[str, str]:
    known = _NAMES.get(method)
    if known is not None:
        return {HTTP_REQUEST_METHOD: known}
    return {HTTP_REQUEST_METHOD: _OTHER, HTTP_REQUEST_METHOD_ORIGINAL: method.decode("latin-1")}


def _authority(authority: bytes) -> dict[str, str | int]:
    """What the client calls the gateway, without what might be a user and a password."""
    name = authority.decode("latin-1").rpartition("@")[2][:_LONGEST_NAME]
    host, colon, port = name.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()):
        return {SERVER_ADDRESS: name} if name else {}
    return {SERVER_ADDRESS: host, SERVER_PORT: int(port)}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
