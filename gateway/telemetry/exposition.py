"""The metrics in Prometheus' text format, from the supervisor's sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.sinks.sink import Count
from gateway.telemetry.buckets import BOUNDS
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Distribution
from gateway.telemetry.window import total_of

_GAUGE_WINDOW_SECS = 60
_QUANTILES = (0.5, 0.95, 0.99)
#: Stands between a service and its target where both are one key.
_PLACE = "/"


class Target(Protocol):
    """What is told of a target of an upstream, summed over all workers."""

    active: int
    idle: int
    in_flight: int
    weight: int
    takes_requests: bool


@dataclass(frozen=True, slots=True)
class CacheMoment:
    """What is told of the cache: sums over all time, but for `entries` and `bytes`."""

    requests: dict[str, int] = field(default_factory=dict)
    evictions: int = 0
    failed_refreshes: int = 0
    invalidations: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Moment:
    """The values that are read now, not counted."""

    now: float
    uptime_seconds: float
    config_version: str
    desired: int
    ready: int
    open_connections: int = 0
    listeners: Mapping[str, int] = field(default_factory=dict)
    """Connections by listener."""
    in_flight: int = 0
    tunnels: int = 0
    targets: Mapping[tuple[str, str], Target] = field(default_factory=dict)
    """By upstream and target."""
    breakers: dict[str, tuple[int, int]] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)
    """Days until each expires, by whom it is for."""
    worker_restarts: int = 0
    config_number: int = 1
    config_is_refused: bool = False
    config_reloads: Mapping[str, int] = field(default_factory=dict)
    admin_refusals: Mapping[str, int] = field(default_factory=dict)
    sinks: dict[str, Count] = field(default_factory=dict)
    cache: CacheMoment = field(default_factory=CacheMoment)


def exposition(ledger: Ledger, moment: Moment) -> str:
    """The page that `/metrics` answers with."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([*_traffic(ledger), *_state(ledger, moment)]))
    return generate_latest(registry).decode()


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _traffic(ledger: Ledger) -> Iterator[Metric]:
    yield _counter(
        "http_requests_total",
        "Requests answered, by method, route and status.",
        ["method", "route", "status"],
        ledger.requests.items(),
    )
    yield _histogram(
        "http_request_duration_seconds",
        "Time from a request's head to the end of its answer.",
        "route",
        ledger.durations,
    )
    received = {route: (count, size) for route, (count, size, _) in ledger.sizes.items()}
    yield _sizes("http_request_size_bytes", "Bytes of requests' bodies.", received)
    sent = {route: (count, size) for route, (count, _, size) in ledger.sizes.items()}
    yield _sizes("http_response_size_bytes", "Bytes of answers' bodies.", sent)
    yield from _upstreams(ledger)
    yield _counter(
        "connection_pool_uses_total",
        "Requests sent to upstreams on a new connection, and on one that was used before.",
        ["service", "connection"],
        ledger.connection_uses.items(),
    )
    yield from _authentication(ledger)
    yield from _rate_limits(ledger)
    yield _counter(
        "attacks_detected_total",
        "Requests that look like an attack, by route and kind of attack.",
        ["route", "category"],
        ledger.attacks.items(),
    )
    yield _counter(
        "gateway_tracing_spans_total",
        "Spans of traces: exported, failed where the collector did not take them, dropped where the queue was full.",
        ["result"],
        [((result,), ledger.spans[result]) for result in ("exported", "failed", "dropped")],
    )


def _upstreams(ledger: Ledger) -> Iterator[Metric]:
    yield _histogram(
        "upstream_request_duration_seconds",
        "Time from passing a request on to the head of the upstream's answer.",
        f"service{_PLACE}target",
        ledger.upstream_durations,
    )
    yield _counter(
        "upstream_requests_total",
        "Answers of upstreams, by service, target and status.",
        ["service", "target", "status"],
        [((*place.split(_PLACE, 1), status), count) for (place, status), count in ledger.upstream_requests.items()],
    )
    yield _counter(
        "upstream_failures_total",
        "Requests that a target did not answer properly, by service, target and kind.",
        ["service", "target", "failure_type"],
        [((*place.split(_PLACE, 1), kind), count) for (place, kind), count in ledger.upstream_failures.items()],
    )
    yield _counter(
        "upstream_retries_total",
        "Requests that were sent to another target, or were not because the budget for it was spent.",
        ["service", "result"],
        ledger.upstream_retries.items(),
    )


