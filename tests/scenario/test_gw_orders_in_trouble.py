"""A gateway that refuses an order, loses its answer, or does not answer at all: what people read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bot.adapters.gateway import GatewayAdmin
from tests.fakes import FakeClock
from tests.gateway.running import TOKEN as REAL
from tests.gateway.running import RunningGateway
from tests.scenario.operating import Operating
from tests.scenario.steering import as_it_was, done
from tests.simulators.gateway.server import TOKEN
from tests.simulators.gateway.way import GatewayWay, way_to
from tests.world import settings_for, world

DRAIN = "POST /admin/upstreams/overrides"


@pytest.fixture(scope="module")
def passing(process: RunningGateway) -> Iterator[GatewayWay]:
    with way_to(process.ready["admin"], REAL) as way:
        yield way


@pytest.fixture
async def troubled(process: RunningGateway, passing: GatewayWay, sqlite_url: str) -> AsyncIterator[Operating]:
    """The bot on the way that faults may happen on."""
    passing.come_back()
    passing.faults.clear()
    as_it_was(process)
    adapter: Any = GatewayAdmin(name="gateway", admin_url=passing.url, token=TOKEN)
    async with world(settings_for(sqlite_url), clock=FakeClock(), gateway=adapter) as bot:
        yield Operating(bot)
    await adapter.close()


@pytest.mark.parametrize("status", [409, 412, 422])
async def test_what_is_refused_is_told_with_the_reason(troubled: Operating, passing: GatewayWay, status: int) -> None:
    passing.faults.fail(DRAIN, status)
    shown = await troubled.runs("/gw drain backend blue for 5m")
    assert shown.splitlines()[:2] == [
        "Failed: Drain blue of the upstream backend",
        "  The target refused: told to fail; nothing was changed",
    ]


async def test_an_error_is_read_back_before_anything_is_said(troubled: Operating, passing: GatewayWay) -> None:
    passing.faults.fail(DRAIN, 503)
    shown = await troubled.runs("/gw drain backend blue for 5m")
    assert shown.splitlines()[:2] == [
        "Interrupted: Drain blue of the upstream backend",
        "  It did not happen: it never arrived; nothing was changed. Ask for it again if it is still wanted",
    ]


async def test_an_answer_that_was_lost_is_found_out(troubled: Operating, passing: GatewayWay) -> None:
    passing.faults.drop(DRAIN)
    shown = done(await troubled.runs("/gw drain backend blue for 5m"))
    assert shown.splitlines()[:2] == [
        "Done: Drain blue of the upstream backend",
        "  No requests go to blue, and none is under way there",
    ]
    assert passing.sent().count(DRAIN) >= 1


async def test_a_purge_whose_answer_was_lost_is_not_called_done(troubled: Operating, passing: GatewayWay) -> None:
    passing.faults.drop("POST /cache/purge")
    shown = await troubled.runs("/gw purge tag news")
    assert shown.splitlines()[0] == "Failed: Have gateway forget what it has cached of the tag news"
    assert "Ask again to be sure: it does no harm twice" in shown


async def test_a_gateway_that_is_gone_is_said_to_be(troubled: Operating, passing: GatewayWay) -> None:
    passing.stop()
    for line in ("/gw upstreams", "/gw drain backend blue", "/gw overrides", "/gw config versions", "/gw cache"):
        said = await troubled.says(line)
        assert said.startswith("The admin API of gateway does not answer (ConnectError)."), said
        assert "Is the gateway running?" in said
