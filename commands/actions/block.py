"""Block: an address does not reach the gateway, for a while, by a NetworkPolicy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import unblock
from commands.actions.action import Action, Leasable
from commands.actions.addresses import network_of
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Word
from commands.ports import Draft
from commands.registry import ActionClass

#: Whoever wants to keep out more than this wants a maintenance page.
_WIDEST = {4: 8, 6: 16}


@dataclass(frozen=True)
class BlockArgs(Leasable):
    """Arguments of `/gw block`."""

    cidr: Annotated[str, Word("an address or a network, as 203.0.113.0/24")]


class Block(Ordered[BlockArgs]):
    """A security action, and one that can lock out many: it needs a second person, and ends by itself."""

    name = "block"
    path = ("gw", "block")
    summary = "Plan to keep an address or a network out, for a while."
    example = "/gw block 203.0.113.0/24 --for 1h"
    klass = ActionClass.DANGEROUS
    temporary = True
    needs = ""
    args = BlockArgs
    parts = ("cidr",)
    undo = "/gw undo, or /gw unblock"

    def check(self, args: BlockArgs) -> None:
        """An address, and not half of the world."""
        network = network_of(args.cidr, self.example)
        if network.prefixlen < _WIDEST[network.version]:
            hint = f"At most a /{_WIDEST[network.version]} is blocked. /gw maintenance on shows everybody a page."
            raise Malformed(f"{network} is a large part of the internet.", hint=hint, example=self.example)

    def said(self, args: BlockArgs) -> dict[str, Any]:
        """As networks are written."""
        return {"cidr": str(network_of(args.cidr, self.example))}

    def says(self, args: BlockArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whom."""
        return f"Block {draft.settled['cidr']} from {service}"

    def touches(self, draft: Draft) -> str:
        """Who is kept out."""
        return str(draft.settled["cidr"])

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """It is let in again."""
        return unblock.ACTION, unblock.UnblockArgs(cidr=plan.after["cidr"])


ACTION = Block()
