"""The pure parts: targets, routes, framing, quantiles, the sharing of sockets, log lines, the ledger."""

from __future__ import annotations

import contextlib
import json
import resource
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy import framing, target
from gateway.proxy.faults import ActiveFaults
from gateway.proxy.message import Refused, RequestHead
from gateway.proxy.peers import Peer, TrustedProxies
from gateway.proxy.reader import Limits, RequestReader
from gateway.proxy.routing import NoRoute, Route, RoutingTable
from gateway.supervisor import listeners as listeners_module
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError, assignment
from gateway.supervisor.upstream_targets import TargetNow
from gateway.telemetry.buckets import bin_middle, fine_bin, quantile
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.records import as_text, record
from gateway.telemetry.redaction import clean
from gateway.telemetry.tally import Tally
from gateway.telemetry.window import total_of
from tests.gateway.reading import Heard
from tests.gateway.reports import report_of

LIMITS = Limits(head=4096, target=512, body=1000)


REQUESTS = (
    b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n"
    b"3\r\nabc\r\n2;q\r\nde\r\n0\r\nT: 1\r\n\r\n"
    b"GET /c HTTP/1.1\r\nHost: h\r\nConnection: close, X-A\r\n\r\n"
)


@given(st.lists(st.integers(1, len(REQUESTS) - 1), max_size=12))
def test_requests_read_the_same_however_they_are_cut(cuts: list[int]) -> None:
    heard = Heard()
    reader = RequestReader(heard, LIMITS)
    edges = [0, *sorted(set(cuts)), len(REQUESTS)]
    for start, end in pairwise(edges):
        reader.feed(REQUESTS[start:end])
    assert [head.path for head in heard.heads] == [b"/a", b"/b", b"/c"]
    assert heard.bodies == [b"hello", b"abcde", b""]
    assert heard.ended == 3
    assert reader.ended
    assert [head.keep_alive for head in heard.heads] == [True, True, False]
    assert dict(heard.heads[1].headers)[b"x-a"] == b"b"
    assert heard.heads[2].connection_options == {b"close", b"x-a"}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(junk: bytes) -> None:
    reader = RequestReader(Heard(), LIMITS)
    with contextlib.suppress(Refused):
        reader.feed(b"GET /" + junk)
        reader.feed(junk)


@given(st.text("./\\%2eEfF5c;ab", max_size=12))
def test_no_checked_path_climbs(text: str) -> None:
    raw = b"/" + text.encode()
    try:
        path = target.checked_path(target.normalised(raw))
    except Refused:
        return
    segments = path.replace(b"\\", b"/").split(b"/")
    assert b".." not in segments


@pytest.mark.parametrize(
    ("raw", "path"),
    [(b"/a/b?c=../..", b"/a/b"), (b"/%61%2F%7e", b"/a%2F~"), (b"/a...b/.x", b"/a...b/.x"), (b"//a", b"//a")],
)
def test_paths_that_mean_one_thing(raw: bytes, path: bytes) -> None:
    assert target.checked_path(target.normalised(raw)) == path


def route(name: str, prefix: str, methods: str = "GET", strip: bool = False) -> Route:
    return Route(name, prefix.encode(), frozenset(m.encode() for m in methods.split()), "u", strip)


def test_routes() -> None:
    table = RoutingTable([route("root", "/", "GET POST"), route("api", "/api"), route("api2", "/api", "PUT")])

    def found(method: str, path: str) -> Any:
        result = table.find(method.encode(), path.encode())
        return result.allowed if isinstance(result, NoRoute) else result.id

    assert found("GET", "/api") == "api"
    assert found("GET", "/api/x") == "api"
    assert found("PUT", "/api/x") == "api2"
    assert found("GET", "/apix") == "root"
    # The shorter prefix is no way around the longer one's methods.
    assert found("POST", "/api/x") == (b"GET", b"PUT")
    assert RoutingTable([route("api", "/api")]).find(b"GET", b"/x") == NoRoute(())


@pytest.mark.parametrize(
    ("prefix", "raw", "expected"),
    [
        ("/a", b"/a", b"/"),
        ("/a", b"/a?x", b"/?x"),
        ("/a", b"/a/b?x", b"/b?x"),
        ("/a/", b"/a/b", b"/b"),
        ("/", b"/b", b"/b"),
    ],
)
def test_stripping_a_prefix(prefix: str, raw: bytes, expected: bytes) -> None:
    assert route("r", prefix, strip=True).upstream_target(raw) == expected


@pytest.mark.parametrize("value", [b"", b"+1", b"-1", b"1.0", b"0x1", b"1 1", b"1,1", b"9" * 19, "\u0661".encode()])
def test_lengths_are_plain_digits(value: bytes) -> None:
    with pytest.raises(Refused):
        framing.content_length([value])


