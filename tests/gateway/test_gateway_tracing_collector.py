"""Traces on their way to a collector, be it dead, silent or well: no request waits, and what is lost is counted."""

from __future__ import annotations

from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.collector import Collector
from tests.gateway.one_worker import one_worker
from tests.gateway.tracing import counted, records_of, spans_of, taken, traced
from tests.gateway.upstream import ControlledUpstream


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


async def test_what_is_queued_is_sent_before_a_worker_ends(shared_upstream: ControlledUpstream) -> None:
    with Collector() as collector:
        document = traced(shared_upstream.url, collector.url, flush_interval_secs=600)
        async with one_worker(document) as worker, worker.caller() as caller:
            await caller.get("/")
        assert len(collector.spans) == 2
