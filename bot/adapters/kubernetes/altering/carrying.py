"""The Alterations port: a change is thought out, tried dry, sent once, and read back.

The note of the module `ledger` is written on the changed object by the request itself, so it is there exactly when the
change has arrived. What leaves no object to write on, such as a pod that is deleted, is seen by its being gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.adapters.kubernetes.altering.differences import difference
from bot.adapters.kubernetes.altering.known import CHANGES
from bot.adapters.kubernetes.altering.thought import Change, Scene, Thought
from bot.adapters.kubernetes.deployments import CONFLICTS, KubernetesDeployments, check_identity
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.rollout import missing_at_most
from bot.adapters.kubernetes.wire import Conflicted
from commands.domain.plan import Target
from commands.ports import Draft, Operation, OutcomeUnknown, Rejected
from commands.presentation.words import counted, cut
from commands.registry import KUBERNETES

_NOBODY = "preview"


class KubernetesAlterations(KubernetesDeployments):
    """See Alterations."""

    offers = frozenset({KUBERNETES})

    async def draft(self, change: str, target: Target, said: Mapping[str, Any], *, dry_run: bool) -> Draft:
        """See Alterations."""
        scene, kind = await self._scene(target), CHANGES[change]
        thought = await kind.think(scene, said)
        if dry_run and thought.refused:
            raise thought.refused
        diff, facts = "", (*thought.facts, *_of_rollout(scene, thought))
        if dry_run and not thought.already:
            diff, unavailable = await self._tried(scene, kind, thought)
            facts = (*facts, *((("Dry run", unavailable),) if unavailable else ()))
        return Draft(
            live=thought.live,
            settled=thought.settled,
            before=thought.before,
            already=thought.already,
            facts=facts,
            diff=diff,
            removes=max(thought.removes, _share_missing(scene) if thought.rolls else 0.0),
        )

    async def alter(
        self,
        change: str,
        target: Target,
        settled: Mapping[str, Any],
        *,
        live: Mapping[str, Any],
        plan: str,
        actor: str,
        lasts: timedelta | None = None,  # noqa: ARG002 - nothing of a cluster ends by itself
    ) -> None:
        """See Alterations. A conflict is certain, so it is looked at again and thought out again."""
        person, kind = self._person(actor), CHANGES[change]
        for _ in range(CONFLICTS):
            scene, thought = await self._sure(self._thought(kind, target, settled))
            check_identity(scene.deployment, target)
            if kind.trace(thought, plan):
                return
            _check_live(thought, live)
            note = Note.of(change, plan, actor, self._now(), thought.known)
            if await self._sent(target, kind, thought, note, person):
                if kind.restarts(settled):
                    await self._restarted(target, plan, actor)
                return
        raise Rejected("it is being changed by others all the time; nothing was done")

    async def prolong(
        self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str, lasts: timedelta
    ) -> None:
        """See Alterations. Nothing of a cluster ends by itself."""

    async def pursue(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str) -> None:
        """See Alterations."""
        person, kind = self._person(actor), CHANGES[change]
        scene, thought = await self._thought(kind, target, settled)
        if kind.trace(thought, plan):
            await kind.further(scene, thought, person)

    async def altered(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str) -> Operation | None:
        """See Alterations."""
        kind = CHANGES[change]
        scene, thought = await self._thought(kind, target, settled)
        note = kind.trace(thought, plan)
        return await kind.became(scene, thought, note) if note else None

    # ------------------------------------------------------------ its steps

    async def _restarted(self, target: Target, plan: str, actor: str) -> None:
        """The second half of a change that is seen after a restart only. The first half has been made by now."""
        try:
            await self.restart(target, operation=plan, actor=actor)
        except Rejected as refused:
            raise OutcomeUnknown(f"changed, and not restarted: {refused}") from refused

    async def _scene(self, target: Target) -> Scene:
        self._place.check(target.name)
        return Scene(self._place, await self._place.read(), self._limits, self._now())

    async def _thought(self, kind: Change, target: Target, settled: Mapping[str, Any]) -> tuple[Scene, Thought]:
        scene = await self._scene(target)
        return scene, await kind.think(scene, settled)

    async def _tried(self, scene: Scene, kind: Change, thought: Thought) -> tuple[str, str]:
        """The diff of a dry run, or why there is none. Raises Conflict for what the server would refuse."""
        note = Note.of(kind.name, _NOBODY, _NOBODY, self._now(), thought.known)
        asked = kind.request(thought, note)
        answer = await scene.place.cluster.rehearse(asked.access, asked.namespace, asked.name, asked.body, asked.kind)
        if isinstance(answer, str):
            return "", f"unavailable: {answer}"
        return difference(thought.known, answer), ""

    async def _sent(self, target: Target, kind: Change, thought: Thought, note: Note, person: str) -> bool:
        """Whether it was taken; False: the object was changed in between, and nothing happened."""
        asked, cluster = kind.request(thought, note), self._place.cluster
        try:
            await cluster.change(asked.access, asked.namespace, asked.name, asked.body, kind=asked.kind, person=person)
        except Conflicted:
            return False
        except Rejected:
            # A guard of a JSON patch that does not hold is refused like a patch that makes no sense.
            _, again = await self._sure(self._thought(kind, target, thought.settled))
            if _version(again) == _version(thought):
                raise
            return False
        return True


def _version(thought: Thought) -> str:
    return str(thought.known["metadata"].get("resourceVersion"))


def _check_live(thought: Thought, live: Mapping[str, Any]) -> None:
    for key, value in live.items():
        if thought.live.get(key) != value:
            was, found = (cut(str(one), 100) for one in (value, thought.live.get(key)))
            raise Rejected(f"{key} was {was}, and is {found} by now")
    if thought.already:
        raise Rejected(thought.already)
    if thought.refused:
        raise Rejected(thought.refused.words())


def _share_missing(scene: Scene) -> float:
    wanted: int = scene.deployment["spec"].get("replicas", 1)
    return missing_at_most(scene.deployment) / max(wanted, 1)


def _of_rollout(scene: Scene, thought: Thought) -> tuple[tuple[str, str], ...]:
    if not thought.rolls:
        return ()
    spec, missing = scene.deployment["spec"], missing_at_most(scene.deployment)
    copies = counted(spec.get("replicas", 1), "worker")
    if not missing:
        words = f"{copies}, each replaced once its successor is ready"
    elif (spec.get("strategy") or {}).get("type") == "Recreate":
        words = f"all {copies} stop before new ones start"
    else:
        words = f"{copies}, replaced step by step, up to {missing} missing at a time"
    return (("Will happen", words),)
