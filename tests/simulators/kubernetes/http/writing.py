"""Create, update, patch and delete."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes import applying, conversion, decoding, managed, patches
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import ApiError, Problem, bad_request, invalid, wrong_media_type
from tests.simulators.kubernetes.http import protobuf, tables
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.http.reading import Reading
from tests.simulators.kubernetes.objects import Deletion, Objects, Write
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object

VALIDATIONS = {"Ignore", "Warn", "Strict"}
JSON_KINDS = {"application/json", "application/yaml", "text/plain", ""}


class Writing:
    """The verbs that change something."""

    def __init__(self, core: Core, objects: Objects, reading: Reading) -> None:
        self.core = core
        self.objects = objects
        self.reading = reading

    def create(self, resource: Resource, call: Call) -> Answer:
        """POST."""
        write = self.options(call)
        sent, warnings = self.decoded(resource, call, body(call))
        made = self.objects.create(resource, call.namespace if resource.namespaced else "", sent, write)
        return self._shown(resource, call, made, warnings, 201)

    def update(self, resource: Resource, call: Call) -> Answer:
        """PUT."""
        write = self.options(call)
        sent, warnings = self.decoded(resource, call, body(call))
        made = self.objects.replace(resource, self._namespace(resource, call), call.name, sent, write)
        return self._shown(resource, call, made, warnings)

    def patch(self, resource: Resource, call: Call) -> Answer:
        """PATCH, in each of its four ways."""
        write = self.options(call)
        kind = call.content_type
        if kind not in patches.KINDS:
            raise wrong_media_type(kind)
        if kind == patches.APPLY:
            return self._apply(resource, call, write)
        patch, warnings = call.body, []
        model = conversion.model_of(resource, call.version)

        def changed(old: Object) -> Object:
            shown = conversion.shown(resource, call.version, old)
            new = patches.patched(kind, shown, patch, resource=resource, model=model)
            try:
                read, said = self.decoded(resource, call, new)
            except ApiError as wrong:
                raise _unpatched(wrong, new) from None
            warnings.extend(said)
            return read

        made = self.objects.change(resource, self._namespace(resource, call), call.name, changed, write)
        return self._shown(resource, call, made, warnings)

    def _apply(self, resource: Resource, call: Call, write: Write) -> Answer:
        if not call.query.get("fieldManager"):
            why = Problem.required("fieldManager", "is required for apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [why])
        said, warnings = self.decoded(resource, call, body(call))
        if said.get("metadata", {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        namespace = self._namespace(resource, call)
        version = resource.api_version(call.version)
        entry = managed.entry_of(write.manager, "Apply", version, self.core.stamp(), call.subresource)
        write = Write(write.manager, write.dry, write.subresource, write.version, "Apply")

        def changed(live: Object) -> Object:
            return applying.applied(live, said, model=resource.model, entry=entry, force=call.flag("force"))

        if self.core.store.get(resource, namespace, call.name) is not None:
            made = self.objects.change(resource, namespace, call.name, changed, write)
            return self._shown(resource, call, made, warnings)
        meta = {"name": call.name, **({"namespace": namespace} if namespace else {})}
        made = self.objects.create(resource, namespace, changed({"metadata": meta}), write)
        return self._shown(resource, call, made, warnings, 201)

    def delete(self, resource: Resource, call: Call) -> Answer:
        """DELETE of one."""
        write = self.options(call)
        namespace = self._namespace(resource, call)
        known, gone = self.objects.delete(resource, namespace, call.name, deletion(call), write)
        if resource.plural in {"pods", "services", "serviceaccounts"} or not gone:
            return Answer(conversion.shown(resource, call.version, known))
        details = {"name": call.name, "group": resource.group, "kind": resource.plural, "uid": known["metadata"]["uid"]}
        details = {name: value for name, value in details.items() if value}
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return Answer({**status, "details": details})

    def delete_all(self, resource: Resource, call: Call) -> Answer:
        """DELETE of those that are selected."""
        write = self.options(call)
        listed = self.reading.list(resource, call)
        for one in listed.body["items"]:
            meta = one["metadata"]
            self.objects.delete(resource, meta.get("namespace", ""), meta["name"], deletion(call), write)
        return listed

    def options(self, call: Call) -> Write:
        """What the parameters say of the write."""
        dry = call.query.get("dryRun", "")
        if dry not in {"", "All"}:
            problem = Problem.unsupported("dryRun", [dry], ("All",))
            raise invalid("CreateOptions" if call.verb == "create" else "PatchOptions", "meta.k8s.io", "", [problem])
        said = call.query.get("fieldValidation", "")
        if self.core.catalogue.modern and said and said not in VALIDATIONS:
            problem = Problem.unsupported("fieldValidation", said, tuple(VALIDATIONS))
            raise invalid("PatchOptions", "meta.k8s.io", "", [problem])
        manager = call.query.get("fieldManager") or call.user_agent.partition("/")[0][:128] or "unknown"
        return Write(manager, dry == "All", call.subresource, call.version)

    def decoded(self, resource: Resource, call: Call, sent: Any) -> tuple[Object, list[str]]:
        """The object as it is kept, and what to warn of."""
        _check_kind(resource, call, sent)
        model = conversion.model_of(resource, call.version)
        read, unknown = decoding.decode(resource, call.version, sent, model)
        if not self.core.catalogue.modern:
            unknown = []
        if unknown and call.query.get("fieldValidation") == "Strict":
            raise decoding.strict_error(resource, call.version, unknown)
        if unknown and call.query.get("fieldValidation") == "Ignore":
            unknown = []
        return conversion.stored(resource, call.version, read), unknown

    def _namespace(self, resource: Resource, call: Call) -> str:
        return call.namespace if resource.namespaced else ""

    def _shown(self, resource: Resource, call: Call, made: Object, warnings: list[str], status: int = 200) -> Answer:
        headers = {"Warning": ", ".join(f'299 - "{_quoted(one)}"' for one in warnings)} if warnings else {}
        if tables.wanted(call):
            return Answer(tables.table(resource, [made], self.core, call), status, headers)
        shown = conversion.shown(resource, call.version, made)
        if call.dry and call.verb == "create":
            shown = {**shown, "metadata": {**shown["metadata"]}}
            shown["metadata"].pop("resourceVersion", None)
        return Answer(shown, status, headers)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def body(call: Call) -> Any:
    """What was sent, which must be an object."""
    if call.content_type not in {*JSON_KINDS, patches.APPLY, protobuf.CONTENT_TYPE}:
        raise wrong_media_type(call.content_type)
    sent = call.body
    if call.content_type == protobuf.CONTENT_TYPE and sent is None:
        raise wrong_media_type(call.content_type)
    if not isinstance(sent, dict):
        raise bad_request("Object 'Kind' is missing in '" + call.raw.decode(errors="replace")[:200] + "'")
    return sent


def deletion(call: Call) -> Deletion:
    """What was said with a deletion, in the body or in parameters."""
    said = call.body if call.raw else {}
    said = said if isinstance(said, dict) else {}
    grace = said.get("gracePeriodSeconds", call.number("gracePeriodSeconds"))
    if grace is not None and grace < 0:
        grace = None
    guards = said.get("preconditions") or {}
    policy = said.get("propagationPolicy") or call.query.get("propagationPolicy") or "Background"
    if said.get("orphanDependents") or call.flag("orphanDependents"):
        policy = "Orphan"
    if said.get("dryRun") == ["All"]:
        call.query["dryRun"] = "All"
    return Deletion(grace, guards.get("uid", ""), guards.get("resourceVersion", ""), policy)


def _check_kind(resource: Resource, call: Call, sent: Any) -> None:
    if not isinstance(sent, dict):
        return
    wanted = resource.api_version(call.version)
    said = sent.get("apiVersion") or wanted
    kind = sent.get("kind") or resource.kind
    if resource.custom and not sent.get("kind"):
        raise bad_request("Object 'Kind' is missing in the object provided")
    if kind != resource.kind:
        raise bad_request(
            f'{kind} in version "{said}" cannot be handled as a {resource.kind}: no kind "{kind}" is registered for '
            f'version "{said}" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
        )
    if said != wanted:
        raise bad_request(f"the API version in the data ({said}) does not match the expected API version ({wanted})")


def _unpatched(wrong: ApiError, new: Object) -> ApiError:
    """A patch whose result cannot be read is not a bad request but an invalid one."""
    if wrong.code != 400:
        return wrong
    why = wrong.message.partition("cannot be handled as a ")[2].partition(": ")[2] or wrong.message
    return invalid("", "", "", [Problem.invalid("patch", new, why)])
