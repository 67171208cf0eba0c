"""Rollback: `kubectl rollout undo deployment/api-gateway --to-revision=3`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class RollbackArgs(Options):
    """Arguments of `/gw rollback`."""

    revision: Annotated[int, Word("a revision of /gw history; the one before, when left out")] = 0


class Rollback(Alteration[RollbackArgs]):
    """Puts back the pod template of a revision. Neither the count nor ConfigMaps are part of it."""

    name = "rollback"
    path = ("gw", "rollback")
    summary = "Plan to go back to an earlier revision; it runs once it is confirmed."
    example = "/gw rollback 3"
    instead = "The local gateway has no revisions. Start the version that you want, then /gw restart."
    args = RollbackArgs
    undo = "/gw undo goes forward again"

    def check(self, args: RollbackArgs) -> None:
        """Revisions count from one."""
        if args.revision < 0:
            raise Malformed(f"There is no revision {args.revision}.", example="/gw history")

    def says(self, args: RollbackArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """From where to where."""
        return f"Roll {service} back from revision {draft.before['revision']} to {draft.settled['revision']}"

    def back(self, draft: Draft) -> str:
        """Its number is its own as long as nobody goes back to it."""
        return f"/gw rollback {draft.before['revision']}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The revision before."""
        return ACTION, RollbackArgs(revision=plan.before["revision"])


ACTION = Rollback()
