"""One key of a ConfigMap that the gateway uses; its workers may be restarted with it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import GET_CONFIG_MAP, PATCH_CONFIG_MAP
from bot.adapters.kubernetes.altering.thought import Change, Said, Scene, Thought, put
from bot.adapters.kubernetes.configuring import maps_of, parsed
from bot.adapters.kubernetes.history import RESTARTED
from bot.adapters.kubernetes.ledger import Note, noted
from bot.adapters.kubernetes.rollout import of_rollout
from commands.errors import Conflict, NotFound, Refusal
from commands.ports import Operation
from commands.presentation.words import cut
from commands.redaction import MASK, redact_value

_NOT_THERE = "not there"
_SHORT = 100


class ConfigSet(Change):
    """Only a ConfigMap that the template names: others are other people's."""

    name: ClassVar[str] = "config set"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        name, key, wanted = str(said["map"]), str(said["key"]), said.get("value")
        known, stranger = await _read(scene, name)
        now, secret = _plain(known, key)
        shown = MASK if secret else now
        where, restart = f"{key} of {name}", bool(said.get("restart"))
        refused = stranger or secret
        if now != wanted and not refused:
            refused = _fixed(known) or (_paused(scene) if restart else None)
        settled = {"map": name, "key": key, "value": wanted, "restart": restart}
        return Thought(
            PATCH_CONFIG_MAP,
            known,
            live={where: _NOT_THERE if shown is None else _known_by(shown)},
            settled=settled,
            patch=put(known, ("data", key), wanted),
            before={**settled, "value": shown},
            already=f"{where} is {_NOT_THERE if now is None else 'so'} already." if now == wanted else "",
            facts=(("Now", _NOT_THERE if shown is None else cut(shown, 200) or '""'), ("Takes effect", _when(restart))),
            refused=refused,
        )

    def restarts(self, settled: Said) -> bool:
        """Where that was asked for."""
        return bool(settled.get("restart"))

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """Made; and with a restart, how far that has come."""
        if not thought.settled["restart"]:
            return await super().became(scene, thought, note)
        restart = noted(scene.deployment, note.id)
        template = scene.deployment["spec"]["template"]["metadata"].get("annotations") or {}
        found, error = of_rollout(scene.deployment, note.at), ""
        if restart is None:
            error = "the ConfigMap was changed, and the restart never arrived: /gw restart"
        elif template.get(RESTARTED) != restart.at.isoformat():
            error = "the ConfigMap was changed; the template was changed again since"
        return (replace(found, state="failed", error=error) if error else found).operation(note.id)


async def _read(scene: Scene, name: str) -> tuple[dict[str, Any], Refusal | None]:
    """The map, and why it is none of ours where that is so."""
    used, stranger = maps_of(scene.deployment), None
    if name not in used:
        there = f"It uses: {', '.join(used)}." if used else "It uses none."
        stranger = NotFound(f"{scene.service} uses no ConfigMap {name[:60]}.", hint=there)
    try:
        return await scene.place.cluster.get(GET_CONFIG_MAP, await scene.place.space(), name), stranger
    except NotFound:
        if stranger:
            raise stranger from None
        raise


def _fixed(known: dict[str, Any]) -> Refusal | None:
    if not known.get("immutable"):
        return None
    name = known["metadata"]["name"]
    return Conflict(f"{name} is immutable.", hint="Make a new one, and let the Deployment use that.")


def _paused(scene: Scene) -> Refusal | None:
    if not scene.deployment["spec"].get("paused"):
        return None
    return Conflict(f"The rollout of {scene.service} is paused, so nothing would be restarted.", hint="/gw resume")


def _plain(known: dict[str, Any], key: str) -> tuple[str | None, Refusal | None]:
    """What stands there, and why it is not to be shown. Raises Conflict for what is no text."""
    if key in (known.get("binaryData") or {}):
        raise Conflict(f"{key} is no text.")
    value = (known.get("data") or {}).get(key)
    if value is None:
        return None, None
    read = {key: parsed(str(value))}
    if redact_value(read) == read and redact_value({key: str(value)}) == {key: str(value)}:
        return str(value), None
    why = f"{key} has what looks like a secret in it."
    return str(value), Conflict(why, hint="Change it where it is kept, then /gw restart.")


def _known_by(value: str) -> str:
    """What tells a value from another: a file of a megabyte is not kept once more for that."""
    if len(value) <= _SHORT:
        return value
    return f"{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}"


def _when(restart: bool) -> str:
    if restart:
        return "after a rolling restart, which follows at once"
    return "in a minute for mounted files that are watched; for variables at the next restart (--restart)"


CHANGES: tuple[Change, ...] = (ConfigSet(),)
