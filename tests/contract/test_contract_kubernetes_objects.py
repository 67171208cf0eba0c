"""Changes of ConfigMaps, services, autoscalers, network policies and the count keep the promises of every change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.adapters.kubernetes.altering.single_pods import QUARANTINE
from bot.adapters.kubernetes.gateway import KubernetesGateway
from commands.errors import Conflict, NotFound
from commands.ports import OutcomeUnknown, Rejected
from tests.contract.altering import AlterationsContract, Case, Trial
from tests.contract.clusters import DEPLOYMENT, SPACE, grant_nodes, still
from tests.contract.gateways import NAME
from tests.contract.kubernetes_objects import (
    BLUE,
    GREEN,
    PAGE,
    asked,
    asleep,
    became,
    beyond,
    blocks,
    bounds,
    config,
    cordoned,
    drafted,
    fresh_config,
    fresh_node,
    in_maintenance,
    other_policy,
    pod,
    replicas,
    scaled,
    selector,
    served,
    set_by_hand,
    unblocked,
)
from tests.simulators.kubernetes import Kubernetes

AWKWARD = '$(id) {{ x }}\n- "op": remove\n<!channel> & *b* ~1/..'
_OTHER_CONFIG = set_by_hand("configmaps", "gateway", lambda old: old["data"].update(UPSTREAM_TIMEOUT="9s"))
_OTHER_SELECTOR = set_by_hand(
    "services", "gateway", lambda old: old["spec"].update(selector={"app": "green", "x": "y"})
)
_OTHER_BOUNDS = set_by_hand("horizontalpodautoscalers", "own", lambda old: old["spec"].update(maxReplicas=2))
_OTHER_COUNT = set_by_hand("deployments", DEPLOYMENT, lambda old: old["spec"].update(replicas=3))
CASES = (
    Case(
        "config set", {"map": "gateway", "key": "UPSTREAM_TIMEOUT", "value": AWKWARD}, "patch configmaps",
        _OTHER_CONFIG, config, {"UPSTREAM_TIMEOUT": AWKWARD}, fresh_config,
    ),
    Case("switch", {"to": "green"}, "patch services", _OTHER_SELECTOR, selector, GREEN, served),
    Case("maintenance on", {}, "patch services", _OTHER_SELECTOR, selector, PAGE, served),
    Case("maintenance off", {}, "patch services", _OTHER_SELECTOR, selector, BLUE, in_maintenance, undone=False),
    Case("hpa bounds", {"fewest": 2}, "patch horizontalpodautoscalers", _OTHER_BOUNDS, bounds, (2, 4), scaled),
    Case("hpa bounds", {"most": 3}, "patch horizontalpodautoscalers", _OTHER_BOUNDS, bounds, (1, 3), beyond),
    Case(
        "block", {"cidr": "203.0.113.7/32"}, "create networkpolicies", other_policy, blocks, ["203.0.113.7/32"],
        unblocked,
    ),
    Case("node cordon", {"node": "node-1"}, "patch nodes", fresh_node(True), cordoned, True, fresh_node(False)),
    Case(
        "node uncordon", {"node": "node-1"}, "patch nodes", fresh_node(False), cordoned, False, fresh_node(True),
        undone=False,
    ),
    Case("zero", {}, "patch deployments", _OTHER_COUNT, replicas, 0),
    Case("wake", {}, "patch deployments", _OTHER_COUNT, replicas, 2, asleep, undone=False),
)  # fmt: skip


@pytest.fixture
def cluster() -> Iterator[Kubernetes]:
    """With the rights that a drain needs."""
    with still() as running:
        grant_nodes(running)
        yield running


@pytest.fixture(params=CASES, ids=str)
def trial(request: pytest.FixtureRequest, cluster: Kubernetes, gateway: KubernetesGateway) -> Iterator[Trial]:
    yield Trial.of(request.param, cluster, gateway)
    fresh_node(False)(cluster)
    for plural in ("horizontalpodautoscalers", "networkpolicies"):
        for one in cluster.list(plural, SPACE):
            cluster.delete(plural, one["metadata"]["name"], SPACE)


class TestObjects(AlterationsContract):
    """See the contract."""


async def test_a_pod_is_deleted_once_and_by_its_identity(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    name = pod(cluster)["metadata"]["name"]
    found = await drafted(gateway, "pod delete", pod=name)
    assert found.removes == 0.5
    assert await became(gateway, "pod delete", found) is None
    cluster.faults.drop("delete pods")
    with pytest.raises(OutcomeUnknown):
        await asked(gateway, "pod delete", found)
    assert await became(gateway, "pod delete", found) is None
    cluster.faults.lose_answer("delete pods")
    with pytest.raises(OutcomeUnknown):
        await asked(gateway, "pod delete", found)
    cluster.settle()
    assert cluster.find("pods", name, SPACE) is None
    assert (await became(gateway, "pod delete", found)).state == "done"
    with pytest.raises(NotFound, match="gateway has no pod"):
        await drafted(gateway, "pod delete", pod="$(id); {a: b}")


async def test_a_pod_in_quarantine_runs_on_and_nobody_counts_it(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    name = pod(cluster)["metadata"]["name"]
    found = await drafted(gateway, "pod quarantine", pod=name)
    await asked(gateway, "pod quarantine", found)
    cluster.settle()
    assert cluster.get("pods", name, SPACE)["metadata"]["labels"] == {QUARANTINE: DEPLOYMENT}
    assert len(await gateway.pods((await gateway.find(NAME)).target)) == 2
    assert (await became(gateway, "pod quarantine", found)).state == "done"
    again = await drafted(gateway, "pod delete", pod=name)
    assert again.removes == 0
    await asked(gateway, "pod delete", again)
    cluster.settle()


async def test_a_restart_that_never_came_is_told_from_the_change_that_did(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    fresh_config(cluster)
    found = await drafted(gateway, "config set", map="gateway", key="NEW", value="1", restart=True)
    cluster.faults.fail("patch deployments", 403)
    with pytest.raises(OutcomeUnknown, match="changed, and not restarted"):
        await asked(gateway, "config set", found)
    told = await became(gateway, "config set", found)
    assert (told.state, told.error) == (
        "failed",
        "the ConfigMap was changed, and the restart never arrived: /gw restart",
    )


async def test_what_would_send_to_nobody_is_refused(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    served(cluster)
    cluster.change("deployments", "green", lambda old: old["spec"].update(replicas=0), SPACE)
    cluster.settle()
    with pytest.raises(Conflict, match="No pod with app=green is ready, so gateway would send to nobody"):
        await drafted(gateway, "switch", to="green")
    cluster.change("deployments", "green", lambda old: old["spec"].update(replicas=1), SPACE)
    cluster.settle()
    found = await drafted(gateway, "switch", to="green")
    await asked(gateway, "switch", found)
    assert (await became(gateway, "switch", found)).state == "running"
    cluster.settle()
    assert (await became(gateway, "switch", found)).state == "done"


@pytest.mark.parametrize(
    ("prepare", "change", "said", "why"),
    [
        (other_policy, "block", {"cidr": "203.0.113.7/32"}, "policies add up"),
        (scaled, "hpa bounds", {"fewest": 5, "most": 4}, "would be more than the most"),
        (scaled, "hpa bounds", {"fewest": 1, "most": 9}, "out of the limits, 1 to 4"),
        (fresh_config, "config set", {"map": "gateway-files", "key": "gateway.yaml"}, "looks like a secret"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_before_anybody_confirms(
    cluster: Kubernetes, gateway: KubernetesGateway, prepare: Any, change: str, said: dict[str, Any], why: str
) -> None:
    prepare(cluster)
    with pytest.raises(Conflict, match=why):
        await drafted(gateway, change, **said)
    unblocked(cluster)


async def test_what_would_stop_a_change_does_not_stop_who_looks_whether_it_was_made(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    fresh_config(cluster)
    found = await drafted(gateway, "config set", map="gateway", key="NEW", value="1", restart=True)
    pause, go_on = (
        set_by_hand("deployments", DEPLOYMENT, lambda old, paused=paused: old["spec"].update(paused=paused))
        for paused in (True, False)
    )
    pause(cluster)
    with pytest.raises(Rejected, match="is paused, so nothing would be restarted"):
        await asked(gateway, "config set", found)
    assert await became(gateway, "config set", found) is None
    go_on(cluster)
    await asked(gateway, "config set", found)
    pause(cluster)
    assert (await became(gateway, "config set", found)).state == "running"


async def test_a_file_of_a_configmap_is_neither_kept_nor_told_whole(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    fresh_config(cluster)
    file = "a: b\n" * 2000
    set_by_hand("configmaps", "gateway", lambda old: old["data"].update(file=file))(cluster)
    found = await drafted(gateway, "config set", map="gateway", key="file", value="c: d")
    assert re.fullmatch(r"10000 characters, sha256 \w{16}", found.live["file of gateway"])
    set_by_hand("configmaps", "gateway", lambda old: old["data"].update(file=file.replace("b", "c")))(cluster)
    with pytest.raises(Rejected, match=r"was 10000 characters, .* and is 10000 characters, ") as refused:
        await asked(gateway, "config set", found)
    assert len(str(refused.value)) < 200
    fresh_config(cluster)


async def test_what_takes_workers_away_is_counted(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    scaled(cluster)
    served(cluster)
    cluster.settle()
    found = await drafted(gateway, "hpa bounds", most=1)
    assert (found.removes, found.facts[-1]) == (0.5, ("Will happen", "1 of 2 workers stop at once"))
    assert (await drafted(gateway, "maintenance on")).removes == 1.0
    cluster.delete("horizontalpodautoscalers", "own", SPACE)


async def test_a_pod_that_somebody_replaced_is_left(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    found = await drafted(gateway, "pod quarantine", pod=pod(cluster)["metadata"]["name"])
    cluster.change("pods", found.settled["pod"], lambda old: old["metadata"]["labels"].update(extra="1"), SPACE)
    with pytest.raises(Rejected, match="labels was 2, and is 3 by now"):
        await asked(gateway, "pod quarantine", found)
