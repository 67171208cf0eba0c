"""Drain: `kubectl drain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import node_uncordon
from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft
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

    def again(self, draft: Draft) -> str:
        """Who is left on it is evicted."""
        return f"{self.example.rsplit(maxsplit=1)[0]} {draft.settled['node']}"

    def course(self, done: int, total: int) -> str:
        """In a few words."""
        return f"{done} of {total} pods have left it" if done < total else "nobody is left on it"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """New pods again; what has moved stays where it is."""
        return node_uncordon.ACTION, node_uncordon.NodeUncordonArgs(node=plan.after["node"])


ACTION = NodeDrain()
