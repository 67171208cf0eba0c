"""Traces: what a collector gets, what the upstream and the log are told, and that no request waits for any of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.cli import app
from gateway.settings import Settings
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.tracing.context import Sampling, parent_in
from gateway.tracing.settings import TracingSettings
from tests.gateway.collector import Collector, Taken
from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.targets import document_for
from tests.gateway.upstream import ControlledUpstream

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def parent(flags: str = "01") -> str:
    return f"00-{TRACE}-{SPAN}-{flags}"


def traced(upstream: str, collector: str, *, more: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A configuration that traces everything, and sends at once."""
    tracing = {"enabled": True, "endpoint": collector, "sampling_rate": 1.0, "flush_interval_secs": 0.05, **keys}
    return settings_for(upstream, **{**(more or {}), "observability": {"tracing": tracing}})


def sent(upstream: ControlledUpstream, name: str = "traceparent") -> list[str]:
    """What the last request to the upstream had in its fields of this name."""
    return upstream.requests[-1].header(name)


async def spans_of(worker: OneWorker, outcome: str) -> int:
    """How many spans were counted as this, since the start."""
    await worker.report()
    reports = [one["counted"]["spans"] for one in worker.said if one["type"] == "report"]
    return sum((Counter(one) for one in reports), Counter[str]())[outcome]


async def counted(worker: OneWorker, outcome: str, number: int) -> None:
    """Wait until so many are."""
    while await spans_of(worker, outcome) < number:
        pass


def records_of(worker: OneWorker) -> list[dict[str, Any]]:
    """What it has logged, as far as it has told of it."""
    lines = [line for one in worker.said if one["type"] == "report" for _, _, line in one["records"]]
    return [json.loads(line) for line in lines]


def sent_to(upstream: ControlledUpstream, target: str) -> bool:
    """Whether the last request that came to the upstream was this one."""
    return upstream.requests[-1].target == target


async def taken(collector: Collector, number: int) -> list[Taken]:
    await until(lambda: len(collector.spans) >= number, f"{number} spans")
    return collector.wait(number)


async def test_a_request_is_a_span_with_one_of_its_upstream_below_it(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, service_name="edge")
        async with one_worker(document) as worker, worker.caller() as caller:
            answer = await caller.get(
                "/stripped/a?token=s3cr3t", x_request_id="mine", user_agent="probe/1", authorization="Bearer s3cr3t"
            )
            assert (answer.status, answer.headers["x-request-id"]) == (200, "mine")
            server, client = await taken(collector, 2)
    host, port = shared_upstream.url.removeprefix("http://").split(":")
    assert (server.service, server.name, server.kind, server.parent_id) == ("edge", "GET /stripped", "server", "")
    assert server.attributes == {
        "http.request.method": "GET", "http.route": "/stripped", "url.path": "/stripped/a", "url.scheme": "http",
        "http.response.status_code": 200, "network.protocol.version": "1.1", "client.address": "127.0.0.1",
        "server.address": "h", "user_agent.original": "probe/1", "gateway.correlation_id": "mine",
        "gateway.route": "stripped",
    }  # fmt: skip
    assert (client.name, client.kind, client.parent_id) == ("GET", "client", server.span_id)
    assert client.trace_id == server.trace_id
    assert client.attributes == {
        "http.request.method": "GET", "url.full": f"{shared_upstream.url}/a", "server.address": host,
        "server.port": int(port), "http.response.status_code": 200, "gateway.upstream": "backend",
        "gateway.target": client.attributes["gateway.target"],
    }  # fmt: skip
    assert server.start <= client.start <= client.end <= server.end
    assert sent(shared_upstream) == [f"00-{server.trace_id}-{client.span_id}-01"]
    assert "s3cr3t" not in str(collector.spans)


