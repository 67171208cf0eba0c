"""Who calls, and whether they may: 401, impersonation, 403."""

from __future__ import annotations

from tests.simulators.kubernetes.errors import ApiError, forbidden, unauthorized
from tests.simulators.kubernetes.http.calls import Call
from tests.simulators.kubernetes.rbac import ANONYMOUS, AUTHENTICATED, Attempt, Person, Rbac, refusal
from tests.simulators.kubernetes.resources import Resource

_AS = "impersonate-user"
_AS_GROUP = "impersonate-group"


class Gate:
    """Authentication and authorisation of calls."""

    def __init__(self, rbac: Rbac) -> None:
        self.rbac = rbac

    def admit(self, call: Call, groups: list[str]) -> None:
        """Find out who calls, and as whom."""
        said = call.headers.get("authorization", "")
        if said:
            known = self.rbac.person(said.removeprefix("Bearer ").strip()) if said.startswith("Bearer ") else None
            if known is None:
                raise unauthorized()
            call.caller = call.user = known
        if _AS in call.headers:
            call.user = self._as(call.caller, call.headers[_AS], groups)
        elif groups:
            raise ApiError(400, "BadRequest", "requested to impersonate groups without impersonating a user")

    def _as(self, caller: Person, name: str, groups: list[str]) -> Person:
        self._may_be(caller, "users", name)
        for one in groups:
            self._may_be(caller, "groups", one)
        if name == ANONYMOUS.name:
            return ANONYMOUS
        return Person(name, (*groups, *(() if AUTHENTICATED in groups else (AUTHENTICATED,))))

    def _may_be(self, caller: Person, kind: str, name: str) -> None:
        attempt = Attempt("impersonate", "", kind, "", name)
        if name.startswith("system:serviceaccount:") and kind == "users":
            space, _, account = name.removeprefix("system:serviceaccount:").partition(":")
            attempt = Attempt("impersonate", "", "serviceaccounts", space, account)
        if not self.rbac.allows(caller, attempt):
            raise forbidden(Resource("", attempt.resource, ""), attempt.name, refusal(caller, attempt))

    def authorise(self, call: Call) -> None:
        """Refuse what no rule allows."""
        if not call.plural:
            attempt = Attempt(call.verb, path=call.path)
        else:
            attempt = Attempt(call.verb, call.group, call.target, call.namespace, call.name)
        if self.rbac.allows(call.user, attempt):
            return
        if not call.plural:
            message = f"forbidden: {refusal(call.user, attempt)}"
            raise ApiError(403, "Forbidden", message, details={})
        raise forbidden(Resource(call.group, call.plural, ""), call.name, refusal(call.user, attempt))
