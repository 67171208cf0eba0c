"""The Deployments port on a Deployment: what it is, and the two changes, each sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bot.adapters.kubernetes import batches, configuring, detectors, history, rollout
from bot.adapters.kubernetes.access import (
    GET_CONFIG_MAP,
    GET_SCALE,
    LIST_REPLICA_SETS,
    PATCH_DEPLOYMENT,
    PUT_SCALE,
)
from bot.adapters.kubernetes.ledger import Note, arrived, noted, owner_of_replicas, with_note
from bot.adapters.kubernetes.place import MOST_PODS, Place
from bot.adapters.kubernetes.pods import counted, pod_of, selector_of
from bot.adapters.kubernetes.wire import MERGE_PATCH, Conflicted
from bot.adapters.kubernetes.workers import workers as owned
from commands.domain.location import HERE, Location
from commands.domain.plan import Finding, Target
from commands.errors import NotFound, Refusal
from commands.people import SYSTEM
from commands.ports import Change, Operation, OutcomeUnknown, Pod, Rejected, Workload

T = TypeVar("T")
KIND = "deployment"
#: A 409 is certain: nothing happened. The controller writes the status of a busy deployment all the time.
CONFLICTS = 6


class KubernetesDeployments:
    """`limits`: the fewest and the most copies. `people`: whom to act as, by a person's id, where that is wanted."""

    def __init__(
        self,
        place: Place,
        *,
        limits: tuple[int, int],
        people: Mapping[str, str] | None,
        now: Callable[[], datetime],
    ) -> None:
        self._place = place
        self._limits = limits
        self._people = people
        self._now = now
        self._batches = batches.Batches(place, now)

    # ------------------------------------------------------------ as it is

    async def find(self, name: str, at: Location = HERE) -> Workload:
        """See Deployments."""
        self._place.check(name, at)
        return self._workload(await self._place.read(), await self._place.space())

    async def pods(self, target: Target, *, workers: bool = False) -> Sequence[Pod]:
        """See Deployments. Those that stop in time are left out."""
        self._place.check(target.name)
        found = await (owned(self._place, await self._place.read()) if workers else self._place.pods())
        return [pod_of(one) for one in found if counted(one, self._now())]

    async def config(self, target: Target) -> str:
        """Environment and mounted ConfigMaps of its template."""
        self._place.check(target.name)
        deployment = await self._place.read()
        names = configuring.maps_of(deployment)
        found = await asyncio.gather(*(self._config_map(name) for name in names))
        return configuring.shown(deployment, dict(zip(names, found, strict=True)))

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]:
        """Its revisions and our operations."""
        self._place.check(target.name)
        deployment = await self._place.read()
        space, selector = await self._place.space(), selector_of(deployment)
        sets = await self._place.cluster.get(LIST_REPLICA_SETS, space, labelSelector=selector, limit=MOST_PODS)
        return history.changes(deployment, sets["items"], limit)

    async def objections(self, target: Target, doing: str) -> Sequence[Finding]:
        """See Deployments."""
        self._place.check(target.name)
        found = await detectors.detect(self._place)
        told = [one for one in found if doing in one.stops or not one.stops or doing in {"scale", "restart"}]
        return [Finding(what=one.what, instead=one.instead, stops=doing in one.stops) for one in told]

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """What became of a request: see the module `ledger` for how that is known."""
        self._place.check(target.name)
        deployment = await self._place.read()
        note = noted(deployment, operation)
        if note is None:
            return None
        if note.kind == batches.KIND:
            return await self._batches.became(deployment, note)
        return of_restart(deployment, note) if note.kind == "restart" else _of_scale(deployment, note)

    async def _config_map(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._place.cluster.get(GET_CONFIG_MAP, await self._place.space(), name)
        except NotFound:
            return None
        return found

    def _workload(self, deployment: dict[str, Any], space: str) -> Workload:
        meta, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
        since = rollout.condition(deployment, "Progressing").get("lastUpdateTime") or meta["creationTimestamp"]
        return Workload(
            target=Target(
                kind=KIND,
                name=self._place.service,
                uid=meta["uid"],
                cluster=self._place.cluster.name,
                namespace=space,
            ),
            version=spec["template"]["spec"]["containers"][0]["image"],
            desired=spec.get("replicas", 1),
            ready=status.get("readyReplicas", 0),
            minimum=self._limits[0],
            maximum=self._limits[1],
            revision=str(history.revision_of(deployment)),
            started_at=since,
            busy_with=rollout.busy_with(deployment),
            paused=bool(spec.get("paused")),
            missing=rollout.missing_at_most(deployment),
        )

    # ------------------------------------------------------------ changed

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """See Deployments. First the note, then the scale subresource, under the resourceVersion read just before."""
        low, high = self._limits
        if not low <= replicas <= high:
            raise Rejected(f"{replicas} is out of the limits: {low} to {high}")
        person = self._person(actor)

        def note(deployment: dict[str, Any]) -> Note:
            _check_count(deployment, expected)
            return Note(
                id=operation,
                kind="scale",
                actor=actor,
                at=self._now(),
                generation=deployment["metadata"]["generation"],
                before=expected,
                after=replicas,
                owner=owner_of_replicas(deployment),
            )

        try:
            asked_before = not await self._write(target, operation, note, person)
        except OutcomeUnknown as unclear:
            # Nobody scales by a note alone.
            raise Rejected(f"the operation could not be noted, so nothing was scaled: {unclear}") from unclear
        if not asked_before:
            await self._put_scale(target, replicas, expected, person)

    async def restart(self, target: Target, *, operation: str, actor: str, only: Sequence[str] = ()) -> None:
        """See Deployments. One patch, with the note; its time is the note's, so asking twice finds it there."""
        if only:
            await self._restart_some(target, only, operation, actor)
            return

        def note(deployment: dict[str, Any]) -> Note:
            if deployment["spec"].get("paused"):
                raise Rejected("its rollout is paused: nothing would be restarted until somebody resumes it")
            return Note.of("restart", operation, actor, self._now(), deployment)

        await self._write(target, operation, note, self._person(actor))

    async def _restart_some(self, target: Target, only: Sequence[str], operation: str, actor: str) -> None:
        """First the note, then evictions; where the note is there already, of those that are left."""
        person = self._person(actor)

        def note(deployment: dict[str, Any]) -> Note:
            if rollout.replacing(deployment):
                raise Rejected("a rollout is under way, which replaces every worker")
            made = Note.of(batches.KIND, operation, actor, self._now(), deployment)
            return made.model_copy(update={"pods": tuple(only)})

        await self._write(target, operation, note, person)
        deployment = await self._place.read()
        mine = noted(deployment, operation)
        if mine:
            await self._batches.further(deployment, mine, person)

    async def _write(self, target: Target, operation: str, note: Callable[[dict[str, Any]], Note], person: str) -> bool:
        """Patch the deployment with the note, and a restart with its annotation; False: it was asked for before."""
        for _ in range(CONFLICTS):
            deployment = await self._sure(self._place.read())
            check_identity(deployment, target)
            if noted(deployment, operation):
                return False
            made = note(deployment)
            body: dict[str, Any] = {"metadata": with_note(deployment, made)}
            if made.kind == "restart":
                annotations = {history.RESTARTED: made.at.isoformat()}
                body["spec"] = {"template": {"metadata": {"annotations": annotations}}}
            try:
                await self._change(PATCH_DEPLOYMENT, body, MERGE_PATCH, person)
            except Conflicted:
                continue
            return True
        raise Rejected("it is being changed by others all the time; nothing was done")

    async def _put_scale(self, target: Target, replicas: int, expected: int, person: str) -> None:
        space = await self._place.space()
        for _ in range(CONFLICTS):
            scale = await self._sure(self._place.cluster.get(GET_SCALE, space, self._place.deployment))
            check_identity(scale, target)
            _check_count(scale, expected, absent=0)
            known = {name: scale["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
            wanted = {"replicas": replicas}
            body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": known, "spec": wanted}
            try:
                await self._change(PUT_SCALE, body, "", person)
            except Conflicted:
                continue
            return
        raise Rejected("it is being changed by others all the time; nothing was scaled")

    async def _change(self, access: Any, body: dict[str, Any], kind: str, person: str) -> None:
        space = await self._place.space()
        await self._place.cluster.change(access, space, self._place.deployment, body, kind=kind, person=person)

    async def _sure(self, reading: Awaitable[T]) -> T:
        """A read before a change: when it fails, nothing has happened."""
        try:
            return await reading
        except Refusal as refusal:
            raise Rejected(refusal.words()) from refusal

    def _person(self, actor: str) -> str:
        """Whom to act as; nobody else, where that is not wanted, and for what Tocsin does by itself (a lease ends)."""
        if self._people is None or actor == SYSTEM.id:
            return ""
        if actor not in self._people:
            raise Rejected(f"{actor} is nobody whom the cluster knows: people need accounts.kubernetes or email")
        return self._people[actor]


def check_identity(known: dict[str, Any], target: Target) -> None:
    """Raises Rejected where the target is another one by now."""
    if known["metadata"]["uid"] != target.uid:
        raise Rejected(f"{target.name} was replaced by a new deployment of this name")


def _check_count(known: dict[str, Any], expected: int, *, absent: int = 1) -> None:
    found = known["spec"].get("replicas", absent)
    if found != expected:
        raise Rejected(f"{found} replicas are wanted by now, not {expected}")


def of_restart(deployment: dict[str, Any], note: Note) -> Operation:
    """How far a restart has come. Our restart is in the template, or another change of it came later."""
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    progress = rollout.of_rollout(deployment, note.at)
    if annotations.get(history.RESTARTED) != note.at.isoformat():
        error = "its template was changed again since, by another restart or a rollback"
        return Operation(id=note.id, state="failed", done=0, total=progress.total, error=error)
    return _as_operation(note, progress)


def _of_scale(deployment: dict[str, Any], note: Note) -> Operation | None:
    found = arrived(deployment, note)
    if isinstance(found, str):
        return Operation(id=note.id, state="failed", done=0, total=note.after or 0, error=found)
    return _as_operation(note, rollout.of_scale(deployment)) if found else None


def _as_operation(note: Note, progress: rollout.Progress) -> Operation:
    return progress.operation(note.id)
