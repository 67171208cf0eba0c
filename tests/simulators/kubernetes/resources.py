"""Which resources a cluster serves, by its age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Age = Literal["current", "old"]
"""`old` is a server of version 1.20: no policy/v1, no autoscaling/v2."""

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ = ("get", "list", "watch")
VERSIONS: dict[Age, tuple[str, str]] = {"current": ("1", "34"), "old": ("1", "20")}


@dataclass(frozen=True)
class Resource:
    """A kind of object as the API serves it. The first of `versions` is the preferred one."""

    group: str
    plural: str
    kind: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    model: str = ""
    generations: bool = False
    categories: tuple[str, ...] = ()
    custom: bool = False

    @property
    def full(self) -> str:
        """How messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        """The name of one."""
        return self.kind.lower()

    def api_version(self, version: str = "") -> str:
        """What its objects carry."""
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version


_ALL = ("all",)
_SCALED = ("scale", "status")
_STATUS = ("status",)

_CORE = (
    Resource("", "configmaps", "ConfigMap", short=("cm",), model="V1ConfigMap"),
    Resource("", "endpoints", "Endpoints", short=("ep",), model="V1Endpoints"),
    Resource("", "events", "Event", short=("ev",), model="CoreV1Event"),
    Resource("", "namespaces", "Namespace", namespaced=False, short=("ns",), subresources=_STATUS, model="V1Namespace"),
    Resource("", "nodes", "Node", namespaced=False, short=("no",), subresources=_STATUS, model="V1Node"),
    Resource(
        "",
        "pods",
        "Pod",
        short=("po",),
        subresources=("binding", "eviction", "log", "status"),
        model="V1Pod",
        categories=_ALL,
    ),
    Resource("", "secrets", "Secret", model="V1Secret"),
    Resource("", "serviceaccounts", "ServiceAccount", short=("sa",), model="V1ServiceAccount"),
    Resource("", "services", "Service", short=("svc",), subresources=_STATUS, model="V1Service", categories=_ALL),
)


def _controller(plural: str, kind: str, short: str, subresources: tuple[str, ...]) -> Resource:
    return Resource(
        "apps",
        plural,
        kind,
        short=(short,),
        subresources=subresources,
        model=f"V1{kind}",
        generations=True,
        categories=_ALL,
    )


_APPS = (
    Resource("apps", "controllerrevisions", "ControllerRevision", model="V1ControllerRevision"),
    _controller("daemonsets", "DaemonSet", "ds", _STATUS),
    _controller("deployments", "Deployment", "deploy", _SCALED),
    _controller("replicasets", "ReplicaSet", "rs", _SCALED),
    _controller("statefulsets", "StatefulSet", "sts", _SCALED),
)
_OTHERS = (
    Resource(
        "autoscaling",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        ("v2", "v1"),
        short=("hpa",),
        subresources=_STATUS,
        model="V2HorizontalPodAutoscaler",
        categories=_ALL,
    ),
    Resource("coordination.k8s.io", "leases", "Lease", model="V1Lease"),
    Resource("discovery.k8s.io", "endpointslices", "EndpointSlice", model="V1EndpointSlice", generations=True),
    Resource("events.k8s.io", "events", "Event", short=("ev",), model="EventsV1Event"),
    Resource(
        "networking.k8s.io",
        "networkpolicies",
        "NetworkPolicy",
        short=("netpol",),
        model="V1NetworkPolicy",
        generations=True,
    ),
    Resource(
        "policy",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        short=("pdb",),
        subresources=_STATUS,
        model="V1PodDisruptionBudget",
        generations=True,
    ),
    Resource("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", namespaced=False, model="V1ClusterRole"),
    Resource(
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        "ClusterRoleBinding",
        namespaced=False,
        model="V1ClusterRoleBinding",
    ),
    Resource("rbac.authorization.k8s.io", "roles", "Role", model="V1Role"),
    Resource("rbac.authorization.k8s.io", "rolebindings", "RoleBinding", model="V1RoleBinding"),
)
_REVIEWS = (
    Resource("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", namespaced=False, verbs=("create",)),
    Resource(
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        namespaced=False,
        verbs=("create",),
        model="V1SelfSubjectAccessReview",
    ),
    Resource(
        "authorization.k8s.io",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        namespaced=False,
        verbs=("create",),
        model="V1SelfSubjectRulesReview",
    ),
)
METRICS = (
    Resource("metrics.k8s.io", "nodes", "NodeMetrics", ("v1beta1",), namespaced=False, verbs=("get", "list")),
    Resource("metrics.k8s.io", "pods", "PodMetrics", ("v1beta1",), verbs=("get", "list")),
)
SCALED_OBJECTS = Resource(
    "keda.sh",
    "scaledobjects",
    "ScaledObject",
    ("v1alpha1",),
    short=("so",),
    subresources=_STATUS,
    generations=True,
    custom=True,
)

#: What a server of 1.20 serves instead. Its `selfsubjectreviews` do not exist.
_OLDER: dict[str, tuple[str, ...]] = {
    "horizontalpodautoscalers": ("v1", "v2beta1", "v2beta2"),
    "poddisruptionbudgets": ("v1beta1",),
    "endpointslices": ("v1beta1",),
    "selfsubjectreviews": (),
}


@dataclass
class Catalogue:
    """The resources of a cluster."""

    age: Age
    resources: list[Resource] = field(default_factory=list)

    @classmethod
    def of(cls, age: Age) -> Catalogue:
        """Those of a server of this age."""
        known = (*_CORE, *_APPS, *_OTHERS, *_REVIEWS)
        if age == "old":
            aged = (replace(one, versions=_OLDER.get(one.plural, one.versions)) for one in known)
            known = tuple(one for one in aged if one.versions)
        return cls(age, list(known))

    @property
    def modern(self) -> bool:
        """Whether the server knows what came after 1.20."""
        return self.age == "current"

    def add(self, *resources: Resource) -> None:
        """Serve these too."""
        self.resources.extend(one for one in resources if one not in self.resources)

    def drop(self, group: str) -> None:
        """Serve nothing of this group."""
        self.resources = [one for one in self.resources if one.group != group]

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """What is served there."""
        served = (one for one in self.resources if one.group == group and one.plural == plural)
        return next((one for one in served if version in one.versions), None)

    def named(self, plural: str, group: str | None = None) -> Resource:
        """The resource of this name; the core's before another's."""
        found = [one for one in self.resources if one.plural == plural and group in {None, one.group}]
        if not found:
            raise KeyError(f"no resource {plural!r} is served")
        return found[0]

    def of_kind(self, kind: str, api_version: str) -> Resource:
        """What objects of this kind are."""
        group, _, version = api_version.rpartition("/")
        found = [one for one in self.resources if one.kind == kind and one.group == group and version in one.versions]
        if not found:
            raise KeyError(f"no kind {kind!r} in {api_version!r} is served")
        return found[0]

    def groups(self) -> dict[str, list[str]]:
        """The versions of each named group, the preferred one first."""
        found: dict[str, list[str]] = {}
        for one in self.resources:
            if one.group:
                found.setdefault(one.group, [])
                found[one.group] += [version for version in one.versions if version not in found[one.group]]
        return found

    def served(self, group: str, version: str) -> Iterable[Resource]:
        """What a version of a group has."""
        return (one for one in self.resources if one.group == group and version in one.versions)