@pytest.mark.parametrize(("flags", "onward"), [("01", "01"), ("03", "03"), ("ff", "03")])
async def test_a_client_that_samples_is_followed(shared_upstream: ControlledUpstream, flags: str, onward: str) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, sampling_rate=0.0)
        async with one_worker(document) as worker, worker.caller() as caller:
            await caller.get("/", traceparent=parent(flags), tracestate="a=1,b=2")
            server, client = await taken(collector, 2)
    assert (server.trace_id, server.parent_id, server.trace_state) == (TRACE, SPAN, "a=1,b=2")
    assert sent(shared_upstream) == [f"00-{TRACE}-{client.span_id}-{onward}"]
    assert sent(shared_upstream, "tracestate") == ["a=1,b=2"]


async def test_a_client_that_does_not_sample_is_followed_and_its_context_goes_on(
    shared_upstream: ControlledUpstream,
) -> None:
    with Collector() as collector:
        async with one_worker(traced(shared_upstream.url, collector.url)) as worker, worker.caller() as caller:
            await caller.get("/", traceparent=parent("00"), tracestate="a=1")
            assert sent(shared_upstream) == [parent("00")]
            assert sent(shared_upstream, "tracestate") == ["a=1"]
            await caller.get("/")
            await taken(collector, 2)
    assert {one.trace_id for one in collector.spans} == {collector.spans[0].trace_id} != {TRACE}


async def test_what_is_not_sampled_is_no_span_and_the_upstream_is_told(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, sampling_rate=0.0, client_sampled_per_sec=0)
        async with one_worker(document) as worker, worker.caller() as caller:
            await caller.get("/", tracestate="a=1")
            (onward,) = sent(shared_upstream)
            assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", onward)
            assert sent(shared_upstream, "tracestate") == [], "it belongs to no traceparent"
            await caller.get("/", traceparent=parent("01"), tracestate="a=1")
            assert sent(shared_upstream) == [parent("00")], "beyond the bound, a client cannot have all recorded"
            assert sent(shared_upstream, "tracestate") == ["a=1"]
    assert (collector.asked, collector.spans) == (0, [])


@pytest.mark.parametrize("wrong", ["00-0-0-01", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"{parent()}-x"])
async def test_a_context_that_is_not_valid_is_none(shared_upstream: ControlledUpstream, wrong: str) -> None:
    with Collector() as collector:
        async with one_worker(traced(shared_upstream.url, collector.url)) as worker, worker.caller() as caller:
            await caller.get("/", traceparent=wrong, tracestate="a=1")
            server, client = await taken(collector, 2)
    assert (server.parent_id, server.trace_state) == ("", "")
    assert server.trace_id != TRACE
    assert sent(shared_upstream) == [f"00-{server.trace_id}-{client.span_id}-01"]
    assert sent(shared_upstream, "tracestate") == []


