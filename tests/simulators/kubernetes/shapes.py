"""The shapes of the built-in kinds, read from the official client's models: which fields exist, of which types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from kubernetes.client import models

SCALARS = {"str", "int", "bool", "float", "datetime", "bytes", "object"}


@dataclass(frozen=True)
class Shape:
    """The type of a field: a list or a map of something, a scalar, or a model."""

    container: str
    item: str

    @property
    def model(self) -> str:
        """The model of what is in it, if it has one."""
        return "" if self.item in SCALARS else self.item


@cache
def fields(model: str) -> dict[str, Shape]:
    """The fields of a model by their names in JSON; nothing for what is not known."""
    known = getattr(models, model, None) if model else None
    if known is None:
        return {}
    return {known.attribute_map[name]: _shape(written) for name, written in known.openapi_types.items()}


def _shape(written: str) -> Shape:
    for container in ("List", "Dict"):
        opening = f"{container}["
        if written.startswith(opening):
            inner = written[len(opening) : -1]
            inner = inner.removeprefix("str, ") if container == "Dict" else inner
            return Shape(container.lower(), inner if "[" not in inner else "object")
    return Shape("", written)


def child(model: str, name: str) -> Shape:
    """The type of a field; free where the model does not say."""
    return fields(model).get(name, Shape("", "object"))


#: By which keys the items of a list are the same item: for a strategic merge, and for server-side apply.
MERGED: dict[str, tuple[str, ...]] = {
    "V1PodSpec.containers": ("name",),
    "V1PodSpec.initContainers": ("name",),
    "V1PodSpec.ephemeralContainers": ("name",),
    "V1PodSpec.volumes": ("name",),
    "V1PodSpec.imagePullSecrets": ("name",),
    "V1PodSpec.hostAliases": ("ip",),
    "V1PodSpec.topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "V1PodSpec.schedulingGates": ("name",),
    "V1PodSpec.resourceClaims": ("name",),
    "V1PodStatus.conditions": ("type",),
    "V1PodStatus.podIPs": ("ip",),
    "V1Container.env": ("name",),
    "V1Container.ports": ("containerPort", "protocol"),
    "V1Container.volumeMounts": ("mountPath",),
    "V1Container.volumeDevices": ("devicePath",),
    "V1ServiceSpec.ports": ("port", "protocol"),
    "V1ServiceStatus.conditions": ("type",),
    "V1ObjectMeta.ownerReferences": ("uid",),
    "V1DeploymentStatus.conditions": ("type",),
    "V1ReplicaSetStatus.conditions": ("type",),
    "V1StatefulSetStatus.conditions": ("type",),
    "V1DaemonSetStatus.conditions": ("type",),
    "V1NodeStatus.conditions": ("type",),
    "V1NodeStatus.addresses": ("type",),
    "V1NamespaceStatus.conditions": ("type",),
    "V1ServiceAccount.secrets": ("name",),
    "V1ServiceAccount.imagePullSecrets": ("name",),
}
#: Lists of scalars that are merged as sets.
SETS = {"V1ObjectMeta.finalizers", "V1NodeSpec.podCIDRs"}
#: Maps that have one owner as a whole in server-side apply, whatever is in them.
ATOMIC = {"V1LabelSelector", "V1ObjectReference", "V1ConfigMapKeySelector", "V1SecretKeySelector", "V1NodeSelectorTerm"}
ATOMIC_FIELDS = {"V1PodSpec.nodeSelector", "V1ServiceSpec.selector", "V1ObjectMeta.managedFields"}


def merge_keys(model: str, name: str) -> tuple[str, ...]:
    """The keys of the items of a list; empty when the list is replaced as a whole."""
    return MERGED.get(f"{model}.{name}", ())


def is_set(model: str, name: str) -> bool:
    """Whether a list of scalars is merged."""
    return f"{model}.{name}" in SETS


def is_atomic(model: str, name: str) -> bool:
    """Whether a field is owned as a whole."""
    return f"{model}.{name}" in ATOMIC_FIELDS or child(model, name).model in ATOMIC


def clone(value: Any) -> Any:
    """A copy of JSON that shares nothing."""
    if isinstance(value, dict):
        return {key: clone(one) for key, one in value.items()}
    if isinstance(value, list):
        return [clone(one) for one in value]
    return value
