"""A request as the API server understands it, and what it is answered with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from tests.simulators.kubernetes.errors import ApiError, bad_request, no_such_path
from tests.simulators.kubernetes.http import protobuf
from tests.simulators.kubernetes.rbac import ANONYMOUS, Person
from tests.simulators.kubernetes.resources import Resource

MUTATIONS = {"create", "update", "patch", "delete", "deletecollection"}
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass
class Call:
    """One request: as it came, what it means, and how it ended. Tests read them."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    at: datetime
    verb: str = ""
    group: str = ""
    version: str = ""
    plural: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    user: Person = ANONYMOUS
    caller: Person = ANONYMOUS
    status: int = 0
    reason: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def what(self) -> str:
        """How faults and tests name it: `patch deployments/scale`, `get /version`."""
        return f"{self.verb} {self.target}"

    @property
    def target(self) -> str:
        """The resource with its subresource, or the path."""
        if not self.plural:
            return self.path
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    @property
    def mutates(self) -> bool:
        """Whether it changes something: reviews and dry runs do not."""
        return self.verb in MUTATIONS and not self.plural.startswith("selfsubject")

    @property
    def dry(self) -> bool:
        """Whether it is only for show."""
        return self.query.get("dryRun") == "All"

    @property
    def content_type(self) -> str:
        """The kind of its body."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def user_agent(self) -> str:
        """What the client says that it is."""
        return self.headers.get("user-agent", "")

    @property
    def body(self) -> Any:
        """What was sent, read."""
        if not self.raw:
            return None
        if self.content_type == protobuf.CONTENT_TYPE:
            return protobuf.read(self.raw)
        try:
            if self.content_type in {"application/apply-patch+yaml", "application/yaml"}:
                return yaml.safe_load(self.raw)
            return json.loads(self.raw)
        except (ValueError, yaml.YAMLError) as wrong:
            raise bad_request(f"couldn't get version/kind; json parse error: {wrong}") from None

    def flag(self, name: str) -> bool:
        """Whether a parameter is set."""
        return self.query.get(name, "") in {"1", "true", "True"}

    def number(self, name: str) -> int | None:
        """A number among the parameters."""
        text = self.query.get(name, "")
        try:
            return int(text) if text else None
        except ValueError:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


@dataclass
class Answer:
    """What the client gets: JSON, text, or lines that come one by one."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lines: AsyncIterator[bytes] | None = None
    content_type: str = "application/json"

    @classmethod
    def failed(cls, error: ApiError) -> Answer:
        """The `Status` of a refusal."""
        return cls(error.status(), error.code, error.headers)


def understand(call: Call) -> None:
    """Read the path: what is meant, and by which verb."""
    parts = [one for one in call.path.split("/") if one]
    if parts[:1] == ["api"] and len(parts) >= 3:
        call.version, rest = parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        call.group, call.version, rest = parts[1], parts[2], parts[3:]
    else:
        call.verb = call.method.lower()
        return
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        call.namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        raise no_such_path()
    call.plural, call.name, call.subresource = (*rest, "", "", "")[:3]
    call.verb = _verb(call)
    if call.plural == "namespaces":
        call.namespace = call.name


def _verb(call: Call) -> str:
    if call.method in {"GET", "HEAD"}:
        if call.flag("watch") and not call.subresource:
            return "watch"
        return "get" if call.name else "list"
    if call.method == "DELETE":
        return "delete" if call.name else "deletecollection"
    return _VERBS.get(call.method, call.method.lower())


def served_version(resource: Resource, call: Call) -> str:
    """The version in which the call speaks."""
    return call.version if call.version in resource.versions else resource.versions[0]
