"""Transcripts of what is looked at beneath a gateway that runs in a cluster."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from commands.domain.sli import Reading
from tests.contract.clusters import DEPLOYMENT, SPACE
from tests.scenario.cluster.doings import asks, grant, rolls_out, types
from tests.scenario.stage import Stage, golden, transcript
from tests.simulators.kubernetes import Kubernetes

_SCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "gateway"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            }
        ],
    },
}
_SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": DEPLOYMENT}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


@transcript("/gw describe")
async def test_describe(stage: Stage, cluster: Kubernetes) -> None:
    rolls_out(cluster, "missing")
    pod = next(one["metadata"]["name"] for one in cluster.list("pods", SPACE) if not _ready(one))
    assert await types(stage, "eve", "general", "/gw describe api") == golden("""
        [#general, only eve]
        4 fit 'api'. Say which.
          They are deployment/api-gateway, pod/(pod), pod/(pod) or pod/(pod).
          (You typed: /gw describe api)
        """)
    assert await types(stage, "eve", "general", f"/gw describe pod/{pod[:-2]}") == golden("""
        [#general, all]
        pod (pod)
          Trouble: Ready is False: containers with unready status: [gateway]
          State: ImagePullBackOff: Back-off pulling image
          Node: node-3
          Address: 10.244.0.4
          Belongs to: replicaset/(set)
          Container gateway: …/gateway:missing
          Volumes: files
          Started: 2026-03-01 12:30 UTC
          | 12:30:02Z   Scheduled: Successfully assigned edge/(pod) to node-3
          | 12:30:02Z   Pulling: Pulling image "…/gateway:missing"
          | 12:30:02Z ! Failed: Failed to pull image "…/gateway:missing": not found
          | 12:30:02Z ! Failed: Error: ErrImagePull
          | 12:30:12Z   BackOff: Back-off pulling image "…/gateway:missing"
          | 12:30:12Z ! Failed: Error: ImagePullBackOff
          (@Eve Larsson: /gw describe pod/(set)-6v8)
        """)
    assert await asks(stage, "eve", "general", "/gw describe nobody") == golden("""
        There is no pod or deployment 'nobody' in edge.
          Try: /gw pods
          (You typed: /gw describe nobody)
        """)
    described = await stage.asks("eve", "general", "/gw describe")
    assert "Changing: a rollout: 0 of 2 new copies available" in described
    assert "Copies: 2 of 2 ready, 1 of the newest revision" in described


def _ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


@transcript("/gw events")
async def test_events(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw events --since 15m") == golden("""
        [#general, all]
        No events of gateway in the last 15 min
          Look further: /gw events --all --since 24h
          (@Eve Larsson: /gw events --since 15m)
        """)
    rolls_out(cluster, "missing")
    assert await types(stage, "eve", "general", "/gw events --limit 4") == golden("""
        [#general, all]
        Newest 4 of 19 events of gateway in the last 1 h
          3 warnings, each marked with !
          | 12:30:02Z ! pod/(pod) Failed: Failed to pull image "…/gateway:missing": not found
          | 12:30:02Z ! pod/(pod) Failed: Error: ErrImagePull
          | 12:30:12Z   pod/(pod) BackOff: Back-off pulling image "…/gateway:missing"
          | 12:30:12Z ! pod/(pod) Failed: Error: ImagePullBackOff
          (@Eve Larsson: /gw events --limit 4)
        """)
    help_for_one_place = await stage.asks("eve", "general", "/help gw events")
    assert "/gw events [--since duration] [--limit number] [--all]" in help_for_one_place
    assert "--cluster" not in help_for_one_place


@transcript("/gw rollout")
async def test_rollout(stage: Stage, cluster: Kubernetes) -> None:
    rolls_out(cluster, "missing")
    assert (await stage.types("eve", "general", "/gw rollout")).startswith("[#general, all]\ngateway: rollout running")
    cluster.advance(700)
    assert await types(stage, "eve", "general", "/gw rollout") == golden("""
        [#general, all]
        gateway: rollout failed, 0 of 2 copies of the newest revision available
          Trouble: 0 of 2 new copies are available, and its progress deadline is over: ReplicaSet "(set)" has timed out progressing.
          Trouble: 1 of 3 pods: ImagePullBackOff: Back-off pulling image
          Strategy: RollingUpdate, at most 25% more, 25% missing
          Revision  Since                 Copies  What it changed
          2 (now)   2026-03-01 12:30 UTC  1       image of gateway: …/gateway:1.4.2 → …/gateway:missing
          1         2026-03-01 12:00 UTC  2       image of gateway: …/gateway:1.4.2
          (@Eve Larsson: /gw rollout)
        """)  # noqa: E501


@transcript("/gw hpa", "/gw top")
async def test_what_is_used_and_who_scales_by_it(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw hpa") == golden("""
        [#general, all]
        No autoscaler sets the copies of gateway
          Its number is set by hand: /gw scale 4
          (@Eve Larsson: /gw hpa)
        """)
    rolls_out(cluster, "1.5.0", requests={"cpu": "100m"}, limits={"cpu": "500m", "memory": "256Mi"})
    cluster.apply(_SCALER, namespace=SPACE)
    cluster.advance(30)
    assert await types(stage, "eve", "general", "/gw hpa") == golden("""
        [#general, all]
        gateway: the autoscaler gateway keeps 2 to 4 copies, 4 now
          Trouble: TooManyReplicas: the desired replica count is more than the maximum replica count
          Scaled last: 2026-03-01 12:30 UTC
          Measured  Now   Aim
          cpu       100%  50%
          (@Eve Larsson: /gw hpa)
        """)
    assert await types(stage, "eve", "general", "/gw top") == golden("""
        [#general, all]
        What is used: 4 pods of gateway
          Name                          CPU                 Memory
          (pod)  100m of 500m (20%)  128 MB of 256 MB (50%)
          (pod)  100m of 500m (20%)  128 MB of 256 MB (50%)
          (pod)  100m of 500m (20%)  128 MB of 256 MB (50%)
          (pod)  100m of 500m (20%)  128 MB of 256 MB (50%)
          (@Eve Larsson: /gw top)
        """)
    cluster.set_metrics("absent")
    assert await asks(stage, "eve", "general", "/gw top") == golden("""
        The cluster production has no metrics API (404): no metrics server is installed there.
          Whoever runs the cluster can install metrics-server. The gateway's own figures are there without it.
          Try: /gw metrics
          (You typed: /gw top)
        """)
    cluster.set_metrics("broken")
    assert await asks(stage, "eve", "general", "/gw top") == golden("""
        The metrics API of the cluster production is there and does not answer (503).
          Look at the pods of metrics-server in kube-system. The gateway's own figures are there without it.
          Try: /gw metrics
          (You typed: /gw top)
        """)


@transcript("/gw endpoints")
async def test_endpoints(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw endpoints") == golden("""
        [#general, all]
        No service sends requests to gateway
          (@Eve Larsson: /gw endpoints)
        """)
    cluster.apply(_SERVICE, namespace=SPACE)
    cluster.hold(cluster.list("pods", SPACE)[0]["metadata"]["name"], SPACE)
    cluster.settle()
    assert await types(stage, "eve", "general", "/gw endpoints") == golden("""
        [#general, all]
        Every service of gateway has pods
          Service  Ports           Gets requests                 Gets none
          web      http 80 → 8080  (pod)  (pod) (not ready)
          (@Eve Larsson: /gw endpoints)
        """)
    cluster.hold(cluster.list("pods", SPACE)[1]["metadata"]["name"], SPACE)
    cluster.settle()
    assert (await stage.asks("eve", "general", "/gw endpoints")).startswith("web: no pod gets requests")


@transcript("/gw nodes")
async def test_nodes(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw nodes") == golden("""
        [#general, only eve]
        The cluster production does not allow Tocsin to list nodes (403).
          tocsin k8s rbac --nodes prints what allows it.
          (You typed: /gw nodes)
        """)
    grant(cluster)
    cluster.lose_node("node-1")
    cluster.change("nodes", "node-2", lambda old: old["spec"].update(unschedulable=True), "")
    cluster.advance(60)
    assert await types(stage, "eve", "general", "/gw nodes") == golden("""
        [#general, all]
        3 nodes, 2 in trouble
          Node    State                                               Pods of gateway  Version  Since
          node-1  says nothing: Kubelet stopped posting node status.  1                v1.34.0  2026-03-01 12:30 UTC
          node-2  cordoned: takes no new pods                         1                v1.34.0  2026-03-01 12:00 UTC
          node-3  ready                                               0                v1.34.0  2026-03-01 12:00 UTC
          (@Eve Larsson: /gw nodes)
        """)
    assert await types(stage, "eve", "general", "/gw top nodes") == golden("""
        [#general, all]
        What is used: 3 nodes of production
          Name    CPU                  Memory
          node-1  100m of 4,000m (2%)  128 MB of 16,384 MB (1%)
          node-2  100m of 4,000m (2%)  128 MB of 16,384 MB (1%)
          node-3  0m of 4,000m (0%)    0 MB of 16,384 MB (0%)
          (@Eve Larsson: /gw top nodes)
        """)


@transcript("/gw changes")
async def test_changes(stage: Stage, cluster: Kubernetes) -> None:
    cluster.advance(7200)
    rolls_out(cluster, "1.5.0")
    cluster.advance(60)
    now = stage.world.clock.now()
    await stage.measured(*(_reading(now, rate) for rate in (0.002, 0.002, 0.31, 0.25)))
    assert await types(stage, "eve", "general", "/gw changes 30m") == golden("""
        [#general, all]
        1 change around gateway in the last 30 min
          Not looked at: nodes. The cluster production does not allow Tocsin to list nodes (403).
          [Errors and p95 of gateway, 14:01 to 14:31 UTC. Error rate: last 25%, between 0.2% and 31%, highest at 14:29; above the objective of 5% from 14:29 to the end. p95: always 40 ms; never above the objective of 500 ms. 14:30: rollout.]
          When       What                                                                              Errors
          14:30 UTC  rollout: image of gateway: …/gateway:1.4.2 → …/gateway:1.5.0  31.0% → 25.0%
          (@Eve Larsson: /gw changes 30m)
        """)  # noqa: E501
    grant(cluster)
    cluster.lose_node("node-1")
    cluster.advance(60)
    assert "node node-1: says nothing" in await stage.asks("eve", "general", "/gw changes 30m")


def _reading(at: datetime, rate: float) -> Reading:
    return Reading(
        at=at, window_seconds=10, requests=1000, errors=int(rate * 1000), error_rate=rate, rps=100, p95_ms=40
    )
