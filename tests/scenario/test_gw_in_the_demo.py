"""What can be ordered of a gateway can be tried in the demo: an upstream with two targets, and a cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.adapters.gateway import GatewayAdmin
from bot.demo.processes import stack
from tests.fakes import FakeClock
from tests.scenario.operating import Operating
from tests.scenario.steering import done, timeless
from tests.world import settings_for, world


@pytest.mark.long
async def test_the_demo_has_something_for_each_order(tmp_path: Path, sqlite_url: str) -> None:
    with stack(tmp_path, workers=1, per_second=20) as started:
        adapter: Any = GatewayAdmin(name="gateway", admin_url=started.admin_url, token=started.admin_token)
        async with world(settings_for(sqlite_url), clock=FakeClock(), gateway=adapter) as bot:
            await _played(Operating(bot))
        await adapter.close()


async def _played(here: Operating) -> None:
    said = timeless(await here.says("/gw upstreams"))
    assert said.startswith("1 upstream of gateway: all targets are well")
    shown = done(await here.runs("/gw drain backend blue for 10m"))
    assert shown.startswith("Done: Drain blue of the upstream backend\n  No ")
    assert ": Undo: " in await here.runs("/gw undo")
    assert "Requests go to green 100%" in await here.runs("/gw weight backend blue=0 green=1 --for 10m")
    assert "Requests go to blue 50%, green 50%" in await here.runs("/gw weight auto backend")
    assert " purged in 1 worker" in await here.runs("/gw purge prefix /catalogue")
    assert "Routes: catalogue" in await here.says("/gw cache")
    assert "Forced closed in all workers" in await here.runs("/gw breaker closed backend for 10m")
    assert "1 order above the settings of gateway" in await here.says("/gw overrides")
    assert "Configuration 1 of gateway holds" in await here.says("/gw config versions")