def _authentication(ledger: Ledger) -> Iterator[Metric]:
    failures = ledger.auth_failures
    yield _counter(
        "auth_attempts_total",
        "Requests of routes that ask who sends them, by what came of it.",
        ["result"],
        [(("success",), ledger.auth_succeeded), (("failure",), sum(failures.values()))],
    )
    yield _counter(
        "auth_failures_total",
        "Requests that were not let in, by reason.",
        ["reason"],
        [((reason,), count) for reason, count in failures.items()],
    )
    yield _counter(
        "tunnels_ended_total",
        "Tunnels that were ended because what allowed them was revoked, has expired, or is no session any more.",
        ["reason"],
        [((reason,), ledger.tunnels_ended[reason]) for reason in ("revoked", "expired", "unknown_session")],
    )
    yield _histogram(
        "auth_duration_seconds",
        "Time to look at a token or an API key; what is cached is not looked at.",
        "scheme",
        ledger.auth_durations,
    )


def _rate_limits(ledger: Ledger) -> Iterator[Metric]:
    decisions = ledger.rate_limit_decisions
    yield _counter(
        "rate_limit_decisions_total",
        "Decisions about rate limits: allowed, denied, or failed_open and failed_closed without the store.",
        ["decision", "route", "key_type"],
        decisions.items(),
    )
    yield _counter(
        "rate_limit_exceeded_total",
        "Requests that a rate limit did not let through.",
        ["route", "key_type"],
        [((route, key_type), count) for (what, route, key_type), count in decisions.items() if what == "denied"],
    )
    yield _histogram(
        "rate_limit_duration_seconds",
        "Time to decide about a request: all of those counted on Redis, one in 64 of those in the process.",
        "counted_by",
        ledger.rate_limit_durations,
    )


def _cache(cache: CacheMoment) -> Iterator[Metric]:
    yield _counter(
        "cache_requests_total",
        "Requests of routes with the cache: hit, stale, revalidated, miss or bypass.",
        ["result"],
        [((result,), count) for result, count in cache.requests.items()],
    )
    yield _counter(
        "cache_invalidations_total",
        "Entries that were taken back, by cause.",
        ["cause"],
        [((cause,), count) for cause, count in cache.invalidations.items()],
    )
    yield _counter("cache_evictions_total", "Entries that made room for others.", [], [((), cache.evictions)])
    words = "Times that something newer than a stored answer was asked for in vain."
    yield _counter("cache_failed_refreshes_total", words, [], [((), cache.failed_refreshes)])
    yield _gauge("cache_entries", "Answers that are stored, in all workers.", cache.entries)
    yield _gauge("cache_size_bytes", "Memory of what is stored, in all workers.", cache.bytes)


def _circuits(ledger: Ledger, moment: Moment) -> Iterator[Metric]:
    """The worst of the workers', each of which has its own."""
    words = "Circuit breakers of upstreams: 0 closed, 1 half open, 2 open; the worst of the workers'."
    state = GaugeMetricFamily("circuit_breaker_state", words, labels=["service"])
    for service, (worst, _) in sorted(moment.breakers.items()):
        state.add_metric([service], worst)
    yield state
    rejected = {service: ledger.circuit_rejected[service] for service in moment.breakers}
    yield _counter(
        "circuit_breaker_rejected_total",
        "Requests that an open circuit breaker did not let through.",
        ["service"],
        [((service,), count) for service, count in rejected.items()],
    )


def _state(ledger: Ledger, moment: Moment) -> Iterator[Metric]:
    yield from _recent(ledger, moment.now)
    yield from _circuits(ledger, moment)
    yield from _cache(moment.cache)
    yield _gauge("open_connections", "Client connections that are open.", moment.open_connections)
    by_listener = GaugeMetricFamily("listener_connections", "Those of them by listener.", labels=["listener"])
    for name, count in sorted(moment.listeners.items()):
        by_listener.add_metric([name], count)
    yield by_listener
    yield _counter(
        "proxy_headers_refused_total", "Connections of trusted proxies without a proper PROXY protocol header.",
        ["listener"], [((name,), ledger.proxy_headers_refused[name]) for name in sorted(moment.listeners)],
    )  # fmt: skip
    yield _gauge("gateway_requests_in_flight", "Requests that are being answered.", moment.in_flight)
    yield _gauge("open_tunnels", "Clients that speak another protocol with an upstream (WebSocket).", moment.tunnels)
    yield _gauge("gateway_uptime_seconds", "Time since the gateway started.", moment.uptime_seconds)
    yield _gauge("gateway_workers_desired", "Worker processes that should run.", moment.desired)
    yield _gauge("gateway_workers_ready", "Worker processes that serve requests.", moment.ready)
    yield from _targets(moment)
    expiry = GaugeMetricFamily("certificate_expiry_days", "Days until a certificate expires.", labels=["name"])
    for name, days in sorted(moment.certificates.items()):
        expiry.add_metric([name], days)
    yield expiry
    info = GaugeMetricFamily("gateway_info", "The running version; always 1.", labels=["version", "config_version"])
    info.add_metric([__version__, moment.config_version], 1)
    yield info
    yield from _configuration(moment)
    yield _counter(
        "gateway_worker_restarts_total", "Workers replaced after a crash.", [], [((), moment.worker_restarts)]
    )
    yield from _sinks(moment.sinks)
    yield _counter("gateway_log_dropped_total", "Log lines dropped, not stalled for.", [], [((), ledger.log_dropped)])


