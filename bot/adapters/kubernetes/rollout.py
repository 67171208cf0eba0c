"""How far a Deployment has come, from its own status (as `kubectl rollout status` reads it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Progress:
    """`done` of `total` copies are as they should be."""

    state: Literal["running", "done", "failed"]
    done: int
    total: int
    error: str = ""


def of_rollout(deployment: dict[str, Any]) -> Progress:
    """Whether every copy is of the newest template, available, and no old one is left."""
    counts = _Counts.of(deployment)
    late = condition(deployment, "Progressing")
    if not counts.observed:
        return Progress("running", 0, counts.total)
    if counts.updated == counts.replicas == counts.total and counts.available >= counts.total:
        return Progress("done", counts.total, counts.total)
    if late.get("reason") == "ProgressDeadlineExceeded":
        why = f"{counts.new} of {counts.total} new copies are available, and its progress deadline is over"
        return Progress("failed", counts.new, counts.total, f"{why}: {late.get('message', '')}".rstrip(": "))
    return _unless_refused(deployment, counts.new, counts.total)


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
