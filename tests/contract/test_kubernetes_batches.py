"""Some pods of a Deployment are restarted by evictions: each goes once, and what holds them is told."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.ledger import ANNOTATION
from bot.adapters.kubernetes.rollout import SLACK
from commands.domain.plan import Target
from commands.ports import Operation, OutcomeUnknown, Rejected
from tests.contract.clusters import DEPLOYMENT, SPACE, adapter, deployment
from tests.contract.gateways import NAME
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.objects import Write

EVICT = "create pods/eviction"


def names(cluster: Kubernetes) -> list[str]:
    """Who is there, the oldest first where they began apart."""
    return sorted(one["metadata"]["name"] for one in cluster.list("pods", SPACE))


def evictions(cluster: Kubernetes) -> list[str]:
    """Whose eviction was asked for, dry runs left out."""
    return [one.name for one in cluster.calls_of(EVICT) if "dryRun" not in one.query]


async def target_of(gateway: KubernetesGateway) -> Target:
    return (await gateway.find(NAME)).target


async def restart(gateway: KubernetesGateway, *only: str, operation: str = "op") -> Operation:
    """Ask once, or once more; what is seen then."""
    target = await target_of(gateway)
    await gateway.restart(target, operation=operation, actor="ana", only=only)
    return await became(gateway, operation)


async def became(gateway: KubernetesGateway, operation: str = "op") -> Operation:
    found = await gateway.operation(await target_of(gateway), operation)
    assert found is not None
    return found


def budget(cluster: Kubernetes, needed: int) -> None:
    """A budget that wants so many healthy pods."""
    selector = {"matchLabels": {"app": DEPLOYMENT}}
    spec = {"minAvailable": needed, "selector": selector}
    meta = {"name": "strict", "namespace": SPACE}
    cluster.apply({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec})
    cluster.settle()


async def test_those_that_are_named_are_replaced_and_no_others(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.apply(deployment(4), namespace=SPACE)
    cluster.settle()
    before = names(cluster)
    found = await restart(gateway, *before[:2])
    assert (found.state, found.done, found.total) == ("running", 0, 2), "they take their time to stop"
    assert found.left == 0, "and cannot be called back"
    assert found.until is not None
    cluster.settle()
    assert (await became(gateway)).state == "done"
    assert set(before) - set(names(cluster)) == set(before[:2])
    assert len(names(cluster)) == 4
    text = cluster.get("deployments", DEPLOYMENT, SPACE)["metadata"]["annotations"][ANNOTATION]
    assert [(one["kind"], one["pods"]) for one in json.loads(text)] == [("restart pods", before[:2])]
    asked = [json.loads(one.raw)["deleteOptions"]["preconditions"]["uid"] for one in cluster.calls_of(EVICT)]
    assert len(set(asked)) == 2, "each by its uid"


@pytest.mark.parametrize("lost", ["the note", "an eviction"])
async def test_an_answer_that_is_lost_is_gone_on_with_and_nothing_is_done_twice(
    cluster: Kubernetes, gateway: KubernetesGateway, lost: str
) -> None:
    old, kept = names(cluster)
    if lost == "the note":
        cluster.faults.lose_answer("patch deployments")
        with pytest.raises(OutcomeUnknown):
            await restart(gateway, old)
        assert (await became(gateway)).state == "running"
        assert not evictions(cluster)
    else:
        cluster.faults.lose_answer(EVICT)
    for _ in range(3):
        await restart(gateway, old)
    cluster.settle()
    assert (await restart(gateway, old)).state == "done"
    assert evictions(cluster) == [old]
    assert kept in names(cluster)


async def test_a_note_that_never_arrived_is_nothing(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    before = names(cluster)
    cluster.faults.drop("patch deployments")
    with pytest.raises(OutcomeUnknown):
        await restart(gateway, *before)
    assert await gateway.operation(await target_of(gateway), "op") is None
    assert (names(cluster), evictions(cluster)) == (before, [])


async def test_whoever_comes_after_a_bot_that_was_killed_goes_on_with_what_is_left(
    cluster: Kubernetes, gateway: KubernetesGateway, tmp_path: Path
) -> None:
    before = names(cluster)
    cluster.faults.fail(EVICT, 429, name=before[1])
    await restart(gateway, *before)
    cluster.settle()
    assert (await became(gateway)).done == 1
    later = adapter(cluster, tmp_path, now=cluster.core.now)
    await restart(later, *before)
    cluster.settle()
    assert (await became(later)).state == "done"
    assert not set(before) & set(names(cluster))
    assert sorted(evictions(cluster)) == sorted([*before, before[1]])
    await later.close()


async def test_a_budget_that_holds_is_asked_again_until_it_lets_go(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    old = names(cluster)[0]
    budget(cluster, 2)
    for _ in range(2):
        found = await restart(gateway, old)
        assert (found.state, found.done, found.error) == ("running", 0, "")
        cluster.advance(4)
    budget(cluster, 1)
    await restart(gateway, old)
    cluster.settle()
    assert (await became(gateway)).state == "done"
    assert evictions(cluster) == [old] * 3


async def test_a_budget_that_holds_is_left_alone_for_longer_each_time(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.apply(deployment(4), namespace=SPACE)
    cluster.settle()
    before = names(cluster)
    budget(cluster, 4)
    asked, target, began = list[int](), await target_of(gateway), cluster.core.now()
    for second in (0, 1, 2, 5, 6, 13, 14, 29, 30, 59, 60):
        cluster.advance((began + timedelta(seconds=second) - cluster.core.now()).total_seconds())
        known = len(evictions(cluster))
        await gateway.restart(target, operation="op", actor="ana", only=before)
        asked += [second] * (len(evictions(cluster)) - known)
    assert asked == [0, 2, 6, 14, 30, 60], "one each time, at twice the distance, up to half a minute"
    budget(cluster, 3)
    cluster.advance(30)
    await restart(gateway, *before)
    assert len(evictions(cluster)) == len(asked) + 2, "one goes, and the next is held"
    cluster.advance(2)
    await restart(gateway, *before)
    assert len(evictions(cluster)) >= len(asked) + 3, "after the first wait again"


async def test_a_budget_that_holds_for_too_long_is_named(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    old = names(cluster)[0]
    cluster.apply(deployment(progressDeadlineSeconds=120), namespace=SPACE)
    budget(cluster, 2)
    await restart(gateway, old)
    cluster.advance(121)
    found = await restart(gateway, old)
    assert (found.state, found.done) == ("failed", 0)
    assert found.error == (
        f"no step forward in 2 min; {old}: The disruption budget strict needs 2 healthy pods and has 2 currently"
    )
    assert evictions(cluster) == [old], "nobody is asked to go once the time is over"
    cluster.faults.fail(EVICT, 403)
    assert "does not allow Tocsin to create pods/eviction" in (await became(gateway)).error, "who holds it is not known"


async def test_a_deployment_without_a_deadline_has_the_usual_one(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    """Kubernetes writes "none" as the largest number that it knows."""
    old, usual = names(cluster)[0], timedelta(minutes=10)
    cluster.apply(deployment(progressDeadlineSeconds=2**31 - 1), namespace=SPACE)
    cluster.settle()
    found = await restart(gateway, old)
    assert found.until == cluster.core.now() + usual + SLACK
    cluster.settle()
    await gateway.restart(await target_of(gateway), operation="all", actor="ana")
    cluster.tick()
    found = await became(gateway, "all")
    assert (found.state, found.until) == ("running", cluster.core.now() + usual + SLACK)


async def test_a_right_that_is_missing_ends_it_in_the_words_of_the_refusal(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    before = names(cluster)
    cluster.faults.fail(EVICT, 403, name=before[1])
    found = await restart(gateway, *before)
    assert (found.state, "does not allow Tocsin to create pods/eviction in edge" in found.error) == ("failed", True)
    cluster.settle()
    assert (await became(gateway)).done == 1, "what had happened is counted"


async def test_a_refusal_is_forgotten_once_another_restart_has_begun(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    first, second = names(cluster)
    cluster.faults.fail(EVICT, 403, name=first)
    assert (await restart(gateway, first)).state == "failed"
    await restart(gateway, second, operation="next")
    assert (await became(gateway)).error == "", "what somebody has forbidden then may be allowed by now"


async def test_a_pod_that_somebody_deleted_meanwhile_counts_as_restarted(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    before = names(cluster)
    cluster.delete("pods", before[0], SPACE)
    cluster.settle()
    await restart(gateway, *before)
    cluster.settle()
    found = await became(gateway)
    assert (found.state, found.done, found.total) == ("done", 2, 2)
    assert evictions(cluster) == before[1:]


async def test_it_is_not_done_before_the_new_one_is_ready_and_fails_where_it_never_is(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    before = names(cluster)
    await restart(gateway, before[0])
    cluster.tick()
    new = next(one for one in names(cluster) if one not in before)
    cluster.hold(new, SPACE)
    cluster.settle()
    found = await became(gateway)
    assert (found.state, found.done, found.total) == ("running", 1, 1)
    cluster.advance(600)
    found = await became(gateway)
    assert found.state == "failed"
    assert found.error == f"no step forward in 10 min; {new}: not ready: runs, and its readiness probe does not pass"


async def test_each_that_is_replaced_begins_the_deadline_anew(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    """A budget lets one go at a time, and each new one is slow: together they take longer than one may."""
    before = names(cluster)
    cluster.apply(deployment(progressDeadlineSeconds=120), namespace=SPACE)
    budget(cluster, 1)
    for _ in before:
        known = set(names(cluster))
        assert (await restart(gateway, *before)).state == "running"
        cluster.tick()
        new = (set(names(cluster)) - known).pop()
        cluster.hold(new, SPACE)
        cluster.advance(100)
        assert (await became(gateway)).state == "running"
        cluster.release(new, SPACE)
        cluster.settle()
    assert (await became(gateway)).state == "done"


async def test_a_pod_that_does_not_stop_is_named(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    old = names(cluster)[0]
    cluster.change("pods", old, lambda known: known["metadata"].update(finalizers=["example.com/slow"]), SPACE)
    await restart(gateway, old)
    cluster.advance(601)
    found = await restart(gateway, old)
    assert (found.state, found.error) == ("failed", f"no step forward in 10 min; {old} does not stop")
    assert evictions(cluster) == [old], "what is stopping is not asked again"


async def test_the_pods_of_a_canary_are_left_alone_and_count_for_nothing(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    """They carry all that the Deployment selects by, and are another one's."""
    mine, labels = names(cluster), {"app": DEPLOYMENT, "track": "canary"}
    canary = deployment(1)
    canary["metadata"]["name"] = "canary"
    canary["spec"] |= {"selector": {"matchLabels": labels}}
    canary["spec"]["template"]["metadata"] = {"labels": labels}
    cluster.apply(canary, namespace=SPACE)
    cluster.settle()
    target = await target_of(gateway)
    assert sorted(one.name for one in await gateway.pods(target, workers=True)) == mine
    assert len(await gateway.pods(target)) == len(mine) + 1
    other = (set(names(cluster)) - set(mine)).pop()
    await restart(gateway, mine[0], other)
    cluster.tick()
    assert evictions(cluster) == [mine[0]]
    cluster.hold((set(names(cluster)) - {*mine, other}).pop(), SPACE)
    cluster.settle()
    assert (await became(gateway)).state == "running", "the canary is ready, and the new worker is not"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_has_ended_is_no_worker(cluster: Kubernetes, gateway: KubernetesGateway, phase: str) -> None:
    """One that was pushed off its node stays in the list, and is the oldest there."""
    over, *_ = names(cluster)

    def ended(old: dict[str, Any]) -> dict[str, Any]:
        return old | {"status": old["status"] | {"phase": phase, "reason": "Evicted"}}

    with cluster.core.store.lock:
        resource = cluster.core.catalogue.named("pods")
        cluster.cluster.objects.change(resource, SPACE, over, ended, Write(subresource="status"))
    cluster.settle()
    assert len(names(cluster)) == 3, "another was started in its place"
    workers = sorted(one.name for one in await gateway.pods(await target_of(gateway), workers=True))
    assert workers == [one for one in names(cluster) if one != over]
    assert (await restart(gateway, over)).state == "done", "it ended by itself"
    assert not evictions(cluster)


