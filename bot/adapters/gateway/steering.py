"""The Alterations port: orders to one gateway, each thought out, sent once, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.adapters.gateway.orders.known import ORDERS
from bot.adapters.gateway.orders.order import Note, Scene
from bot.adapters.gateway.wire import AdminWire
from commands.domain.plan import Target
from commands.errors import Refusal
from commands.ports import Draft, Operation, Rejected
from commands.registry import ADMIN


class GatewayOrders:
    """See Alterations."""

    offers = frozenset({ADMIN})

    def __init__(self, *, name: str, admin_url: str, token: str, timeout: float = 5.0) -> None:
        self._name = name
        self._wire = AdminWire(name=name, admin_url=admin_url, token=token, timeout=timeout)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    async def draft(self, change: str, target: Target, said: Mapping[str, Any], *, dry_run: bool) -> Draft:  # noqa: ARG002
        """See Alterations. The admin API tries nothing dry: what would be refused is found out by reading."""
        scene, order = self._scene(), ORDERS[change]
        found = await order.think(scene, said)
        refused = await order.objection(scene, said, found) if dry_run and not found.already else None
        if refused:
            raise refused
        return found

    async def alter(
        self,
        change: str,
        target: Target,
        settled: Mapping[str, Any],
        *,
        live: Mapping[str, Any],
        plan: str,
        actor: str,
        lasts: timedelta | None = None,
    ) -> None:
        """See Alterations. What has arrived under the same name is not asked for again."""
        scene, order = self._scene(), ORDERS[change]
        try:
            await self._check_identity(target)
            if await order.became(scene, settled, plan):
                return
            found = await order.think(scene, settled)
            refused = await order.objection(scene, settled, found)
        except Refusal as refusal:
            raise Rejected(refusal.words()) from refusal
        if refused:
            raise Rejected(refused.words())
        if found.live != live:
            raise Rejected("it is not as it was when this was planned")
        await order.send(scene, found, Note(plan, actor, lasts))

    async def prolong(
        self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str, lasts: timedelta
    ) -> None:
        """See Alterations."""
        await self._check_identity(target)
        await ORDERS[change].prolong(self._scene(), settled, Note(plan, actor, lasts))

    async def pursue(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str) -> None:
        """See Alterations. No order takes many requests."""

    async def altered(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str) -> Operation | None:  # noqa: ARG002
        """See Alterations."""
        return await ORDERS[change].became(self._scene(), settled, plan)

    async def _check_identity(self, target: Target) -> None:
        """Raises Rejected where the gateway was started anew since: it has forgotten what it was told."""
        if (await self._wire.get("/admin/status"))["uid"] != target.uid:
            raise Rejected(f"{self._name} was started anew since this was planned")

    def _scene(self) -> Scene:
        return Scene(self._wire, self._name, datetime.now(UTC))
