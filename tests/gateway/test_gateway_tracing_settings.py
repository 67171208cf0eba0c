"""The keys of tracing, and who is sampled by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.cli import app
from gateway.settings import Settings
from gateway.tracing.context import Sampling, parent_in
from gateway.tracing.settings import TracingSettings
from tests.gateway.collector import Collector
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.tracing import SPAN, TRACE, parent, taken
from tests.gateway.upstream import ControlledUpstream


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
