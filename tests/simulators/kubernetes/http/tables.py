"""What `kubectl get` prints: objects as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.simulators.kubernetes import conversion
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.http import rows
from tests.simulators.kubernetes.http.calls import Call
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object

_ASKED = "as=Table"


def wanted(call: Call) -> bool:
    """Whether the client asked for a table."""
    return _ASKED in call.headers.get("accept", "")


def table(
    resource: Resource, found: list[Object], core: Core, call: Call, meta: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Objects as a table."""
    columns, cells = rows.printer(resource.plural)
    now = core.now()
    single = found[0]["metadata"]["resourceVersion"] if len(found) == 1 and meta is None else ""
    shown = meta if meta is not None else {"resourceVersion": single}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": shown,
        "columnDefinitions": [_column(one) for one in columns],
        "rows": [_row(resource, one, cells, now, call) for one in found],
    }


def _column(said: str) -> dict[str, Any]:
    name = said.rstrip("+")
    kind = "integer" if name in rows.NUMBERS else "string"
    shape = "name" if name == "Name" else ""
    return {"name": name, "type": kind, "format": shape, "description": "", "priority": int(said.endswith("+"))}


def _row(
    resource: Resource, known: Object, cells: Callable[[Object, str], list[Any]], now: datetime, call: Call
) -> dict[str, Any]:
    age = rows.age(known["metadata"].get("creationTimestamp"), now)
    included = call.query.get("includeObject", "Metadata")
    shown: dict[str, Any] = {"cells": cells({**known, "_now": now}, age)}
    if included == "Object":
        shown["object"] = conversion.shown(resource, call.version, known)
    elif included == "Metadata":
        kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        shown["object"] = {**kind, "metadata": known["metadata"]}
    return shown


class Events:
    """How a watch shows objects: as they are, or as tables of one row, the first with its columns."""

    def __init__(self, resource: Resource, core: Core, call: Call) -> None:
        self.resource = resource
        self.core = core
        self.call = call
        self.first = True

    def __call__(self, known: Object) -> Any:
        if not wanted(self.call):
            return conversion.shown(self.resource, self.call.version, known)
        shown = table(self.resource, [known], self.core, self.call)
        if not self.first:
            shown["columnDefinitions"] = None
        self.first = False
        return shown
