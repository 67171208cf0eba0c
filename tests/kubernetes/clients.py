"""The official client at a simulated cluster, and what the tests of the simulator put into it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from kubernetes import client, config

from tests.simulators.kubernetes import Kubernetes
from tests.simulators.slack.clock import ManualClock

STRICT = {"field_manager": "tests", "field_validation": "Strict"}


@dataclass
class Tools:
    """The client's APIs for one person."""

    api: Any
    core: Any
    apps: Any
    scaling: Any
    policy: Any
    http: httpx.Client

    def raw(self, method: str, path: str, body: Any = None, *, kind: str = "", **query: Any) -> tuple[int, Any]:
        """A request as it is: its status, and the JSON of its answer."""
        sent = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind or "application/json"}
        answer = self.http.request(method, path, content=sent, headers=headers, params=query)
        return answer.status_code, answer.json()


@contextmanager
def tools(cluster: Kubernetes, path: Path, token: str = "", **headers: str) -> Iterator[Tools]:
    """The client with a token; the administrator's, unless one is said."""
    settings: Any = client.Configuration()
    config.load_kube_config(str(cluster.kubeconfig(path, token=token)), client_configuration=settings)
    settings.retries = False
    known = {"Authorization": f"Bearer {token or cluster.admin_token}", **headers}
    trusted = ssl.create_default_context(cadata=cluster.certificate)
    with client.ApiClient(settings) as api, httpx.Client(base_url=cluster.url, verify=trusted, headers=known) as http:
        for name, value in headers.items():
            api.set_default_header(name, value)
        groups = (client.CoreV1Api, client.AppsV1Api, client.AutoscalingV2Api, client.PolicyV1Api)
        yield Tools(api, *(one(api) for one in groups), http)


@contextmanager
def still(**options: Any) -> Iterator[Kubernetes]:
    """A cluster whose clock moves when it is told to."""
    with Kubernetes.start(clock=ManualClock(), **options) as cluster:
        yield cluster


def refusal(refused: Any) -> dict[str, Any]:
    """The `Status` of a request that was refused."""
    found = json.loads(refused.value.body)
    assert isinstance(found, dict)
    assert found["kind"] == "Status"
    return found


def deployment(name: str = "web", replicas: int = 3, image: str = "gateway:1", **spec: Any) -> dict[str, Any]:
    """A deployment of pods with one container."""
    container = {"name": "app", "image": image, "ports": [{"containerPort": 8080}]}
    container["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def service(name: str = "web", **selector: str) -> dict[str, Any]:
    """A service for the pods of a deployment."""
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"selector": selector or {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def budget(name: str = "web", **spec: Any) -> dict[str, Any]:
    """A budget for the pods of a deployment."""
    known = {"selector": {"matchLabels": {"app": name}}, **spec}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": known,
    }
