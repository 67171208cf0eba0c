"""What is around the gateway in a simulated cluster: as somebody has made it, as it is now, and changes asked of it."""

from __future__ import annotations

from typing import Any

from bot.adapters.kubernetes.altering.selectors import PAGE_OF
from bot.adapters.kubernetes.gateway import KubernetesGateway
from tests.contract.clusters import DEPLOYMENT, SPACE, deployment
from tests.contract.gateways import NAME
from tests.simulators.kubernetes import Kubernetes

BLUE, GREEN, PAGE = {"app": DEPLOYMENT}, {"app": "green"}, {"app": "page"}


def made(cluster: Kubernetes, kind: str, name: str, spec: dict[str, Any], version: str = "v1") -> None:
    """An object as somebody else has made it, anew."""
    found = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": SPACE}, "spec": spec}
    plural = f"{kind.lower()}s".replace("ys", "ies")
    if cluster.find(plural, name, SPACE):
        cluster.delete(plural, name, SPACE)
    cluster.apply(found, namespace=SPACE)


def beside(cluster: Kubernetes, name: str, labels: dict[str, str]) -> None:
    """Another deployment, with one pod."""
    known = deployment(1)
    known["metadata"] = {"name": name, "namespace": SPACE, "labels": {PAGE_OF: DEPLOYMENT} if name == "page" else {}}
    known["spec"]["selector"] = {"matchLabels": labels}
    known["spec"]["template"]["metadata"] = {"labels": labels}
    cluster.apply(known, namespace=SPACE)


def served(cluster: Kubernetes) -> None:
    """A Service that sends to the gateway, a green one, and a page for maintenance."""
    made(cluster, "Service", "gateway", {"selector": BLUE, "ports": [{"port": 80}]})
    beside(cluster, "green", GREEN)
    beside(cluster, "page", PAGE)


def in_maintenance(cluster: Kubernetes) -> None:
    served(cluster)

    def changed(old: dict[str, Any]) -> None:
        old["metadata"]["annotations"] = {"tocsin/selector-before": f'{{"app": "{DEPLOYMENT}"}}'}
        old["spec"]["selector"] = PAGE

    cluster.change("services", "gateway", changed, SPACE)


def scaled(cluster: Kubernetes) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4}
    made(cluster, "HorizontalPodAutoscaler", "own", spec, "autoscaling/v2")


def beyond(cluster: Kubernetes) -> None:
    """More than the limits allow, as somebody else has set it."""
    scaled(cluster)
    cluster.change("horizontalpodautoscalers", "own", lambda old: old["spec"].update(maxReplicas=9), SPACE)


def asleep(cluster: Kubernetes) -> None:
    def changed(old: dict[str, Any]) -> None:
        old["metadata"].setdefault("annotations", {})["tocsin/replicas-before"] = "2"
        old["spec"]["replicas"] = 0

    cluster.change("deployments", DEPLOYMENT, changed, SPACE)


def unblocked(cluster: Kubernetes) -> None:
    for one in cluster.list("networkpolicies", SPACE):
        cluster.delete("networkpolicies", one["metadata"]["name"], SPACE)


def config(cluster: Kubernetes) -> Any:
    return cluster.get("configmaps", "gateway", SPACE)["data"]


def selector(cluster: Kubernetes) -> Any:
    return cluster.get("services", "gateway", SPACE)["spec"]["selector"]


def bounds(cluster: Kubernetes) -> Any:
    spec = cluster.get("horizontalpodautoscalers", "own", SPACE)["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


def replicas(cluster: Kubernetes) -> Any:
    return cluster.get("deployments", DEPLOYMENT, SPACE)["spec"]["replicas"]


def blocks(cluster: Kubernetes) -> list[str]:
    return [
        address
        for one in cluster.list("networkpolicies", SPACE)
        for rule in one["spec"].get("ingress", ())
        for peer in rule["from"]
        for address in (peer.get("ipBlock") or {}).get("except", ())
    ]


def set_by_hand(plural: str, name: str, change: Any) -> Any:
    """Somebody else's change."""
    return lambda cluster: cluster.change(plural, name, change, SPACE)


def fresh_node(cordoned: bool, name: str = "node-1") -> Any:
    """A node that nobody has noted anything on."""

    def changed(old: dict[str, Any]) -> None:
        old["metadata"].pop("annotations", None)
        old["spec"]["unschedulable"] = cordoned

    return lambda cluster: cluster.change("nodes", name, changed)


def cordoned(cluster: Kubernetes) -> bool:
    return bool(cluster.get("nodes", "node-1")["spec"].get("unschedulable"))


def fresh_config(cluster: Kubernetes) -> None:
    def changed(old: dict[str, Any]) -> None:
        old["data"] = {"UPSTREAM_TIMEOUT": "2s"}
        old["metadata"].pop("annotations", None)

    cluster.change("configmaps", "gateway", changed, SPACE)


def other_policy(cluster: Kubernetes) -> None:
    made(cluster, "NetworkPolicy", "closed", {"podSelector": {}, "policyTypes": ["Ingress"]}, "networking.k8s.io/v1")


async def drafted(gateway: KubernetesGateway, change: str, **said: Any) -> Any:
    return await gateway.draft(change, (await gateway.find(NAME)).target, said, dry_run=True)


async def asked(gateway: KubernetesGateway, change: str, found: Any, plan: str = "plan-1") -> None:
    target = (await gateway.find(NAME)).target
    await gateway.alter(change, target, found.settled, live=found.live, plan=plan, actor="ana")


async def became(gateway: KubernetesGateway, change: str, found: Any) -> Any:
    return await gateway.altered(change, (await gateway.find(NAME)).target, found.settled, plan="plan-1")


def pod(cluster: Kubernetes) -> dict[str, Any]:
    return next(
        one for one in cluster.list("pods", SPACE) if one["metadata"].get("labels", {}).get("app") == DEPLOYMENT
    )
