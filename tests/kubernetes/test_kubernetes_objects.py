"""What the simulated API server does with objects, seen through the official client."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.kubernetes.clients import STRICT, Tools, deployment, refusal
from tests.simulators.kubernetes import Kubernetes

pytestmark = pytest.mark.xdist_group("kubernetes")

MERGE = "application/merge-patch+json"


def test_an_object_gets_its_identity_and_what_was_not_said(admin: Tools, space: str) -> None:
    made = admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    assert made.metadata.uid
    assert made.metadata.generation == 1
    assert made.spec.strategy.rolling_update.max_surge == "25%"
    assert made.spec.progress_deadline_seconds == 600
    assert made.spec.template.spec.termination_grace_period_seconds == 30
    assert made.spec.template.spec.containers[0].image_pull_policy == "IfNotPresent"
    assert [one.manager for one in made.metadata.managed_fields] == ["tests"]
    with pytest.raises(ApiException) as again:
        admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    status = refusal(again)
    assert (status["code"], status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == 'deployments.apps "web" already exists'


def test_only_the_specification_raises_the_generation(admin: Tools, space: str) -> None:
    first = admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    noted = admin.apps.patch_namespaced_deployment("web", space, {"metadata": {"annotations": {"a": "b"}}}, **STRICT)
    assert noted.metadata.generation == 1
    assert int(noted.metadata.resource_version) > int(first.metadata.resource_version)
    scaled = admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 5}}, **STRICT)
    assert scaled.metadata.generation == 2
    same = admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 5}}, **STRICT)
    assert same.metadata.resource_version == scaled.metadata.resource_version


def test_a_stale_version_is_a_conflict(admin: Tools, space: str) -> None:
    old = admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 4}}, **STRICT)
    with pytest.raises(ApiException) as stale:
        admin.apps.replace_namespaced_deployment("web", space, old, **STRICT)
    assert refusal(stale)["message"] == (
        'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your '
        "changes to the latest version and try again"
    )
    patch = {"metadata": {"resourceVersion": old.metadata.resource_version}, "spec": {"replicas": 1}}
    with pytest.raises(ApiException) as stale:
        admin.apps.patch_namespaced_deployment("web", space, patch, **STRICT)
    assert refusal(stale)["reason"] == "Conflict"
    patch = {"metadata": {"uid": "another"}, "spec": {"replicas": 1}}
    with pytest.raises(ApiException) as other:
        admin.apps.patch_namespaced_deployment("web", space, patch, **STRICT)
    assert "Precondition failed: UID in precondition: another" in refusal(other)["message"]


def test_the_scale_is_guarded_by_identity_and_version(admin: Tools, space: str) -> None:
    admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    scale = admin.apps.read_namespaced_deployment_scale("web", space)
    assert (scale.spec.replicas, scale.status.selector) == (3, "app=web")
    admin.apps.patch_namespaced_deployment("web", space, {"metadata": {"labels": {"x": "y"}}}, **STRICT)
    scale.spec.replicas = 6
    with pytest.raises(ApiException) as stale:
        admin.apps.replace_namespaced_deployment_scale("web", space, scale, **STRICT)
    assert refusal(stale)["code"] == 409
    scale.metadata.resource_version = None
    assert admin.apps.replace_namespaced_deployment_scale("web", space, scale, **STRICT).spec.replicas == 6
    scale.metadata.uid = "another"
    with pytest.raises(ApiException) as other:
        admin.apps.replace_namespaced_deployment_scale("web", space, scale, **STRICT)
    assert refusal(other)["code"] == 409
    scale.metadata.uid, scale.spec.replicas = None, -1
    with pytest.raises(ApiException) as negative:
        admin.apps.replace_namespaced_deployment_scale("web", space, scale, **STRICT)
    assert refusal(negative)["message"] == (
        'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    )
    owners = admin.apps.read_namespaced_deployment("web", space).metadata.managed_fields
    assert [(one.manager, one.subresource) for one in owners] == [("tests", None), ("tests", "scale")]


def _wrong(**changes: Any) -> dict[str, Any]:
    known = deployment()
    known["spec"] |= changes
    return known


@pytest.mark.parametrize(
    ("sent", "field", "says"),
    [
        (_wrong(replicas=-1), "spec.replicas", "must be greater than or equal to 0"),
        (_wrong(selector={"matchLabels": {"app": "x"}}), "spec.template.metadata.labels", "does not match template"),
        (_wrong(strategy={"type": "Blue"}), "spec.strategy.type", 'Unsupported value: "Blue"'),
        (_wrong(progressDeadlineSeconds=5, minReadySeconds=9), "spec.progressDeadlineSeconds", "minReadySeconds"),
        (deployment(name="No_Name"), "metadata.name", "RFC 1123"),
        (deployment(image=""), "spec.template.spec.containers[0].image", "Required value"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    admin: Tools, space: str, sent: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(ApiException) as refused:
        admin.apps.create_namespaced_deployment(space, sent, **STRICT)
    status = refusal(refused)
    assert (status["code"], status["reason"]) == (422, "Invalid")
    found = [one for one in status["details"]["causes"] if one["field"] == field]
    assert found, status
    assert says in found[0]["message"]


def test_a_selector_is_for_ever(admin: Tools, space: str) -> None:
    made = admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    made.spec.selector.match_labels = {"app": "web", "tier": "1"}
    made.spec.template.metadata.labels = {"app": "web", "tier": "1"}
    with pytest.raises(ApiException) as refused:
        admin.apps.replace_namespaced_deployment("web", space, made, **STRICT)
    assert "spec.selector: Invalid value" in refusal(refused)["message"]
    assert "field is immutable" in refusal(refused)["message"]


def test_unknown_fields_are_refused_warned_of_or_dropped(admin: Tools, space: str) -> None:
    path = f"/apis/apps/v1/namespaces/{space}/deployments"
    sent = deployment()
    sent["spec"]["replicsa"] = 9
    code, status = admin.raw("POST", path, sent, fieldValidation="Strict")
    assert code == 400
    assert status["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        'unknown field "spec.replicsa"'
    )
    warned = admin.http.post(path, json=sent)
    assert warned.headers["Warning"] == '299 - "unknown field \\"spec.replicsa\\""'
    assert "replicsa" not in warned.json()["spec"]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "imag": "x"}]}}}}
    with pytest.raises(ApiException) as strict:
        admin.apps.patch_namespaced_deployment("web", space, patch, **STRICT)
    status = refusal(strict)
    assert status["code"] == 422
    assert 'unknown field "spec.template.spec.containers[0].imag"' in status["message"]
    code, status = admin.raw("PATCH", f"{path}/web", {"spec": {"replicas": "5"}}, kind=MERGE)
    assert (code, "cannot unmarshal string" in status["message"]) == (422, True)


def test_a_dry_run_changes_nothing(cluster: Kubernetes, admin: Tools, space: str) -> None:
    made = admin.apps.create_namespaced_deployment(space, deployment(), dry_run="All", **STRICT)
    assert made.metadata.uid
    assert made.metadata.resource_version is None
    assert cluster.find("deployments", "web", space) is None
    admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    before = cluster.core.store.version
    tried = admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 9}}, dry_run="All", **STRICT)
    assert tried.spec.replicas == 9
    assert tried.metadata.generation == 2
    scale = {"spec": {"replicas": 7}}
    assert admin.apps.patch_namespaced_deployment_scale("web", space, scale, dry_run="All").spec.replicas == 7
    admin.apps.delete_namespaced_deployment("web", space, dry_run="All")
    assert cluster.core.store.version == before
    with pytest.raises(ApiException) as refused:
        admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": -9}}, dry_run="All", **STRICT)
    assert refusal(refused)["code"] == 422


def test_a_webhook_with_side_effects_allows_no_dry_run(cluster: Kubernetes, admin: Tools, space: str) -> None:
    admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    hook = cluster.webhook("quota.example.com", resources="deployments", side_effects=True)
    try:
        with pytest.raises(ApiException) as refused:
            admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 4}}, dry_run="All", **STRICT)
        assert refusal(refused)["code"] == 400
        assert "does not support dry run" in refusal(refused)["message"]
        hook.deny = lambda known: "too many" if known["spec"]["replicas"] > 5 else ""
        admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 4}}, **STRICT)
        with pytest.raises(ApiException) as refused:
            admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 6}}, **STRICT)
        assert refusal(refused)["message"].endswith("denied the request: too many")
    finally:
        cluster.cluster.objects.admissions.remove(hook)


def test_a_deletion_is_guarded_too(admin: Tools, space: str) -> None:
    made = admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    with pytest.raises(ApiException) as refused:
        admin.apps.delete_namespaced_deployment("web", space, body={"preconditions": {"uid": "another"}})
    assert refusal(refused)["code"] == 409
    gone = admin.apps.delete_namespaced_deployment("web", space, body={"preconditions": {"uid": made.metadata.uid}})
    assert gone["status"] == "Success"
    with pytest.raises(ApiException) as refused:
        admin.apps.read_namespaced_deployment("web", space)
    status = refusal(refused)
    assert status["message"] == 'deployments.apps "web" not found'
    assert status["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


def test_the_status_is_written_apart(cluster: Kubernetes, admin: Tools, space: str) -> None:
    admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    plain = admin.apps.patch_namespaced_deployment("web", space, {"status": {"replicas": 9}}, **STRICT)
    assert plain.status.replicas is None
    patch = {"spec": {"replicas": 1}, "status": {"replicas": 9}}
    written = admin.apps.patch_namespaced_deployment_status("web", space, patch, **STRICT)
    assert (written.status.replicas, written.spec.replicas, written.metadata.generation) == (9, 3, 1)


def test_what_needs_a_home_needs_a_namespace(admin: Tools, space: str) -> None:
    with pytest.raises(ApiException) as refused:
        admin.core.create_namespaced_config_map("nowhere", {"metadata": {"name": "x"}}, **STRICT)
    assert refusal(refused)["message"] == 'namespaces "nowhere" not found'
    sent = {"metadata": {"name": "x", "namespace": "default"}}
    with pytest.raises(ApiException) as refused:
        admin.core.create_namespaced_config_map(space, sent, **STRICT)
    assert "does not match the namespace sent" in refusal(refused)["message"]
    code, status = admin.raw("GET", "/apis/apps/v2/deployments")
    assert (code, status["message"]) == (404, "the server could not find the requested resource")


def test_a_namespace_goes_with_all_that_is_in_it(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.settle()
    admin.core.delete_namespace(space)
    with pytest.raises(ApiException) as refused:
        admin.core.create_namespaced_config_map(space, {"metadata": {"name": "x"}}, **STRICT)
    assert refusal(refused)["code"] == 403
    cluster.settle()
    assert cluster.find("namespaces", space) is None
    assert not cluster.list("pods", space)
