"""Who may do what: tokens, roles and bindings, as the cluster's own objects say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.store import Object

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
RBAC = "rbac.authorization.k8s.io"
REVIEWS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
_OPEN = ("/healthz", "/livez", "/readyz", "/version")
_DISCOVERY = ("/api", "/apis", "/openapi", *_OPEN)


@dataclass(frozen=True)
class Person:
    """Who calls."""

    name: str
    groups: tuple[str, ...] = ()


ANONYMOUS = Person("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True)
class Attempt:
    """What somebody wants to do."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass
class Rbac:
    """The authoriser."""

    core: Core
    tokens: dict[str, Person] = field(default_factory=dict)

    def person(self, token: str) -> Person | None:
        """Whose token it is."""
        found = self.tokens.get(token)
        return Person(found.name, (*found.groups, AUTHENTICATED)) if found else None

    def allows(self, who: Person, attempt: Attempt) -> bool:
        """Whether a rule allows it; nothing forbids."""
        if MASTERS in who.groups:
            return True
        if attempt.path:
            return self._open(who, attempt.path)
        if AUTHENTICATED in who.groups and attempt.resource in REVIEWS and attempt.verb == "create":
            return True
        return any(_covers(rule, attempt) for rule in self.rules(who, attempt.namespace))

    def _open(self, who: Person, path: str) -> bool:
        known = _DISCOVERY if AUTHENTICATED in who.groups else _OPEN
        return any(path == one or path.startswith(f"{one}/") for one in known)

    def rules(self, who: Person, namespace: str) -> Iterator[dict[str, Any]]:
        """All rules that hold for somebody in a namespace, or in the cluster."""
        for binding in self._all("clusterrolebindings"):
            if _bound(binding, who):
                yield from self._of(binding, "")
        if namespace:
            for binding in self._all("rolebindings", namespace):
                if _bound(binding, who):
                    yield from self._of(binding, namespace)

    def _all(self, plural: str, namespace: str = "") -> list[Object]:
        return self.core.store.all(self.core.catalogue.named(plural, RBAC), namespace)

    def _of(self, binding: Object, namespace: str) -> list[dict[str, Any]]:
        said = binding["roleRef"]
        plural = "clusterroles" if said["kind"] == "ClusterRole" else "roles"
        resource = self.core.catalogue.named(plural, RBAC)
        role = self.core.store.get(resource, namespace if plural == "roles" else "", said["name"])
        return (role or {}).get("rules") or []


def _bound(binding: Object, who: Person) -> bool:
    for one in binding.get("subjects") or []:
        name = one["name"]
        if one["kind"] == "ServiceAccount":
            space = one.get("namespace") or binding["metadata"].get("namespace", "")
            if who.name == f"system:serviceaccount:{space}:{name}":
                return True
        elif (one["kind"] == "User" and name == who.name) or (one["kind"] == "Group" and name in who.groups):
            return True
    return False


def _covers(rule: dict[str, Any], attempt: Attempt) -> bool:
    names = rule.get("resourceNames") or []
    return (
        _any(rule.get("verbs"), attempt.verb)
        and _any(rule.get("apiGroups"), attempt.group)
        and _resource(rule.get("resources") or [], attempt.resource)
        and (not names or attempt.name in names)
    )


def _any(known: list[str] | None, wanted: str) -> bool:
    return "*" in (known or []) or wanted in (known or [])


def _resource(known: list[str], wanted: str) -> bool:
    below = wanted.partition("/")[2]
    return "*" in known or wanted in known or bool(below and f"*/{below}" in known)


def refusal(who: Person, attempt: Attempt) -> str:
    """Why not, as the server words it."""
    if attempt.path:
        return f'User "{who.name}" cannot {attempt.verb} path "{attempt.path}"'
    where = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    what = f'resource "{attempt.resource}" in API group "{attempt.group}"'
    return f'User "{who.name}" cannot {attempt.verb} {what} {where}'