def other_image(cluster: Kubernetes, **spec: Any) -> None:
    """Somebody begins a rollout, or holds one back."""
    cluster.apply(deployment(image="example.com/gateway:1.5.0", **spec), namespace=SPACE)
    cluster.tick()


async def test_a_rollout_of_somebody_else_ends_it_and_keeps_it_from_beginning(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    before = names(cluster)
    budget(cluster, 2)
    await restart(gateway, before[0])
    other_image(cluster)
    found = await restart(gateway, before[0])
    assert (found.state, found.error) == ("failed", "somebody has begun a rollout since, which replaces every worker")
    assert evictions(cluster) == [before[0]], "it replaces this one too"
    with pytest.raises(Rejected, match="a rollout is under way"):
        await restart(gateway, before[1], operation="next")
    stopped = [one.stops for one in await gateway.objections(await target_of(gateway), "restart pods")]
    assert True in stopped


async def test_a_pause_holds_no_evictions_back(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.change("deployments", DEPLOYMENT, lambda old: old["spec"].update(paused=True), SPACE)
    assert not await gateway.objections(await target_of(gateway), "restart pods")
    old = names(cluster)[0]
    await restart(gateway, old)
    cluster.settle()
    assert (await became(gateway)).state == "done"
    assert old not in names(cluster)
