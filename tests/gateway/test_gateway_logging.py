"""The log as operators have it: what its keys mean, what a record says, and how it gets from workers to sinks."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway import config_file
from gateway.proxy.admission import Identity
from gateway.settings import LoggingSettings, RouteSettings
from gateway.sinks.settings import (
    CloudWatchSettings,
    ElasticsearchSettings,
    FileSettings,
    SinkSettings,
    SplunkSettings,
)
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.journal import Journal
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.records import text_lines
from tests.gateway.configuring import loaded, problem
from tests.gateway.running import ROOT, running, settings_for, wait_for
from tests.gateway.sinking import line, sending, sink
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.splunk import Splunk
from tests.simulators.wire import Answer

HEC_TOKEN, ES_PASSWORD = "22222222-3333-4444-5555-666666666666", "es-password-of-the-gateway"
OF_THE_ENVIRONMENT = {"ELASTICSEARCH_PASSWORD": ES_PASSWORD, "SPLUNK_HEC_TOKEN": HEC_TOKEN}

# The configuration: the runbook's keys, with values that are not the defaults.

SINKS = """
- type: stdout
  enabled: false
  min_level: warning
- type: file
  min_level: DEBUG
  file: {path: var/debug.log, rotation_enabled: false, max_size_mb: 50, max_backups: 5, max_age_days: 7}
- type: elasticsearch
  elasticsearch:
    urls: ["https://elasticsearch.example.com:9200", "https://other.example.com:9200"]
    index: gateway-%Y.%m
    batch_size: 99
    flush_interval_secs: 6
    username: gateway
    password: "${ELASTICSEARCH_PASSWORD}"
- type: cloudwatch
  cloudwatch:
    region: eu-west-1
    log_group: /aws/gateway
    log_stream: "one-{instance_id}"
    batch_size: 98
    flush_interval_secs: 7
- type: splunk
  splunk:
    endpoint: https://splunk.example.com:8088/services/collector
    token: "${SPLUNK_HEC_TOKEN}"
    sourcetype: gateway-logs
    index: production
    batch_size: 97
    flush_interval_secs: 8
