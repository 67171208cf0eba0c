"""The log subresource of pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import Problem, bad_request, invalid
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.watching import Watching
from tests.simulators.kubernetes.logs import Logs, Wanted, parse_since, states
from tests.simulators.kubernetes.objects import Objects
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object


class Logging:
    """Reads logs."""

    def __init__(self, core: Core, objects: Objects, logs: Logs, watching: Watching) -> None:
        self.core = core
        self.objects = objects
        self.logs = logs
        self.watching = watching

    def get(self, resource: Resource, call: Call) -> Answer:
        """GET."""
        pod = self.objects.get(resource, call.namespace, call.name)
        container = _container(pod, call.query.get("container", ""))
        previous = call.flag("previous")
        wanted = self._wanted(call)
        wanted.check()
        self._check_started(pod, container, previous=previous)
        uid = pod["metadata"]["uid"]
        lines = self.logs.lines(uid, container, previous=previous)
        if lines is None:
            raise bad_request(f'previous terminated container "{container}" in pod "{call.name}" not found')
        if call.flag("follow") and not previous:
            return Answer(lines=self._follow(resource, call, uid, container, wanted), content_type="text/plain")
        return Answer(wanted.cut(lines), content_type="text/plain")

    def _wanted(self, call: Call) -> Wanted:
        seconds, text = call.number("sinceSeconds"), call.query.get("sinceTime", "")
        if seconds is not None and text:
            problem = Problem.forbidden("sinceSeconds", "at most one of `sinceTime` or `sinceSeconds` may be specified")
            raise invalid("PodLogOptions", "", "", [problem])
        since = self.core.now() - timedelta(seconds=seconds) if seconds is not None else None
        if text:
            since = parse_since(text)
        return Wanted(since, call.number("tailLines"), call.number("limitBytes"), call.flag("timestamps"))

    def _check_started(self, pod: Object, container: str, *, previous: bool) -> None:
        name = pod["metadata"]["name"]
        if not pod["spec"].get("nodeName"):
            raise bad_request(f"pod {name} does not have a host assigned")
        state: dict[str, Any] = states(pod).get(container, {})
        if previous and not state.get("restartCount"):
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        waiting = state.get("state", {}).get("waiting", {})
        if not previous and waiting and not state.get("lastState"):
            reason = waiting.get("reason", "")
            why = "trying and failing to pull image" if "Image" in reason else reason
            raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')

    async def _follow(
        self, resource: Resource, call: Call, uid: str, container: str, wanted: Wanted
    ) -> AsyncIterator[bytes]:
        lines = self.logs.lines(uid, container) or []
        yield wanted.cut(lines)
        seen = len(lines)
        async with self.watching.watcher(call.what) as watcher:
            while True:
                now = self.logs.now.get((uid, container), [])
                if len(now) > seen:
                    yield "".join(wanted.shown(one) for one in now[seen:]).encode()
                    seen = len(now)
                if not self._runs(resource, call, uid) or not await watcher.woken(3600):
                    return

    def _runs(self, resource: Resource, call: Call, uid: str) -> bool:
        pod = self.core.store.get(resource, call.namespace, call.name)
        return pod is not None and pod["metadata"]["uid"] == uid


def _container(pod: Object, said: str) -> str:
    """Which container is meant: one must be named among several."""
    name = pod["metadata"]["name"]
    known = [one["name"] for one in pod["spec"]["containers"]]
    first = [one["name"] for one in pod["spec"].get("initContainers") or []]
    if said:
        if said not in (*known, *first):
            raise bad_request(f"container {said} is not valid for pod {name}")
        return said
    if len(known) == 1 and not first:
        return known[0]
    also = f" or one of the init containers: [{' '.join(first)}]" if first else ""
    if len(known) == 1:
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{known[0]}]{also}")
    raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(known)}]{also}")
