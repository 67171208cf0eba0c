"""The adapter of the gateway's admin API, against a real gateway process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest

from bot.adapters.gateway import GatewayAdmin
from commands.domain.drill import Fault
from commands.errors import NotFound, Unavailable
from commands.ports import Faults, LogQuery, Rejected
from tests.contract.gateways import (
    MINUTES,
    NAME,
    SECRET,
    DeploymentsContract,
    LogsContract,
    TelemetryContract,
    Traffic,
    ended,
)
from tests.gateway.running import TOKEN, RunningGateway, running, settings_for
from tests.gateway.upstream import ControlledUpstream
from tests.waiting import eventually


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway of two workers before an upstream that answers and one that is not there."""
    with ControlledUpstream() as upstream:
        document = settings_for(
            upstream.url,
            workers={"count": 2, "min": 1, "max": 4},
            server={"drain_idle_secs": 0, "drain_timeout_secs": 1},
        )
        document["upstreams"].append({"id": "absent", "base_url": "http://127.0.0.1:1"})
        document["routes"] = [
            {"id": "good", "path": "/good", "upstream_id": "backend"},
            {"id": "broken", "path": "/broken", "upstream_id": "absent"},
        ]
        with running(document, tmp_path_factory.mktemp("contract")) as gateway:
            yield gateway


@pytest.fixture
async def gateway(process: RunningGateway) -> AsyncIterator[GatewayAdmin]:
    adapter = GatewayAdmin(name=NAME, admin_url=process.ready["admin"], token=TOKEN)
    yield adapter
    await adapter.close()


@pytest.fixture
def limits() -> tuple[int, int]:
    return 1, 4


@pytest.fixture
async def dead() -> AsyncIterator[GatewayAdmin]:
    adapter = GatewayAdmin(name=NAME, admin_url="http://127.0.0.1:1", token=TOKEN)
    yield adapter
    await adapter.close()


@pytest.fixture
def traffic(process: RunningGateway) -> Traffic:
    """Some requests that go well and some that cannot, and a change by an operator."""

    async def send() -> None:
        counted = _requests(process)
        process.admin.post("/admin/faults", json={"route": "good", "expires_in_seconds": 1, "actor": "ana"})
        async with httpx.AsyncClient(base_url=process.url, trust_env=False) as client:
            for path in ("/good", "/good", "/good", "/good", "/broken", "/broken"):
                await client.get(path)
        # Readings are of whole seconds, of each worker by itself: the one that runs counts when it is over.
        await asyncio.to_thread(eventually, lambda: _requests(process) >= counted + 6, "six requests are counted")

    return send


def _requests(process: RunningGateway) -> int:
    window = {"window": int(MINUTES.total_seconds())}
    return int(process.admin.get("/admin/metrics/summary", params=window).json()["window"]["requests"])


class TestDeployments(DeploymentsContract):
    """See the contract."""

    def test_the_secret_of_the_contract_is_the_one_in_use(self) -> None:
        assert SECRET == TOKEN

    async def test_a_restart_of_some_is_of_no_more(self, gateway: GatewayAdmin) -> None:
        before = await gateway.find(NAME)
        first, *others = [one.name for one in await gateway.pods(before.target)]
        await gateway.restart(before.target, operation="part", actor="ana", only=[first])
        found = await ended(gateway, before.target, "part")
        assert (found.state, found.done, found.total) == ("done", 1, 1)
        now = {one.name for one in await gateway.pods(before.target)}
        assert (first in now, set(others) <= now, len(now)) == (False, True, before.desired)

    async def test_a_wrong_token_is_said_so(self, process: RunningGateway) -> None:
        stranger = GatewayAdmin(name=NAME, admin_url=process.ready["admin"], token="not-the-token")
        with pytest.raises(Unavailable) as refused:
            await stranger.find(NAME)
        await stranger.close()
        assert refused.value.message == "The admin API of gateway does not accept the token (status 401)."
        assert "gateway.admin_token" in refused.value.hint


