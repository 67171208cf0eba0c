"""Evictions, which budgets for disruption may refuse, and bindings."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import ApiError, bad_request, too_many
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.writing import Writing, body
from tests.simulators.kubernetes.objects import Deletion, Objects, Write
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


class Evicting:
    """The eviction subresource of pods."""

    def __init__(self, core: Core, objects: Objects, writing: Writing) -> None:
        self.core = core
        self.objects = objects
        self.writing = writing

    def create(self, resource: Resource, call: Call) -> Answer:
        """POST."""
        sent = body(call)
        self._check_version(sent)
        write = self.writing.options(call)
        said = self._said(sent)
        dry = write.dry or said[1]
        pod = self.objects.get(resource, call.namespace, call.name)
        budgets = [] if _harmless(pod) else self._budgets(pod)
        if len(budgets) > 1:
            raise ApiError(500, "InternalError", _SEVERAL)
        if budgets and not self._spare(pod, budgets[0]):
            self._take(pod, budgets[0], dry=dry)
        self.objects.delete(resource, call.namespace, call.name, said[0], Write(write.manager, dry))
        return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    def _check_version(self, sent: Object) -> None:
        served = ("policy/v1", "policy/v1beta1") if self.core.catalogue.modern else ("policy/v1beta1",)
        said = sent.get("apiVersion", served[0])
        if said not in served or sent.get("kind", "Eviction") != "Eviction":
            raise bad_request(
                f'no kind "{sent.get("kind")}" is registered for version "{said}" in scheme '
                '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
            )

    def _said(self, sent: Object) -> tuple[Deletion, bool]:
        options = sent.get("deleteOptions") or {}
        guards = options.get("preconditions") or {}
        said = Deletion(options.get("gracePeriodSeconds"), guards.get("uid", ""), guards.get("resourceVersion", ""))
        return said, options.get("dryRun") == ["All"]

    def _budgets(self, pod: Object) -> list[Object]:
        resource = self.core.catalogue.named("poddisruptionbudgets")
        meta = pod["metadata"]
        return [
            one
            for one in self.core.store.all(resource, meta["namespace"])
            if selectors.selector(one["spec"].get("selector"))(meta.get("labels") or {})
        ]

    def _spare(self, pod: Object, budget: Object) -> bool:
        """Whether the pod does not count: it is not ready, and enough others are."""
        status = budget.get("status", {})
        return not _ready(pod) and status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0

    def _take(self, pod: Object, budget: Object, *, dry: bool) -> None:
        """One disruption of those that the budget allows."""
        status, meta = budget.get("status", {}), budget["metadata"]
        if status.get("observedGeneration", 0) < meta.get("generation", 0):
            text = f"The disruption budget {meta['name']} is still being processed by the server."
            raise too_many(REFUSED, after=10, causes=[_cause(text)])
        if status.get("disruptionsAllowed", 0) <= 0:
            text = (
                f"The disruption budget {meta['name']} needs {status.get('desiredHealthy', 0)} healthy pods and has "
                f"{status.get('currentHealthy', 0)} currently"
            )
            raise too_many(REFUSED, causes=[_cause(text)])
        if dry:
            return
        new = clone(budget)
        new["status"]["disruptionsAllowed"] -= 1
        new["status"].setdefault("disruptedPods", {})[pod["metadata"]["name"]] = self.core.stamp()
        self.core.store.put(self.core.catalogue.named("poddisruptionbudgets"), new)

    def bind(self, resource: Resource, call: Call) -> Answer:
        """A scheduler's decision."""
        node = body(call).get("target", {}).get("name", "")

        def changed(pod: Object) -> Object:
            pod["spec"]["nodeName"] = node
            return pod

        self.objects.change(resource, call.namespace, call.name, changed, self.writing.options(call))
        return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _cause(text: str) -> dict[str, str]:
    return {"reason": "DisruptionBudget", "message": text}


def _harmless(pod: Object) -> bool:
    """Whether nobody misses the pod."""
    over = pod.get("status", {}).get("phase") in {"Succeeded", "Failed", "Pending"}
    return over or "deletionTimestamp" in pod["metadata"]


def _ready(pod: Object) -> bool:
    known: list[dict[str, Any]] = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in known)
