"""An override that is taken back is over once every worker goes by what holds then, and not before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.adapters.gateway.orders.order import Scene
from bot.adapters.gateway.orders.settings import RouteEnable

SETTLED = {"route": "orders", "orders": ["override-1"]}


class Workers:
    """The admin API of a gateway that has no override any more, and whose workers follow or do not."""

    def __init__(self, *, agreed: bool) -> None:
        self.agreed = agreed

    async def get(self, path: str, query: object) -> Any:
        if path == "/admin/config/overrides":
            return {"overrides": []}
        return {"agreed": self.agreed, "config": {"routes": [{"id": "orders", "enabled": True}]}}


async def test_it_is_over_when_all_workers_go_by_it() -> None:
    found = []
    for agreed in (False, True):
        wire: Any = Workers(agreed=agreed)
        done = await RouteEnable().became(Scene(wire, "gateway", datetime.now(UTC)), SETTLED, "plan-1")
        assert done
        found.append((done.state, done.words))
    assert found == [("running", "not all workers go by it yet"), ("done", "its requests are passed on")]
