"""One request from its beginning to its end: who, what, may they, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import ApiError, no_method, no_such_path
from tests.simulators.kubernetes.http.calls import Answer, Call, served_version, understand
from tests.simulators.kubernetes.http.discovery import Discovery
from tests.simulators.kubernetes.http.evicting import Evicting
from tests.simulators.kubernetes.http.gate import Gate
from tests.simulators.kubernetes.http.logging import Logging
from tests.simulators.kubernetes.http.metering import Metering
from tests.simulators.kubernetes.http.reading import Reading
from tests.simulators.kubernetes.http.reviews import Reviews
from tests.simulators.kubernetes.http.scaling import Scaling
from tests.simulators.kubernetes.http.watching import Watching
from tests.simulators.kubernetes.http.writing import Writing
from tests.simulators.kubernetes.logs import Logs
from tests.simulators.kubernetes.objects import Objects
from tests.simulators.kubernetes.rbac import Rbac
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.usage import Usage

Handler = Callable[[Resource, Call], Answer]


class Api:
    """The API server, without its sockets."""

    def __init__(self, core: Core, objects: Objects, rbac: Rbac, logs: Logs, usage: Usage) -> None:
        self.core = core
        self.usage = usage
        self.watching = Watching(core.store)
        self.gate = Gate(rbac)
        self.discovery = Discovery(core)
        self.reading = Reading(core, self.watching)
        self.writing = Writing(core, objects, self.reading)
        self.scaling = Scaling(core, objects, self.writing)
        self.evicting = Evicting(core, objects, self.writing)
        self.logging = Logging(core, objects, logs, self.watching)
        self.metering = Metering(core, usage)
        self.reviews = Reviews(rbac)
        self._handlers = self._by_verb()

    def _by_verb(self) -> dict[tuple[str, str], Handler]:
        """What does the work, by subresource and verb."""
        reading, writing, scaling = self.reading, self.writing, self.scaling
        return {
            ("", "get"): reading.get,
            ("", "list"): reading.list,
            ("", "watch"): reading.watch,
            ("", "create"): writing.create,
            ("", "update"): writing.update,
            ("", "patch"): writing.patch,
            ("", "delete"): writing.delete,
            ("", "deletecollection"): writing.delete_all,
            ("status", "get"): reading.get,
            ("status", "update"): writing.update,
            ("status", "patch"): writing.patch,
            ("scale", "get"): scaling.get,
            ("scale", "update"): scaling.update,
            ("scale", "patch"): scaling.patch,
            ("log", "get"): self.logging.get,
            ("eviction", "create"): self.evicting.create,
            ("binding", "create"): self.evicting.bind,
        }

    def understand(self, call: Call, groups: list[str]) -> Answer | None:
        """Who calls and what is meant; an answer when that is all there is to say."""
        try:
            understand(call)
            self.gate.admit(call, groups)
            self.gate.authorise(call)
        except ApiError as refused:
            return Answer.failed(refused)
        return None

    def work(self, call: Call) -> Answer:
        """Do it, and nothing else at the same time."""
        with self.core.store.lock:
            try:
                return self._work(call)
            except ApiError as refused:
                return Answer.failed(refused)

    def _work(self, call: Call) -> Answer:
        if not call.plural:
            return self._path(call)
        resource = self.core.catalogue.find(call.group, call.version, call.plural)
        if resource is None or (call.subresource and call.subresource not in resource.subresources):
            raise no_such_path()
        if not call.subresource and call.verb not in resource.verbs:
            raise no_method(resource.plural)
        if resource.group == "metrics.k8s.io":
            return self.metering.answer(resource, call)
        if resource.plural.startswith("selfsubject"):
            return self.reviews.create(resource, call)
        handler = self._handlers.get((call.subresource, call.verb))
        if handler is None or (resource.namespaced and not call.namespace and call.verb not in {"list", "watch"}):
            raise no_method(resource.plural)
        call.version = served_version(resource, call)
        return handler(resource, call)

    def _path(self, call: Call) -> Answer:
        if call.method not in {"GET", "HEAD"}:
            raise no_method("")
        if self.usage.metrics == "broken" and call.path == "/apis/metrics.k8s.io/v1beta1":
            return Answer(b"service unavailable\n", 503, content_type="text/plain")
        return self.discovery.answer(call)
