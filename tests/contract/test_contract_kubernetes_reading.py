"""What is read from a cluster: why pods are not ready, logs within their bounds, revisions, and the commands beside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.logs import PodLogs
from bot.adapters.kubernetes.settings import ClusterSettings
from bot.adapters.kubernetes.wire import Cluster
from bot.cli import app
from commands.errors import Unavailable
from commands.ports import LogQuery
from tests.contract.clusters import DEPLOYMENT, SPACE, adapter, deployment
from tests.contract.gateways import MINUTES, NAME, SECRET
from tests.simulators.kubernetes import Kubernetes


def _running(cluster: Kubernetes, tag: str, **pod: Any) -> None:
    """Nothing but copies of this image, and time for them to show what they do."""
    said = deployment(image=f"example.com/gateway:{tag}", strategy={"type": "Recreate"})
    said["spec"]["template"]["spec"].update(pod)
    cluster.apply(said, namespace=SPACE)
    cluster.settle()


@pytest.mark.parametrize(
    ("tag", "pod", "state"),
    [
        ("missing", {}, "ImagePullBackOff"),
        ("crash", {}, "CrashLoopBackOff (ended before with 1, Error): back-off"),
        ("unready", {}, "not ready: runs, and its readiness probe does not pass"),
        ("1.5.0", {"nodeSelector": {"disk": "fast"}}, "not placed: 0/3 nodes are available"),
        ("1.5.0", {}, "ready"),
    ],
)
async def test_a_pod_says_why_it_is_not_ready(
    cluster: Kubernetes, gateway: KubernetesGateway, tag: str, pod: dict[str, Any], state: str
) -> None:
    _running(cluster, tag, **pod)
    pods = await gateway.pods((await gateway.find(NAME)).target)
    assert len(pods) == 2
    assert all(one.state.startswith(state) for one in pods), pods
    assert all((one.restarts > 0) == (tag == "crash") for one in pods)
    assert all(bool(one.node) != bool(pod) for one in pods)


async def test_a_pod_that_does_not_stop_is_shown_and_one_that_does_is_not(cluster: Kubernetes, tmp_path: Path) -> None:
    name = cluster.list("pods", SPACE)[0]["metadata"]["name"]
    cluster.lose_node(cluster.get("pods", name, SPACE)["spec"]["nodeName"])
    cluster.delete("pods", name, SPACE)
    soon, later = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1)
    for now, shown in ((soon, []), (later, ["does not stop"])):
        gateway = adapter(cluster, tmp_path, now=lambda now=now: now)
        pods = await gateway.pods((await gateway.find(NAME)).target)
        assert [pod.state for pod in pods if pod.name == name] == shown
        await gateway.close()
    cluster.return_node(cluster.get("pods", name, SPACE)["spec"]["nodeName"])


async def test_logs_are_bounded_by_lines_and_say_since_when_they_are_whole(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    first, second = (one["metadata"]["name"] for one in cluster.list("pods", SPACE))
    for number in range(10):
        cluster.log(first, f"line {number}", namespace=SPACE)
        cluster.advance(1)
    cluster.log(second, "another", namespace=SPACE)
    asked = {"limit": 200, "level": "DEBUG", "grep": "", "since": MINUTES}
    whole = await PodLogs(gateway._place).lines(NAME, LogQuery(**asked))
    assert (whole.total, whole.kept_since) == (11, None)
    cut = await PodLogs(gateway._place, tail=3).lines(NAME, LogQuery(**asked))
    assert [one.message for one in cut.lines] == ["line 7", "line 8", "line 9", "another"]
    assert cut.kept_since == cut.lines[0].at
    # The limit of bytes cuts off what is newest, so fewer lines are asked for.
    small = await PodLogs(gateway._place, tail=16, most_bytes=120).lines(NAME, LogQuery(**asked))
    assert [one.message for one in small.lines] == ["line 8", "line 9", "another"]
    assert small.kept_since is not None
    for call in cluster.calls_of("get pods/log"):
        assert {"tailLines", "limitBytes", "sinceSeconds"} <= set(call.query)


async def test_lines_that_are_no_json_have_the_level_that_they_name(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    pod = cluster.list("pods", SPACE)[0]["metadata"]["name"]
    nested = {"severity": "warn", "msg": "slow", "after": {"ms": 900}}
    for text in ("[ERROR] no upstream", "2026-03-01 12:00:00 WARN slow", "{ not json", json.dumps(nested)):
        cluster.log(pod, text, namespace=SPACE)
    page = await gateway.lines(NAME, LogQuery(limit=9, level="DEBUG", since=MINUTES))
    assert [one.level for one in page.lines] == ["ERROR", "WARNING", "INFO", "WARNING"]
    assert page.lines[-1].message == "slow"
    assert page.lines[-1].fields["after"] == {"ms": 900}
    errors = await gateway.errors(NAME, since=MINUTES)
    assert [(one.route, one.error_type, one.count) for one in errors.groups] == [("-", "[ERROR] no upstream", 1)]


async def test_pods_that_have_written_nothing_yet_do_not_hide_the_others(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    cluster.log(cluster.list("pods", SPACE)[0]["metadata"]["name"], "listening", namespace=SPACE)
    cluster.apply(deployment(image="example.com/gateway:missing"), namespace=SPACE)
    cluster.settle()
    page = await gateway.lines(NAME, LogQuery(limit=9, level="DEBUG", since=MINUTES))
    assert [one.message for one in page.lines] == ["listening"]


async def test_history_tells_what_changed_between_revisions_without_secrets(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    changed = deployment()
    container = changed["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "ADMIN_TOKEN", "value": "another-secret"}, {"name": "LOG_LEVEL", "value": "debug"}]
    cluster.apply(changed, namespace=SPACE)
    cluster.settle()
    newest = (await gateway.history((await gateway.find(NAME)).target, limit=1))[0]
    assert (newest.before, newest.after, newest.outcome) == (
        "ADMIN_TOKEN of gateway [redacted], LOG_LEVEL of gateway info",
        "ADMIN_TOKEN of gateway [redacted], changed, LOG_LEVEL of gateway debug",
        "revision 2",
    )


async def test_outside_a_cluster_it_is_said_that_it_is_none() -> None:
    cluster = Cluster("here", ClusterSettings(in_cluster=True))
    with pytest.raises(Unavailable, match="Service host/port is not set"):
        await cluster.namespace()
    await cluster.close()


async def test_the_namespace_is_the_contexts_unless_another_is_named(cluster: Kubernetes, tmp_path: Path) -> None:
    path = str(cluster.kubeconfig(tmp_path / "config", namespace="of-the-context"))
    for said, found in (({}, "of-the-context"), ({"namespace": "set"}, "set")):
        one = Cluster("here", ClusterSettings(kubeconfig=path, **said))
        assert await one.namespace() == found
        assert await one.namespace("asked-for") == "asked-for"
        await one.close()


def test_the_commands_of_kubernetes(cluster: Kubernetes, tmp_path: Path) -> None:
    run = CliRunner()
    printed = run.invoke(app, ["k8s", "rbac", "--namespace", "edge", "--home", "tocsin", "--impersonate"])
    objects = list(yaml.safe_load_all(printed.stdout))
    assert [one["kind"] for one in objects][-2:] == ["ClusterRole", "ClusterRoleBinding"]
    assert {one["metadata"].get("namespace") for one in objects[:3]} == {"edge", "tocsin"}
    assert cluster.apply(printed.stdout.replace("namespace: tocsin", "namespace: edge"), namespace=SPACE)
    file = tmp_path / "tocsin.yaml"
    file.write_text("{}", encoding="utf-8")
    examined = run.invoke(app, ["k8s", "doctor", "--config", str(file)])
    assert examined.exit_code == 1
    assert "✗ settings: kubernetes.clusters is empty" in examined.stdout
    assert SECRET not in examined.stdout
    assert DEPLOYMENT not in examined.stdout
