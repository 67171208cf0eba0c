"""Who may do what in the simulated cluster, and what can go wrong on the way to it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import urllib3
from kubernetes.client.exceptions import ApiException

from tests.kubernetes.clients import STRICT, Tools, deployment, refusal, tools
from tests.simulators.kubernetes import Kubernetes

pytestmark = pytest.mark.xdist_group("kubernetes")

READ = {"apiGroups": ["", "apps"], "resources": ["pods", "pods/log", "deployments"], "verbs": ["get", "list"]}
SCALE = {
    "apiGroups": ["apps"],
    "resources": ["deployments/scale"],
    "verbs": ["get", "update"],
    "resourceNames": ["web"],
}


@pytest.fixture
def bot(cluster: Kubernetes, space: str, tmp_path: Path) -> Iterator[Tools]:
    """Somebody who may read, and scale one deployment."""
    cluster.apply(deployment(), namespace=space)
    token = cluster.service_account("bot", space)
    cluster.allow(f"system:serviceaccount:{space}:bot", READ, SCALE, namespace=space)
    with tools(cluster, tmp_path / "config", token) as known:
        yield known


def test_what_no_rule_allows_is_forbidden(bot: Tools, space: str) -> None:
    me = f"system:serviceaccount:{space}:bot"
    assert bot.apps.read_namespaced_deployment("web", space).spec.replicas == 3
    scale = bot.apps.read_namespaced_deployment_scale("web", space)
    scale.spec.replicas = 4
    bot.apps.replace_namespaced_deployment_scale("web", space, scale, **STRICT)
    with pytest.raises(ApiException) as refused:
        bot.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 1}}, **STRICT)
    status = refusal(refused)
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"] == (
        f'deployments.apps "web" is forbidden: User "{me}" cannot patch resource "deployments" in API group "apps" in '
        f'the namespace "{space}"'
    )
    with pytest.raises(ApiException) as refused:
        bot.core.list_node()
    assert refusal(refused)["message"] == (
        f'nodes is forbidden: User "{me}" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    with pytest.raises(ApiException) as refused:
        bot.core.list_namespaced_pod("default")
    assert refusal(refused)["code"] == 403
    with pytest.raises(ApiException) as refused:
        bot.apps.read_namespaced_deployment_scale("other", space)
    assert refusal(refused)["code"] == 403


def test_everybody_may_ask_what_they_may(bot: Tools, space: str) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    def may(verb: str, resource: str, below: str = "", name: str = "") -> bool:
        said = {"namespace": space, "verb": verb, "group": "apps", "resource": resource, "subresource": below}
        code, answer = bot.raw("POST", path, {"spec": {"resourceAttributes": {**said, "name": name}}})
        assert code == 201
        return bool(answer["status"]["allowed"])

    assert may("list", "deployments")
    assert may("update", "deployments", "scale", "web")
    assert not may("update", "deployments", "scale", "other")
    assert not may("patch", "deployments")
    rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    _, answer = bot.raw("POST", rules, {"spec": {"namespace": space}})
    assert {**READ} in answer["status"]["resourceRules"]


def test_rules_are_objects_of_the_cluster(cluster: Kubernetes, admin: Tools, bot: Tools, space: str) -> None:
    group = "/apis/rbac.authorization.k8s.io/v1"
    role = {"metadata": {"name": "node-reader"}, "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["*"]}]}
    assert admin.raw("POST", f"{group}/clusterroles", role)[0] == 201
    binding = {
        "metadata": {"name": f"nodes-{space}"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": space}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "node-reader"},
    }
    assert admin.raw("POST", f"{group}/clusterrolebindings", binding)[0] == 201
    assert len(bot.core.list_node().items) == 3
    assert admin.raw("DELETE", f"{group}/clusterrolebindings/nodes-{space}")[0] == 200
    assert bot.raw("GET", "/api/v1/nodes")[0] == 403


def test_an_unknown_token_is_nobody(cluster: Kubernetes, admin: Tools, tmp_path: Path) -> None:
    token = cluster.token("carla")
    with tools(cluster, tmp_path / "config", token) as carla:
        assert carla.raw("GET", "/version")[0] == 200
        cluster.revoke(token)
        code, status = carla.raw("GET", "/version")
        assert (code, status["message"]) == (401, "Unauthorized")
    with httpx.Client(base_url=cluster.url, verify=ssl.create_default_context(cadata=cluster.certificate)) as nobody:
        assert nobody.get("/version").status_code == 200
        status = nobody.get("/api/v1/nodes").json()
        assert status["message"].startswith('nodes is forbidden: User "system:anonymous" cannot list')


def test_somebody_may_act_as_somebody_else(cluster: Kubernetes, admin: Tools, space: str, tmp_path: Path) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.allow("ana", READ, namespace=space)
    bot = cluster.token("bot")
    as_ana = {"Impersonate-User": "ana"}
    with tools(cluster, tmp_path / "config", bot, **as_ana) as known:
        code, status = known.raw("GET", f"/api/v1/namespaces/{space}/pods")
        assert code == 403
        why = 'User "bot" cannot impersonate resource "users" in API group "" at the cluster scope'
        assert status["message"] == f'users "ana" is forbidden: {why}'
        rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["ana"]}
        cluster.allow("bot", rule)
        assert known.raw("GET", f"/api/v1/namespaces/{space}/pods")[0] == 200
        assert known.raw("GET", "/api/v1/nodes")[0] == 403
        call = cluster.calls_of("list nodes")[-1]
        assert (call.user.name, call.caller.name) == ("ana", "bot")


def test_refusals_on_demand(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.faults.fail("get deployments", 503)
    with pytest.raises(ApiException) as refused:
        admin.apps.read_namespaced_deployment("web", space)
    assert refusal(refused)["reason"] == "ServiceUnavailable"
    assert admin.apps.read_namespaced_deployment("web", space).spec.replicas == 3
    cluster.faults.fail("patch deployments*", 429, retry_after=7)
    with pytest.raises(ApiException) as refused:
        admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 1}}, **STRICT)
    assert refused.value.headers["Retry-After"] == "7"
    cluster.faults.fail("patch deployments/scale", 500, after=True)
    with pytest.raises(ApiException) as refused:
        admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 1}}, **STRICT)
    assert refusal(refused)["code"] == 500
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 1


def test_connections_break_before_and_after_the_effect(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.faults.drop("patch deployments/scale", name="web")
    with pytest.raises(urllib3.exceptions.HTTPError):
        admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 1}}, **STRICT)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 3
    cluster.faults.lose_answer("patch deployments/scale")
    with pytest.raises(urllib3.exceptions.HTTPError):
        admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 2}}, **STRICT)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 2
    assert [one.faults for one in cluster.calls_of("patch deployments/scale")[-2:]] == [["drop"], ["lose_answer"]]


def test_a_client_that_hangs_up_has_its_effect_all_the_same(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.faults.slow("patch deployments/scale", 0.4)
    with pytest.raises(urllib3.exceptions.HTTPError):
        admin.apps.patch_namespaced_deployment_scale(
            "web", space, {"spec": {"replicas": 1}}, _request_timeout=(5.0, 0.1), **STRICT
        )
    cluster.until(lambda: cluster.get("deployments", "web", space)["spec"]["replicas"] == 1)


def test_requests_are_kept_and_careless_ones_are_told(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(), namespace=space)
    cluster.violations.clear()
    admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 1}}, **STRICT)
    call = cluster.requests[-1]
    assert (call.what, call.name, call.namespace, call.status) == ("patch deployments", "web", space, 200)
    assert call.content_type == "application/strategic-merge-patch+json"
    assert call.body == {"spec": {"replicas": 1}}
    assert call.query["fieldManager"] == "tests"
    assert "python" in call.user_agent
    assert not cluster.violations
    admin.apps.patch_namespaced_deployment("web", space, {"spec": {"replicas": 2}})
    path = f"/apis/apps/v1/namespaces/{space}/deployments/web"
    assert cluster.violations == [
        f"PATCH {path}: without fieldManager nobody knows whose change it is",
        f"PATCH {path}: without fieldValidation=Strict a misspelt field is dropped in silence",
    ]
    cluster.violations.clear()
    assert [one.name for one in cluster.mutations[-2:]] == ["web", "web"]