def _configuration(moment: Moment) -> Iterator[Metric]:
    yield _counter(
        "gateway_config_reload_total",
        "Attempts to load the configuration anew, by result.",
        ["result"],
        [((result,), moment.config_reloads.get(result, 0)) for result in ("loaded", "unchanged", "refused")],
    )
    yield _counter(
        "gateway_admin_refused_total",
        "Requests to the admin API without a valid token (unauthorized), or the role they need (forbidden).",
        ["reason"],
        [((reason,), moment.admin_refusals.get(reason, 0)) for reason in ("unauthorized", "forbidden")],
    )
    words = "1 where the last attempt to load the configuration was good, 0 where it was refused."
    yield _gauge("gateway_config_last_reload_successful", words, 0 if moment.config_is_refused else 1)
    yield _gauge("gateway_config_number", "Number of the configuration, from 1 at the start.", moment.config_number)


def _targets(moment: Moment) -> Iterator[Metric]:
    for name, words, value in (
        ("connection_pool_active", "Upstream connections that are active.", lambda one: one.active),
        ("connection_pool_idle", "Upstream connections that are idle.", lambda one: one.idle),
        ("upstream_in_flight", "Requests that a target is answering.", lambda one: one.in_flight),
        ("upstream_target_weight", "A target's share of requests; 0: it is given none.", lambda one: one.weight),
        ("upstream_target_up", "Whether a target takes requests: 1, or 0.", lambda one: int(one.takes_requests)),
    ):
        family = GaugeMetricFamily(name, words, labels=["service", "target"])
        for place, target in sorted(moment.targets.items()):
            family.add_metric(place, value(target))
        yield family


def _sinks(sinks: dict[str, Count]) -> Iterator[Metric]:
    up = GaugeMetricFamily("gateway_log_sink_up", "Whether a log sink takes records: 1 or 0.", labels=["sink"])
    records = GaugeMetricFamily("gateway_log_sink_queued_records", "Records that wait for a sink.", labels=["sink"])
    size = GaugeMetricFamily(
        "gateway_log_sink_queued_bytes", "Memory of records that wait for a sink.", labels=["sink"]
    )
    for name, count in sorted(sinks.items()):
        up.add_metric([name], count.up)
        records.add_metric([name], count.queued_records)
        size.add_metric([name], count.queued_bytes)
    yield from (up, records, size)
    yield _counter(
        "gateway_log_sink_records_total",
        "Records by sink: delivered, dropped for want of room or at the end, or refused by the destination.",
        ["sink", "result"],
        [
            ((name, result), getattr(count, result))
            for name, count in sinks.items()
            for result in ("delivered", "dropped", "refused")
        ],
    )
    yield _counter(
        "gateway_log_sink_retries_total",
        "Batches that a sink had to send again.",
        ["sink"],
        [((name,), count.retries) for name, count in sinks.items()],
    )


def _recent(ledger: Ledger, now: float) -> Iterator[Metric]:
    recent = total_of(ledger.window.by_route(now, _GAUGE_WINDOW_SECS))
    yield _gauge("gateway_error_rate", "5xx answers per request in the last minute, 0 to 1.", recent.error_rate)
    yield _gauge(
        "http_requests_per_second",
        "Requests per second in the last minute.",
        recent.requests / _GAUGE_WINDOW_SECS,
    )
    latency = GaugeMetricFamily(
        "gateway_latency_seconds",
        "Quantiles of the request duration in the last minute.",
        labels=["share"],  # "quantile" is for summaries only
    )
    for share in _QUANTILES:
        milliseconds = recent.milliseconds(share)
        latency.add_metric([str(share)], float("nan") if milliseconds is None else milliseconds / 1000)
    yield latency


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, count in sorted(rows):
        family.add_metric(list(key), count)
    return family


def _sizes(name: str, help_text: str, rows: dict[str, tuple[int, int]]) -> Metric:
    """A summary without quantiles: how many, and their sum."""
    family = SummaryMetricFamily(name, help_text, labels=["route"])
    for route, (count, total) in sorted(rows.items()):
        family.add_metric([route], count, total)
    return family


def _histogram(name: str, help_text: str, label: str, rows: dict[str, Distribution]) -> Metric:
    labels = label.split(_PLACE)
    family = HistogramMetricFamily(name, help_text, labels=labels)
    for key, distribution in sorted(rows.items()):
        running = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*BOUNDS, float("inf")), distribution.counts, strict=True):
            running += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), running))
        family.add_metric(key.split(_PLACE, len(labels) - 1), buckets, sum_value=distribution.sum)
    return family
