"""The gateway on a simulated cluster, as the adapter of Kubernetes meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from bot.adapters.kubernetes.access import ACCOUNT, manifest
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.settings import ClusterSettings
from bot.adapters.kubernetes.wire import Cluster
from tests.contract.gateways import NAME, SECRET
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.slack.clock import ManualClock

SPACE, DEPLOYMENT = "edge", "api-gateway"
LIMITS = (1, 4)
_LABELS = {"app": DEPLOYMENT}
_FILE = yaml.safe_dump({"admin": {"token": SECRET}, "workers": 2})


def deployment(replicas: int = 2, image: str = "example.com/gateway:1.4.2", **spec: Any) -> dict[str, Any]:
    """A gateway with a ConfigMap as a file, one in its environment, and a secret that a person wrote in plain."""
    container = {
        "name": "gateway",
        "image": image,
        "env": [{"name": "ADMIN_TOKEN", "value": SECRET}, {"name": "LOG_LEVEL", "value": "info"}],
        "envFrom": [{"configMapRef": {"name": "gateway"}}, {"secretRef": {"name": "gateway"}}],
        "volumeMounts": [{"name": "files", "mountPath": "/etc/gateway"}],
    }
    volumes = [{"name": "files", "configMap": {"name": "gateway-files"}}]
    template = {"metadata": {"labels": _LABELS}, "spec": {"containers": [container], "volumes": volumes}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": SPACE, "labels": _LABELS},
        "spec": {"replicas": replicas, "selector": {"matchLabels": _LABELS}, "template": template, **spec},
    }


def furnish(cluster: Kubernetes) -> None:
    """The namespace, the ConfigMaps, the gateway, and the rights that `tocsin k8s rbac` prints."""
    cluster.create("namespaces", {"metadata": {"name": SPACE}})
    for name, known in (("gateway", {"UPSTREAM_TIMEOUT": "2s"}), ("gateway-files", {"gateway.yaml": _FILE})):
        cluster.create("configmaps", {"metadata": {"name": name, "namespace": SPACE}, "data": known})
    cluster.apply(deployment(), namespace=SPACE)
    cluster.apply(manifest(SPACE), namespace=SPACE)
    cluster.settle()


def grant_nodes(cluster: Kubernetes) -> None:
    """What `tocsin k8s rbac --nodes --drain` adds."""
    cluster.apply(manifest(SPACE, nodes=True, drain=True), namespace=SPACE)


@contextmanager
def furnished(**options: Any) -> Iterator[Kubernetes]:
    """A cluster with the gateway in it. Without a clock it lives by itself."""
    with Kubernetes.start(**options) as cluster:
        furnish(cluster)
        yield cluster


@contextmanager
def still(**options: Any) -> Iterator[Kubernetes]:
    """The same, whose time moves when it is told to."""
    with furnished(clock=ManualClock(datetime.now(UTC).replace(microsecond=0)), **options) as cluster:
        yield cluster


def adapter(
    cluster: Kubernetes, folder: Path, *, token: str = "", timeout: float = 8, **said: Any
) -> KubernetesGateway:
    """The adapter, with nothing but the rights of Tocsin's own service account."""
    how = said.pop("how", {})
    path = cluster.kubeconfig(folder / "kubeconfig", token=token or cluster.service_account(ACCOUNT, SPACE))
    reached = Cluster("production", ClusterSettings(kubeconfig=str(path), namespace=SPACE, **how), timeout=timeout)
    place = Place(NAME, reached, "", DEPLOYMENT)
    return KubernetesGateway(place, **{"limits": LIMITS, "now": lambda: datetime.now(UTC)} | said)


def write_logs(cluster: Kubernetes) -> None:
    """Requests that go well and that do not, an operator's fault that nests, and a line that is no JSON."""
    pods = [one["metadata"]["name"] for one in cluster.list("pods", SPACE)]
    failed = {"level": "ERROR", "message": "GET /broken 502", "route": "broken", "status": 502, "error_type": "connect"}
    lines = [
        {"level": "INFO", "message": "GET /good 200", "route": "good", "status": 200},
        failed,
        failed,
        {"level": "WARNING", "message": "fault injected", "after": {"route": "good"}},
    ]
    for line in lines:
        cluster.log(pods[0], json.dumps(line), namespace=SPACE)
    cluster.log(pods[-1], "listening on :8080", namespace=SPACE)
