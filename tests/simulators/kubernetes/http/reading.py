"""Get, list and watch."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.simulators.kubernetes import conversion, selectors
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import Problem, bad_request, gone, invalid, not_found
from tests.simulators.kubernetes.http import tables
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.watching import Watching
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object

Matches = Callable[[Object], bool]
ENDS = "k8s.io/initial-events-end"
LONGEST_WATCH = 1800
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class Reading:
    """The verbs that change nothing."""

    def __init__(self, core: Core, watching: Watching) -> None:
        self.core = core
        self.watching = watching

    def get(self, resource: Resource, call: Call) -> Answer:
        """One object."""
        found = self.core.store.get(resource, self._namespace(resource, call), call.name)
        if found is None:
            raise not_found(resource, call.name)
        if tables.wanted(call):
            return Answer(tables.table(resource, [found], self.core, call))
        return Answer(conversion.shown(resource, call.version, found))

    def list(self, resource: Resource, call: Call) -> Answer:
        """Those that were asked for, page by page if so."""
        matches = self._matches(resource, call)
        start, version = self._continued(call)
        kept = self.core.store.all(resource, self._namespace(resource, call))
        found = [one for one in kept if _place(one) > start and matches(one)]
        limit = call.number("limit") or 0
        meta: dict[str, Any] = {"resourceVersion": version or str(self.core.store.version)}
        if limit and len(found) > limit:
            left, found = len(found) - limit, found[:limit]
            token = json.dumps({"rv": meta["resourceVersion"], "start": _place(found[-1])})
            meta["continue"] = base64.urlsafe_b64encode(token.encode()).decode()
            if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
                meta["remainingItemCount"] = left
        if tables.wanted(call):
            return Answer(tables.table(resource, found, self.core, call, meta))
        items = [self._item(resource, call.version, one) for one in found]
        kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version(call.version)}
        return Answer({**kind, "metadata": meta, "items": items})

    def _item(self, resource: Resource, version: str, known: Object) -> Object:
        """In a list, the items of built-in kinds do not say what they are."""
        shown = conversion.shown(resource, version, known)
        if resource.custom:
            return shown
        return {name: value for name, value in shown.items() if name not in {"kind", "apiVersion"}}

    def _continued(self, call: Call) -> tuple[str, str]:
        text = call.query.get("continue", "")
        if not text:
            return "", ""
        try:
            token = json.loads(base64.urlsafe_b64decode(text))
        except ValueError:
            raise bad_request("continue key is not valid") from None
        if int(token["rv"]) <= self.core.store.forgotten:
            raise gone(_TOO_OLD)
        return token["start"], token["rv"]

    def _namespace(self, resource: Resource, call: Call) -> str:
        return call.namespace if resource.namespaced else ""

    def _matches(self, resource: Resource, call: Call) -> Matches:
        labels = selectors.labels(call.query.get("labelSelector", ""))
        fields = selectors.field_selector(call.query.get("fieldSelector", ""), resource.plural)
        name = call.name
        return lambda known: (
            (not name or known["metadata"]["name"] == name)
            and labels(known["metadata"].get("labels") or {})
            and fields(known)
        )

    def watch(self, resource: Resource, call: Call) -> Answer:
        """What happens from now, or from a version, on."""
        self._check_options(call)
        matches = self._matches(resource, call)
        namespace = self._namespace(resource, call)
        said = call.query.get("resourceVersion", "")
        if said and not said.isdigit():
            raise bad_request(f"invalid resource version: {said}")
        initial: list[Object] = []
        with_end = self.core.catalogue.modern and call.flag("sendInitialEvents")
        if said in {"", "0"} or with_end:
            initial = [one for one in self.core.store.all(resource, namespace) if matches(one)]
            since = self.core.store.version
        else:
            since = int(said)
        seconds = min(call.number("timeoutSeconds") or LONGEST_WATCH, LONGEST_WATCH)
        lines = self._events(resource, call, Selected(namespace, matches), since, initial, with_end, seconds)
        return Answer(lines=lines)

    def _check_options(self, call: Call) -> None:
        """An old server knows no watch that begins with a list, and says so in a way that clients fall back."""
        if "resourceVersionMatch" not in call.query:
            return
        why = "resourceVersionMatch is forbidden for watch"
        if self.core.catalogue.modern:
            if call.flag("sendInitialEvents"):
                return
            why += " unless sendInitialEvents is provided"
        raise invalid("ListOptions", "meta.k8s.io", "", [Problem.forbidden("resourceVersionMatch", why)])

    async def _events(
        self,
        resource: Resource,
        call: Call,
        selected: Selected,
        since: int,
        initial: list[Object],
        with_end: bool,
        seconds: float,
    ) -> AsyncIterator[bytes]:
        show = tables.Events(resource, self.core, call)
        if since < self.core.store.forgotten:
            text = f"too old resource version: {since} ({self.core.store.forgotten})"
            yield _line("ERROR", gone(text).status())
            return
        for one in initial:
            yield _line("ADDED", show(one))
        if with_end:
            yield _line("BOOKMARK", self._bookmark(resource, call, since, {ENDS: "true"}))
        async with self.watching.watcher(call.what) as watcher:
            ends = asyncio.get_running_loop().time() + seconds
            while True:
                with self.core.store.lock:
                    changes = self.core.store.since(since, resource)
                    since = max(since, self.core.store.version)
                for change in changes:
                    event = selected.event(change.kind, change.object, change.before)
                    if event:
                        yield _line(event, show(change.object))
                left = ends - asyncio.get_running_loop().time()
                if left <= 0 or not await watcher.woken(left):
                    break
        if call.flag("allowWatchBookmarks") and not watcher.cut:
            yield _line("BOOKMARK", self._bookmark(resource, call, since, {}))

    def _bookmark(self, resource: Resource, call: Call, version: int, marks: dict[str, str]) -> Object:
        meta: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if marks:
            meta["annotations"] = marks
        return {"kind": resource.kind, "apiVersion": resource.api_version(call.version), "metadata": meta}


class Selected:
    """Which objects a watch sees: one that leaves the selection is deleted for it, one that comes in is added."""

    def __init__(self, namespace: str, matches: Matches) -> None:
        self.namespace = namespace
        self.matches = matches

    def event(self, kind: str, now: Object, before: Object | None) -> str:
        """The kind of the event for this watch; empty when it is none of its business."""
        if self.namespace and now["metadata"].get("namespace") != self.namespace:
            return ""
        was = before is not None and self.matches(before)
        if kind == "DELETED":
            return "DELETED" if was else ""
        is_now = self.matches(now)
        if is_now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else ""


def _place(known: Object) -> str:
    meta = known["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"


def _line(kind: str, known: Any) -> bytes:
    return json.dumps({"type": kind, "object": known}).encode() + b"\n"
