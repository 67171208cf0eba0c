"""Drain: `kubectl drain`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from commands.actions import node_uncordon
from commands.actions.action import Action, Options, Preview
from commands.actions.altering import Alteration
from commands.context import Call
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft, Drafted, Workload
from commands.registry import ActionClass


@dataclass(frozen=True)
class NodeDrainArgs(Options):
    """Arguments of `/gw node drain`."""

    node: Annotated[str, Word("a node of /gw nodes")]


class NodeDrain(Alteration[NodeDrainArgs]):
    """Evicts whoever is on a node, as far as the budgets let it; that is more than the gateway."""

    name = "node drain"
    path = ("gw", "node", "drain")
    summary = "Plan to move every pod off a node, as the disruption budgets allow."
    example = "/gw node drain node-1"
    klass = ActionClass.DANGEROUS
    instead = "The local gateway has no nodes: it runs on one machine."
    args = NodeDrainArgs
    parts = ("node",)
    rounds = True
    undo = "/gw undo lets new pods on; what has moved stays where it is"

    def says(self, args: NodeDrainArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Drain the node {draft.settled['node']}"

    def touches(self, draft: Draft) -> str:
        """The node."""
        return str(draft.settled["node"])

    def again(self, draft: Draft) -> str:
        """Who is left on it is evicted."""
        return f"{self.example.rsplit(maxsplit=1)[0]} {draft.settled['node']}"

    def course(self, done: int, total: int) -> str:
        """In a few words."""
        return f"{done} of {total} pods have left it" if done < total else "nobody is left on it"

    async def preview(self, args: NodeDrainArgs, target: Workload, call: Call) -> Preview:
        """What an undo does depends on what the node was before."""
        found = await super().preview(args, target, call)
        by_hand = f"/gw node uncordon {found.after['node']} lets new pods on"
        stays = f"the node took no new pods before either, and that stays so; {by_hand}"
        return replace(found, undo=stays) if found.before["cordoned"] else found

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any] | None:
        """New pods again, if it took any before; what has moved stays where it is."""
        if plan.before.get("cordoned"):
            return None
        return node_uncordon.ACTION, node_uncordon.NodeUncordonArgs(node=plan.after["node"])

    def shows(self, plan: Plan, target: Workload) -> bool:
        """Whether that node is cordoned still, however far the evictions have come."""
        if target.target.uid != plan.target.uid or not isinstance(target, Drafted):
            return False
        return target.draft.settled["uid"] == plan.after["uid"] and bool(target.draft.before["cordoned"])


ACTION = NodeDrain()
