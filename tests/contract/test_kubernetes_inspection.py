"""What is looked at beneath a Deployment: on old and new servers, when requests go wrong, and nothing secret in it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.access import ACCOUNT, manifest
from bot.adapters.kubernetes.certificates import certificate
from bot.adapters.kubernetes.fleet import KubernetesFleet
from bot.adapters.kubernetes.happening import event_of, in_order
from bot.adapters.kubernetes.listing import MOST
from bot.adapters.kubernetes.quantities import thousandths, whole
from commands.domain.plan import Target
from commands.errors import NotFound, Unavailable
from commands.ports import Inspection
from commands.redaction import MASK
from tests.contract.clusters import DEPLOYMENT, SPACE, adapter, deployment, still
from tests.contract.gateways import NAME
from tests.simulators.kubernetes import Kubernetes

HOUR = timedelta(hours=1)
Look = Callable[[Inspection, Target], Awaitable[Any]]
#: Each look, with the request that only it needs.
LOOKS: dict[str, tuple[str, Look]] = {
    "describe": ("list events", lambda seen, target: seen.describe(target, "")),
    "events": (
        "list events",
        lambda seen, target: seen.events(target, since=HOUR, limit=9, everything=True),
    ),
    "rollout": ("list replicasets", lambda seen, target: seen.rollout(target, limit=9)),
    "hpa": ("list horizontalpodautoscalers", lambda seen, target: seen.autoscalers(target)),
    "endpoints": ("list endpointslices", lambda seen, target: seen.served(target)),
    "nodes": ("list nodes", lambda seen, target: seen.nodes(target)),
    "configmap": ("get configmaps", lambda seen, target: seen.config_maps(target)),
    "certs": ("list secrets", lambda seen, target: seen.certificates(target)),
}


@pytest.fixture(params=["current", "old"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    with still(age=request.param) as running:
        running.apply(manifest(SPACE, nodes=True, certs=True), namespace=SPACE)
        yield running


@pytest.fixture
async def fleet(cluster: Kubernetes, tmp_path: Path) -> AsyncIterator[KubernetesFleet]:
    one = KubernetesFleet([adapter(cluster, tmp_path)], now=cluster.core.now)
    yield one
    await one.close()
    assert not cluster.violations
    assert not [call.what for call in cluster.mutations if call.user.name.endswith(f":{ACCOUNT}")], "it only looks"


async def target_of(fleet: KubernetesFleet) -> Target:
    return (await fleet.find(NAME)).target


@pytest.mark.parametrize("name", LOOKS)
async def test_each_look_says_what_is_wrong_when_its_request_goes_wrong(
    cluster: Kubernetes, fleet: KubernetesFleet, name: str
) -> None:
    what, look = LOOKS[name]
    target = await target_of(fleet)
    assert await look(fleet.inspection, target) is not None
    for fault, said in (
        (lambda: cluster.faults.fail(what, 403, times=None), "does not allow Tocsin"),
        (lambda: cluster.faults.fail(what, 503, times=None), "does not answer"),
        (lambda: cluster.faults.drop(what, times=None), "does not answer"),
    ):
        fault()
        with pytest.raises(Unavailable) as refused:
            await look(fleet.inspection, target)
        assert said in refused.value.message
        assert refused.value.hint
        cluster.faults.clear()
    cluster.faults.drop(what)
    assert await look(fleet.inspection, target) is not None, "a read is tried twice"


async def test_a_slow_server_is_not_waited_for(cluster: Kubernetes, fleet: KubernetesFleet, tmp_path: Path) -> None:
    target = await target_of(fleet)
    hasty = KubernetesFleet([adapter(cluster, tmp_path, timeout=0.3)], now=cluster.core.now)
    cluster.faults.slow("list nodes", 1, times=None)
    with pytest.raises(Unavailable, match="The cluster production does not answer"):
        await hasty.inspection.nodes(target)
    await hasty.close()


async def test_what_is_not_served_is_none_of_it(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    target = await target_of(fleet)
    for what in ("list horizontalpodautoscalers", "list endpointslices"):
        cluster.faults.fail(what, 404, times=None)
    assert (await fleet.inspection.autoscalers(target), await fleet.inspection.served(target)) == ([], [])


async def test_changes_are_told_without_what_cannot_be_looked_at(
    cluster: Kubernetes, fleet: KubernetesFleet, tmp_path: Path
) -> None:
    target = await target_of(fleet)
    for what in ("list nodes", "list events"):
        cluster.faults.fail(what, 503, times=None)
    found = await fleet.inspection.changes(target, since=HOUR)
    assert [one.partition(".")[0] for one in found.missing] == ["autoscaling", "nodes"]
    assert any(one.kind == "rollout" for one in found.changes)
    cluster.faults.fail("get deployments", 503, times=None)
    # Another reader: of the first one's, a look that had no use any more may still be under way, and be shared.
    other = KubernetesFleet([adapter(cluster, tmp_path)], now=cluster.core.now)
    with pytest.raises(Unavailable):
        await other.inspection.changes(target, since=HOUR)
    await other.close()


async def test_an_autoscaler_is_read_in_either_version(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    aims = {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT}
    spec = {"scaleTargetRef": aims, "minReplicas": 2, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70}
    for name, at in (("own", aims), ("other", aims | {"name": "other"})):
        meta, said = {"name": name}, spec | {"scaleTargetRef": at}
        known = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": said}
        cluster.apply(known, namespace=SPACE)
    cluster.advance(30)
    (found,) = await fleet.inspection.autoscalers(await target_of(fleet))
    assert (found.name, found.least, found.most) == ("own", 2, 3)
    assert [name for name, _, _ in found.metrics] == ["cpu"]
    assert "70%" in found.metrics[0]
    for name in ("own", "other"):
        cluster.delete("horizontalpodautoscalers", name, SPACE)


async def test_a_config_map_of_another_name_is_what_running_copies_have(
    cluster: Kubernetes, fleet: KubernetesFleet
) -> None:
    for name, timeout in (("edge-abc12", "2s"), ("edge-def34", "9s")):
        meta = {"name": name, "namespace": SPACE}
        cluster.create("configmaps", {"metadata": meta, "data": {"TIMEOUT": timeout, "TOKEN": "never-shown"}})
    for name, tag in (("edge-abc12", "1.5.0"), ("edge-def34", "missing")):
        said = deployment(image=f"example.com/gateway:{tag}")
        said["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": name}}]
        cluster.apply(said, namespace=SPACE)
        cluster.settle()
    maps = {one.name: one for one in await fleet.inspection.config_maps(await target_of(fleet))}
    changed = maps["edge-def34"]
    assert changed.against == "edge-abc12, which 2 of 3 copies run with"
    assert changed.diff.splitlines()[:2] == ["-TIMEOUT: 2s", "+TIMEOUT: 9s"]
    assert "never-shown" not in changed.text + changed.diff
    assert MASK in changed.text
    for name in ("edge-abc12", "edge-def34"):
        cluster.delete("configmaps", name, SPACE)
    assert any(
        "there is no such ConfigMap" in one.how for one in await fleet.inspection.config_maps(await target_of(fleet))
    )


async def test_a_hand_edit_is_seen_against_what_was_applied(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    applied = json.dumps({"data": {"UPSTREAM_TIMEOUT": "1s"}})

    def edited(old: dict[str, Any]) -> None:
        old["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": applied}

    cluster.change("configmaps", "gateway", edited, SPACE)
    maps = {one.name: one for one in await fleet.inspection.config_maps(await target_of(fleet))}
    assert maps["gateway"].against == "what kubectl applied last"
    assert maps["gateway"].diff.splitlines() == ["-UPSTREAM_TIMEOUT: 1s", "+UPSTREAM_TIMEOUT: 2s"]


async def test_a_pod_that_crashes_is_described_with_how_it_ended(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    pod = cluster.list("pods", SPACE)[0]["metadata"]["name"]
    cluster.crash(pod, namespace=SPACE, exit_code=137, reason="OOMKilled")
    cluster.settle()
    found = dict((await fleet.inspection.describe(await target_of(fleet), pod)).facts)
    assert found["Restarts of gateway"] == "1; ended last with 137 (OOMKilled)"
    pods = {one.name: one for one in await fleet.pods(await target_of(fleet))}
    assert (pods[pod].state, pods[pod].restarts, pods[pod].ended) == ("ready", 1, "OOMKilled, 137")
    with pytest.raises(NotFound):
        await fleet.inspection.describe(await target_of(fleet), "deployment/other")


async def test_many_events_are_read_to_a_bound_that_is_said(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    target = await target_of(fleet)
    found = await fleet.inspection.events(target, since=HOUR, limit=2, everything=True)
    assert (len(found.events), found.whole) == (2, True)
    asked = cluster.calls_of("list events")
    assert all(int(call.query["limit"]) <= MOST for call in asked)


def _event(version: int, **said: Any) -> dict[str, Any]:
    made = {"creationTimestamp": "2026-03-01T12:00:00Z", "resourceVersion": str(version)}
    return {"metadata": made, "involvedObject": {"kind": "Pod", "name": "web-1"}, "reason": f"n{version}"} | said


def test_events_are_put_in_order_by_whichever_time_they_have() -> None:
    events = [
        _event(1, series={"lastObservedTime": "2026-03-01T12:09:00.5Z", "count": 40}, type="Warning"),
        _event(2, eventTime="2026-03-01T12:03:00.123456Z"),
        _event(3, lastTimestamp="2026-03-01T12:05:00Z", eventTime=None, count=7),
        _event(4),
        _event(5),
    ]
    assert [one.reason for one in in_order(events)] == ["n4", "n5", "n2", "n3", "n1"]
    assert event_of(events[0]).count == 40
    assert event_of(events[0]).warning
    assert event_of(events[2]).at == datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "milli", "pieces"),
    [
        ("250m", 250, 0),
        ("2", 2000, 2),
        ("1500000n", 2, 0),
        ("128Mi", None, 2**27),
        ("1e3", 1_000_000, 1000),
        ("?", None, None),
    ],
)
def test_quantities(text: str, milli: int | None, pieces: int | None) -> None:
    assert whole(text) == pieces
    if milli is not None:
        assert thousandths(text) == milli


@pytest.mark.parametrize(
    ("encoded", "trouble"), [("", "it has no tls.crt"), ("bm9uZQ==", "its tls.crt is no certificate")]
)
def test_what_is_no_certificate_is_said_to_be_none(encoded: str, trouble: str) -> None:
    assert certificate("web", encoded).trouble == trouble


async def test_no_key_of_a_secret_leaves_the_adapter(cluster: Kubernetes, fleet: KubernetesFleet) -> None:
    said = {"tls.crt": "bm9uZQ==", "tls.key": base64.b64encode(b"a-private-key").decode()}
    cluster.create(
        "secrets", {"metadata": {"name": "tls", "namespace": SPACE}, "type": "kubernetes.io/tls", "data": said}
    )
    found = await fleet.inspection.certificates(await target_of(fleet))
    assert [one.secret for one in found] == ["tls"]
    assert said["tls.key"] not in str(found)
    assert cluster.calls_of("list secrets")[-1].query["fieldSelector"] == "type=kubernetes.io/tls"
    cluster.delete("secrets", "tls", SPACE)
