"""Config rollback: an earlier configuration of the gateway holds again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Options
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class ConfigRollbackArgs(Options):
    """Arguments of `/gw config rollback`."""

    number: Annotated[int, Word("a number of /gw config versions")]


class ConfigRollback(Ordered[ConfigRollbackArgs]):
    """No request fails for it, and what operators have overridden stays so."""

    name = "config rollback"
    path = ("gw", "config", "rollback")
    summary = "Plan to go back to an earlier configuration of the gateway."
    example = "/gw config rollback 3"
    look_at = "/gw config versions"
    instead = "In a cluster the settings are a ConfigMap: /gw configmap, /gw config set."
    args = ConfigRollbackArgs
    undo = "/gw undo goes forward again"

    def check(self, args: ConfigRollbackArgs) -> None:
        """Configurations count from one."""
        if args.number < 1:
            raise Malformed(f"There is no configuration {args.number}.", example="/gw config versions")

    def says(self, args: ConfigRollbackArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """From which to which."""
        now, then = draft.before["number"], draft.settled["number"]
        return f"Have configuration {then} of {service} hold again, in place of {now}"

    def back(self, draft: Draft) -> str:
        """The number that it was left at."""
        return f"/gw config rollback {draft.before['number']}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The configuration before."""
        return ACTION, ConfigRollbackArgs(number=plan.before["number"])


ACTION = ConfigRollback()
