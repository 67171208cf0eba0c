"""Budgets for disruption: how many pods may be evicted now."""

from __future__ import annotations

from datetime import timedelta

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.controllers.base import Controller, conditions, controller_of, is_ready
from tests.simulators.kubernetes.core import moment
from tests.simulators.kubernetes.quantities import share
from tests.simulators.kubernetes.store import Object

_FORGOTTEN = timedelta(minutes=2)


class Budgets(Controller):
    """Counts the pods of budgets."""

    def run(self) -> None:
        """See Controller."""
        for known in self.all("poddisruptionbudgets"):
            self._count(known)

    def _count(self, known: Object) -> None:
        meta, spec = known["metadata"], known["spec"]
        fits = selectors.selector(spec.get("selector"))
        pods = [one for one in self.all("pods", meta["namespace"]) if fits(one["metadata"].get("labels") or {})]
        pods = [one for one in pods if one.get("status", {}).get("phase") not in {"Succeeded", "Failed"}]
        here = {one["metadata"]["name"]: one for one in pods}
        disrupted = {
            name: at
            for name, at in (known.get("status", {}).get("disruptedPods") or {}).items()
            if name in here
            and "deletionTimestamp" not in here[name]["metadata"]
            and self.core.now() - moment(at) < _FORGOTTEN
        }
        healthy = sum(
            is_ready(one) and "deletionTimestamp" not in one["metadata"] and one["metadata"]["name"] not in disrupted
            for one in pods
        )
        expected, wanted = self._wanted(spec, pods)
        allowed = max(0, healthy - wanted) if expected else 0
        state, name = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        held = known.get("status", {}).get("conditions")
        judged = conditions(held, "DisruptionAllowed", state, name, "", self.core.stamp())
        status = {
            "observedGeneration": meta["generation"],
            "expectedPods": expected,
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "disruptionsAllowed": allowed,
            "conditions": [{**one, "message": "", "observedGeneration": meta["generation"]} for one in judged],
        }
        if disrupted:
            status["disruptedPods"] = disrupted
        self.write("poddisruptionbudgets", known, {**known, "status": status})

    def _wanted(self, spec: Object, pods: list[Object]) -> tuple[int, int]:
        """How many pods there should be, and how many of them must be healthy."""
        expected = self._expected(pods)
        if "maxUnavailable" in spec:
            return expected, max(0, expected - share(spec["maxUnavailable"], expected, up=True))
        said = spec.get("minAvailable", 1)
        if isinstance(said, int):
            return len(pods), said
        return expected, share(said, expected, up=True)

    def _expected(self, pods: list[Object]) -> int:
        """What the pods' owners want together: a deployment is asked once, whichever of its replica sets has pods."""
        owners = {controller_of(one) for one in pods}
        alone = sum(not controller_of(one) for one in pods)
        sizes: dict[str, int] = {}
        for plural in ("replicasets", "statefulsets"):
            for one in self.all(plural):
                if one["metadata"]["uid"] in owners:
                    top = self._top(one)
                    sizes[top["metadata"]["uid"]] = int(top["spec"]["replicas"])
        return alone + sum(sizes.values())

    def _top(self, known: Object) -> Object:
        owner = controller_of(known)
        deployments = self.all("deployments", known["metadata"]["namespace"])
        return next((one for one in deployments if one["metadata"]["uid"] == owner), known)
