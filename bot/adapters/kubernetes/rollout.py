"""How far a Deployment has come, from its own status (as `kubectl rollout status` reads it)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from commands.ports import Operation


@dataclass(frozen=True)
class Progress:
    """`done` of `total` copies are as they should be. `until`: how long the Deployment gives it, counted from its last
    step."""

    state: Literal["running", "done", "failed"]
    done: int
    total: int
    error: str = ""
    until: datetime | None = None

    def operation(self, operation: str) -> Operation:
        """As the port tells it."""
        return Operation(
            id=operation, state=self.state, done=self.done, total=self.total, error=self.error, until=self.until
        )


#: Between a deadline that is over and the status that says so.
SLACK = timedelta(minutes=1)
#: What Kubernetes gives where nothing is said, in seconds. "No deadline" is written as 68 years: above a day is none.
_NOT_SAID, _NONE = 600, 86_400


def given(deployment: dict[str, Any]) -> timedelta:
    """How long new pods may take without a step forward. No deadline is none that was said: somebody waits for it."""
    said = deployment["spec"].get("progressDeadlineSeconds", _NOT_SAID)
    return timedelta(seconds=said if said <= _NONE else _NOT_SAID)


def of_rollout(deployment: dict[str, Any], asked_at: datetime | None = None) -> Progress:
    """Whether every copy is of the newest template, available, and no old one is left.

    `asked_at` is where its time begins if the controller counts no steps, as without a deadline.
    """
    counts = _Counts.of(deployment)
    late = condition(deployment, "Progressing")
    if not counts.observed:
        return Progress("running", 0, counts.total)
    if counts.updated == counts.replicas == counts.total and counts.available >= counts.total:
        return Progress("done", counts.total, counts.total)
    if late.get("reason") == "ProgressDeadlineExceeded":
        why = f"{counts.new} of {counts.total} new copies are available, and its progress deadline is over"
        return Progress("failed", counts.new, counts.total, f"{why}: {late.get('message', '')}".rstrip(": "))
    stepped = datetime.fromisoformat(late["lastUpdateTime"]) if "lastUpdateTime" in late else asked_at
    until = stepped + given(deployment) + SLACK if stepped else None
    return replace(_unless_refused(deployment, counts.new, counts.total), until=until)


def of_scale(deployment: dict[str, Any]) -> Progress:
    """Whether as many copies are available as are wanted, and none too many. A rollout beside it may go on."""
    counts = _Counts.of(deployment)
    if not counts.observed:
        return Progress("running", 0, counts.total)
    rolling = counts.updated != counts.replicas
    if counts.available >= counts.total and (counts.replicas == counts.total or rolling):
        return Progress("done", counts.total, counts.total)
    return _unless_refused(deployment, min(counts.available, counts.total), counts.total)


def _unless_refused(deployment: dict[str, Any], done: int, total: int) -> Progress:
    """Going on, unless pods cannot even be made: a quota, or an admission webhook."""
    refused = condition(deployment, "ReplicaFailure")
    if refused.get("status") == "True":
        return Progress("failed", done, total, f"pods cannot be made: {refused.get('message', '')}"[:300])
    return Progress("running", done, total)


def missing_at_most(deployment: dict[str, Any]) -> int:
    """How many workers a rollout may take away before their successors are ready, as the controller counts them."""
    spec = deployment["spec"]
    total, strategy = spec.get("replicas", 1), spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return int(total)
    rolling = strategy.get("rollingUpdate") or {}
    missing = _pieces(rolling.get("maxUnavailable", _USUAL), total)
    # More is rounded up, so it is nothing for a nought alone. Of two noughts the controller makes one missing.
    stuck = not missing and str(rolling.get("maxSurge", _USUAL)).rstrip("%") == "0"
    return min(int(total), 1 if stuck else missing)


_USUAL = "25%"


def _pieces(said: int | str, total: int) -> int:
    """A number, or a percentage of the total, rounded down."""
    text = str(said)
    return int(text.rstrip("%")) * total // 100 if text.endswith("%") else int(text)


def condition(known: dict[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a status, or nothing."""
    found = ((known.get("status") or {}).get("conditions")) or ()
    return next((one for one in found if one["type"] == kind), {})


def busy_with(deployment: dict[str, Any]) -> str:
    """What is going on with it, in a few words; nothing when nothing is."""
    if deployment["spec"].get("paused"):
        return "its rollout is paused"
    counts, progress = _Counts.of(deployment), of_rollout(deployment)
    if not counts.observed:
        return "a change that its controller has not seen yet"
    if counts.updated >= counts.replicas and counts.updated >= counts.total:
        return "a rollout that is stuck" if progress.state == "failed" else ""
    stuck = " that is stuck" if progress.state == "failed" else ""
    return f"a rollout{stuck}: {counts.new} of {counts.total} new copies available"


def replacing(deployment: dict[str, Any]) -> bool:
    """Whether a rollout is under way: there are workers of an older template, and nobody has paused it."""
    counts = _Counts.of(deployment)
    return counts.observed and counts.updated < counts.replicas and not deployment["spec"].get("paused")


def settled(deployment: dict[str, Any]) -> bool:
    """Whether its own status says that nothing is going on; a pause is nothing."""
    return bool(deployment["spec"].get("paused")) or not busy_with(deployment)


@dataclass(frozen=True)
class _Counts:
    total: int
    replicas: int
    updated: int
    available: int
    observed: bool

    @classmethod
    def of(cls, deployment: dict[str, Any]) -> _Counts:
        status = deployment.get("status") or {}
        return cls(
            total=deployment["spec"].get("replicas", 1),
            replicas=status.get("replicas", 0),
            updated=status.get("updatedReplicas", 0),
            available=status.get("availableReplicas", 0),
            observed=status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0),
        )

    @property
    def new(self) -> int:
        """New copies that are available, at least: the old ones may all be."""
        return max(0, min(self.total, self.available - max(0, self.replicas - self.updated)))
