"""Cordon: `kubectl cordon`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import node_uncordon
from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class NodeCordonArgs(Options):
    """Arguments of `/gw node cordon`."""

    node: Annotated[str, Word("a node of /gw nodes")]


class NodeCordon(Alteration[NodeCordonArgs]):
    """No new pods on a node; those that are there stay."""

    name = "node cordon"
    path = ("gw", "node", "cordon")
    summary = "Plan to keep new pods off a node."
    example = "/gw node cordon node-1"
    instead = "The local gateway has no nodes: it runs on one machine."
    args = NodeCordonArgs
    parts = ("node",)
    undo = "/gw undo, or /gw node uncordon"

    def says(self, args: NodeCordonArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Keep new pods off the node {draft.settled['node']}"

    def course(self, done: int, total: int) -> str:  # noqa: ARG002 - what is left is counted
        """In a few words."""
        return "it takes no new pods"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any] | None:
        """New pods again, if it took any before."""
        if plan.before.get("cordoned"):
            return None
        return node_uncordon.ACTION, node_uncordon.NodeUncordonArgs(node=plan.after["node"])


ACTION = NodeCordon()