async def test_without_tracing_the_context_passes_unchanged(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        await caller.get("/", traceparent="whatever-it-is", tracestate="a=1")
        assert (sent(shared_upstream), sent(shared_upstream, "tracestate")) == (["whatever-it-is"], ["a=1"])
        assert "trace_id" not in stage.records()[0]


async def test_what_goes_wrong_is_said_in_the_words_of_the_log(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url)
        document["upstreams"].append({"id": "dead", "base_url": "http://127.0.0.1:1"})
        document["routes"].append({"id": "dead", "path": "/dead", "upstream_id": "dead"})
        async with one_worker(document) as worker, worker.caller() as caller:
            assert (await caller.get("/dead")).status == 502
            assert (await caller.get("/status-503")).status == 503
            assert (await caller.get("/status-404")).status == 404
            caller.send("POST /limited HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\n\r\n")
            assert (await caller.answer()).status == 405
            spans = await taken(collector, 7)
    found = [
        (one.kind, one.attributes.get("http.response.status_code"), one.attributes.get("error.type"), one.failed)
        for one in spans
    ]
    assert found == [
        ("server", 502, "connect_failed", True), ("client", None, "connect_failed", True),
        ("server", 503, "503", True), ("client", 503, "503", True),
        ("server", 404, None, False), ("client", 404, "404", True),
        ("server", 405, "method_not_allowed", False),
    ]  # fmt: skip


async def test_each_attempt_is_a_span_and_the_upstream_is_told_which(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector, ControlledUpstream(always="status-503") as failing:
        document = traced("", collector.url)
        document["upstreams"] = document_for(failing, shared_upstream, weights=(100, 1))["upstreams"]
        async with one_worker(document) as worker, worker.caller() as caller:
            while not failing.requests:
                assert (await caller.get("/")).status == 200
            await until(lambda: any("http.request.resend_count" in one.attributes for one in collector.spans))
            await until(lambda: sum(one.kind == "client" for one in collector.spans) >= 2)
        second = next(one for one in collector.spans if "http.request.resend_count" in one.attributes)
        (first,) = [one for one in collector.spans if one.attributes.get("gateway.target") == "blue"]
        assert (first.attributes["error.type"], second.attributes["gateway.target"]) == ("503", "green")
        assert (first.parent_id, first.trace_id) == (second.parent_id, second.trace_id)
        assert failing.requests[-1].header("traceparent") == [f"00-{first.trace_id}-{first.span_id}-01"]
        assert sent(shared_upstream) == [f"00-{second.trace_id}-{second.span_id}-01"]


async def test_a_dead_collector_costs_spans_and_no_request(shared_upstream: ControlledUpstream) -> None:
    """Nobody listens; what waits is bounded, and what has no room is dropped and counted."""
    document = traced(shared_upstream.url, "http://127.0.0.1:1", queue_size=4, batch_size=2, timeout_secs=0.05)
    async with one_worker(document) as worker, worker.caller() as caller:
        for _ in range(5):
            assert (await caller.get("/")).status == 200
        await counted(worker, "failed", 2)
        assert await spans_of(worker, "exported") == 0
        ledger = Ledger(10)
        for one in worker.said:
            if one["type"] == "report":
                ledger.absorb(one, 0.0)
    page = exposition(ledger, Moment(1.0, 1.0, "v", 1, 1))
    assert f'gateway_tracing_spans_total{{result="failed"}} {ledger.spans["failed"]}.0' in page
    assert 'gateway_tracing_spans_total{result="exported"} 0.0' in page


async def test_a_collector_that_does_not_answer_holds_up_nothing(shared_upstream: ControlledUpstream) -> None:
    with Collector(holding=True) as collector:
        document = traced(shared_upstream.url, collector.url, queue_size=4, batch_size=2, timeout_secs=60)
        async with one_worker(document) as worker, worker.caller() as caller:
            for _ in range(10):
                assert (await caller.get("/")).status == 200
            await counted(worker, "dropped", 16)
            assert await spans_of(worker, "dropped") == 16, "of 20, 4 wait"
        # It ends in time all the same, and says what became of them.
        reports = [one["counted"]["spans"] for one in worker.said if one["type"] == "report"]
        assert sum(one.get("dropped", 0) for one in reports) <= 20


async def test_the_log_says_when_a_collector_takes_nothing_and_when_it_does_again(
    shared_upstream: ControlledUpstream,
) -> None:
    with Collector(status=400) as collector:
        async with one_worker(traced(shared_upstream.url, collector.url)) as worker, worker.caller() as caller:
            for _ in range(2):
                await caller.get("/")
                await counted(worker, "failed", 2)
            collector.status = 200
            await caller.get("/")
            await taken(collector, 2)
            await counted(worker, "exported", 2)
        events = [one["event_type"] for one in records_of(worker) if one["component"] == "tracing"]
    assert events == ["traces_not_taken", "traces_taken"]


async def test_the_log_has_the_trace_and_keeps_the_correlation_id(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, sampling_rate=0.0, client_sampled_per_sec=1)
        async with one_worker(document) as worker, worker.caller() as caller:
            await caller.get("/", x_request_id="first", traceparent=parent("01"))
            await caller.get("/", x_request_id="second", traceparent=parent("00"))
            server, _ = await taken(collector, 2)
            await worker.report()
            found = {one["correlation_id"]: one for one in records_of(worker) if one["event_type"] == "request"}
    assert (found["first"]["trace_id"], found["first"]["span_id"]) == (TRACE, server.span_id)
    assert (found["second"]["trace_id"], "span_id" in found["second"]) == (TRACE, False)


async def test_secrets_and_addresses_in_paths_are_masked_as_in_the_log(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        async with one_worker(traced(shared_upstream.url, collector.url)) as worker, worker.caller() as caller:
            await caller.get("/token/abcdef0123456789/of/somebody@example.com?key=abcdef", cookie="s=abcdef")
            caller.send("GET http://me:abcdef@host:81/x HTTP/1.1\r\nHost: me:abcdef@host:81\r\n\r\n")
            await caller.answer()
            spans = await taken(collector, 2)
    assert spans[0].attributes["url.path"] == "/token/***/of/s***@example.com"
    assert "abcdef" not in str(spans)


async def test_a_client_that_leaves_is_no_error_of_the_server(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        async with one_worker(traced(shared_upstream.url, collector.url)) as worker:
            async with worker.caller() as caller:
                caller.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
                await until(lambda: bool(shared_upstream.requests) and sent_to(shared_upstream, "/silent"))
            server, client = await taken(collector, 2)
    assert server.attributes["error.type"] == client.attributes["error.type"] == "client_disconnected"
    assert "http.response.status_code" not in server.attributes


async def test_a_tunnel_is_asked_for_in_one_span_and_lasts_in_another() -> None:
    async def switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        await reader.read()
        writer.close()

    served = await asyncio.start_server(switch, "127.0.0.1", 0)
    with Collector() as collector:
        document = traced(f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}", collector.url)
        document["routes"][0]["upgrades"] = ["websocket"]
        async with served, one_worker(document) as worker:
            async with worker.caller() as caller:
                caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                await caller.until(b"\r\n\r\n")
                (client,) = await taken(collector, 1)
                assert (client.kind, client.attributes["http.response.status_code"]) == ("client", 101)
            server, _ = await taken(collector, 2)
    assert (server.kind, server.attributes["http.response.status_code"], server.failed) == ("server", 101, False)


async def test_an_answer_of_the_cache_asks_no_upstream(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        more = {"cache": {"enabled": True, "default_ttl": 600}, "concurrency": {"max_concurrency": 1}}
        document = traced(shared_upstream.url, collector.url, more=more)
        async with one_worker(document) as worker, worker.caller() as caller:
            # One place for both: what gives it back and what ends the span go together.
            given = [(await caller.get("/chunk-1")).headers["x-cache"] for _ in range(2)]
            spans = await taken(collector, 3)
    assert given == ["MISS", "HIT"]
    assert [one.kind for one in spans] == ["server", "client", "server"]
    assert [one.parent_id for one in spans] == ["", spans[0].span_id, ""]


async def test_what_is_queued_is_sent_before_a_worker_ends(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, flush_interval_secs=600)
        async with one_worker(document) as worker, worker.caller() as caller:
            await caller.get("/")
        assert len(collector.spans) == 2


async def test_it_is_switched_on_and_off_while_it_runs(shared_upstream: ControlledUpstream) -> None:
    with Collector() as first, Collector() as second:
        without = settings_for(shared_upstream.url)
        async with one_worker(without) as worker, worker.caller() as caller:
            await caller.get("/", traceparent="as it is")
            assert sent(shared_upstream) == ["as it is"]
            await worker.reload(traced(shared_upstream.url, first.url), 2)
            await caller.get("/")
            await taken(first, 2)
            other = traced(shared_upstream.url, first.url, more={"server": {"drain_idle_secs": 2}})
            await worker.reload(other, 3)
            await caller.get("/")
            await taken(first, 4)
            await worker.reload(traced(shared_upstream.url, second.url), 4)
            await caller.get("/")
            await taken(second, 2)
            await worker.reload(without, 5)
            await caller.get("/", traceparent="as it is")
            assert sent(shared_upstream) == ["as it is"]
    assert (len(first.spans), len(second.spans)) == (4, 2)


async def test_the_keys_of_runbook_002_mean_what_they_say(shared_upstream: ControlledUpstream) -> None:
    keys = {"enabled": True, "backend": "jaeger", "service_name": "api-gateway", "sampling_rate": 0.1}
    quickly = {"client_sampled_per_sec": 0, "flush_interval_secs": 0.05}
    with Collector() as collector:
        tracing = {**keys, **quickly, "endpoint": f"{collector.url}/api/traces"}
        document = settings_for(shared_upstream.url, observability={"tracing": tracing})
        async with one_worker(document) as worker, worker.caller() as caller:
            for share in (0.09, 0.11, 0.5):
                low = int(share * (1 << 64))
                await caller.get("/", traceparent=f"00-{1:016x}{low:016x}-{SPAN}-01")
            server, client = await taken(collector, 2)
    assert int(server.trace_id[16:], 16) == int(0.09 * (1 << 64)), "a tenth of all trace ids is below that"
    assert (server.service, client.service) == ("api-gateway", "api-gateway")
    assert (len(collector.spans), set(collector.paths)) == (2, {"/v1/traces"})


def test_the_check_says_where_traces_go(tmp_path: Path) -> None:
    """The endpoint of runbook 002 is one that Jaeger had for Thrift."""
    endpoint = "http://jaeger-collector:14268/api/traces"
    tracing = {"enabled": True, "backend": "jaeger", "endpoint": endpoint}
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(settings_for("http://h", observability={"tracing": tracing})))
    done = CliRunner().invoke(app, ["check", "--config", str(file)])
    assert done.exit_code == 0
    assert f"# traces go to http://jaeger-collector:4318/v1/traces, for {endpoint}\n" in done.output


def test_all_who_sample_by_ratio_decide_alike() -> None:
    now = [0.0]
    half = Sampling(1 << 63, client_sampled_per_sec=2, clock=lambda: now[0])

    def sampled(trace: int, flags: str = "01") -> bool:
        return half.context([(b"traceparent", f"00-{trace:032x}-{SPAN}-{flags}".encode())]).sampled

    assert sampled(5), "it is in the ratio, and takes nothing of what clients may have"
    beyond = (1 << 64) - 1
    assert [sampled(beyond) for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [sampled(beyond) for _ in range(2)] == [True, False]
    assert not sampled(5, "00")
    mine = [half.context([]) for _ in range(2000)]
    assert 800 < sum(one.sampled for one in mine) < 1200
    assert all(one.sampled == (one.trace_id & beyond < 1 << 63) for one in mine)


def test_a_context_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    later = parent_in([(b"traceparent", f"01-{TRACE}-{SPAN}-01-more".encode())])
    assert later is not None
    assert later.sampled
    assert parent_in([(b"traceparent", parent().encode())] * 2) is None


@pytest.mark.parametrize(
    ("backend", "endpoint", "meant"),
    [
        ("jaeger", "http://jaeger-collector:14268/api/traces", "http://jaeger-collector:4318/v1/traces"),
        ("jaeger", "http://jaeger-collector:4318", "http://jaeger-collector:4318/v1/traces"),
        ("otlp", "https://[::1]:4318/", "https://[::1]:4318/v1/traces"),
        ("otlp", "https://collector.example.com/otlp/v1/traces", "https://collector.example.com/otlp/v1/traces"),
    ],
)
def test_the_endpoint_of_runbook_002_is_that_of_otlp(backend: str, endpoint: str, meant: str) -> None:
    settings = TracingSettings.model_validate({"enabled": True, "backend": backend, "endpoint": endpoint})
    assert settings.otlp_endpoint == meant


@pytest.mark.parametrize(
    ("tracing", "told"),
    [
        ({"enabled": True}, "enabled needs an endpoint"),
        ({"endpoint": "ftp://collector"}, "must be http"),
        ({"endpoint": "http://me:s3cr3t@collector"}, "without a user"),
        ({"endpoint": "http://collector:x"}, "must be http"),
        ({"queue_size": 10}, "batch_size is 256"),
        ({"backend": "zipkin"}, "'otlp' or 'jaeger'"),
    ],
)
def test_what_cannot_be_is_refused(tracing: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(settings_for("http://h", observability={"tracing": tracing}))
