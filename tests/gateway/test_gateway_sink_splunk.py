"""The log in Splunk: a collector that speaks the real protocol, and fails; what arrives, what is counted as lost."""

from __future__ import annotations

import socket

from tests.gateway.sinking import HEC_TOKEN, NOON, line, numbers, sending, to_splunk
from tests.simulators.splunk import Splunk
from tests.simulators.wire import Answer


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
