"""How large requests and answers are, by route: what metrics tell of it."""

from __future__ import annotations

from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from tests.gateway.reports import report_of
from tests.gateway.running import settings_for
from tests.gateway.stage import staged
from tests.gateway.upstream import ControlledUpstream


def test_sizes_are_those_of_bodies() -> None:
    ledger, tally = Ledger(100), Tally()
    tally.request("POST", "a", 200, 0.1, 30, 2000)
    tally.request("GET", "a", 200, 0.1, 0, 48)
    ledger.absorb(report_of(tally.take()), at=1.0)
    page = exposition(ledger, Moment(2.0, 1.0, "v", 1, 1))
    assert 'http_request_size_bytes_sum{route="a"} 30.0' in page
    assert 'http_request_size_bytes_count{route="a"} 2.0' in page
    assert 'http_response_size_bytes_sum{route="a"} 2048.0' in page
    assert "# TYPE http_response_size_bytes summary" in page


async def test_what_a_client_sends_and_gets_is_counted(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        caller.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde")
        answer = await caller.answer()
        [size] = stage.plane.tally.take()["sizes"]
    assert size == ["default", 1, 5, len(answer.body)]
