"""Env: `kubectl set env deployment/api-gateway LOG_LEVEL=debug`, for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration, refuse_secret
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Option, Word
from commands.ports import Draft
from commands.presentation.words import cut

_PLAIN = re.compile(r"[\w.:/,=+][\w.:/,=+-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,252}")


@dataclass(frozen=True)
class EnvArgs(Leasable):
    """Arguments of `/gw env`."""

    variable: Annotated[str, Word("its name, as LOG_LEVEL")]
    value: Annotated[str, Word("its value; in quotes where it has spaces")] = ""
    unset: Annotated[bool, Flag("--unset", "take the variable away")] = False
    container: Annotated[str, Option("--container", "which container, where there are several")] = ""


class Env(Alteration[EnvArgs]):
    """Sets one variable of the environment. Secrets are refused: they would stay in the channel."""

    name = "env"
    path = ("gw", "env")
    summary = "Plan another value of an environment variable for a while; it rolls out once confirmed."
    example = "/gw env LOG_LEVEL debug"
    temporary = True
    instead = "The local gateway reads its settings from its file: change that, then /gw restart."
    args = EnvArgs
    undo = "/gw undo puts back the value"

    def check(self, args: EnvArgs) -> None:
        """A name, and no secret."""
        if not _NAME.fullmatch(args.variable):
            raise Malformed(f"“{cut(args.variable, 60)}” is no name of a variable.", example=self.example)
        if args.unset and args.value:
            raise Malformed("A value and --unset contradict each other.", example="/gw env LOG_LEVEL --unset")
        refuse_secret(args.variable, args.value, self.example)

    def says(self, args: EnvArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """What it would be."""
        value = cut(draft.settled["value"], 60) or "nothing"
        named = draft.settled["variable"]
        return f"Unset {named} of {service}" if draft.settled["unset"] else f"Set {named} of {service} to {value}"

    def back(self, draft: Draft) -> str:
        """With the value before, where it needs no quotes."""
        named, value = draft.before["variable"], draft.before["value"]
        word = "--unset" if draft.before["unset"] else value if _PLAIN.fullmatch(value) else "with the value before"
        return f"/gw env {named} {word}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The value before."""
        return ACTION, EnvArgs(**plan.before)


ACTION = Env()
