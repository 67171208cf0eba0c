"""Unblock: an address is let in again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Options
from commands.actions.addresses import network_of
from commands.actions.ordering import Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class UnblockArgs(Options):
    """Arguments of `/gw unblock`."""

    cidr: Annotated[str, Word("an address or a network that is blocked")]


class Unblock(Ordered[UnblockArgs]):
    """Takes an address out of the policy."""

    name = "unblock"
    path = ("gw", "unblock")
    summary = "Plan to let a blocked address in again."
    example = "/gw unblock 203.0.113.7"
    needs = ""
    args = UnblockArgs
    undo = "/gw block keeps it out again"

    def check(self, args: UnblockArgs) -> None:
        """An address."""
        network_of(args.cidr, self.example)

    def said(self, args: UnblockArgs) -> dict[str, Any]:
        """As networks are written."""
        return {"cidr": str(network_of(args.cidr, self.example))}

    def says(self, args: UnblockArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whom."""
        return f"Let {draft.settled['cidr']} reach {service} again"

    def back(self, draft: Draft) -> str:
        """The other way round."""
        return f"/gw block {draft.settled['cidr']}"


ACTION = Unblock()
