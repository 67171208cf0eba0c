"""The metrics of a gateway that serves: the labels of the catalogue and no others, and the bounds of its histograms."""

from __future__ import annotations

import re
from typing import Any

from gateway.supervisor.upstream_targets import TargetNow
from gateway.telemetry.exposition import CacheMoment, Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from tests.gateway import catalogue_names as names
from tests.gateway.reports import report_of

#: Every threshold of the runbooks falls on one of these, in seconds.
BOUNDS = ["0.005", "0.01", "0.015", "0.025", "0.05", "0.1", "0.2", "0.3", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0"]
#: Beside those that the catalogue names, each of them bounded by the settings.
ALSO: dict[str, set[str]] = {
    "http_request_duration_seconds": {"route"},
    "circuit_breaker_state": {"service"},
    "circuit_breaker_rejected_total": {"service"},
    "upstream_request_duration_seconds": {"service", "target"},
    "upstream_requests_total": {"target"},
    "upstream_failures_total": {"target"},
    "gateway_latency_seconds": {"share"},
    "auth_duration_seconds": {"scheme"},
    "rate_limit_duration_seconds": {"counted_by"},
    "connection_pool_active": {"target"},
    "connection_pool_idle": {"target"},
    "http_request_size_bytes": {"route"},
    "http_response_size_bytes": {"route"},
    "certificate_expiry_days": {"name"},
    "gateway_info": {"version", "config_version"},
}


def page() -> str:
    """Everything has happened once."""
    ledger, tally = Ledger(100), Tally()
    tally.request("GET", "users", 503, 0.02, 3, 4)
    tally.upstream_answered("backend/blue", 503, 0.02)
    tally.upstream_failed("backend/blue", "timeout")
    tally.circuit_rejected("backend")
    tally.auth_failed("expired")
    tally.auth_took("jwt", 0.001)
    tally.rate_limit_decided(("denied", "users", "ip"))
    tally.rate_limit_took("process", 0.001)
    ledger.absorb(report_of(tally.take()), at=1.0)
    moment = Moment(
        2.0, 1.0, "v", 1, 1, targets={("backend", "blue"): TargetNow(1, 2)}, breakers={"backend": (2, 5)},
        certificates={"example.com": 30.0}, cache=CacheMoment(requests={"hit": 1}),
    )  # fmt: skip
    return exposition(ledger, moment)


def labels_of(text: str, name: str) -> set[str]:
    found: set[str] = set()
    samples = re.findall(rf"^{name}(?:_bucket|_count|_sum)?(?:\{{(.*?)\}})? ", text, re.MULTILINE)
    assert samples, f"{name} has no sample"
    for inside in samples:
        found |= set(re.findall(r'(\w+)="', inside))
    return found - {"le"}


def test_labels_are_those_of_the_catalogue() -> None:
    text = page()
    wanted: dict[str, Any] = {}
    for written, labels in names.METRICS.items():
        name = written.removesuffix("_bucket")
        wanted[name] = set(labels) | ALSO.get(name, set())
    assert {name: labels_of(text, name) for name in wanted} == wanted


def test_every_threshold_of_the_runbooks_falls_on_a_bound() -> None:
    text = page()
    for name in (
        "http_request_duration_seconds", "upstream_request_duration_seconds", "auth_duration_seconds",
        "rate_limit_duration_seconds",
    ):  # fmt: skip
        assert re.findall(rf'^{name}_bucket\{{.*?le="([^"]+)"', text, re.MULTILINE) == [*BOUNDS, "+Inf"], name