class TestTelemetry(TelemetryContract):
    """See the contract."""

    async def test_routes_are_named_by_their_id(self, gateway: GatewayAdmin, traffic: Traffic) -> None:
        before = await self._errors(gateway, "good")
        await traffic()
        routes = {route.route: route for route in await gateway.routes(NAME, window=timedelta(minutes=5))}
        assert routes["broken"].error_rate == 1
        assert await self._errors(gateway, "good") == before

    async def _errors(self, gateway: GatewayAdmin, route: str) -> int:
        """So far: other tests have had faults on it."""
        routes = await gateway.routes(NAME, window=timedelta(minutes=5))
        return sum(round(one.requests * one.error_rate) for one in routes if one.route == route)

    async def test_a_service_that_is_not_watched_is_not_found(self, gateway: GatewayAdmin) -> None:
        with pytest.raises(NotFound):
            await gateway.reading("billing", window=timedelta(seconds=10))


class TestLogs(LogsContract):
    """See the contract."""

    async def test_a_question_that_the_gateway_refuses_is_not_taken_for_silence(self, gateway: GatewayAdmin) -> None:
        with pytest.raises(Unavailable) as refused:
            await gateway.lines(NAME, LogQuery(limit=1, level="INFO", grep="x" * 300, since=timedelta(minutes=1)))
        assert refused.value.message.startswith("The admin API of gateway does not answer that: grep: ")

    async def test_since_when_they_are_kept_is_told(self, gateway: GatewayAdmin, process: RunningGateway) -> None:
        started = (await gateway.find(NAME)).started_at
        page = await gateway.lines(NAME, LogQuery(limit=1, level="INFO", since=timedelta(hours=1)))
        count = await gateway.errors(NAME, since=timedelta(hours=1))
        for kept_since in (page.kept_since, count.kept_since):
            assert kept_since is not None
            assert abs(kept_since - started) < timedelta(seconds=5)
        assert page.missed == 0

    async def test_text_is_found_in_any_script(self, gateway: GatewayAdmin, process: RunningGateway) -> None:
        fault = {"route": "good", "expires_in_seconds": 1, "actor": "Zoë Überall", "reason": 'said "später"'}
        assert process.admin.post("/admin/faults", json=fault).status_code == 201
        for grep in ("zoë", "ÜBERALL", 'said "SPÄTER"'):
            page = await gateway.lines(NAME, LogQuery(limit=5, level="WARNING", grep=grep, since=timedelta(minutes=5)))
            assert [line.fields["actor"] for line in page.lines] == ["Zoë Überall"]


async def test_a_fault_is_injected_once_ends_with_its_drill_and_expires_by_itself(
    gateway: GatewayAdmin, process: RunningGateway
) -> None:
    fault, drill = Fault(route="good", error_rate=1, status=502), "incident-20260301-001"
    process.admin.delete("/admin/faults").raise_for_status()  # of another test of this gateway
    with process.client() as client:

        async def answers(status: int) -> None:
            what = f"requests are answered with {status}"
            await asyncio.to_thread(eventually, lambda: client.get("/good").status_code == status, what)

        for _ in range(2):
            await gateway.inject(fault, drill=drill, actor="ana", lasts=timedelta(minutes=10))
        assert [(one["reason"], one["actor"], one["route"]) for one in _faults(process)] == [(drill, "ana", "good")]
        await answers(502)
        await gateway.mend(drill="incident-20260301-002")
        assert len(_faults(process)) == 1
        for _ in range(2):
            await gateway.mend(drill=drill)
        assert _faults(process) == []
        await answers(200)
        await gateway.inject(fault, drill=drill, actor="ana", lasts=timedelta(seconds=1))
        await asyncio.to_thread(eventually, lambda: not _faults(process), "the fault is over by itself")
        await answers(200)


def _faults(process: RunningGateway) -> list[dict[str, object]]:
    found: list[dict[str, object]] = process.admin.get("/admin/faults").json()["faults"]
    return found


async def test_a_fault_of_no_route_is_refused_and_a_gateway_that_is_gone_breaks_nothing(
    gateway: GatewayAdmin, dead: GatewayAdmin
) -> None:
    fault = Fault(route="no-such-route", latency_ms=100)
    with pytest.raises(Rejected, match="allowed"):
        await gateway.inject(fault, drill="one", actor="ana", lasts=timedelta(minutes=1))
    with pytest.raises(Unavailable):
        await dead.inject(fault, drill="one", actor="ana", lasts=timedelta(minutes=1))
    with pytest.raises(Unavailable):
        await dead.mend(drill="one")
    assert isinstance(gateway, Faults)
