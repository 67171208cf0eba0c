"""What the adapter of Kubernetes says when requests go wrong, and what it finds out about them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.access import ACCOUNT
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.ledger import ANNOTATION
from commands.errors import NotFound, Unavailable
from commands.people import SYSTEM
from commands.ports import Operation, OutcomeUnknown, Rejected, Workload
from tests.contract.clusters import DEPLOYMENT, SPACE, adapter, deployment
from tests.contract.gateways import NAME
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.http.calls import Call

SCALE = "update deployments/scale"
NOTE = "patch deployments"


async def scale(gateway: KubernetesGateway, replicas: int = 3, *, operation: str = "op") -> Workload:
    """Ask for a scale from two."""
    found = await gateway.find(NAME)
    await gateway.scale(found.target, replicas=replicas, expected=2, operation=operation, actor="ana")
    return found


async def became(gateway: KubernetesGateway, operation: str = "op") -> Operation | None:
    """What is known of an operation now."""
    return await gateway.operation((await gateway.find(NAME)).target, operation)


def replicas(cluster: Kubernetes) -> int:
    return int(cluster.get("deployments", DEPLOYMENT, SPACE)["spec"]["replicas"])


def by_hand(cluster: Kubernetes, **spec: Any) -> None:
    """Somebody else changes the spec, as kubectl would: recorded under another name."""

    def changed(old: dict[str, Any]) -> None:
        old["spec"].update(spec)
        for entry in old["metadata"].get("managedFields", []):
            (entry["fieldsV1"].get("f:spec") or {}).pop("f:replicas", None)
        if "replicas" in spec:
            fields = {"f:spec": {"f:replicas": {}}}
            entry = {"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale"}
            old["metadata"].setdefault("managedFields", []).append(
                {**entry, "time": "2026-03-01T13:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}
            )

    cluster.change("deployments", DEPLOYMENT, changed, SPACE)


async def test_a_scale_runs_and_is_done(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    await scale(gateway)
    assert [one.what for one in cluster.mutations[-2:]] == [NOTE, SCALE]
    found = await became(gateway)
    assert found is not None
    assert (found.state, found.done, found.total) == ("running", 0, 3)
    cluster.settle()
    assert await became(gateway) == Operation(id="op", state="done", done=3, total=3)


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "500", "500 and done", "slow", "slow and done"])
async def test_without_an_answer_the_outcome_is_unknown_until_it_is_read_back(
    cluster: Kubernetes, tmp_path: Path, fault: str
) -> None:
    gateway = adapter(cluster, tmp_path, timeout=1 if fault.startswith("slow") else 8)
    name, done = fault.partition(" ")[0], fault == "lose_answer" or fault.endswith("done")
    if name == "500":
        cluster.faults.fail(SCALE, 500, after=done)
    elif name == "slow":
        cluster.faults.slow(SCALE, 1.5, after=done)
    else:
        getattr(cluster.faults, name)(SCALE)
    sent = len(cluster.calls_of(SCALE))
    with pytest.raises(OutcomeUnknown):
        await scale(gateway)
    found = await became(gateway)
    if done:
        assert found is not None
        assert (found.state, replicas(cluster)) == ("running", 3)
        cluster.settle()
        assert await became(gateway) == Operation(id="op", state="done", done=3, total=3)
    elif name != "slow":  # what is slow before its effect may still have one, later
        assert (found, replicas(cluster)) == (None, 2)
    assert len(cluster.calls_of(SCALE)) <= sent + 1, "a change is sent once"
    await gateway.close()


@pytest.mark.parametrize("fault", ["lose_answer", "drop"])
async def test_a_note_without_an_answer_scales_nothing(
    cluster: Kubernetes, gateway: KubernetesGateway, fault: str
) -> None:
    getattr(cluster.faults, fault)(NOTE)
    sent = len(cluster.calls_of(SCALE))
    with pytest.raises(Rejected, match="nothing was scaled"):
        await scale(gateway)
    assert (await became(gateway), replicas(cluster), len(cluster.calls_of(SCALE))) == (None, 2, sent)
    await scale(gateway)  # asked again under the same name, it is either noted already, or done now
    assert replicas(cluster) == (2 if fault == "lose_answer" else 3)


async def test_a_conflict_is_looked_at_again(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.faults.fail(SCALE, 409)
    cluster.faults.fail(NOTE, 409)
    await scale(gateway)
    assert replicas(cluster) == 3


async def test_a_conflict_that_lasts_is_a_refusal(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.faults.fail(SCALE, 409, times=None)
    with pytest.raises(Rejected, match="changed by others all the time"):
        await scale(gateway)
    assert (replicas(cluster), await became(gateway)) == (2, None)


async def test_a_count_that_somebody_else_has_set_meanwhile_is_left(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    before = await gateway.find(NAME)
    by_hand(cluster, replicas=4)
    with pytest.raises(Rejected, match="4 replicas are wanted by now, not 2"):
        await gateway.scale(before.target, replicas=3, expected=2, operation="op", actor="ana")
    assert (replicas(cluster), await became(gateway)) == (4, None)


def right_after(cluster: Kubernetes, what: str, then: Callable[[], None]) -> None:
    """Somebody else acts once a request has had its effect, before its answer is sent."""
    judge = cluster.server.answered

    def answered(call: Call) -> None:
        judge(call)
        if call.what == what:
            cluster.server.answered = judge
            then()

    cluster.server.answered = answered


@pytest.mark.parametrize("what", ["get deployments", NOTE, "get deployments/scale"])
async def test_whoever_is_quicker_is_not_overwritten(
    cluster: Kubernetes, gateway: KubernetesGateway, what: str
) -> None:
    before = await gateway.find(NAME)
    right_after(cluster, what, lambda: by_hand(cluster, replicas=4))
    with pytest.raises(Rejected, match="4 replicas are wanted by now, not 2"):
        await gateway.scale(before.target, replicas=3, expected=2, operation="op", actor="ana")
    assert replicas(cluster) == 4


async def test_what_somebody_else_changes_beside_it_does_not_stop_a_scale(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    right_after(cluster, "get deployments/scale", lambda: by_hand(cluster, minReadySeconds=1))
    await scale(gateway)
    assert replicas(cluster) == 3


async def test_without_recorded_owners_the_generation_tells(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    by_hand(cluster, replicas=3)
    by_hand(cluster, replicas=2)
    cluster.faults.drop(SCALE)
    with pytest.raises(OutcomeUnknown):
        await scale(gateway)
    cluster.change("deployments", DEPLOYMENT, lambda old: old["metadata"].update(managedFields=[]), SPACE)
    assert await became(gateway) is None


async def test_what_somebody_else_sets_after_a_lost_answer_is_said_to_be_theirs(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.faults.lose_answer(SCALE)
    with pytest.raises(OutcomeUnknown):
        await scale(gateway)
    by_hand(cluster, replicas=4)
    found = await became(gateway)
    assert found is not None
    assert (found.state, found.error) == ("failed", "kubectl has set 4 since")


async def test_the_same_number_from_somebody_else_is_not_ours(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.faults.drop(SCALE)
    with pytest.raises(OutcomeUnknown):
        await scale(gateway)
    by_hand(cluster, replicas=3)
    assert await became(gateway) is None


async def test_a_change_of_something_else_does_not_make_a_lost_request_arrive(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.faults.drop(SCALE)
    with pytest.raises(OutcomeUnknown):
        await scale(gateway)
    cluster.change("deployments", DEPLOYMENT, lambda old: old["spec"].update(minReadySeconds=1), SPACE)
    assert await became(gateway) is None


async def test_a_broken_note_is_no_note(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    def broken(old: dict[str, Any]) -> None:
        old["metadata"].setdefault("annotations", {})[ANNOTATION] = "[{"

    cluster.change("deployments", DEPLOYMENT, broken, SPACE)
    assert await became(gateway) is None
    await scale(gateway)
    assert replicas(cluster) == 3


async def test_a_restart_whose_answer_was_lost_is_found_and_not_done_twice(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    found = await gateway.find(NAME)
    cluster.faults.lose_answer(NOTE)
    with pytest.raises(OutcomeUnknown):
        await gateway.restart(found.target, operation="op", actor="ana")
    assert (await became(gateway)) == Operation(id="op", state="running", done=0, total=2)
    cluster.settle()
    assert (await became(gateway)) == Operation(id="op", state="done", done=2, total=2)
    revision = (await gateway.find(NAME)).revision
    await gateway.restart(found.target, operation="op", actor="ana")
    cluster.settle()
    assert ((await gateway.find(NAME)).revision, revision) == ("2", "2")
    history = await gateway.history(found.target, limit=5)
    assert [(one.kind, one.actor, one.operation, one.outcome) for one in history] == [
        ("restart", "ana", "op", "revision 2"),
        ("rollout", "-", "", "revision 1"),
    ]


async def test_history_tells_our_changes_of_the_template_from_those_of_others(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    def by_others(old: dict[str, Any]) -> None:
        old["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/gateway:2"

    target = (await gateway.find(NAME)).target
    await gateway.restart(target, operation="plan-0", actor="ben")
    cluster.settle()
    found = await gateway.draft("image", target, {"image": "1.5.0"}, dry_run=False)
    await gateway.alter("image", target, found.settled, live=found.live, plan="plan-1", actor="ana")
    cluster.settle()
    cluster.change("deployments", DEPLOYMENT, by_others, SPACE)
    cluster.settle()
    history = {one.outcome: one for one in await gateway.history(target, limit=5)}
    assert {name: (one.kind, one.actor, one.operation, one.reason) for name, one in history.items()} == {
        "revision 4": ("rollout", "-", "", ""),
        "revision 3": ("image", "ana", "plan-1", "image by ana, plan-1"),
        "revision 2": ("restart", "ben", "plan-0", ""),
        "revision 1": ("rollout", "-", "", ""),
    }


async def test_a_restart_that_was_dropped_never_arrived(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    cluster.faults.drop(NOTE)
    with pytest.raises(OutcomeUnknown):
        await gateway.restart((await gateway.find(NAME)).target, operation="op", actor="ana")
    assert await became(gateway) is None


async def test_a_paused_deployment_is_not_restarted(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    by_hand(cluster, paused=True)
    found = await gateway.find(NAME)
    assert found.busy_with == "its rollout is paused"
    with pytest.raises(Rejected, match="paused"):
        await gateway.restart(found.target, operation="op", actor="ana")


async def test_a_rollout_that_never_finishes_fails_by_its_deadline(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.apply(deployment(image="example.com/gateway:missing", progressDeadlineSeconds=300), namespace=SPACE)
    cluster.settle()
    found = await gateway.find(NAME)
    assert found.busy_with == "a rollout: 0 of 2 new copies available"
    states = {pod.image.rpartition(":")[2]: pod.state for pod in await gateway.pods(found.target)}
    assert states["1.4.2"] == "ready"
    assert states["missing"].startswith(("ErrImagePull", "ImagePullBackOff"))
    await gateway.restart(found.target, operation="op", actor="ana")
    cluster.settle()
    going = await became(gateway)
    assert going is not None
    assert going.until is not None
    assert (going.state, going.until >= cluster.core.now() + timedelta(seconds=300)) == ("running", True)
    cluster.advance(400)
    over = await became(gateway)
    assert over is not None
    assert over.state == "failed"
    assert over.error.startswith("0 of 2 new copies are available, and its progress deadline is over")
    assert (await gateway.find(NAME)).busy_with.startswith("a rollout that is stuck")
    newest = (await gateway.history(found.target, limit=5))[1]
    assert (newest.before, newest.after) == (
        "image of gateway example.com/gateway:1.4.2",
        "image of gateway example.com/gateway:missing",
    )


async def test_a_verb_that_is_missing_is_named(cluster: Kubernetes, tmp_path: Path) -> None:
    token = cluster.service_account("reader", SPACE)
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}
    cluster.allow(f"system:serviceaccount:{SPACE}:reader", rule, namespace=SPACE)
    gateway = adapter(cluster, tmp_path, token=token)
    found = await gateway.find(NAME)
    with pytest.raises(Unavailable) as refused:
        await gateway.pods(found.target)
    assert refused.value.message == "The cluster production does not allow Tocsin to list pods in edge (403)."
    assert "`tocsin k8s doctor`" in refused.value.hint
    with pytest.raises(Rejected, match=r"get deployments\.apps/scale in edge"):
        await scale(gateway)
    assert (replicas(cluster), await became(gateway)) == (2, None)
    await gateway.close()


async def test_a_token_that_ran_out_is_said_so(cluster: Kubernetes, tmp_path: Path) -> None:
    gateway = adapter(cluster, tmp_path, token="nobody")
    with pytest.raises(Unavailable, match=r"does not accept Tocsin's credentials \(401\)"):
        await gateway.find(NAME)
    await gateway.close()


async def test_a_deployment_that_is_not_there_names_those_that_are(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.apply({**deployment(), "metadata": {"name": "other"}}, namespace=SPACE)
    cluster.delete("deployments", DEPLOYMENT, SPACE)
    with pytest.raises(NotFound) as missing:
        await gateway.find(NAME)
    assert missing.value.hint.startswith("Those there are: other.")
    cluster.delete("deployments", "other", SPACE)
    cluster.apply(deployment(), namespace=SPACE)


async def test_changes_are_made_as_the_person_where_that_is_wanted(cluster: Kubernetes, tmp_path: Path) -> None:
    token = cluster.service_account("impersonator", SPACE)
    account = f"system:serviceaccount:{SPACE}:impersonator"
    read = {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["get"]}
    cluster.allow(account, read, namespace=SPACE)
    cluster.allow(account, {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]})
    write = {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["patch", "update"]}
    cluster.allow("ana@example.com", write, namespace=SPACE)
    gateway = adapter(cluster, tmp_path, token=token, people={"ana": "ana@example.com", "ben": "ben@example.com"})
    await scale(gateway)
    assert {one.user.name for one in cluster.mutations[-2:]} == {"ana@example.com"}
    target = (await gateway.find(NAME)).target
    with pytest.raises(Rejected, match=r"allow Tocsin as ben@example\.com to patch deployments\.apps"):
        await gateway.restart(target, operation="ben", actor="ben")
    with pytest.raises(Rejected, match=r"accounts\.kubernetes"):
        await gateway.restart(target, operation="eve", actor="eve")
    await gateway.close()


async def test_a_lease_ends_as_tocsin_where_changes_are_made_as_people(cluster: Kubernetes, tmp_path: Path) -> None:
    account = f"system:serviceaccount:{SPACE}:{ACCOUNT}"
    cluster.allow(account, {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]})
    write = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    cluster.allow("ana@example.com", write, namespace=SPACE)
    gateway = adapter(cluster, tmp_path, people={"ana": "ana@example.com"})
    target = (await gateway.find(NAME)).target
    for change, actor in (("pause", "ana"), ("resume", SYSTEM.id)):
        found = await gateway.draft(change, target, {}, dry_run=False)
        await gateway.alter(change, target, found.settled, live=found.live, plan=change, actor=actor)
    made = [one.user.name for one in cluster.mutations]
    assert made[-2:] == ["ana@example.com", account]
    await gateway.close()
