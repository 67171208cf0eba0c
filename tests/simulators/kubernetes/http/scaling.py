"""The scale of a deployment, a replica set or a stateful set."""

from __future__ import annotations

from tests.simulators.kubernetes import patches, selectors
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import Problem, bad_request, conflict, invalid, wrong_uid
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.writing import Writing, body
from tests.simulators.kubernetes.objects import Objects, Write
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

_SCALE = Resource("autoscaling", "scales", "Scale", model="V1Scale")


def scale_of(known: Object) -> Object:
    """The scale of an object."""
    meta = known["metadata"]
    shown = {name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status = {
        "replicas": known.get("status", {}).get("replicas", 0),
        "selector": selectors.written(known["spec"].get("selector")),
    }
    spec = {"replicas": known["spec"]["replicas"]} if known["spec"]["replicas"] else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": spec, "status": status}


class Scaling:
    """Reads and writes scales."""

    def __init__(self, core: Core, objects: Objects, writing: Writing) -> None:
        self.core = core
        self.objects = objects
        self.writing = writing

    def get(self, resource: Resource, call: Call) -> Answer:
        """GET."""
        return Answer(scale_of(self.objects.get(resource, call.namespace, call.name)))

    def update(self, resource: Resource, call: Call) -> Answer:
        """PUT."""
        return self._write(resource, call, body(call))

    def patch(self, resource: Resource, call: Call) -> Answer:
        """PATCH."""
        now = scale_of(self.objects.get(resource, call.namespace, call.name))
        new = patches.patched(call.content_type, now, call.body, resource=_SCALE, model="V1Scale")
        return self._write(resource, call, new)

    def _write(self, resource: Resource, call: Call, sent: Object) -> Answer:
        write = self.writing.options(call)
        if sent.get("kind", "Scale") != "Scale":
            raise bad_request(f'no kind "{sent["kind"]}" is registered for version "{sent.get("apiVersion")}"')
        wanted = sent.get("spec", {}).get("replicas", 0)
        if not isinstance(wanted, int) or isinstance(wanted, bool):
            why = "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32"
            raise bad_request(f'Scale in version "v1" cannot be handled as a Scale: {why}')
        if wanted < 0:
            why = Problem.invalid("spec.replicas", wanted, "must be greater than or equal to 0")
            raise invalid("Scale", "autoscaling", call.name, [why])
        return Answer(scale_of(self.rescale(resource, call.namespace, call.name, wanted, write, sent.get("metadata"))))

    def rescale(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        replicas: int,
        write: Write,
        known: Object | None = None,
    ) -> Object:
        """Write the number of replicas, if the object is still the one that the caller knew."""
        known = known or {}

        def changed(old: Object) -> Object:
            meta = old["metadata"]
            if known.get("uid") and known["uid"] != meta["uid"]:
                raise wrong_uid(resource, name, known["uid"], meta["uid"])
            if known.get("resourceVersion") and known["resourceVersion"] != meta["resourceVersion"]:
                raise conflict(resource, name)
            new = clone(old)
            new["spec"]["replicas"] = replicas
            return new

        as_scale = Write(write.manager, write.dry, "scale", write.version)
        return self.objects.change(resource, namespace, name, changed, as_scale)
