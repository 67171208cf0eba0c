"""The simulated cluster as tests use it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.simulators.kubernetes import conversion, decoding
from tests.simulators.kubernetes.admission import Webhook
from tests.simulators.kubernetes.behaviour import Behaviour
from tests.simulators.kubernetes.cluster import Cluster
from tests.simulators.kubernetes.core import Core, Pace
from tests.simulators.kubernetes.faults import Faults
from tests.simulators.kubernetes.http.api import Api
from tests.simulators.kubernetes.http.calls import Call
from tests.simulators.kubernetes.http.server import HOST, Server, authority
from tests.simulators.kubernetes.rbac import MASTERS, RBAC, Person
from tests.simulators.kubernetes.resources import METRICS, SCALED_OBJECTS, Age, Resource
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object
from tests.simulators.kubernetes.strictness import complaints
from tests.simulators.kubernetes.usage import Metrics, Used
from tests.simulators.slack.clock import Clock, SystemClock

QUICK = Pace(start=0.1, stop=0.05, image_back_off=0.2, crash=0.1, crash_back_off=0.5, hpa_sync=0.5)
GLANCE = 0.05


class Kubernetes:
    """A cluster with an API server on loopback, and nodes on which nothing really runs."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        automatic: bool | None = None,
        age: Age = "current",
        pace: Pace | None = None,
        nodes: int = 3,
        seed: int = 1,
        metrics: Metrics = "served",
        keda: bool = False,
        strict: bool = True,
    ) -> None:
        self.automatic = clock is None if automatic is None else automatic
        wall = pace or (QUICK if clock is None else Pace())
        self.core = Core(clock or SystemClock(), age, wall, seed)
        self.cluster = Cluster(self.core)
        self.faults = Faults()
        self.strict = strict
        self.violations: list[str] = []
        self._tokens = 0
        self.cluster.furnish(nodes)
        self.api = Api(self.core, self.cluster.objects, self.cluster.rbac, self.cluster.logs, self.cluster.usage)
        self.server = Server(self.core, self.api, self.faults)
        self.server.answered = self._judge
        self.set_metrics(metrics)
        if keda:
            self.install(SCALED_OBJECTS)
        self.admin_token = self.token("admin", groups=(MASTERS,))

    @classmethod
    @contextmanager
    def start(cls, *, port: int = 0, **options: Any) -> Iterator[Kubernetes]:
        """Listen in a thread; gone on the way out."""
        one = cls(**options)
        one.server.start(port)
        living = asyncio.run_coroutine_threadsafe(one._live(), one.server.loop) if one.automatic else None
        try:
            yield one
        finally:
            broken = living.exception() if living and living.done() else None
            one.server.stop()
            if broken:
                raise broken

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{HOST}:{self.server.port}"

    @property
    def certificate(self) -> str:
        """Who signed its certificate, as PEM."""
        return authority().cert_pem.bytes().decode()

    def kubeconfig(
        self, path: Path, *, token: str = "", namespace: str = "default", context: str = "simulated"
    ) -> Path:
        """Write the file that kubectl and the client read; the administrator's, unless a token is said."""
        coded = base64.b64encode(self.certificate.encode()).decode()
        known = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": self.url, "certificate-authority-data": coded}}],
            "users": [{"name": context, "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context, "namespace": namespace}}],
            "current-context": context,
        }
        path.write_text(yaml.safe_dump(known), encoding="utf-8")
        return path

    def token(self, user: str, *, groups: tuple[str, ...] = ()) -> str:
        """A new token of somebody."""
        self._tokens += 1
        text = f"token-{self._tokens}-{user.replace(':', '-')}"
        self.cluster.rbac.tokens[text] = Person(user, groups)
        return text

    def service_account(self, name: str, namespace: str = "default") -> str:
        """A token of a service account, which is made unless it is there."""
        if self.find("serviceaccounts", name, namespace) is None:
            self.create("serviceaccounts", {"metadata": {"name": name, "namespace": namespace}})
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return self.token(f"system:serviceaccount:{namespace}:{name}", groups=groups)

    def revoke(self, token: str) -> None:
        """Nobody knows this token any more."""
        del self.cluster.rbac.tokens[token]

    def allow(self, user: str, *rules: dict[str, Any], namespace: str = "", kind: str = "User") -> None:
        """Give rules to somebody: in a namespace, or everywhere."""
        name = f"{user.replace(':', '-')}-{self.core.suffix()}"
        plural, cluster = ("roles", "Role") if namespace else ("clusterroles", "ClusterRole")
        meta = {"name": name, **({"namespace": namespace} if namespace else {})}
        self.create(plural, {"metadata": meta, "rules": list(rules)})
        binding = {
            "metadata": meta,
            "subjects": [{"kind": kind, "name": user, "apiGroup": RBAC}],
            "roleRef": {"apiGroup": RBAC, "kind": cluster, "name": name},
        }
        self.create("rolebindings" if namespace else "clusterrolebindings", binding)

    def apply(self, manifest: str | dict[str, Any], *, namespace: str = "default") -> list[Object]:
        """Make what a manifest says, or change what is there to it; YAML of one or several, or an object."""
        said = list(yaml.safe_load_all(manifest)) if isinstance(manifest, str) else [manifest]
        return [self._apply(one, namespace) for one in said if one]

    def _apply(self, said: Object, namespace: str) -> Object:
        resource = self.core.catalogue.of_kind(said["kind"], said["apiVersion"])
        version = said["apiVersion"].rpartition("/")[2]
        read, unknown = decoding.decode(resource, version, clone(said), conversion.model_of(resource, version))
        if unknown:
            raise decoding.strict_error(resource, version, unknown)
        sent = conversion.stored(resource, version, read)
        meta = sent["metadata"]
        space = meta.setdefault("namespace", namespace) if resource.namespaced else ""
        with self.core.store.lock:
            if self.core.store.get(resource, space, meta["name"]) is None:
                return self.cluster.objects.create(resource, space, sent)
            return self.cluster.objects.change(resource, space, meta["name"], lambda old: _onto(old, sent))

    def create(self, plural: str, known: Object) -> Object:
        """An object of a resource."""
        return self.cluster.make(plural, known)

    def find(self, plural: str, name: str, namespace: str = "default") -> Object | None:
        """An object as it is, or nothing."""
        resource = self.core.catalogue.named(plural)
        with self.core.store.lock:
            return clone(self.core.store.get(resource, namespace if resource.namespaced else "", name))

    def get(self, plural: str, name: str, namespace: str = "default") -> Object:
        """An object as it is."""
        found = self.find(plural, name, namespace)
        if found is None:
            raise KeyError(f"{plural}/{name} in {namespace}")
        return found

    def list(self, plural: str, namespace: str = "default", **labels: str) -> list[Object]:
        """The objects of a resource with these labels."""
        resource = self.core.catalogue.named(plural)
        with self.core.store.lock:
            found = self.core.store.all(resource, namespace if resource.namespaced else "")
            return [clone(one) for one in found if labels.items() <= (one["metadata"].get("labels") or {}).items()]

    def change(self, plural: str, name: str, changed: Callable[[Object], Any], namespace: str = "default") -> Object:
        """Change an object in place, as somebody else would."""

        def apply(old: Object) -> Object:
            changed(old)
            return old

        resource = self.core.catalogue.named(plural)
        with self.core.store.lock:
            return self.cluster.objects.change(resource, namespace if resource.namespaced else "", name, apply)

    def delete(self, plural: str, name: str, namespace: str = "default") -> None:
        """Delete an object, as somebody else would."""
        resource = self.core.catalogue.named(plural)
        with self.core.store.lock:
            self.cluster.objects.delete(resource, namespace if resource.namespaced else "", name)

    def install(self, *resources: Resource) -> None:
        """Serve more kinds of objects."""
        self.core.catalogue.add(*resources)

    def tick(self) -> bool:
        """One round of all controllers; whether anything changed."""
        return self.cluster.tick()

    def settle(self, *, within: float = 60.0) -> None:
        """Until nothing changes: the clock is moved, or, if it is the wall's, waited for."""
        if not self.automatic:
            self.cluster.pass_time(timedelta(seconds=within), whole=False)
            return
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            with self.core.store.lock:
                due = self.cluster.next_due(routine=False)
                idle = not self.cluster.tick() and (due is None or due - self.core.now() > timedelta(seconds=within))
            if idle:
                return
            time.sleep(GLANCE / 5)

    def advance(self, seconds: float) -> None:
        """Let a clock that stands still move, with all that happens in between."""
        self.cluster.pass_time(timedelta(seconds=seconds))

    def until(self, holds: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        """Wait by the wall's clock until something is so; the value that it has then."""
        ends = time.monotonic() + seconds
        while not (value := holds()):
            if time.monotonic() > ends:
                raise TimeoutError("it is still not so")
            time.sleep(GLANCE / 5)
        return value

    async def _live(self) -> None:
        """Controllers at work: at each change, and when something is due."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.core.store.listen(lambda: loop.call_soon_threadsafe(changed.set) and None)
        changed.set()
        while True:
            due = self.cluster.next_due()
            left = max(0.0, (due - self.core.now()).total_seconds()) if due else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await changed.wait()
            changed.clear()
            self.cluster.tick()
            await asyncio.sleep(0)

    def image(self, pattern: str, behaviour: Behaviour) -> None:
        """What containers of an image do from now on."""
        self.cluster.images.say(pattern, behaviour)
        self._nudge()

    def hold(self, pod: str, namespace: str = "default") -> None:
        """A pod is not ready, whatever its containers do."""
        self.cluster.kubelets.unready.add((namespace, pod))
        self._nudge()

    def release(self, pod: str, namespace: str = "default") -> None:
        """It may be ready again."""
        self.cluster.kubelets.unready.discard((namespace, pod))
        self._nudge()

    def crash(
        self, pod: str, container: str = "", namespace: str = "default", *, exit_code: int = 1, reason: str = "Error"
    ) -> None:
        """A container ends by itself, and is started again."""
        known = self.get("pods", pod, namespace)
        with self.core.store.lock:
            name = container or known["spec"]["containers"][0]["name"]
            self.cluster.kubelets.crash(known, name, exit_code, reason)
        self._nudge()

    def log(self, pod: str, text: str, container: str = "", namespace: str = "default") -> None:
        """A container writes."""
        known = self.get("pods", pod, namespace)
        name = container or known["spec"]["containers"][0]["name"]
        with self.core.store.lock:
            self.cluster.logs.write(known["metadata"]["uid"], name, text, self.core.now())
        self._nudge()

    def use(self, name: str, *, cpu: str = "100m", memory: str = "128Mi", namespace: str = "default") -> None:
        """Each pod whose name is this, or begins with it and a dash, uses so much."""
        self.cluster.usage.known[namespace, name] = Used(cpu, memory)

    def set_metrics(self, metrics: Metrics) -> None:
        """Whether metrics.k8s.io is served, absent (404) or broken (503)."""
        self.cluster.usage.metrics = metrics
        self.core.catalogue.drop("metrics.k8s.io")
        if metrics != "absent":
            self.core.catalogue.add(*METRICS)

    def lose_node(self, name: str) -> None:
        """A node says nothing any more."""
        self.cluster.nodes.lost[name] = self.core.now()
        self.cluster.kubelets.lost.add(name)
        self._nudge()

    def return_node(self, name: str) -> None:
        """It is there again."""
        self.cluster.nodes.lost.pop(name, None)
        self.cluster.kubelets.lost.discard(name)
        self._nudge()

    def webhook(self, name: str, **said: Any) -> Webhook:
        """An admission webhook: see Webhook."""
        one = Webhook(name, **said)
        self.cluster.objects.admissions.append(one)
        return one

    def end_watches(self, what: str = "*") -> int:
        """End the watches that are open; how many."""
        return self.api.watching.end(what)

    def forget(self) -> None:
        """Compact the past: watches and lists from before are too old."""
        with self.core.store.lock:
            self.core.store.forget()

    def _nudge(self) -> None:
        self.core.store.nudge()

    @property
    def requests(self) -> list[Call]:
        """Every request, in their order."""
        return self.server.calls

    def calls_of(self, what: str) -> list[Call]:
        """The requests of a verb and resource, as `patch deployments/scale`."""
        return [one for one in self.requests if one.what == what]

    @property
    def mutations(self) -> list[Call]:
        """The requests that were to change something for good."""
        return [one for one in self.requests if one.mutates and not one.dry]

    def _judge(self, call: Call) -> None:
        if self.strict:
            self.violations += complaints(call)


def _onto(old: Object, said: Object) -> Object:
    """An object with what a manifest says, the rest as it was."""
    new = {**old, **{name: value for name, value in said.items() if name not in {"metadata", "status"}}}
    meta = {**old["metadata"]}
    for name in ("labels", "annotations"):
        if said["metadata"].get(name):
            meta[name] = {**meta.get(name, {}), **said["metadata"][name]}
    return {**new, "metadata": meta}
