"""Traces: which spans a request makes, what they say, and what the upstream and the log are told."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.gateway.collector import Collector
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.targets import document_for
from tests.gateway.tracing import SPAN, TRACE, parent, records_of, taken, traced
from tests.gateway.upstream import ControlledUpstream


def sent(upstream: ControlledUpstream, name: str = "traceparent") -> list[str]:
    """What the last request to the upstream had in its fields of this name."""
    return upstream.requests[-1].header(name)


def sent_to(upstream: ControlledUpstream, target: str) -> bool:
    """Whether the last request that came to the upstream was this one."""
    return upstream.requests[-1].target == target


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
