"""Some pods of a Deployment are restarted: each is evicted, and its ReplicaSet starts another.

A note with their names comes first (the module `ledger`): it is the intent, and whoever finds it there evicts only what
is left of it. So asking twice, a bot that was killed, and an answer that was lost are all the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.kubernetes import detectors, rollout
from bot.adapters.kubernetes.evicting import AT_ONCE, Asked, evict, held, staying
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import pod_of, serves
from bot.adapters.kubernetes.wire import Forbidden
from bot.adapters.kubernetes.workers import workers
from commands.errors import Unavailable
from commands.ports import Operation
from commands.presentation.words import lasting

KIND = detectors.BATCHES
_SHOWN = 3
_ROLLS = "somebody has begun a rollout since, which replaces every worker"
Pods = list[dict[str, Any]]
#: How long a budget that holds is left alone: longer each time, until it lets one go.
_WAIT, _LONGEST = timedelta(seconds=2), timedelta(seconds=30)


@dataclass
class _Course:
    """What is remembered of an operation between two rounds; `refused`: why evictions were refused for good."""

    operation: str = ""
    refused: str = ""
    wait: timedelta = _WAIT
    not_before: datetime | None = None

    def took(self, asked: Asked, now: datetime) -> bool:
        """Whether to ask for the next one now."""
        if asked != "held":
            self.wait = _WAIT
            return True
        self.not_before, self.wait = now + self.wait, min(self.wait * 2, _LONGEST)
        return False


class Batches:
    """What is done for such a note, and what came of it."""

    def __init__(self, place: Place, now: Callable[[], datetime]) -> None:
        self._place = place
        self._now = now
        #: Of the newest operation: the target is locked for one at a time, so those before it have ended.
        self._course = _Course()

    async def further(self, deployment: dict[str, Any], note: Note, person: str) -> None:
        """A few evictions, up to the first that a budget holds; it is asked again after a while. Raises Unavailable."""
        course = self._course = self._of(note)
        course.refused = ""
        waits = course.not_before is not None and self._now() < course.not_before
        if waits or rollout.replacing(deployment):
            return
        pods = await workers(self._place, deployment)
        until = _until(deployment, note, pods)
        try:
            for pod in staying(_left(pods, note))[:AT_ONCE]:
                late = self._now() >= until
                if late or not course.took(await evict(self._place, pod, person), self._now()):
                    return
        except Forbidden as refused:
            words = str(refused)
            course.refused = f"{words[:1].lower()}{words[1:]}"

    async def became(self, deployment: dict[str, Any], note: Note) -> Operation:
        """Done: none of them is left, and as many as are wanted are ready, of those that nobody has told to stop."""
        pods = await workers(self._place, deployment)
        until = _until(deployment, note, pods)
        left, total = _left(pods, note), len(note.pods)
        error = self._of(note).refused if staying(left) else ""
        state = "running"
        if rollout.replacing(deployment):
            error = _ROLLS
        elif not left and _missing(deployment, pods) <= 0 and rollout.settled(deployment):
            state = "done"
        elif not error and self._now() >= until:
            error = await self._why(deployment, note, pods)
        return Operation(
            id=note.id,
            state="failed" if error else state,
            done=total - len(left),
            total=total,
            error=error,
            until=until + rollout.SLACK,
            left=len(staying(left)),
        )

    def _of(self, note: Note) -> _Course:
        return self._course if self._course.operation == note.id else _Course(note.id)

    async def _why(self, deployment: dict[str, Any], note: Note, pods: Pods) -> str:
        """Who holds it, once its time is over."""
        left = _left(pods, note)
        kept = await self._held(staying(left)) if staying(left) else []
        names = [str(one["metadata"]["name"]) for one in left if one not in staying(left)]
        waited = [f"{one.name}: {one.state}" for one in map(pod_of, pods) if one.state != "ready"] if not left else []
        found = [*kept, *(f"{name} does not stop" for name in names), *waited][:_SHOWN]
        found = found or [f"{_missing(deployment, pods)} of the new workers were not started"]
        return f"no step forward in {lasting(rollout.given(deployment))}; {'; '.join(found)}"

    async def _held(self, kept: Pods) -> list[str]:
        """What the budgets say, or who they are."""
        try:
            found = await held(self._place, kept)
        except Unavailable as refused:
            found = [refused.message]
        return found or [f"{one['metadata']['name']} was not evicted" for one in kept]


def _left(pods: Pods, note: Note) -> Pods:
    return [one for one in pods if one["metadata"]["name"] in note.pods]


def _missing(deployment: dict[str, Any], pods: Pods) -> int:
    return int(deployment["spec"].get("replicas", 1)) - sum(map(serves, pods))


def _until(deployment: dict[str, Any], note: Note, pods: Pods) -> datetime:
    """New pods have the time that the Deployment gives them, counted from the newest: that one was a step forward."""
    new = [one["metadata"]["creationTimestamp"] for one in pods if one["metadata"]["name"] not in note.pods]
    return max([note.at, *map(datetime.fromisoformat, new)]) + rollout.given(deployment)
