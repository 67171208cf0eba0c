"""A drain that is held, a Service of others, a maintenance whose page is gone: what is left alone, and told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.kubernetes.altering.nodes import Drain
from bot.adapters.kubernetes.altering.selectors import PAGE_OF
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.listing import PAGE as PAGE_SIZE
from commands.actions.known import ACTIONS
from commands.errors import Conflict, NotFound, Unavailable
from commands.ports import Drafted, Rejected
from tests.contract.altering import plan_of
from tests.contract.clusters import DEPLOYMENT, SPACE, deployment, grant_nodes, still
from tests.contract.gateways import NAME
from tests.contract.kubernetes_objects import (
    BLUE,
    GREEN,
    PAGE,
    asked,
    became,
    drafted,
    fresh_node,
    in_maintenance,
    made,
    other_policy,
    pod,
    selector,
    served,
    unblocked,
)  # fmt: skip
from tests.simulators.kubernetes import Kubernetes


@pytest.fixture
def cluster() -> Iterator[Kubernetes]:
    """With the rights that a drain needs."""
    with still() as running:
        grant_nodes(running)
        yield running


async def test_a_drain_that_a_budget_holds_says_which(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    node = pod(cluster)["spec"]["nodeName"]
    spec = {"minAvailable": 2, "selector": {"matchLabels": BLUE}}
    made(cluster, "PodDisruptionBudget", "strict", spec, "policy/v1")
    cluster.settle()
    found = await drafted(gateway, "node drain", node=node)
    held = "The disruption budget strict needs 2 healthy pods and has 2 currently"
    assert (found.facts[-1][0], held in found.facts[-1][1], found.removes) == ("Held now", True, 0.5)
    await asked(gateway, "node drain", found)
    got = await evicted(gateway, found)
    assert got.state == "running", got
    short = Drain(timedelta(0))
    scene, thought = await gateway._thought(short, (await gateway.find(NAME)).target, found.settled)
    evictions = len(cluster.calls_of("create pods/eviction"))
    await short.further(scene, thought, "")
    assert len(cluster.calls_of("create pods/eviction")) == evictions, "the time is over"
    told = await short.became(scene, thought, Note.of("", "plan-1", "ana", scene.now, thought.known))
    assert (told.state, told.total, held in told.error) == ("failed", 1, True)
    cluster.delete("poddisruptionbudgets", "strict", SPACE)
    fresh_node(False, node)(cluster)


async def test_a_drain_skips_what_stays_and_refuses_what_nobody_would_start_again(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    node = pod(cluster)["spec"]["nodeName"]
    meta = {"name": "mirror", "namespace": SPACE, "annotations": {"kubernetes.io/config.mirror": "x"}}
    known = {"containers": [{"name": "a", "image": "a:1"}], "nodeName": node}
    cluster.create("pods", {"metadata": meta, "spec": known})
    assert "1 pod:" in dict((await drafted(gateway, "node drain", node=node)).facts)["Evicts"]
    cluster.create("pods", {"metadata": {"name": "alone", "namespace": SPACE}, "spec": known})
    with pytest.raises(Conflict, match="Nothing would start alone again"):
        await drafted(gateway, "node drain", node=node)
    for name in ("mirror", "alone"):
        cluster.delete("pods", name, SPACE)
    cluster.settle()


def bare(cluster: Kubernetes, node: str) -> None:
    """A pod on a node that nobody would start again."""
    known = {"containers": [{"name": "a", "image": "a:1"}], "nodeName": node}
    cluster.create("pods", {"metadata": {"name": "alone", "namespace": SPACE}, "spec": known})


async def evicted(gateway: KubernetesGateway, found: Any) -> Any:
    """What a round of evictions came to."""
    target = (await gateway.find(NAME)).target
    await gateway.pursue("node drain", target, found.settled, plan="plan-1", actor="ana")
    return await became(gateway, "node drain", found)


async def test_a_drain_leaves_a_pod_that_nobody_would_start_again(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    node = pod(cluster)["spec"]["nodeName"]
    fresh_node(False, node)(cluster)
    found = await drafted(gateway, "node drain", node=node)
    bare(cluster, node)
    with pytest.raises(Rejected, match="pods that nothing would start again was none, and is alone by now"):
        await asked(gateway, "node drain", found)
    cluster.delete("pods", "alone", SPACE)
    cluster.settle()
    await asked(gateway, "node drain", found)
    bare(cluster, node)
    await evicted(gateway, found)
    cluster.settle()
    told = await evicted(gateway, found)
    assert (told.state, told.done, told.total) == ("failed", 1, 1)
    assert told.error == f"1 pod left on {node}: nothing would start alone again, so it was not evicted"
    assert cluster.find("pods", "alone", SPACE)
    cluster.delete("pods", "alone", SPACE)
    fresh_node(False, node)(cluster)
    cluster.settle()


async def test_evictions_go_on_after_a_list_that_failed_and_end_with_a_right_that_is_missing(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    node = pod(cluster)["spec"]["nodeName"]
    fresh_node(False, node)(cluster)
    found = await drafted(gateway, "node drain", node=node)
    await asked(gateway, "node drain", found)
    name = pod(cluster)["metadata"]["name"]
    cluster.change("pods", name, lambda old: old["metadata"].update(finalizers=["example.com/slow"]), SPACE)
    cluster.faults.fail("create pods/eviction", 403)
    told = await evicted(gateway, found)
    assert (told.state, "does not allow Tocsin to create pods/eviction" in told.error) == ("failed", True)
    fresh_node(False, node)(cluster)
    await asked(gateway, "node drain", await drafted(gateway, "node drain", node=node), "plan-2")
    target = (await gateway.find(NAME)).target
    cluster.faults.fail("list pods", 500)
    with pytest.raises(Unavailable):
        await gateway.pursue("node drain", target, found.settled, plan="plan-2", actor="ana")
    await gateway.pursue("node drain", target, found.settled, plan="plan-2", actor="ana")
    short = Drain(timedelta(0))
    scene, thought = await gateway._thought(short, target, found.settled)
    told = await short.became(scene, thought, Note.of("", "plan-2", "ana", scene.now, thought.known))
    assert (told.state, told.done, told.total) == ("running", 0, 1), "what is stopping is no failure"
    cluster.change("pods", name, lambda old: old["metadata"].pop("finalizers"), SPACE)
    fresh_node(False, node)(cluster)
    cluster.settle()


async def test_an_undo_leaves_the_cordon_that_was_there_before(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    node = pod(cluster)["spec"]["nodeName"]
    workload = await gateway.find(NAME)
    action = ACTIONS["node drain"]
    for was in (False, True):
        fresh_node(was, node)(cluster)
        found = await drafted(gateway, "node drain", node=node)
        plan = plan_of("node drain", found, workload.target.model_dump())
        assert (action.inverse(plan) is None) == was
        seen = Drafted(**workload.model_dump(), draft=await drafted(gateway, "node drain", **found.settled))
        assert action.shows(plan, seen) == was, "cordoned, whoever is on it still"
    fresh_node(False, node)(cluster)


def by_expressions(cluster: Kubernetes) -> None:
    """A page that selects its pods by expressions."""
    served(cluster)
    cluster.delete("deployments", "page", SPACE)
    known = deployment(1)
    known["metadata"] = {"name": "page", "namespace": SPACE, "labels": {PAGE_OF: DEPLOYMENT}}
    known["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["page"]}]}
    known["spec"]["template"]["metadata"] = {"labels": PAGE}
    cluster.apply(known, namespace=SPACE)


def of_others(cluster: Kubernetes) -> None:
    served(cluster)
    made(cluster, "Service", "payments", {"selector": {"app": "payments"}, "ports": [{"port": 80}]})


def half_ended(cluster: Kubernetes) -> None:
    """In maintenance, and somebody has switched the Service by hand."""
    in_maintenance(cluster)
    cluster.change("services", "gateway", lambda old: old["spec"].update(selector=GREEN), SPACE)


@pytest.mark.parametrize(
    ("prepare", "change", "said", "why"),
    [
        (of_others, "switch", {"to": "green", "service": "payments"}, "payments does not send to gateway"),
        (of_others, "maintenance on", {"service": "payments"}, "payments does not send to gateway"),
        (in_maintenance, "switch", {"to": "green"}, "gateway is in maintenance"),
        (half_ended, "maintenance on", {}, "gateway is in maintenance"),
        (by_expressions, "maintenance on", {}, "page selects its pods by expressions alone"),
    ],
)  # fmt: skip
async def test_a_service_of_others_is_left_and_what_a_maintenance_kept_is_not_lost(
    cluster: Kubernetes, gateway: KubernetesGateway, prepare: Any, change: str, said: dict[str, Any], why: str
) -> None:
    prepare(cluster)
    cluster.settle()
    with pytest.raises(Conflict, match=why):
        await drafted(gateway, change, **said)
    for plural, name in (("services", "payments"), ("deployments", "page")):
        if cluster.find(plural, name, SPACE):
            cluster.delete(plural, name, SPACE)


async def test_the_end_of_a_maintenance_takes_no_capacity_however_large_the_page_is(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    in_maintenance(cluster)
    cluster.change("deployments", "page", lambda old: old["spec"].update(replicas=4), SPACE)
    cluster.settle()
    assert (await drafted(gateway, "maintenance off")).removes == 0


async def test_a_page_that_is_gone_keeps_nobody_from_ending_the_maintenance(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    served(cluster)
    cluster.settle()
    found = await drafted(gateway, "maintenance on")
    await asked(gateway, "maintenance on", found)
    cluster.delete("deployments", "page", SPACE)
    cluster.settle()
    assert (await became(gateway, "maintenance on", found)).state == "running", "its page is gone, and it is seen"
    seen = await drafted(gateway, "maintenance on", **found.settled)
    assert seen.already == "gateway sends to app=page already."
    off = await drafted(gateway, "maintenance off")
    await asked(gateway, "maintenance off", off, "plan-2")
    assert selector(cluster) == BLUE


async def test_another_policy_after_the_block_says_nothing_against_what_was_done(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    unblocked(cluster)
    found = await drafted(gateway, "block", cidr="203.0.113.7/32")
    await asked(gateway, "block", found)
    other_policy(cluster)
    assert (await became(gateway, "block", found)).state == "done"
    assert (await drafted(gateway, "block", **found.settled)).already
    unblocked(cluster)


async def test_a_pod_is_replaced_once_the_new_one_is_ready_whatever_the_status_says(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    for change in ("pod delete", "pod quarantine"):
        found = await drafted(gateway, change, pod=pod(cluster)["metadata"]["name"])
        await asked(gateway, change, found)
        told = await became(gateway, change, found)
        assert (told.state, told.done, told.total) == ("running", 1, 2)
        cluster.settle()
        assert (await became(gateway, change, found)).state == "done"


async def test_what_comes_after_the_first_page_counts_too(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    unblocked(cluster)
    other_policy(cluster)
    spec = {"podSelector": {"matchLabels": {"app": "other"}}, "policyTypes": ["Ingress"]}
    for number in range(PAGE_SIZE):
        meta = {"name": f"a-{number}", "namespace": SPACE}
        cluster.create("networkpolicies", {"metadata": meta, "spec": spec})
    with pytest.raises(Conflict, match="The network policy closed says who reaches gateway"):
        await drafted(gateway, "block", cidr="203.0.113.7/32")
    unblocked(cluster)


async def test_a_node_is_asked_for_by_its_name(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    fresh_node(False)(cluster)
    assert (await drafted(gateway, "node cordon", node="node-1")).settled["node"] == "node-1"
    assert cluster.calls_of("list nodes")[-1].query["fieldSelector"] == "metadata.name=node-1"
    for name in ("node-x", "a,metadata.name=node-1"):
        with pytest.raises(NotFound, match="There is no node"):
            await drafted(gateway, "node cordon", node=name)
