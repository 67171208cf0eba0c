"""What the server says that it serves: versions, groups, resources, and as much OpenAPI as kubectl asks for."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import no_such_path
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.resources import VERSIONS, Resource

_SUBRESOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "status": ("", ("get", "patch", "update")),
    "scale": ("Scale", ("get", "patch", "update")),
    "log": ("Pod", ("get",)),
    "eviction": ("Eviction", ("create",)),
    "binding": ("Binding", ("create",)),
}
_AGGREGATED = "as=APIGroupDiscoveryList"
_TYPED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Discovery:
    """Answers what is under no resource."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def answer(self, call: Call) -> Answer:
        """GET of a path."""
        parts = tuple(one for one in call.path.split("/") if one)
        match parts:
            case ("healthz" | "livez" | "readyz", *_):
                return Answer(b"ok", content_type="text/plain")
            case ("version",):
                return Answer(self._version())
            case ("api" | "apis",):
                return self._groups(call, named=parts[0] == "apis")
            case ("api", "v1"):
                return Answer(self._resources("", "v1"))
            case ("apis", group):
                return Answer(self._group(group))
            case ("apis", group, version):
                return Answer(self._resources(group, version))
            case ("openapi", "v3", *rest):
                return Answer(self._openapi(rest))
        raise no_such_path()

    def _version(self) -> dict[str, Any]:
        major, minor = VERSIONS[self.core.age]
        known = {"major": major, "minor": minor, "gitVersion": f"v{major}.{minor}.0", "gitCommit": "0" * 40}
        built = {"gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.24"}
        return {**known, **built, "compiler": "gc", "platform": "linux/amd64"}

    def _groups(self, call: Call, *, named: bool) -> Answer:
        if self.core.catalogue.modern and _AGGREGATED in call.headers.get("accept", ""):
            return Answer(self._aggregated(named=named), content_type=_TYPED)
        if not named:
            return Answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        groups = [self._group(one) for one in self.core.catalogue.groups()]
        items = [{name: value for name, value in one.items() if name not in {"kind", "apiVersion"}} for one in groups]
        return Answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": items})

    def _group(self, group: str) -> dict[str, Any]:
        versions = self.core.catalogue.groups().get(group)
        if not versions:
            raise no_such_path()
        shown = [{"groupVersion": f"{group}/{one}", "version": one} for one in versions]
        known: dict[str, Any] = {"kind": "APIGroup", "apiVersion": "v1", "name": group}
        return {**known, "versions": shown, "preferredVersion": shown[0]}

    def _resources(self, group: str, version: str) -> dict[str, Any]:
        served = list(self.core.catalogue.served(group, version))
        if not served:
            raise no_such_path()
        listed = [one for resource in served for one in self._listed(resource)]
        where = f"{group}/{version}" if group else version
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": where, "resources": listed}

    def _listed(self, resource: Resource) -> list[dict[str, Any]]:
        known: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short:
            known["shortNames"] = list(resource.short)
        if resource.categories:
            known["categories"] = list(resource.categories)
        below = [self._below(resource, one) for one in resource.subresources]
        return [known, *below]

    def _below(self, resource: Resource, name: str) -> dict[str, Any]:
        kind, verbs = _SUBRESOURCES[name]
        known = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
        shown: dict[str, Any] = {**known, "kind": kind or resource.kind, "verbs": list(verbs)}
        if name == "scale":
            shown |= {"group": "autoscaling", "version": "v1"}
        if name == "eviction":
            shown |= {"group": "policy", "version": "v1" if self.core.catalogue.modern else "v1beta1"}
        return shown

    def _aggregated(self, *, named: bool) -> dict[str, Any]:
        groups = self.core.catalogue.groups() if named else {"": ["v1"]}
        items = [
            {
                "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "freshness": "Current",
                        "resources": [
                            self._described(one, version) for one in self.core.catalogue.served(group, version)
                        ],
                    }
                    for version in versions
                ],
            }
            for group, versions in groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}

    def _described(self, resource: Resource, version: str) -> dict[str, Any]:
        known: dict[str, Any] = {
            "resource": resource.plural,
            "responseKind": {"group": resource.group, "version": version, "kind": resource.kind},
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": resource.singular,
            "verbs": list(resource.verbs),
        }
        if resource.short:
            known["shortNames"] = list(resource.short)
        if resource.categories:
            known["categories"] = list(resource.categories)
        below = [self._below(resource, name) for name in resource.subresources]
        if below:
            known["subresources"] = [_sub(one, resource, version) for one in below]
        return known

    def _openapi(self, rest: list[str]) -> dict[str, Any]:
        if not self.core.catalogue.modern:
            raise no_such_path()
        if not rest:
            names = [
                "api/v1",
                *(f"apis/{group}/{one}" for group, all_ in self.core.catalogue.groups().items() for one in all_),
            ]
            return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=0"} for name in names}}
        group, version = ("", rest[1]) if rest[0] == "api" else (rest[1], rest[2])
        paths = dict(_path(one, version) for one in self.core.catalogue.served(group, version))
        info = {"title": "Kubernetes", "version": self._version()["gitVersion"]}
        return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _sub(known: dict[str, Any], resource: Resource, version: str) -> dict[str, Any]:
    group, version = known.get("group", resource.group), known.get("version", version)
    kind = {"group": group, "version": version, "kind": known["kind"]}
    return {"subresource": known["name"].partition("/")[2], "responseKind": kind, "verbs": known["verbs"]}


def _path(resource: Resource, version: str) -> tuple[str, dict[str, Any]]:
    """So much of the description that kubectl sees that the server validates fields itself."""
    start = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
    space = "/namespaces/{namespace}" if resource.namespaced else ""
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    parameters = [{"name": one, "in": "query"} for one in ("dryRun", "fieldManager", "fieldValidation", "force")]
    patch = {"x-kubernetes-group-version-kind": kind, "parameters": parameters, "responses": {}}
    return f"{start}{space}/{resource.plural}/{{name}}", {"patch": patch}
