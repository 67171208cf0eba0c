"""Questions about oneself: who am I, what may I."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.errors import bad_request
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.writing import body
from tests.simulators.kubernetes.rbac import MASTERS, Attempt, Rbac
from tests.simulators.kubernetes.resources import Resource

_ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


class Reviews:
    """Answers reviews; none of them is kept."""

    def __init__(self, rbac: Rbac) -> None:
        self.rbac = rbac

    def create(self, resource: Resource, call: Call) -> Answer:
        """POST."""
        asked = body(call)
        answers = {
            "selfsubjectaccessreviews": self._access,
            "selfsubjectrulesreviews": self._rules,
            "selfsubjectreviews": self._who,
        }
        spec = asked.get("spec") or {}
        kind = {"kind": resource.kind, "apiVersion": resource.api_version(call.version)}
        known = {**kind, "metadata": {"creationTimestamp": None}, "spec": spec}
        return Answer({**known, "status": answers[resource.plural](spec, call)}, 201)

    def _access(self, spec: dict[str, Any], call: Call) -> dict[str, Any]:
        said, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(said) == bool(path):
            raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
        if said:
            below = said.get("subresource", "")
            target = f"{said.get('resource', '')}/{below}" if below else said.get("resource", "")
            attempt = Attempt(
                said.get("verb", ""), said.get("group", ""), target, said.get("namespace", ""), said.get("name", "")
            )
        else:
            attempt = Attempt(path.get("verb", ""), path=path.get("path", ""))
        allowed = self.rbac.allows(call.user, attempt)
        return {"allowed": True, "reason": "RBAC: allowed by a rule"} if allowed else {"allowed": False}

    def _rules(self, spec: dict[str, Any], call: Call) -> dict[str, Any]:
        namespace = spec.get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        rules = [_ALL] if MASTERS in call.user.groups else list(self.rbac.rules(call.user, namespace))
        return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}

    def _who(self, _: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"userInfo": {"username": call.user.name, "groups": list(call.user.groups)}}
