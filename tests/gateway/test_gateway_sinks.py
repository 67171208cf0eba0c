"""Sinks of the log against servers that speak the real protocols, and fail: what arrives, what is counted as lost."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings import LoggingSettings
from gateway.sinks.lines import Batching, Line, Outcome, TooLargeError, UnavailableError
from gateway.sinks.settings import SinkSettings
from gateway.sinks.sink import Sink
from tests.gateway.sinking import NOON, line, sending, sink
from tests.simulators.cloudwatch import CloudWatch, cloudwatch
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.splunk import Splunk
from tests.simulators.wire import Answer, Wire
from tests.waiting import eventually

NOBODY = "http://127.0.0.1:1"
HEC_TOKEN = "11111111-2222-3333-4444-555555555555"


def to_elasticsearch(cluster: Elasticsearch | str, *more: str, **keys: Any) -> dict[str, Any]:
    section = {name: keys.pop(name) for name in ("username", "password", "batch_size", "timeout_secs") if name in keys}
    url = cluster if isinstance(cluster, str) else cluster.wire.url
    return sink("elasticsearch", {"urls": [url, *more], **section}, **keys)


def to_splunk(collector: Splunk | str, **keys: Any) -> dict[str, Any]:
    section = {name: keys.pop(name) for name in ("token", "index", "batch_size", "sourcetype") if name in keys}
    url = collector if isinstance(collector, str) else collector.wire.url
    return sink("splunk", {"endpoint": f"{url}/services/collector", "token": HEC_TOKEN, **section}, **keys)


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return sorted(one["number"] for one in records)


# Elasticsearch.


def test_records_are_documents_of_the_index_of_their_day() -> None:
    cluster = Elasticsearch(user="gateway", password="es-password")
    target = to_elasticsearch(cluster, username="gateway", password="es-password", batch_size=2)
    with cluster.wire, sending(target) as gateway:
        gateway.send(line(1, at=NOON), line(2, at=NOON + 1), line(3, at=NOON + 86_400))
        count = gateway.delivered("elasticsearch", 3)
    assert (count.queued_records, count.queued_bytes, count.dropped, count.up) == (0, 0, 0, True)
    assert {name: len(found) for name, found in cluster.indices.items()} == {
        "api-gateway-logs-2026.03.01": 2, "api-gateway-logs-2026.03.02": 1,
    }  # fmt: skip
    first = next(one for one in cluster.documents if one["number"] == 1)
    assert first["@timestamp"] == first["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert (first["message"], first["event_type"], first["level"]) == ("event 1", "event", "INFO")
    assert max(cluster.sizes) == 2


@pytest.mark.parametrize("status", [429, 500, 503, 401, 404])
def test_what_may_pass_is_tried_again(status: int) -> None:
    cluster, answers = Elasticsearch(), [Answer(status, headers={"Retry-After": "0"})] * 2
    cluster.wire.before = lambda _: answers.pop() if answers else None
    with cluster.wire, sending(to_elasticsearch(cluster)) as gateway:
        gateway.send(line(1))
        count = gateway.delivered("elasticsearch", 1)
        assert (count.retries, count.refused, count.dropped, count.up) == (2, 0, 0, True)
        assert str(status) in (count.last_error or "")
        assert [why is None for _, why in gateway.told_of(2)] == [False, True]


def test_an_answer_that_is_lost_leaves_no_record_twice() -> None:
    cluster = Elasticsearch()
    cluster.wire.lose = 2
    with cluster.wire, sending(to_elasticsearch(cluster)) as gateway:
        gateway.send(line(1), line(2))
        assert gateway.delivered("elasticsearch", 2).retries >= 2
    assert numbers(cluster.documents) == [1, 2]


def test_each_item_of_a_batch_has_an_end_of_its_own() -> None:
    cluster = Elasticsearch()
    with cluster.wire, sending(to_elasticsearch(cluster, batch_size=4)) as gateway:
        gateway.send(line(0, at=NOON, size=1))
        gateway.delivered("elasticsearch", 1)
        cluster.busy = 2
        gateway.send(*(line(number, at=NOON, size="large" if number == 3 else number) for number in (1, 2, 3, 4)))
        count = gateway.delivered("elasticsearch", 4)
        assert count.refused == 1
        assert count.retries >= 1
        assert "document_parsing_exception" in (count.last_error or "")
    assert numbers(cluster.documents) == [0, 1, 2, 4]


def test_a_batch_that_is_too_large_goes_in_parts() -> None:
    cluster = Elasticsearch(max_content_length=2000)
    with cluster.wire, sending(to_elasticsearch(cluster, batch_size=10)) as gateway:
        gateway.send(*(line(number, filler="x" * (5000 if number == 7 else 300)) for number in range(10)))
        count = gateway.delivered("elasticsearch", 9)
        assert (count.refused, count.dropped, count.last_error) == (1, 0, "a record was too large")
    assert numbers(cluster.documents) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_one_address_that_is_dead_or_silent_is_left_for_the_next() -> None:
    cluster = Elasticsearch()
    with socket.create_server(("127.0.0.1", 0)) as silent, cluster.wire:
        # It takes connections, and what they send, and never says a word: as after a lost route.
        half_open = f"http://127.0.0.1:{silent.getsockname()[1]}"
        target = to_elasticsearch(NOBODY, half_open, cluster.wire.url, timeout_secs=0.5)
        with sending(target) as gateway:
            gateway.send(line(1))
            assert gateway.delivered("elasticsearch", 1).retries >= 2
    reasons = [why for _, why in gateway.told]
    assert reasons[0] == "127.0.0.1:1: no connection"
    assert reasons[-1] is None


def test_only_a_cluster_that_is_whom_it_says_is_told_anything(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    cluster = Elasticsearch(user="gateway", password="es-password", tls=context)
    about = {"urls": [cluster.wire.url], "username": "gateway", "password": "es-password"}
    trusting = {**about, "ca_path": str(tmp_path / "ca.pem")}
    absent = {**about, "ca_path": str(tmp_path / "absent.pem")}
    sinks = [sink("elasticsearch", section) for section in (trusting, about, absent)]
    with cluster.wire, sending(*sinks, flush_timeout_secs=0.01) as gateway:
        gateway.send(line(1))
        gateway.delivered("elasticsearch", 1)
        for name in ("elasticsearch-2", "elasticsearch-3"):
            gateway.wait(name, lambda count: not count.up, "it is down")
        assert gateway.count("elasticsearch-3").last_error == "it cannot be set up: No such file or directory"
    assert len(cluster.wire.asked) == 1


def test_credentials_that_an_answer_quotes_are_told_nobody() -> None:
    cluster = Elasticsearch(user="gateway", password="es-password")
    sent = base64.b64encode(b"gateway:es-password").decode()
    quoted = [Answer(503, f"not with {sent} and es-password")]
    cluster.wire.before = lambda _: quoted.pop() if quoted else None
    with cluster.wire, sending(to_elasticsearch(cluster, username="gateway", password="es-password")) as gateway:
        gateway.send(line(1))
        gateway.delivered("elasticsearch", 1)
        assert str(gateway.told_of(2)[0][1]).endswith("503 not with *** and ***")


def test_an_answer_without_an_end_is_none() -> None:
    cluster, answers = Elasticsearch(), [Answer(200, "x" * 17_000_000)]
    cluster.wire.before = lambda _: answers.pop() if answers else None
    with cluster.wire, sending(to_elasticsearch(cluster)) as gateway:
        gateway.send(line(1))
        gateway.delivered("elasticsearch", 1)
    assert "no answer in time" in str(gateway.told[0])


def test_a_whole_batch_that_is_refused_is_counted_and_told() -> None:
    cluster = Elasticsearch()
    cluster.wire.before = lambda _: Answer(400, {"error": {"type": "illegal_argument_exception"}})
    with cluster.wire, sending(to_elasticsearch(cluster)) as gateway:
        gateway.send(line(1))
        count = gateway.wait("elasticsearch", lambda count: count.refused == 1, "refused")
        assert (count.delivered, count.queued_records, count.queued_bytes) == (0, 0, 0)
        assert gateway.told_of(1) == [("elasticsearch", count.last_error)]
        assert "illegal_argument_exception" in (count.last_error or "")


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"errors": true, "items": []}'])
def test_an_answer_that_is_not_one_is_no_success(body: str) -> None:
    cluster, answers = Elasticsearch(), [Answer(200, body)]
    cluster.wire.before = lambda _: answers.pop() if answers else None
    with cluster.wire, sending(to_elasticsearch(cluster)) as gateway:
        gateway.send(line(1))
        assert gateway.delivered("elasticsearch", 1).retries == 1


# Splunk.


def test_records_are_events_of_a_collector() -> None:
    collector = Splunk(HEC_TOKEN, indexes=("production",), acknowledges=True)
    target = to_splunk(collector, index="production", sourcetype="gateway-logs", batch_size=2)
    with collector.wire, sending(target) as gateway:
        gateway.send(line(1, at=NOON), line(2, at=NOON + 0.25), line(3, at=NOON))
        gateway.delivered("splunk", 3)
    second = next(one for one in collector.events if one["event"]["number"] == 2)
    assert (second["time"], second["sourcetype"], second["index"]) == (NOON + 0.25, "gateway-logs", "production")
    assert (second["host"], second["source"]) == (socket.gethostname(), "tocsin-gateway")


def test_a_collector_that_is_busy_or_lost_gets_them_later() -> None:
    collector, answers = Splunk(HEC_TOKEN), [Answer(503, {"text": "Server is busy", "code": 9}), Answer(500)]
    collector.wire.before = lambda _: answers.pop() if answers else None
    with collector.wire, sending(to_splunk(collector)) as gateway:
        gateway.send(line(1))
        assert gateway.delivered("splunk", 1).retries == 2
        collector.wire.lose = 1
        gateway.send(line(2))
        gateway.delivered("splunk", 2)
    # Splunk knows no ids: what was taken while its answer was lost is there twice.
    assert set(numbers([one["event"] for one in collector.events])) == {1, 2}


def test_a_token_or_an_index_that_is_not_allowed_holds_the_records_back() -> None:
    collector = Splunk("another-token-than-ours")
    with collector.wire, sending(to_splunk(collector, index="production")) as gateway:
        gateway.send(line(1))
        gateway.wait("splunk", lambda count: not count.up and count.retries >= 2, "the sink is down")
        assert gateway.count("splunk").queued_records == 1
        collector.token = HEC_TOKEN
        gateway.wait("splunk", lambda count: "Incorrect index" in (count.last_error or ""), "the index is refused")
        collector._indexes = ("production",)
        gateway.delivered("splunk", 1)
    assert "Invalid token" in str(gateway.told[0][1])
    assert HEC_TOKEN not in str(gateway.told)


def test_one_event_that_is_refused_takes_no_other_with_it() -> None:
    collector = Splunk(HEC_TOKEN)
    faults = [Answer(400, {"text": "Invalid data format", "code": 6, "invalid-event-number": 1})]
    collector.wire.before = lambda _: faults.pop() if faults else None
    with collector.wire, sending(to_splunk(collector, batch_size=3)) as gateway:
        gateway.send(line(1), line(2), line(3))
        count = gateway.wait("splunk", lambda count: count.delivered + count.refused == 3, "all are settled")
        assert count.refused == 1
    assert len(collector.events) == 2


# CloudWatch Logs.


@pytest.fixture(scope="module")
def service() -> Iterator[CloudWatch]:
    with cloudwatch() as found:
        yield found


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment, as the runbook has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")


def to_cloudwatch(service: CloudWatch, group: str, **keys: Any) -> dict[str, Any]:
    section = {"region": "us-east-1", "log_group": group, "endpoint_url": service.url}
    return sink("cloudwatch", {**section, **keys})


def stored(service: CloudWatch, group: str) -> list[dict[str, Any]]:
    logs = boto3.client("logs", region_name="us-east-1", endpoint_url=service.url)
    stream = f"gateway-{socket.gethostname()}"
    found = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    return [json.loads(one["message"]) for one in found["events"]]


def test_records_are_events_of_a_stream_that_is_made_for_them(service: CloudWatch, credentials: None) -> None:
    now = time.time()
    with sending(to_cloudwatch(service, "/aws/api-gateway/a", batch_size=3)) as gateway:
        # Workers' records do not come in the order of their time; the service wants them so.
        gateway.send(line(1, at=now - 5), line(2, at=now - 10), line(3, at=now))
        gateway.delivered("cloudwatch", 3)
    assert [one["number"] for one in stored(service, "/aws/api-gateway/a")] == [2, 1, 3]


@pytest.mark.usefixtures("credentials")
def test_a_service_that_throttles_or_fails_gets_them_later(service: CloudWatch) -> None:
    service.faults = [(400, "ThrottlingException"), (503, "ServiceUnavailableException"), (500, "InternalFailure")]
    with sending(to_cloudwatch(service, "/aws/api-gateway/b")) as gateway:
        gateway.send(line(1))
        count = gateway.delivered("cloudwatch", 1)
        assert (count.retries, count.last_error) == (3, "InternalFailure")
        assert gateway.told[0] == ("cloudwatch", "ThrottlingException")


@pytest.mark.usefixtures("credentials")
def test_what_is_of_another_day_or_too_old_is_no_hindrance(service: CloudWatch) -> None:
    now, day = time.time(), 86_400
    lines = [line(number, at=at) for number, at in enumerate((now - 30 * day, now - 2 * day, now - day / 2, now))]
    with sending(to_cloudwatch(service, "/aws/api-gateway/c", batch_size=4)) as gateway:
        gateway.send(*lines)
        count = gateway.wait("cloudwatch", lambda count: count.delivered + count.refused == 4, "all are settled")
        assert (count.delivered, count.refused, count.dropped) == (3, 1, 0)
    assert [one["number"] for one in stored(service, "/aws/api-gateway/c")] == [1, 2, 3]


@pytest.mark.usefixtures("credentials")
def test_a_batch_is_never_larger_than_the_service_takes(service: CloudWatch) -> None:
    service.puts.clear()
    with sending(to_cloudwatch(service, "/aws/api-gateway/d", batch_size=10_000)) as gateway:
        gateway.send(*(line(number, filler="x" * 40_000) for number in range(60)))
        assert gateway.delivered("cloudwatch", 60).refused == 0
    assert len(service.puts) >= 3


def test_without_credentials_the_sink_is_down_and_says_so(service: CloudWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "/nowhere"),
                        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")):  # fmt: skip
        monkeypatch.setenv(name, value)
    with sending(to_cloudwatch(service, "/aws/api-gateway/e"), flush_timeout_secs=0) as gateway:
        gateway.send(line(1))
        assert gateway.told_of(1) == [("cloudwatch", "NoCredentialsError")]


# What all have in common.


def test_a_sink_that_does_not_answer_drops_and_counts_and_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = to_splunk(f"http://127.0.0.1:{silent.getsockname()[1]}", queue_records=100)
        with sending(target, flush_timeout_secs=0.01) as gateway:
            gateway.send(*(line(number) for number in range(200)))
            # The last tenth of the room is for what is more important.
            assert (gateway.count("splunk").queued_records, gateway.count("splunk").dropped) == (90, 110)
            gateway.send(*(line(number, level="ERROR") for number in range(20)))
            assert (gateway.count("splunk").queued_records, gateway.count("splunk").dropped) == (100, 120)
    assert (gateway.count("splunk").queued_records, gateway.count("splunk").dropped) == (0, 220)


def test_a_queue_is_bounded_by_its_bytes() -> None:
    with sending(to_splunk(NOBODY, queue_bytes=10_000), flush_timeout_secs=0) as gateway:
        gateway.send(*(line(number, filler="x" * 2000) for number in range(10)))
        count = gateway.count("splunk")
        assert count.queued_bytes <= 10_000
        assert (count.queued_records, count.dropped) == (3, 7)


@pytest.mark.parametrize("room", [{"queue_records": 50}, {"queue_bytes": 20_000}])
def test_what_fills_half_of_the_queue_is_sent_however_large_a_batch_may_be(room: dict[str, int]) -> None:
    cluster = Elasticsearch()
    with cluster.wire:
        patient = {"urls": [cluster.wire.url], "flush_interval_secs": 3600, "batch_size": 10_000}
        with sending(sink("elasticsearch", patient, **room), flush_timeout_secs=60) as gateway:
            gateway.send(*(line(number, filler="x" * 200) for number in range(25)))
            assert gateway.wait("elasticsearch", lambda one: one.delivered > 10, "they arrive").dropped == 0


def test_a_sink_that_was_dead_gets_what_it_has_missed() -> None:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with sending(to_splunk(f"http://127.0.0.1:{port}", batch_size=2)) as gateway:
            gateway.send(*(line(number) for number in range(5)))
            gateway.wait("splunk", lambda count: not count.up, "it is down")
            collector = Splunk(HEC_TOKEN)
            with Wire(collector._answer, port=port):
                assert gateway.delivered("splunk", 5).up
    assert numbers([one["event"] for one in collector.events]) == [0, 1, 2, 3, 4]
    assert [why for _, why in gateway.told] == [f"127.0.0.1:{port}: no connection", None]


def test_the_end_waits_for_what_is_queued() -> None:
    cluster = Elasticsearch()
    with cluster.wire:
        slowly = {"urls": [cluster.wire.url], "flush_interval_secs": 3600}
        with sending(sink("elasticsearch", slowly), flush_timeout_secs=60) as gateway:
            gateway.send(*(line(number) for number in range(250)))
    assert numbers(cluster.documents) == list(range(250))


def test_the_end_does_not_wait_for_a_sink_that_is_down() -> None:
    with sending(to_splunk(NOBODY), flush_timeout_secs=0.05) as gateway:
        gateway.send(*(line(number) for number in range(250)))
    count = gateway.count("splunk")
    assert (count.delivered, count.dropped, count.queued_records) == (0, 250, 0)
    gateway.send(line(250))
    assert gateway.count("splunk").dropped == 251


def test_several_sinks_each_get_what_they_want() -> None:
    cluster, collector = Elasticsearch(), Splunk(HEC_TOKEN)
    sinks = (
        to_elasticsearch(cluster, min_level="warning"),
        to_splunk(collector, batch_size=7),
        to_splunk(collector, enabled=False),
    )
    with cluster.wire, collector.wire, sending(*sinks, level="INFO") as gateway:
        gateway.send(*(line(number, level=level) for number, level in enumerate(("DEBUG", "INFO", "WARNING", "ERROR"))))
        gateway.delivered("elasticsearch", 2)
        gateway.delivered("splunk", 3)
        assert set(gateway.sinks.counts()) == {"elasticsearch", "splunk"}
    assert numbers(cluster.documents) == [2, 3]
    assert numbers([one["event"] for one in collector.events]) == [1, 2, 3]


def test_sinks_that_are_changed_lose_nothing_and_others_go_on(tmp_path: Path) -> None:
    collector, file = Splunk(HEC_TOKEN), {"path": str(tmp_path / "gateway.log")}
    before = [to_splunk(collector, batch_size=50), sink("file", {**file, "rotation_enabled": False}), sink("stdout")]
    with collector.wire, sending(*before, level="ERROR", flush_timeout_secs=60) as gateway:
        gateway.send(*(line(number, level="ERROR") for number in range(100)))
        after = [to_splunk(collector, batch_size=50), sink("file", file, min_level="INFO")]
        changed = {"sinks": after, "level": "ERROR", "flush_timeout_secs": 60}
        gateway.sinks.configure(LoggingSettings.model_validate(changed))
        gateway.send(*(line(number) for number in range(100, 150)))
        gateway.send(*(line(number, level="ERROR") for number in range(150, 200)))
        assert gateway.delivered("splunk", 150).dropped == 0
        assert gateway.delivered("file", 100).dropped == 0
        assert set(gateway.sinks.counts()) == {"splunk", "file"}
    written = [json.loads(one)["number"] for one in (tmp_path / "gateway.log").read_text().splitlines()]
    assert written == list(range(200)), "the later one waits for the earlier one"


def test_unstructured_records_are_lines_of_text() -> None:
    cluster, collector = Elasticsearch(), Splunk(HEC_TOKEN)
    sinks = to_elasticsearch(cluster), to_splunk(collector)
    with cluster.wire, collector.wire, sending(*sinks, structured=False) as gateway:
        gateway.send(line(1, at=NOON, level="ERROR"))
        gateway.delivered("elasticsearch", 1)
        gateway.delivered("splunk", 1)
    text = "2026-03-01T12:00:00.000Z ERROR tocsin-gateway proxy event event 1"
    assert cluster.documents == [{"@timestamp": "2026-03-01T12:00:00.000Z", "message": text}]
    assert [one["event"] for one in collector.events] == [text]


class Moody:
    """A destination that does as it was told, batch after batch, and then takes all."""

    def __init__(self, moods: list[str]) -> None:
        self.moods = moods
        self.taken: list[int] = []

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        mood, half = self.moods.pop() if self.moods else "good", len(batch) // 2
        if mood == "down":
            raise UnavailableError("it is down")
        if mood == "too large" and len(batch) > 1:
            raise TooLargeError
        if mood == "broken":
            raise RuntimeError("it has a fault of its own")
        if mood == "refuses":
            return Outcome(refused=len(batch), why="never")
        taken, again = (batch[:half], batch[half:]) if mood in ("again", "not all") else (batch, ())
        self.taken += [json.loads(one.json)["number"] for one in taken]
        return Outcome(delivered=len(taken), again=again, why="later" if mood == "again" else None)

    def close(self) -> None:
        self.taken.append(-1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["good", "down", "too large", "broken", "refuses", "again", "not all"]), max_size=12),
    st.integers(1, 40),
    st.integers(1, 12),
)
def test_every_record_comes_to_one_end(moods: list[str], offered: int, batch_size: int) -> None:
    destination = Moody(moods)
    one = Sink(
        "moody", SinkSettings(type="stdout", queue_records=30, retry_secs=0.0001, max_retry_secs=0.0002), rank=0,
        batching=Batching(batch_size, 5000, 0.0005), destination=lambda: destination, turned=lambda _name, _why: None,
        made_of=None, before=None,
    )  # fmt: skip
    for number in range(offered):
        one.offer(Line(line(number)))
    one.end(60)
    one.join()
    count = one.count()
    assert count.delivered + count.refused + count.dropped == offered
    assert (count.queued_records, count.queued_bytes) == (0, 0)
    assert destination.taken[-1:] in ([-1], [])
    assert len(set(destination.taken) - {-1}) == len([one for one in destination.taken if one >= 0]) == count.delivered


def test_what_breaks_in_a_sink_costs_that_batch_only() -> None:
    collector = Splunk(HEC_TOKEN)
    with collector.wire, sending(to_splunk(collector)) as gateway:
        gateway.send(line(1, at=NOON).replace(b"2026-03-01", b"2026-99-01"))
        gateway.wait("splunk", lambda count: count.refused == 1, "it is counted")
        gateway.send(line(2))
        eventually(lambda: gateway.count("splunk").delivered == 1, "those after it arrive")
