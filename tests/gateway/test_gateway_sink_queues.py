"""What all sinks of the log have in common: bounded queues, an end for each record, and nobody who waits for them."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings import LoggingSettings
from gateway.sinks.lines import Batching, Line, Outcome, TooLargeError, UnavailableError
from gateway.sinks.settings import SinkSettings
from gateway.sinks.sink import Sink
from tests.gateway.sinking import HEC_TOKEN, NOBODY, NOON, line, numbers, sending, sink, to_elasticsearch, to_splunk
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.splunk import Splunk
from tests.simulators.wire import Wire
from tests.waiting import eventually


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
        assert gateway.delivered("file", 200).dropped == 0, "in all"
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
