"""Config: one key of a ConfigMap, as `kubectl edit configmap` would change it, and perhaps a restart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration, refuse_secret
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Rest, Word
from commands.ports import Draft
from commands.presentation.words import cut

_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")


@dataclass(frozen=True)
class ConfigSetArgs(Leasable):
    """Arguments of `/gw config set`."""

    map: Annotated[str, Word("a ConfigMap that the gateway uses")]
    entry: Annotated[str, Rest("KEY=value; all that follows is the value")]
    unset: Annotated[bool, Flag("--unset", "take the key away")] = False
    restart: Annotated[bool, Flag("--restart", "restart the workers once it is changed")] = False


class ConfigSet(Alteration[ConfigSetArgs]):
    """Changes one key. What looks like a secret is refused."""

    name = "config set"
    path = ("gw", "config", "set")
    summary = "Plan another value of a ConfigMap's key, perhaps with a restart."
    example = "/gw config set gateway UPSTREAM_TIMEOUT=5s --restart"
    instead = "The local gateway reads its settings from its file: change that, then /gw restart."
    args = ConfigSetArgs
    parts = ("map", "key")
    undo = "/gw undo puts back the value"

    def check(self, args: ConfigSetArgs) -> None:
        """A key, and no secret."""
        key, given, value = args.entry.partition("=")
        if not _KEY.fullmatch(key):
            raise Malformed(f"“{cut(key, 60)}” is no key of a ConfigMap.", example=self.example)
        if bool(given) is args.unset:
            raise Malformed("Say KEY=value, or KEY --unset.", example=self.example)
        refuse_secret(key, value, self.example)

    def said(self, args: ConfigSetArgs) -> dict[str, Any]:
        """Key and value apart."""
        key, _, value = args.entry.partition("=")
        return {"map": args.map, "key": key, "value": None if args.unset else value, "restart": args.restart}

    def says(self, args: ConfigSetArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Where, and to what."""
        key, name, value = (draft.settled[one] for one in ("key", "map", "value"))
        to = f"Remove {key} of {name}" if value is None else f"Set {key} of {name} to {cut(value, 60) or 'nothing'}"
        return f"{to}{f', and restart {service}' if draft.settled['restart'] else ''}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The value before, with a restart where there was one."""
        name, key, value, restart = (plan.before[one] for one in ("map", "key", "value", "restart"))
        entry = key if value is None else f"{key}={value}"
        return ACTION, ConfigSetArgs(map=name, entry=entry, unset=value is None, restart=restart)


ACTION = ConfigSet()
