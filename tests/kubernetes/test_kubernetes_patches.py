"""The four ways to say a change to the simulated API server, and who owns what afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.kubernetes.clients import STRICT, Tools, deployment, refusal, service

pytestmark = pytest.mark.xdist_group("kubernetes")

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"


@pytest.fixture
def path(admin: Tools, space: str) -> str:
    """Where the deployment of a test is."""
    sent = deployment()
    container = sent["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "LEVEL", "value": "info"}, {"name": "ZONE", "value": "a"}]
    side = {"name": "side", "image": "proxy:1"}
    sent["spec"]["template"]["spec"]["containers"].append(side)
    admin.apps.create_namespaced_deployment(space, sent, **STRICT)
    return f"/apis/apps/v1/namespaces/{space}/deployments/web"


def _containers(known: dict[str, Any]) -> list[dict[str, Any]]:
    found = known["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, list)
    return found


def _pod(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers)}}}}


def test_a_strategic_merge_knows_containers_by_name(admin: Tools, path: str) -> None:
    env = [{"name": "LEVEL", "value": "debug"}, {"name": "NEW", "value": "1"}, {"name": "ZONE", "$patch": "delete"}]
    code, known = admin.raw("PATCH", path, _pod({"name": "app", "env": env}), kind=STRATEGIC)
    assert code == 200
    app, side = _containers(known)
    assert (app["name"], app["image"], side["image"]) == ("app", "gateway:1", "proxy:1")
    assert app["env"] == [{"name": "LEVEL", "value": "debug"}, {"name": "NEW", "value": "1"}]
    _, known = admin.raw("PATCH", path, _pod({"name": "side", "$patch": "delete"}), kind=STRATEGIC)
    assert [one["name"] for one in _containers(known)] == ["app"]
    order = {"$setElementOrder/containers": [{"name": "new"}, {"name": "app"}]}
    pod = {**order, "containers": [{"name": "new", "image": "x:1"}]}
    _, known = admin.raw("PATCH", path, {"spec": {"template": {"spec": pod}}}, kind=STRATEGIC)
    assert [one["name"] for one in _containers(known)] == ["new", "app"]
    replaced = _pod({"$patch": "replace"}, {"name": "only", "image": "x:1"})
    _, known = admin.raw("PATCH", path, replaced, kind=STRATEGIC)
    assert [one["name"] for one in _containers(known)] == ["only"]


def test_a_strategic_merge_needs_the_key(admin: Tools, path: str) -> None:
    code, status = admin.raw("PATCH", path, _pod({"image": "x:1"}), kind=STRATEGIC)
    assert code == 500
    assert "does not contain declared merge key: name" in status["message"]


def test_a_strategy_is_replaced_with_what_belongs_to_it(admin: Tools, path: str) -> None:
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    _, known = admin.raw("PATCH", path, patch, kind=STRATEGIC)
    assert known["spec"]["strategy"] == {"type": "Recreate"}


def test_a_merge_patch_replaces_lists(admin: Tools, path: str) -> None:
    _, known = admin.raw("PATCH", path, _pod({"name": "app", "image": "gateway:2"}), kind=MERGE)
    assert [one["name"] for one in _containers(known)] == ["app"]
    assert "env" not in _containers(known)[0]
    _, known = admin.raw("PATCH", path, {"metadata": {"labels": {"app": None, "x": "y"}}}, kind=MERGE)
    assert known["metadata"]["labels"] == {"x": "y"}


def test_a_json_patch_behind_a_test(admin: Tools, path: str, space: str) -> None:
    known = admin.apps.read_namespaced_deployment("web", space)
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": known.metadata.resource_version}
    change = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "gateway:2"}
    changed = admin.apps.patch_namespaced_deployment("web", space, [version, change], **STRICT)
    assert changed.spec.template.spec.containers[0].image == "gateway:2"
    with pytest.raises(ApiException) as stale:
        admin.apps.patch_namespaced_deployment("web", space, [version, change], **STRICT)
    status = refusal(stale)
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"] == "the server rejected our request due to an error in our request"
    code, _ = admin.raw("PATCH", path, [{"op": "remove", "path": "/spec/no/such"}], kind=JSON)
    assert code == 422
    code, _ = admin.raw("PATCH", path, {"op": "remove"}, kind=JSON)
    assert code == 400


def test_a_patch_of_no_known_kind(admin: Tools, path: str) -> None:
    code, status = admin.raw("PATCH", path, {}, kind="application/json")
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")


def _applied(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def test_apply_names_the_owner_of_a_conflict(admin: Tools, path: str) -> None:
    admin.raw("PATCH", f"{path}/scale", {"spec": {"replicas": 4}}, kind=MERGE, fieldManager="autoscaler")
    said = _applied(replicas=6)
    code, status = admin.raw("PATCH", path, said, kind=APPLY, fieldManager="gitops")
    assert code == 409
    owner = 'conflict with "autoscaler" with subresource "scale" using apps/v1'
    assert status["message"] == f"Apply failed with 1 conflict: {owner}: .spec.replicas"
    assert status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": owner,
            "field": ".spec.replicas",
        }
    ]
    code, known = admin.raw("PATCH", path, said, kind=APPLY, fieldManager="gitops", force="true")
    assert (code, known["spec"]["replicas"]) == (200, 6)
    owners = {one["manager"]: one for one in known["metadata"]["managedFields"]}
    assert "autoscaler" not in owners
    assert owners["gitops"]["operation"] == "Apply"
    assert owners["gitops"]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


def test_apply_agrees_with_who_says_the_same(admin: Tools, path: str) -> None:
    code, known = admin.raw("PATCH", path, _applied(replicas=3), kind=APPLY, fieldManager="gitops")
    assert code == 200
    code, again = admin.raw("PATCH", path, _applied(replicas=3), kind=APPLY, fieldManager="gitops")
    assert again["metadata"]["resourceVersion"] == known["metadata"]["resourceVersion"]


def test_apply_takes_out_what_is_no_longer_said(admin: Tools, path: str) -> None:
    def said(*env: dict[str, str]) -> dict[str, Any]:
        container = {"name": "app", "env": list(env)}
        return _applied(template={"spec": {"containers": [container]}}, minReadySeconds=len(env))

    two = ({"name": "A", "value": "1"}, {"name": "B", "value": "2"})
    _, known = admin.raw("PATCH", path, said(*two), kind=APPLY, fieldManager="gitops")
    assert [one["name"] for one in _containers(known)[0]["env"]] == ["LEVEL", "ZONE", "A", "B"]
    assert _containers(known)[0]["image"] == "gateway:1"
    _, known = admin.raw("PATCH", path, said(two[1]), kind=APPLY, fieldManager="gitops")
    assert [one["name"] for one in _containers(known)[0]["env"]] == ["LEVEL", "ZONE", "B"]


def test_apply_makes_what_is_not_there(admin: Tools, space: str) -> None:
    path = f"/api/v1/namespaces/{space}/services/web"
    code, status = admin.raw("PATCH", path, service(), kind=APPLY)
    assert (code, status["message"]) == (
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
    code, known = admin.raw("PATCH", path, service(), kind=APPLY, fieldManager="gitops")
    assert (code, known["spec"]["type"]) == (201, "ClusterIP")
    _, tried = admin.raw("PATCH", path, service(app="green"), kind=APPLY, fieldManager="gitops", dryRun="All")
    assert tried["spec"]["selector"] == {"app": "green"}
    assert admin.core.read_namespaced_service("web", space).spec.selector == {"app": "web"}


def test_who_changes_a_field_owns_it_alone(admin: Tools, path: str) -> None:
    admin.raw("PATCH", path, {"spec": {"replicas": 5}}, kind=MERGE, fieldManager="ana")
    _, known = admin.raw("PATCH", path, {"spec": {"replicas": 6}}, kind=MERGE, fieldManager="ben")
    holders = [
        one["manager"]
        for one in known["metadata"]["managedFields"]
        if "f:replicas" in one["fieldsV1"].get("f:spec", {})
    ]
    assert holders == ["ben"]
    _, known = admin.raw("PATCH", path, {"spec": {"replicas": 7}}, kind=MERGE)
    assert "python-httpx" in {one["manager"] for one in known["metadata"]["managedFields"]}