"""


def logging_of(section: dict[str, Any], directory: Path, environ: dict[str, str] | None = None) -> LoggingSettings:
    return loaded(settings_for("http://a", logging=section), directory, environ).logging


def test_the_keys_of_sinks_mean_what_they_say(tmp_path: Path) -> None:
    written = yaml.safe_load(SINKS)
    settings = loaded(settings_for("http://a", logging={"sinks": written}), tmp_path, OF_THE_ENVIRONMENT)
    shown = config_file.masked(settings)["logging"]["sinks"]
    for found, one in zip(shown, written, strict=True):
        section = one.pop(one["type"], {})
        for name, value in section.items():
            assert found[one["type"]][name] == ("********" if name in ("password", "token") else value), name
        for name, value in one.items():
            assert found[name] == (value.upper() if name == "min_level" else value), name
    told = str(config_file.masked(settings)) + repr(settings) + str(settings.logging.for_workers().model_dump())
    assert HEC_TOKEN not in told
    assert ES_PASSWORD not in told


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"type": "kafka"}, ["logging.sinks.0.type", "'kafka'", "splunk"]),
        ({"type": "file"}, ["logging.sinks.0", "needs its section `file:`"]),
        ({"type": "stdout", "file": {"path": "/a"}}, ["a sink of type stdout has no section `file:`"]),
        ({"type": "file", "file": {"path": "/a", "size": 1}}, ["sinks.0.file.size", "unknown key", "max_size_mb"]),
        (sink("elasticsearch", {"urls": []}), ["sinks.0.elasticsearch.urls"]),
        (sink("elasticsearch", {"urls": ["http://u:hunter2@es"]}), ["urls.0", "without user name"]),
        (sink("elasticsearch", {"urls": ["http://es"], "index": "Logs-%Y"}), ["index", "'Logs-%Y'", "lower-case"]),
        (sink("elasticsearch", {"urls": ["http://es"], "username": "a"}), ["username and password belong together"]),
        (sink("cloudwatch", {"log_group": "/a"}), ["cloudwatch.region", "is missing"]),
        (sink("cloudwatch", {"region": "r", "log_group": "a b"}), ["log_group", "'a b'"]),
        (sink("cloudwatch", {"region": "r", "log_group": "a", "log_stream": "{host}"}), ["log_stream", "instance_id"]),
        (sink("splunk", {"endpoint": "splunk:8088", "token": HEC_TOKEN}), ["splunk.endpoint", "https://"]),
    ],
)  # fmt: skip
def test_a_sink_that_is_wrong_is_named(tmp_path: Path, section: dict[str, Any], told: list[str]) -> None:
    text = problem(settings_for("http://a", logging={"sinks": [section]}), tmp_path)
    assert [word for word in told if word not in text] == []
    assert HEC_TOKEN not in text


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    twice = [{"type": "file", "file": {"path": "/a"}}] * 2
    assert "one sink only" in problem(settings_for("http://a", logging={"sinks": twice}), tmp_path)


def test_the_least_level_of_each_sink_is_its_own_or_that_of_the_log(tmp_path: Path) -> None:
    section = {"level": "WARNING", "sinks": [{"type": "stdout"}, {"type": "stdout", "min_level": "DEBUG"}]}
    logging = logging_of(section, tmp_path)
    assert [logging.level_of(one) for one in logging.sinks] == ["WARNING", "DEBUG"]
    assert (logging.lowest_level, logging.for_workers().level) == ("DEBUG", "DEBUG")
    logging = logging_of(section, tmp_path, {"LOG_LEVEL": "error"})
    assert [logging.level_of(one) for one in logging.sinks] == ["ERROR", "ERROR"], "the switch stands above both"
    assert LoggingSettings(level="ERROR").lowest_level == "ERROR"


def test_the_region_of_the_environment_is_for_sinks_without_one(tmp_path: Path) -> None:
    sinks = [sink("cloudwatch", {"log_group": "/a", **named}) for named in ({}, {"region": "eu-west-1"})]
    logging = logging_of({"sinks": sinks}, tmp_path, {"AWS_REGION": "us-east-1"})
    assert [one.cloudwatch.region for one in logging.sinks if one.cloudwatch] == ["us-east-1", "eu-west-1"]


def test_every_key_of_sinks_is_explained() -> None:
    page, example = (ROOT / "docs/gateway/logging.md").read_text(), (ROOT / "config/gateway.yaml").read_text()
    sections = (SinkSettings, FileSettings, ElasticsearchSettings, CloudWatchSettings, SplunkSettings)
    keys = {key for section in sections for key in section.model_fields}
    assert [
        key for key in keys if not re.search(rf"\b{key}\b", page) or not re.search(rf"# .*\b{key}\b", example)
    ] == []
    assert [key for key in LoggingSettings.model_fields if key not in page] == []


# What a record says.


async def one_request(stage: Stage, target: str, **settings: Any) -> list[dict[str, Any]]:
    logging = LoggingSettings.model_validate(settings)
    stage.plane.journal = Journal(logging, worker="gateway-1", writer=LogWriter(None))
    async with stage.caller() as caller:
        await caller.get(target, user_agent="curl/8")
    return stage.records()


async def test_what_splunk_is_asked_for_is_in_each_record() -> None:
    async with staged(settings_for("http://127.0.0.1:1")) as stage:
        [found] = await one_request(stage, "/limited/x")
    assert (found["api_name"], found["api_path"], found["src_ip"]) == ("limited", "/limited/x", "127.0.0.1")
    assert (found["event_type"], found["status"]) == ("request", 502)


async def test_a_slow_request_is_logged_with_the_word_latency(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage:
        [found] = await one_request(stage, "/", sampling_rate=0, slow_request_ms=0.001)
        assert found["message"] == "GET / 200, high latency"
        assert (found["level"], found["slow"], found["status"]) == ("WARNING", True, 200)
        assert [text.split()[4] for text in text_lines(found)][1:] == ["high_latency"]
        assert await one_request(stage, "/", sampling_rate=0, slow_request_ms=None) == []
        assert await one_request(stage, "/", level="ERROR", slow_request_ms=0.001) == []


@pytest.mark.parametrize(("switch", "logged"), [("true", ["INFO", "INFO"]), ("false", [])])
async def test_in_audit_mode_all_requests_are_logged_with_who_sent_them(
    tmp_path: Path, shared_upstream: ControlledUpstream, switch: str, logged: list[str]
) -> None:
    keys = {"level": "ERROR", "sampling_rate": 0, "health_sampling_rate": 0}
    logging = logging_of(keys, tmp_path, {"AUDIT_MODE": switch})
    assert logging.audit_mode is (switch == "true")

    def who(_route: RouteSettings) -> Any:
        def known(exchange: Any) -> None:
            exchange.identity = Identity("ana@example.com", "console", frozenset(), "jwt")

        return (known,)

    async with staged(settings_for(shared_upstream.url), who) as stage:
        stage.plane.journal = Journal(logging, worker="gateway-1", writer=LogWriter(None))
        async with stage.caller() as caller:
            assert [(await caller.get(target)).status for target in ("/", "/health")] == [200, 200]
        found = stage.records()
    assert [one["level"] for one in found] == logged
    assert [(one["subject"], one["auth_scheme"]) for one in found[:1]] == [("a***@example.com", "jwt")] * len(found[:1])


def test_a_mode_that_is_neither_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a")))
    with pytest.raises(config_file.ConfigError, match=r"AUDIT_MODE: 'maybe'"):
        config_file.load(path, {"AUDIT_MODE": "maybe"})


async def test_with_level_debug_a_request_is_told_of_when_it_comes() -> None:
    document = settings_for("http://127.0.0.1:1")
    debugging = Journal(LoggingSettings(level="DEBUG"), worker="gateway-1", writer=LogWriter(None))
    async with staged(document, debugging.policy) as stage:
        stage.plane.journal = debugging
        async with stage.caller() as caller:
            await caller.get("/orders?token=x")
        received, over = sorted(stage.records(), key=lambda one: str(one["event_type"]), reverse=True)
    assert (received["event_type"], received["message"], received["path"], received["request_size"]) == (
        "request_received", "Request received", "/orders", 0,
    )  # fmt: skip
    assert received["correlation_id"] == over["correlation_id"]
    assert (
        Journal(LoggingSettings(), worker="a", writer=LogWriter(None)).policy(RouteSettings.model_construct(id="a"))
        == ()
    )


# From the workers to the sinks.


def test_records_of_all_workers_reach_the_sinks_and_a_sink_that_is_down_is_seen(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    cluster, collector = Elasticsearch(user="gateway", password=ES_PASSWORD), Splunk(HEC_TOKEN)
    collector.wire.before = lambda _: Answer(503, {"text": "Server is busy", "code": 9})
    sinks = [
        sink("file", {"path": str(tmp_path / "logs" / "gateway.log")}),
        # Only the end has it deliver anything.
        sink("elasticsearch", {"urls": [cluster.wire.url], "username": "gateway", "password": ES_PASSWORD,
                               "flush_interval_secs": 3600, "batch_size": 10_000}),
        sink("splunk", {"endpoint": f"{collector.wire.url}/services/collector", "token": HEC_TOKEN}),
    ]  # fmt: skip
    document = settings_for(upstream.url, logging={"sinks": sinks, "flush_timeout_secs": 60}, workers={"count": 2})
    with cluster.wire, collector.wire:
        with running(document, tmp_path) as gateway:
            paths = [f"/orders/{number}" for number in range(20)]
            with httpx.Client(base_url=gateway.url, trust_env=False) as client:
                assert {client.get(path, headers={"connection": "close"}).status_code for path in paths} == {200}
                wait_for(lambda: client.get("/health").json()["log_sinks"]["splunk"] == "down", what="it is told")
                health = client.get("/health")
                page = wait_for(lambda: found if 'records_total{result="delivered",sink="file"} 0' not in (
                    found := client.get("/metrics").text) else None)  # fmt: skip
            assert (health.status_code, health.json()["status"]) == (200, "healthy")
            assert 'gateway_log_sink_up{sink="splunk"} 0.0' in page
            assert 'gateway_log_sink_up{sink="file"} 1.0' in page
            told = gateway.status()["log_sinks"]
            assert told["splunk"]["state"] == "down"
            assert "503 " in told["splunk"]["last_error"]
            assert told["elasticsearch"]["delivered"] == 0
            shown = str([gateway.admin.get(f"/admin/{name}").text for name in ("status", "config", "logs")])
            assert HEC_TOKEN not in shown
            assert ES_PASSWORD not in shown
            collector.wire.before = lambda _: None
        in_file = [json.loads(line) for line in (tmp_path / "logs" / "gateway.log").read_text().splitlines()]
    taken = {
        "file": in_file,
        "elasticsearch": cluster.documents,
        "splunk": [one["event"] for one in collector.events],
    }
    for name, records in taken.items():
        logged = sorted(one["path"] for one in records if one["event_type"] == "request" and one["route"] == "default")
        assert logged == sorted(paths), name
        events = {one["event_type"] for one in records}
        assert {"config_loaded", "worker_ready", "log_sink_down", "worker_drained", "gateway_stopped"} <= events, name
    assert not any(text in gateway.log_path.read_text() for text in ("orders", HEC_TOKEN, ES_PASSWORD))


def test_the_metrics_of_sinks() -> None:
    with sending(sink("splunk", {"endpoint": "http://127.0.0.1:1", "token": HEC_TOKEN}), flush_timeout_secs=0) as there:
        there.send(line(1))
        count = there.wait("splunk", lambda count: count.retries > 0, "tried again")
        counts = there.sinks.counts()
    page = exposition(Ledger(1), Moment(time.monotonic(), 1.0, "v", 1, 1, sinks=counts))
    for expected in (
        'gateway_log_sink_up{sink="splunk"} 0.0',
        'gateway_log_sink_queued_records{sink="splunk"} 1.0',
        f'gateway_log_sink_queued_bytes{{sink="splunk"}} {float(count.queued_bytes)}',
        'gateway_log_sink_records_total{result="delivered",sink="splunk"} 0.0',
        'gateway_log_sink_records_total{result="dropped",sink="splunk"} 0.0',
        'gateway_log_sink_records_total{result="refused",sink="splunk"} 0.0',
        "# TYPE gateway_log_sink_retries_total counter",
    ):
        assert expected in page
