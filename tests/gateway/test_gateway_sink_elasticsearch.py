"""The log in Elasticsearch: a server that speaks the real protocol, and fails; what arrives, what is lost."""

from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from tests.gateway.sinking import NOBODY, NOON, line, numbers, sending, sink, to_elasticsearch
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.wire import Answer


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
