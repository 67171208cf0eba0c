"""What the actions share that order something of one gateway; it knows who ordered what, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.context import Services
from commands.domain.plan import Plan
from commands.ports import Workload
from commands.registry import ADMIN

A = TypeVar("A", bound=Options)


@dataclass(frozen=True, kw_only=True)
class OfPlan:
    """What is taken back is the order of one plan: what others have ordered stays."""

    of: str


class Ordered(Alteration[A]):
    """It is in force as long as the gateway has the order of this very plan, whatever others have ordered beside it."""

    needs: ClassVar[str] = ADMIN
    ends_there: ClassVar[bool] = True
    instead: ClassVar[str] = "Ask the admin API of each pod, or change the settings: /gw config set."
    undo: ClassVar[str] = "/gw undo takes the order back"

    async def look(self, services: Services, plan: Plan) -> Workload:
        """The target, and whether the order of the plan is there."""
        target = await services.deployments.find(plan.target.name, plan.target.location)
        return await self._drafted(services, target, {**plan.after, "plan": plan.id}, dry_run=False)
