"""Uncordon: `kubectl uncordon`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class NodeUncordonArgs(Options):
    """Arguments of `/gw node uncordon`."""

    node: Annotated[str, Word("a node of /gw nodes")]


class NodeUncordon(Alteration[NodeUncordonArgs]):
    """New pods on a node again."""

    name = "node uncordon"
    path = ("gw", "node", "uncordon")
    summary = "Plan to let new pods onto a node again."
    example = "/gw node uncordon node-1"
    instead = "The local gateway has no nodes: it runs on one machine."
    args = NodeUncordonArgs
    undo = "/gw node cordon keeps them off again"

    def says(self, args: NodeUncordonArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Let new pods onto the node {draft.settled['node']} again"

    def course(self, done: int, total: int) -> str:  # noqa: ARG002 - what is left is counted
        """In a few words."""
        return "it takes new pods"


ACTION = NodeUncordon()