def test_only_trusted_proxies_are_believed() -> None:
    proxies = TrustedProxies(("10.0.0.0/8", "::1/128"))
    addresses = ("10.1.2.3", "::ffff:10.1.2.3", "::1", "11.1.2.3")
    found = [proxies.peer(address).trusted for address in addresses]
    assert found == [True, True, True, False]
    assert not TrustedProxies(()).peer("10.1.2.3").trusted


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], "10.1.1.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.9, 203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        (["198.51.100.9", "203.0.113.7", "10.2.2.2"], "203.0.113.7"),
        (["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        (["203.0.113.7, unknown, 10.2.2.2"], "10.2.2.2"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::1]:4711, ::ffff:10.2.2.2"], "2001:db8::1"),
        (["203.0.113.7," + "10.2.2.2," * 40 + "10.2.2.2"], "10.2.2.2"),
    ],
)
def test_the_client_is_who_the_last_trusted_proxy_names(sent: list[str], expected: str) -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    head = only_head(b"".join(b"X-Forwarded-For: " + value.encode() + b"\r\n" for value in sent))
    assert proxies.client(Peer(b"10.1.1.1", trusted=True), head).decode() == expected
    assert proxies.client(Peer(b"11.1.1.1", trusted=False), head) == b"11.1.1.1"


def only_head(fields: bytes) -> RequestHead:
    heard = Heard()
    RequestReader(heard, LIMITS).feed(b"GET / HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n")
    return heard.heads[0]


@given(st.floats(2e-5, 60))
def test_fine_bins_are_close_to_the_truth(seconds: float) -> None:
    assert abs(bin_middle(fine_bin(seconds)) - seconds) / seconds < 0.03


def test_quantiles() -> None:
    assert quantile({}, 0.5) is None
    bins = {fine_bin(value / 1000): 1 for value in range(10, 1000, 100)}
    assert quantile(bins, 0.5) == pytest.approx(0.41, rel=0.03)
    assert quantile(bins, 1.0) == pytest.approx(0.91, rel=0.03)


@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40), min_size=1))
def test_every_socket_is_served_exactly_once(slots: set[int], serving: set[int]) -> None:
    slots |= serving
    shares = assignment(slots, serving)
    served = [slot for share in shares.values() for slot in share]
    assert sorted(served) == sorted(slots)
    assert all(worker in share for worker, share in shares.items())
    sizes = [len(share) for share in shares.values()]
    assert max(sizes) - min(sizes) <= 1


def test_nobody_serves_when_nobody_is_there() -> None:
    assert assignment([1, 2], []) == {}


def test_without_balancing_all_slots_share_one_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no macOS here: the platform's answer is the only thing that is replaced.
    monkeypatch.setattr(listeners_module, "BALANCED", False)
    listeners = Listeners("127.0.0.1", 0, 16)
    try:
        assert {listeners.for_slot(slot).getsockname()[1] for slot in (1, 2, 3)} == {listeners.port}
        with pytest.raises(PortUnavailableError, match="already in use"):
            Listeners("127.0.0.1", listeners.port, 16)
    finally:
        listeners.close()


def test_credentials_in_text_are_masked() -> None:
    assert "abc" not in clean(b"/login/token=abc/x?password=abc&api-key:abc Bearer abc")
    assert clean(b"/reset/token/8f3a9c01") == "/reset/token/***"
    assert clean(b"agent Basic YWJj/ZGVm== x") == "agent Basic *** x"
    for path in (b"/api/basic/users", b"/oauth/token/refresh", b"/v1/secrets/list", b"/password/reset"):
        assert clean(path) == path.decode()
    assert clean(b"\xff\n") == "\\xff\n"
    assert len(clean(b"a" * 5000)) == 512


def test_text_lines_suit_awk() -> None:
    access = record(
        0, "ERROR", "proxy", "request", "x", method="GET", path="/a b\"\n", http_version="1.0",
        client_ip="1.2.3.4", status=502, response_size=7, user_agent="a b",
    )  # fmt: skip
    line = as_text(access)
    assert line.split()[7] == 'HTTP/1.0"'
    assert line.split()[8] == "502"
    assert "\n" not in line
    event = as_text(record(0, "ERROR", "supervisor", "worker_crashed", "gone\nfor good"))
    assert event.split()[4] == "worker_crashed"
    assert "\n" not in event


