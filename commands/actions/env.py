"""Env: `kubectl set env deployment/api-gateway LOG_LEVEL=debug`, for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration, refuse_secret
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Option, Rest
from commands.ports import Draft
from commands.presentation.words import cut

_PLAIN = re.compile(r"[\w.:/,=+][\w.:/,=+-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,252}")


@dataclass(frozen=True)
class EnvArgs(Leasable):
    """Arguments of `/gw env`. `NAME=value` as in a shell: a secret is known by its name wherever the line is told."""

    variable: Annotated[str, Rest("NAME=value; all that follows is the value")]
    unset: Annotated[bool, Flag("--unset", "take the variable of this name away")] = False
    container: Annotated[str, Option("--container", "which container, where there are several")] = ""


class Env(Alteration[EnvArgs]):
    """Sets one variable of the environment. Secrets are refused: they would stay in the channel."""

    name = "env"
    path = ("gw", "env")
    summary = "Plan another value of an environment variable for a while; it rolls out once confirmed."
    example = "/gw env LOG_LEVEL=debug"
    temporary = True
    instead = "The local gateway reads its settings from its file: change that, then /gw restart."
    args = EnvArgs
    parts = ("variable", "container")
    undo = "/gw undo puts back the value"

    def check(self, args: EnvArgs) -> None:
        """A name, and no secret."""
        name, given, value = args.variable.partition("=")
        if not _NAME.fullmatch(name):
            raise Malformed(f"“{cut(name, 60)}” is no name of a variable.", example=self.example)
        if bool(given) is args.unset:
            raise Malformed("Say NAME=value, or NAME --unset.", example=self.example)
        refuse_secret(name, value, self.example)

    def said(self, args: EnvArgs) -> dict[str, Any]:
        """Name and value apart."""
        name, _, value = args.variable.partition("=")
        return {"variable": name, "value": value, "unset": args.unset, "container": args.container}

    def says(self, args: EnvArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """What it would be."""
        value = cut(draft.settled["value"], 60) or "nothing"
        named = draft.settled["variable"]
        return f"Unset {named} of {service}" if draft.settled["unset"] else f"Set {named} of {service} to {value}"

    def back(self, draft: Draft) -> str:
        """With the value before, where it needs no quotes."""
        named, value = draft.before["variable"], draft.before["value"]
        if draft.before["unset"]:
            return f"/gw env {named} --unset"
        return f"/gw env {named}={value}" if _PLAIN.fullmatch(value) else f"/gw env {named} with the value before"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The value before."""
        named, value, container = (plan.before[key] for key in ("variable", "value", "container"))
        unset = bool(plan.before["unset"])
        return ACTION, EnvArgs(variable=named if unset else f"{named}={value}", unset=unset, container=container)


ACTION = Env()
