"""What sinks have done is counted over reloads: a total never goes down while the process lives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings import LoggingSettings
from tests.gateway.sinking import NOBODY, line, sending, to_elasticsearch, to_splunk
from tests.simulators.elasticsearch import Elasticsearch


def logging(*sinks: object) -> LoggingSettings:
    return LoggingSettings.model_validate({"sinks": sinks, "flush_timeout_secs": 0.01})


def test_a_changed_sink_goes_on_counting_where_the_one_before_has_ended() -> None:
    with sending(to_splunk(NOBODY, queue_records=10), flush_timeout_secs=0.01) as gateway:
        gateway.send(*(line(number) for number in range(30)))
        before = gateway.count("splunk")
        assert (before.dropped, before.queued_records) == (21, 9)
        gateway.sinks.configure(logging(to_splunk(NOBODY, queue_records=20)))
        found = gateway.wait("splunk", lambda one: one.dropped == 30, "the end of the one before")
        assert found.queued_records == 0, "what it could not deliver is dropped"
        assert found.retries >= before.retries
        gateway.send(*(line(number) for number in range(20)))
        assert gateway.count("splunk").dropped == 32
        gateway.sinks.configure(logging(to_splunk(NOBODY, queue_records=30)))
        gateway.wait("splunk", lambda one: one.dropped == 50, "the end of the second one")


def test_what_the_one_before_still_delivers_is_counted() -> None:
    cluster = Elasticsearch()
    with cluster.wire, sending(to_elasticsearch(cluster), flush_timeout_secs=60) as gateway:
        gateway.send(*(line(number) for number in range(5)))
        gateway.delivered("elasticsearch", 5)
        gateway.send(*(line(number) for number in range(5)))
        gateway.sinks.configure(LoggingSettings.model_validate({"sinks": [to_elasticsearch(cluster, batch_size=7)]}))
        assert gateway.count("elasticsearch").delivered >= 5
        gateway.delivered("elasticsearch", 10)
        gateway.send(line(1))
        assert gateway.delivered("elasticsearch", 11).last_error is None


def test_a_sink_that_comes_back_counts_on() -> None:
    with sending(to_splunk(NOBODY, queue_records=10), flush_timeout_secs=0.01) as gateway:
        gateway.send(*(line(number) for number in range(30)))
        gateway.sinks.configure(logging())
        assert gateway.sinks.counts() == {}
        gateway.sinks.configure(logging(to_splunk(NOBODY, queue_records=10)))
        gateway.wait("splunk", lambda one: one.dropped == 30, "the count of before")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(10, 13) | st.none()), max_size=6))
def test_totals_never_go_down(steps: list[tuple[int, int | None]]) -> None:
    with sending(to_splunk(NOBODY, queue_records=10), flush_timeout_secs=0.0) as gateway:
        most = 0
        for offered, room in steps:
            gateway.send(*(line(number) for number in range(offered)))
            gateway.sinks.configure(logging(*([] if room is None else [to_splunk(NOBODY, queue_records=room)])))
            count = gateway.sinks.counts().get("splunk")
            if count is not None:
                assert count.dropped >= most
                most = count.dropped