def report(tally: Tally) -> dict[str, Any]:
    return report_of(tally.take(), connection_uses={"backend": [1, 3, 0]})


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([200, 404, 503]), st.floats(0, 40)), max_size=40)
)
def test_reports_of_many_workers_add_up(requests: list[tuple[str, int, float]]) -> None:
    ledger, tallies = Ledger(100), [Tally(), Tally(), Tally()]
    for number, (label, code, seconds) in enumerate(requests):
        tallies[number % 3].request("GET", label, code, seconds)
        if number % 5 == 0:
            ledger.absorb(report(tallies[number % 3]), at=float(number))
    for tally in tallies:
        ledger.absorb(report(tally), at=float(len(requests)))
    assert ledger.requests_total == sum(ledger.requests.values()) == len(requests)
    assert ledger.errors_total == sum(code >= 500 for _, code, _ in requests)
    assert sum(sum(item.counts) for item in ledger.durations.values()) == len(requests)
    assert sum(item.sum for item in ledger.durations.values()) == pytest.approx(sum(item[2] for item in requests))


def test_the_exposition_names_the_catalogue() -> None:
    ledger, tally = Ledger(100), Tally()
    tally.request("GET", "default", 503, 0.02)
    tally.upstream_answered("backend/blue", 503, 0.02)
    tally.upstream_failed("backend/blue", "timeout")
    ledger.absorb(report(tally), at=1.0)
    moment = Moment(
        now=2.0,
        uptime_seconds=1,
        config_version="v",
        desired=1,
        ready=1,
        targets={("backend", "blue"): TargetNow(1, 2)},
    )
    page = exposition(ledger, moment)
    for line in (
        'http_requests_total{method="GET",route="default",status="503"} 1.0',
        'http_request_duration_seconds_bucket{le="0.015",route="default"} 0.0',
        'http_request_duration_seconds_bucket{le="0.025",route="default"} 1.0',
        'upstream_requests_total{service="backend",status="503",target="blue"} 1.0',
        'upstream_failures_total{failure_type="timeout",service="backend",target="blue"} 1.0',
        'connection_pool_idle{service="backend",target="blue"} 2.0',
        'connection_pool_uses_total{connection="new",service="backend"} 1.0',
        'connection_pool_uses_total{connection="reused",service="backend"} 3.0',
        "gateway_error_rate 1.0",
        "open_connections 0.0",
        "open_tunnels 0.0",
        "# TYPE http_requests_total counter",
        "# TYPE http_request_duration_seconds histogram",
    ):
        assert line in page
    for name in ("gateway_latency_seconds", "gateway_uptime_seconds", "gateway_info", "http_requests_per_second"):
        assert f"# TYPE {name} gauge" in page


def test_a_window_counts_as_many_seconds_as_it_says() -> None:
    ledger, tally = Ledger(100), Tally()
    for tenth in range(1000):
        tally.request("GET", "default", 200, 0.02)
        ledger.absorb(report(tally), at=tenth / 10)
    for seconds in (1, 10, 60):
        for now in (90.0, 90.05, 90.95):
            assert total_of(ledger.window.by_route(now, seconds)).requests == 10 * seconds


def test_faults_combine_and_expire() -> None:
    faults = ActiveFaults()
    base = {"id": "f", "route": "*", "latency_ms": 0.0, "error_rate": 0.0, "status": 503, "expires_at": 10.0}
    faults.replace([{**base, "latency_ms": 50.0}, {**base, "route": "a", "latency_ms": 20.0, "error_rate": 1.0}])
    verdict = faults.verdict("a", now=9.0)
    assert verdict is not None
    assert (verdict.delay, verdict.status) == (0.05, 503)
    other = faults.verdict("b", now=9.0)
    assert other is not None
    assert other.status is None
    assert faults.verdict("a", now=10.0) is None


def change(kind: str, outcome: str) -> dict[str, Any]:
    """A whole record of the history: others are not read back."""
    said = {"at": "2026-03-01T12:00:00.000Z", "actor": "ana", "reason": "", "operation_id": "o-1"}
    return {**said, "kind": kind, "outcome": outcome, "before": {}, "after": {}}


def test_a_torn_history_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.append("one", change("scale", "running"))
    history.append("two", change("scale", "running"))
    history.append("two", change("scale", "done"))
    with path.open("a") as file:
        file.write('{"key": "three", "ki')
    again = History(path).newest(10)
    assert [change["outcome"] for change in again] == ["done", "interrupted"]


def test_what_is_recorded_after_a_torn_line_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps({"key": "one", **change("scale", "done")}) + '\n{"key": "two", "ki')
    history = History(path)
    history.append("three", change("restart", "done"))
    history.append("four", change("scale", "done"))
    assert [change["kind"] for change in History(path).newest(10)] == ["scale", "restart", "scale"]
    assert "\n\n" not in path.read_text()


def test_what_is_recorded_after_a_failed_write_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.append("one", change("scale", "done"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file that may not grow is as good as a disk that is full: the line is cut off after ten bytes.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            history.append("two", change("restart", "done"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    history.append("three", change("restart", "done"))
    assert [change["kind"] for change in history.newest(10)] == ["restart", "scale"]
    assert [change["kind"] for change in History(path).newest(10)] == ["restart", "scale"]
