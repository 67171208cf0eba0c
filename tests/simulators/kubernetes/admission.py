"""Admission webhooks: they may refuse, and some have side effects, so that nothing can be tried dry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch

from tests.simulators.kubernetes.errors import ApiError, bad_request
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object


@dataclass
class Webhook:
    """Called before a write of resources that fit. `deny` says why not, or nothing."""

    name: str
    resources: str = "*"
    operations: tuple[str, ...] = ("CREATE", "UPDATE", "DELETE")
    side_effects: bool = False
    deny: Callable[[Object], str] = lambda _: ""
    seen: int = 0

    def __call__(self, resource: Resource, operation: str, known: Object, dry: bool) -> None:
        if operation not in self.operations or not fnmatch(resource.plural, self.resources):
            return
        if dry and self.side_effects:
            raise bad_request(f'admission webhook "{self.name}" does not support dry run')
        self.seen += 1
        why = self.deny(known)
        if why:
            message = f'admission webhook "{self.name}" denied the request: {why}'
            raise ApiError(403, "Forbidden", message, details={})
