"""The status of deployments: counts, and whether they progress."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.controllers import rolling
from tests.simulators.kubernetes.controllers.base import Controller, condition, conditions
from tests.simulators.kubernetes.core import moment
from tests.simulators.kubernetes.store import Object

TIMED_OUT = "ProgressDeadlineExceeded"
DONE = "NewReplicaSetAvailable"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
#: How "no deadline" is written; then nobody counts progress.
NO_DEADLINE = 2**31 - 1
HISTORY = "deployment.kubernetes.io/revision-history"


class Progress(Controller):
    """Writes what became of a deployment."""

    def sync(self, known: Object, new: Object | None, sets: list[Object]) -> None:
        """Count, and judge."""
        old = known.get("status", {})
        status = self._counts(known, new, sets)
        now = self.core.stamp()
        kept = old.get("conditions") or []
        least = known["spec"]["replicas"] - rolling.unavailable(known)
        enough = status["availableReplicas"] >= least
        kept = conditions(
            kept,
            "Available",
            "True" if enough else "False",
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            f"Deployment {'has' if enough else 'does not have'} minimum availability.",
            now,
            updates=True,
        )
        kept = self._progressing(known, new, status, kept)
        shown = {name: value for name, value in status.items() if value or name == "observedGeneration"}
        if "collisionCount" in old:
            shown["collisionCount"] = old["collisionCount"]
        self.status("deployments", known, {**shown, "conditions": kept})

    def _counts(self, known: Object, new: Object | None, sets: list[Object]) -> dict[str, int]:
        def total(name: str) -> int:
            return sum(one.get("status", {}).get(name, 0) for one in sets)

        steady = total("availableReplicas")
        there = total("replicas")
        wanted = sum(one["spec"]["replicas"] for one in sets)
        return {
            "observedGeneration": known["metadata"]["generation"],
            "replicas": there,
            "updatedReplicas": (new or {}).get("status", {}).get("replicas", 0),
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": steady,
            "unavailableReplicas": max(0, wanted - steady),
        }

    def _progressing(
        self, known: Object, new: Object | None, status: dict[str, int], kept: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        said = condition(known, "Progressing")
        reason = said.get("reason", "")
        name = new["metadata"]["name"] if new else ""
        now = self.core.stamp()

        def set_to(value: str, why: str, text: str) -> list[dict[str, Any]]:
            return conditions(kept, "Progressing", value, why, text, now, updates=True)

        if known["spec"].get("progressDeadlineSeconds") == NO_DEADLINE:
            return [one for one in kept if one["type"] != "Progressing"]
        if known["spec"].get("paused"):
            return set_to("Unknown", PAUSED, "Deployment is paused")
        if reason == PAUSED:
            return set_to("Unknown", RESUMED, "Deployment is resumed")
        if self._complete(known, status) and reason == DONE:
            return kept
        if self._complete(known, status):
            return set_to("True", DONE, f'ReplicaSet "{name}" has successfully progressed.')
        if new is not None and f'"{name}"' not in said.get("message", ""):
            found = HISTORY in new["metadata"].get("annotations", {})
            why, way = ("FoundNewReplicaSet", "Found") if found else ("NewReplicaSetCreated", "Created")
            return set_to("True", why, f'{way} new replica set "{name}"')
        if said and self._moved(known, status):
            return [*(one for one in kept if one["type"] != "Progressing"), _going_on(said, name, now)]
        return self._overdue(known, said, kept, name) if said else kept

    def _overdue(
        self, known: Object, said: dict[str, Any], kept: list[dict[str, Any]], name: str
    ) -> list[dict[str, Any]]:
        if said.get("reason") in {DONE, TIMED_OUT}:
            return kept
        limit = known["spec"].get("progressDeadlineSeconds", 600)
        if not self.core.after(moment(said["lastUpdateTime"]), limit):
            return kept
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return conditions(kept, "Progressing", "False", TIMED_OUT, text, self.core.stamp(), updates=True)

    def _complete(self, known: Object, status: dict[str, int]) -> bool:
        wanted = known["spec"]["replicas"]
        counts = (status["updatedReplicas"], status["replicas"], status["availableReplicas"])
        return counts == (wanted,) * 3

    def _moved(self, known: Object, status: dict[str, int]) -> bool:
        """Whether there are more new pods, fewer old ones, or more that work, than before."""
        old = known.get("status", {})
        before = old.get("replicas", 0) - old.get("updatedReplicas", 0)
        return (
            status["updatedReplicas"] > old.get("updatedReplicas", 0)
            or status["replicas"] - status["updatedReplicas"] < before
            or status["readyReplicas"] > old.get("readyReplicas", 0)
            or status["availableReplicas"] > old.get("availableReplicas", 0)
        )


def _going_on(said: dict[str, Any], name: str, now: str) -> dict[str, Any]:
    """The condition of a rollout that came a step further: its deadline begins anew."""
    begun = {**said, "status": "True", "lastUpdateTime": now, "reason": "ReplicaSetUpdated"}
    if said["status"] != "True":
        begun["lastTransitionTime"] = now
    return {**begun, "message": f'ReplicaSet "{name}" is progressing.'}
