"""Resources: `kubectl set resources deployment/api-gateway --limits=memory=1Gi`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Option
from commands.ports import Draft
from commands.presentation.words import cut

_QUANTITY = re.compile(r"none|[0-9]{1,12}(\.[0-9]{1,6})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_ASKED = {"cpu": "CPU", "memory": "memory", "cpu_limit": "limit of CPU", "memory_limit": "limit of memory"}


@dataclass(frozen=True)
class ResourcesArgs(Leasable):
    """Arguments of `/gw resources`."""

    cpu: Annotated[str, Option("--cpu", "requested CPU, as 500m or 2; none takes it away")] = ""
    memory: Annotated[str, Option("--memory", "requested memory, as 512Mi")] = ""
    cpu_limit: Annotated[str, Option("--cpu-limit", "the most CPU")] = ""
    memory_limit: Annotated[str, Option("--memory-limit", "the most memory")] = ""
    container: Annotated[str, Option("--container", "which container, where there are several")] = ""


class Resources(Alteration[ResourcesArgs]):
    """Gives a container more or less."""

    name = "resources"
    path = ("gw", "resources")
    summary = "Plan other requests and limits of CPU and memory; they roll out once confirmed."
    example = "/gw resources --memory-limit 1Gi"
    instead = "The local gateway has no limits of its own. /gw scale gives it more workers."
    args = ResourcesArgs
    parts = ("container",)
    undo = "/gw undo puts back what was before"

    def check(self, args: ResourcesArgs) -> None:
        """At least one, and quantities only."""
        given = {key: getattr(args, key) for key in _ASKED if getattr(args, key)}
        if not given:
            raise Malformed("Say what is to change.", example=self.example)
        for value in given.values():
            if not _QUANTITY.fullmatch(value):
                hint = "Write CPU as 500m or 2, memory as 512Mi or 1Gi, or none."
                raise Malformed(f"“{cut(value, 40)}” is no quantity.", hint=hint, example=self.example)

    def says(self, args: ResourcesArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Everything that changes."""
        wanted = {
            key: draft.settled[key] for key in _ASKED if draft.settled.get(key, draft.before[key]) != draft.before[key]
        }
        return f"Set {', '.join(f'{_ASKED[key]} {value}' for key, value in wanted.items())} for {service}"

    def back(self, draft: Draft) -> str:
        """With all that was there."""
        return " ".join(["/gw resources", *(f"--{key.replace('_', '-')} {draft.before[key]}" for key in _ASKED)])

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """What was there before."""
        return ACTION, ResourcesArgs(**plan.before)


ACTION = Resources()
