"""Lists, selectors, pages, watches, discovery and logs of the simulated API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from tests.kubernetes.clients import STRICT, Tools, deployment, refusal, still, tools
from tests.simulators.kubernetes import Kubernetes

pytestmark = pytest.mark.xdist_group("kubernetes")


@pytest.fixture
def maps(admin: Tools, space: str) -> str:
    """Some config maps with labels."""
    for name, labels in {"a": {"tier": "1", "zone": "x"}, "b": {"tier": "2"}, "c": {"tier": "3", "zone": "y"}}.items():
        admin.core.create_namespaced_config_map(space, {"metadata": {"name": name, "labels": labels}}, **STRICT)
    return space


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("tier=1", "a"),
        ("tier==1", "a"),
        ("tier!=1", "bc"),
        ("tier in (1, 3)", "ac"),
        ("tier notin (1,3)", "b"),
        ("zone", "ac"),
        ("!zone", "b"),
        ("zone,tier!=3", "a"),
        ("", "abc"),
    ],
)
def test_label_selectors(admin: Tools, maps: str, said: str, found: str) -> None:
    listed = admin.core.list_namespaced_config_map(maps, label_selector=said)
    assert "".join(one.metadata.name for one in listed.items) == found


def test_field_selectors(cluster: Kubernetes, admin: Tools, maps: str) -> None:
    listed = admin.core.list_namespaced_config_map(maps, field_selector="metadata.name=b")
    assert [one.metadata.name for one in listed.items] == ["b"]
    with pytest.raises(ApiException) as refused:
        admin.core.list_namespaced_config_map(maps, field_selector="data.x=1")
    assert "field label not supported: data.x" in refusal(refused)["message"]
    cluster.apply(deployment(replicas=2), namespace=maps)
    cluster.settle()
    running = admin.core.list_namespaced_pod(maps, field_selector="status.phase=Running,spec.nodeName!=").items
    assert len(running) == 2
    node = running[0].spec.node_name
    everywhere = admin.core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={node}").items
    assert all(one.spec.node_name == node for one in everywhere)
    about = f"involvedObject.kind=Pod,involvedObject.name={running[0].metadata.name}"
    events = admin.core.list_namespaced_event(maps, field_selector=about).items
    assert {"Scheduled", "Pulled", "Started"} <= {one.reason for one in events}


def test_pages(cluster: Kubernetes, admin: Tools, maps: str) -> None:
    first = admin.core.list_namespaced_config_map(maps, limit=2)
    assert ([one.metadata.name for one in first.items], first.metadata.remaining_item_count) == (["a", "b"], 1)
    token = first.metadata._continue
    rest = admin.core.list_namespaced_config_map(maps, limit=2, _continue=token)
    assert [one.metadata.name for one in rest.items] == ["c"]
    assert rest.metadata._continue is None
    cluster.forget()
    with pytest.raises(ApiException) as refused:
        admin.core.list_namespaced_config_map(maps, limit=2, _continue=token)
    assert (refusal(refused)["code"], refusal(refused)["reason"]) == (410, "Expired")


def test_items_of_a_list_do_not_say_what_they_are(admin: Tools, maps: str) -> None:
    _, listed = admin.raw("GET", f"/api/v1/namespaces/{maps}/configmaps")
    assert (listed["kind"], "kind" in listed["items"][0]) == ("ConfigMapList", False)


def _lines(admin: Tools, path: str, **query: str) -> Iterator[dict[str, Any]]:
    with admin.http.stream("GET", path, params={"watch": "1", **query}) as answer:
        for line in answer.iter_lines():
            yield json.loads(line)


def test_a_watch_tells_what_happens_from_a_version_on(cluster: Kubernetes, admin: Tools, maps: str) -> None:
    version = admin.core.list_namespaced_config_map(maps).metadata.resource_version
    change = {"data": {"k": "v"}}
    admin.core.patch_namespaced_config_map("a", maps, change, **STRICT)
    admin.core.delete_namespaced_config_map("b", maps)
    seen = []
    for event in watch.Watch().stream(
        admin.core.list_namespaced_config_map, maps, resource_version=version, timeout_seconds=20
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            break
    assert seen == [("MODIFIED", "a"), ("DELETED", "b")]


def test_a_watch_sees_what_enters_and_leaves_its_selection(admin: Tools, maps: str) -> None:
    version = admin.core.list_namespaced_config_map(maps).metadata.resource_version
    for name, tier in (("a", "9"), ("b", "1"), ("c", "4")):
        admin.core.patch_namespaced_config_map(name, maps, {"metadata": {"labels": {"tier": tier}}}, **STRICT)
    path = f"/api/v1/namespaces/{maps}/configmaps"
    found = _lines(admin, path, resourceVersion=version, labelSelector="tier=1", timeoutSeconds="20")
    assert [(one["type"], one["object"]["metadata"]["name"]) for _, one in zip("ab", found, strict=False)] == [
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]


def test_a_watch_ends_in_time_with_a_bookmark(admin: Tools, maps: str) -> None:
    path = f"/api/v1/namespaces/{maps}/configmaps"
    found = list(_lines(admin, path, timeoutSeconds="1", allowWatchBookmarks="true"))
    assert [one["type"] for one in found] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert found[-1]["object"]["metadata"]["resourceVersion"].isdigit()


def test_a_watch_from_too_long_ago(cluster: Kubernetes, admin: Tools, maps: str) -> None:
    version = admin.core.list_namespaced_config_map(maps).metadata.resource_version
    admin.core.delete_namespaced_config_map("a", maps)
    cluster.forget()
    found = list(_lines(admin, f"/api/v1/namespaces/{maps}/configmaps", resourceVersion=version, timeoutSeconds="9"))
    assert [(one["type"], one["object"]["code"], one["object"]["reason"]) for one in found] == [
        ("ERROR", 410, "Expired")
    ]


def test_a_test_can_end_watches(cluster: Kubernetes, admin: Tools, maps: str) -> None:
    path = f"/api/v1/namespaces/{maps}/configmaps"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: list(_lines(admin, path, timeoutSeconds="60")))
        assert cluster.until(lambda: cluster.end_watches("watch configmaps"))
        assert [one["type"] for one in found.result(30)] == ["ADDED"] * 3


def test_a_current_server_says_what_it_serves(admin: Tools) -> None:
    _, version = admin.raw("GET", "/version")
    assert (version["major"], version["minor"]) == ("1", "34")
    _, groups = admin.raw("GET", "/apis")
    served = {one["name"]: [each["version"] for each in one["versions"]] for one in groups["groups"]}
    assert served["autoscaling"] == ["v2", "v1"]
    assert served["policy"] == ["v1"]
    assert "keda.sh" not in served
    _, apps = admin.raw("GET", "/apis/apps/v1")
    names = {one["name"]: one for one in apps["resources"]}
    assert names["deployments/scale"]["kind"] == "Scale"
    assert names["deployments"]["shortNames"] == ["deploy"]
    _, core = admin.raw("GET", "/api/v1")
    eviction = next(one for one in core["resources"] if one["name"] == "pods/eviction")
    assert (eviction["group"], eviction["version"]) == ("policy", "v1")


def test_an_old_server_has_older_versions(tmp_path: Path) -> None:
    with still(age="old") as old, tools(old, tmp_path / "config") as admin:
        _, version = admin.raw("GET", "/version")
        assert version["minor"] == "20"
        assert admin.raw("GET", "/apis/policy/v1")[0] == 404
        assert admin.raw("GET", "/apis/autoscaling/v2/horizontalpodautoscalers")[0] == 404
        old.apply(deployment())
        budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": 5, "selector": {"matchLabels": {"app": "web"}}}}
        path = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets"
        assert admin.raw("POST", path, budget)[0] == 201
        scaler = {
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "maxReplicas": 5,
                "targetCPUUtilizationPercentage": 60,
            },
        }
        code, made = admin.raw("POST", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", scaler)
        assert (code, made["spec"]["targetCPUUtilizationPercentage"]) == (201, 60)
        _, newer = admin.raw("GET", "/apis/autoscaling/v2beta2/namespaces/default/horizontalpodautoscalers/web")
        assert newer["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
        old.settle()
        pod = old.list("pods")[0]["metadata"]["name"]
        path = f"/api/v1/namespaces/default/pods/{pod}/eviction"
        said = {"kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}}
        assert admin.raw("POST", path, {**said, "apiVersion": "policy/v1"})[0] == 400
        assert admin.raw("POST", path, {**said, "apiVersion": "policy/v1beta1"})[0] == 429


def test_a_custom_kind_is_served_once_it_is_installed(cluster: Kubernetes, tmp_path: Path) -> None:
    with still(keda=True) as with_keda, tools(with_keda, tmp_path / "config") as admin:
        path = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects"
        kind = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"}
        made = {**kind, "metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"name": "web"}, "any": [1]}}
        assert admin.raw("POST", path, made)[0] == 201
        code, _ = admin.raw("PATCH", f"{path}/web", {"spec": {}}, kind="application/strategic-merge-patch+json")
        assert code == 415
        _, listed = admin.raw("GET", path)
        assert [one["kind"] for one in listed["items"]] == ["ScaledObject"]


def test_logs(cluster: Kubernetes, admin: Tools, space: str) -> None:
    sent = deployment(replicas=1)
    cluster.apply(sent, namespace=space)
    cluster.settle()
    pod = cluster.list("pods", space)[0]["metadata"]["name"]
    cluster.log(pod, "one", namespace=space)
    cluster.advance(60)
    cluster.log(pod, "two\nthree", namespace=space)

    def read(**said: Any) -> str:
        return str(admin.core.read_namespaced_pod_log(pod, space, **said))

    assert read() == "one\ntwo\nthree\n"
    assert read(tail_lines=1) == "three\n"
    assert read(since_seconds=30) == "two\nthree\n"
    assert read(limit_bytes=5) == "one\nt"
    assert read(tail_lines=1, timestamps=True).startswith("2026-03-01T12:")
    with pytest.raises(ApiException) as refused:
        read(container="no")
    assert refusal(refused)["message"] == f"container no is not valid for pod {pod}"
    with pytest.raises(ApiException) as refused:
        read(previous=True)
    assert refusal(refused)["message"] == f'previous terminated container "app" in pod "{pod}" not found'
    cluster.crash(pod, namespace=space, reason="OOMKilled", exit_code=137)
    cluster.settle()
    assert (read(), read(previous=True)) == ("", "one\ntwo\nthree\n")


def test_logs_of_several_containers(cluster: Kubernetes, admin: Tools, space: str) -> None:
    sent = deployment(replicas=1)
    sent["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "proxy:missing"})
    cluster.apply(sent, namespace=space)
    cluster.settle()
    pod = cluster.list("pods", space)[0]["metadata"]["name"]
    with pytest.raises(ApiException) as refused:
        admin.core.read_namespaced_pod_log(pod, space)
    expected = f"a container name must be specified for pod {pod}, choose one of: [app side]"
    assert refusal(refused)["message"] == expected
    with pytest.raises(ApiException) as refused:
        admin.core.read_namespaced_pod_log(pod, space, container="side")
    assert refusal(refused)["message"].endswith("is waiting to start: trying and failing to pull image")


def test_logs_are_followed_until_the_pod_is_gone(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=1), namespace=space)
    cluster.settle()
    pod = cluster.list("pods", space)[0]["metadata"]["name"]
    cluster.log(pod, "before", namespace=space)
    path = f"/api/v1/namespaces/{space}/pods/{pod}/log"

    def follow() -> list[str]:
        with admin.http.stream("GET", path, params={"follow": "true"}) as answer:
            return list(answer.iter_lines())

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(follow)
        cluster.until(lambda: any(one.what == "get pods/log" for one in cluster.api.watching.open))
        cluster.log(pod, "after", namespace=space)
        cluster.change("deployments", "web", lambda known: known["spec"].update(replicas=0), space)
        cluster.settle()
        assert found.result(30) == ["before", "after"]


def test_what_is_used(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    cluster.settle()
    cluster.use("web", cpu="250m", memory="100Mi", namespace=space)
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{space}/pods"
    _, listed = admin.raw("GET", path)
    assert [one["containers"][0]["usage"] for one in listed["items"]] == [{"cpu": "250m", "memory": "102400Ki"}] * 2
    try:
        cluster.set_metrics("absent")
        assert admin.raw("GET", path)[0] == 404
        cluster.set_metrics("broken")
        broken = admin.http.get(path)
        assert (broken.status_code, broken.text) == (503, "service unavailable\n")
    finally:
        cluster.set_metrics("served")
