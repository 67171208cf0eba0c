"""How many: the bounds of an autoscaler, and nobody at all."""

from __future__ import annotations

from typing import ClassVar

from bot.adapters.kubernetes.access import LIST_AUTOSCALERS, PATCH_AUTOSCALER, PATCH_DEPLOYMENT
from bot.adapters.kubernetes.altering.asking import in_version, listed
from bot.adapters.kubernetes.altering.thought import Change, Said, Scene, Thought, put
from bot.adapters.kubernetes.detectors import KEDAS, targets
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.rollout import of_scale
from commands.errors import Conflict, NotFound
from commands.ports import Operation
from commands.presentation.words import counted

#: On a Deployment that was set to zero: the count before.
COUNT_BEFORE = "tocsin/replicas-before"


class Autoscaler(Change):
    """The fewest and the most of the autoscaler that sets the count."""

    name: ClassVar[str] = "hpa bounds"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. With `exact` the bounds come back that were there before, whatever the limits say."""
        items, version = await listed(scene, LIST_AUTOSCALERS)
        found = [one for one in items if targets(one["spec"]["scaleTargetRef"], scene.deployment)]
        if not found:
            raise NotFound(f"No autoscaler sets the count of {scene.service}.", example="/gw scale 10")
        known = found[0]
        name, spec = known["metadata"]["name"], known["spec"]
        if KEDAS in (known["metadata"].get("labels") or {}):
            raise Conflict(f"{name} is KEDA's, which would put it back.", hint="Change the ScaledObject.")
        low, high = spec.get("minReplicas", 1), spec["maxReplicas"]
        fewest, most = (
            now if said.get(key) is None else int(said[key]) for key, now in (("fewest", low), ("most", high))
        )
        exact = bool(said.get("exact"))
        _check(fewest, most, (low, high), (fewest, most) if exact else scene.limits)
        now = scene.deployment["spec"].get("replicas", 1)
        stop = max(0, now - most)
        stops = (("Will happen", f"{stop} of {counted(now, 'worker')} stop at once"),) if stop else ()
        return Thought(
            in_version(PATCH_AUTOSCALER, version),
            known,
            live={"fewest": low, "most": high},
            settled={"fewest": fewest, "most": most, "exact": exact},
            patch=[*put(known, ("spec", "minReplicas"), fewest), *put(known, ("spec", "maxReplicas"), most)],
            before={"fewest": low, "most": high},
            already=f"{name} keeps {low} to {high} already." if (low, high) == (fewest, most) else "",
            facts=(("Autoscaler", name), ("Now", f"{counted(now, 'worker')}, kept between {low} and {high}"), *stops),
            removes=stop / max(now, 1),
        )


def _check(fewest: int, most: int, now: tuple[int, int], limits: tuple[int, int]) -> None:
    """A bound that lies outside already may stay there, or come nearer."""
    low, high = limits
    if fewest > most:
        raise Conflict(f"The fewest, {fewest}, would be more than the most, {most}.")
    if fewest < min(low, now[0]) or most > max(high, now[1]):
        raise Conflict(f"{fewest} to {most} is out of the limits, {low} to {high}.")


class Zero(Change):
    """No copy at all. An autoscaler rests meanwhile, by itself."""

    name: ClassVar[str] = "zero"

    async def think(self, scene: Scene, said: Said) -> Thought:  # noqa: ARG002 - it has no arguments
        """See Change."""
        now = scene.deployment["spec"].get("replicas", 1)
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={"replicas": now},
            settled={},
            patch=put(scene.deployment, ("spec", "replicas"), 0),
            before={"replicas": now},
            already="" if now else f"{scene.service} has no workers already.",
            facts=(("Now", counted(now, "worker")), ("Will happen", "all stop: a full outage until /gw wake")),
            removes=1.0,
            marks={COUNT_BEFORE: str(now)},
        )

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """How many have stopped."""
        if not thought.already:
            error = f"{scene.deployment['spec'].get('replicas', 1)} are wanted by now"
            return Operation(id=note.id, state="failed", done=0, total=0, error=error)
        left = scene.deployment["status"].get("replicas", 0)
        return Operation(id=note.id, state="running" if left else "done", done=0, total=left)


class Wake(Change):
    """As many as there were before."""

    name: ClassVar[str] = "wake"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        now = scene.deployment["spec"].get("replicas", 1)
        kept = (scene.deployment["metadata"].get("annotations") or {}).get(COUNT_BEFORE, "")
        low, high = scene.limits
        wanted = int(said.get("replicas") or (kept if kept.isdigit() else low)) or low
        wanted = min(max(wanted, low), high)
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={"replicas": now},
            settled={"replicas": wanted},
            patch=put(scene.deployment, ("spec", "replicas"), wanted),
            already=f"{scene.service} has {counted(now, 'worker')}." if now else "",
            facts=(("Then", counted(wanted, "worker")),),
        )

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:  # noqa: ARG002
        """How many are there."""
        found = of_scale(scene.deployment)
        return found.operation(note.id)


CHANGES: tuple[Change, ...] = (Autoscaler(), Zero(), Wake())
