"""Changes of the Deployment itself keep the promises of every change."""

from __future__ import annotations

from typing import Any

import pytest

from bot.adapters.kubernetes.gateway import KubernetesGateway
from commands.errors import Conflict, NotFound
from commands.redaction import MASK
from tests.contract.altering import AlterationsContract, Case, Trial
from tests.contract.clusters import DEPLOYMENT, SPACE
from tests.contract.gateways import NAME, SECRET
from tests.simulators.kubernetes import Kubernetes

PATCH = "patch deployments"
AWKWARD = '$(rm -rf /); `id` {"op": "remove", "path": "/spec"} - *a: &b !!x\n<!channel> <@U1> ~1~0/../"\''


def spec(cluster: Kubernetes) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("deployments", DEPLOYMENT, SPACE)["spec"]
    return found


def container(cluster: Kubernetes) -> dict[str, Any]:
    found: dict[str, Any] = spec(cluster)["template"]["spec"]["containers"][0]
    return found


def image(cluster: Kubernetes) -> str:
    return str(container(cluster)["image"])


def resources(cluster: Kubernetes) -> Any:
    return container(cluster).get("resources")


def variables(cluster: Kubernetes) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container(cluster).get("env", ())}


def paused(cluster: Kubernetes) -> bool:
    return bool(spec(cluster).get("paused"))


def with_image(wanted: str) -> Any:
    """Somebody rolls out another image."""

    def changed(old: dict[str, Any]) -> None:
        old["spec"]["template"]["spec"]["containers"][0]["image"] = wanted

    def act(cluster: Kubernetes) -> None:
        cluster.change("deployments", DEPLOYMENT, changed, SPACE)
        cluster.settle()

    return act


def with_env(name: str, value: str) -> Any:
    """Somebody sets a variable."""

    def changed(old: dict[str, Any]) -> None:
        env = old["spec"]["template"]["spec"]["containers"][0]["env"]
        env[:] = [*(one for one in env if one["name"] != name), {"name": name, "value": value}]

    return lambda cluster: cluster.change("deployments", DEPLOYMENT, changed, SPACE)


def with_resources(**requests: str) -> Any:
    """Somebody sets requests."""

    def changed(old: dict[str, Any]) -> None:
        old["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": requests}

    return lambda cluster: cluster.change("deployments", DEPLOYMENT, changed, SPACE)


def with_claims(cluster: Kubernetes) -> None:
    """A device that the container has."""

    def changed(old: dict[str, Any]) -> None:
        pod = old["spec"]["template"]["spec"]
        pod["resourceClaims"] = [{"name": "card", "resourceClaimName": "card"}]
        pod["containers"][0]["resources"] = {"claims": [{"name": "card"}]}

    cluster.change("deployments", DEPLOYMENT, changed, SPACE)


def with_pause(wanted: bool) -> Any:
    """Somebody pauses, or resumes."""
    return lambda cluster: cluster.change(
        "deployments", DEPLOYMENT, lambda old: old["spec"].update(paused=wanted), SPACE
    )


SECOND = "example.com/gateway:1.5.0"
PLAIN = {"ADMIN_TOKEN": SECRET, "LOG_LEVEL": "info"}
CASES = (
    Case("image", {"image": "1.5.0"}, PATCH, with_image("example.com/gateway:9"), image, SECOND),
    Case("image", {"image": "nginx:2"}, PATCH, with_image("c:3"), image, "nginx:2", with_image("nginx")),
    Case("rollback", {"revision": 0}, PATCH, with_image("c:3"), image, "example.com/gateway:1.4.2", with_image(SECOND)),
    Case("pause", {}, PATCH, with_pause(True), paused, True),
    Case("resume", {}, PATCH, with_pause(False), paused, False, with_pause(True), undone=False),
    Case(
        "env", {"variable": "LOG_LEVEL", "value": AWKWARD}, PATCH, with_env("LOG_LEVEL", "warn"), variables,
        PLAIN | {"LOG_LEVEL": AWKWARD},
    ),
    Case(
        "env", {"variable": "LOG_LEVEL", "unset": True}, PATCH, with_env("LOG_LEVEL", "warn"), variables,
        {"ADMIN_TOKEN": SECRET},
    ),
    Case(
        "resources", {"memory_limit": "1Gi"}, PATCH, with_resources(memory="1Mi"), resources,
        {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}},
    ),
    Case(
        "resources", {"cpu": "0.5", "memory": "1024Mi", "cpu_limit": "2000m"}, PATCH, with_resources(memory="1Mi"),
        resources,
        {"claims": [{"name": "card"}], "limits": {"cpu": "2"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
        with_claims,
    ),
)  # fmt: skip


@pytest.fixture(params=CASES, ids=str)
def trial(request: pytest.FixtureRequest, cluster: Kubernetes, gateway: KubernetesGateway) -> Trial:
    return Trial.of(request.param, cluster, gateway)


class TestTemplates(AlterationsContract):
    """See the contract."""


async def drafted(gateway: KubernetesGateway, change: str, **said: Any) -> Any:
    return await gateway.draft(change, (await gateway.find(NAME)).target, said, dry_run=True)


async def test_a_diff_shows_what_changes_and_no_secret(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    found = await drafted(gateway, "env", variable="A", value="b")
    assert "+            A: b" in found.diff
    assert "ADMIN_TOKEN: '[redacted]'" in found.diff
    with_env("ADMIN_TOKEN", "another-secret-value")(cluster)
    cluster.settle()
    back = await drafted(gateway, "rollback", revision=1)
    assert "ADMIN_TOKEN: '[redacted] (changed)'" in back.diff
    assert SECRET not in str(back)
    assert "another-secret-value" not in str(back)


async def test_a_secret_is_left_alone_and_not_shown(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    with pytest.raises(Conflict, match="ADMIN_TOKEN of gateway looks like a secret") as refused:
        await drafted(gateway, "env", variable="ADMIN_TOKEN", unset=True)
    assert SECRET not in refused.value.words()
    target, said = (await gateway.find(NAME)).target, {"map": "gateway-files", "key": "gateway.yaml", "value": "a"}
    looked = await gateway.draft("config set", target, said, dry_run=False)
    assert looked.live == {"gateway.yaml of gateway-files": MASK}
    assert SECRET not in str(looked)


async def test_a_webhook_with_side_effects_leaves_no_dry_run(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    hook = cluster.webhook("audit.example.com", resources="deployments", side_effects=True)
    found = await drafted(gateway, "image", image="2")
    cluster.cluster.objects.admissions.remove(hook)
    assert (found.diff, found.facts[-1]) == (
        "",
        ("Dry run", 'unavailable: admission webhook "audit.example.com" does not support dry run'),
    )


async def test_what_the_server_would_refuse_is_said_before_anybody_confirms(
    cluster: Kubernetes, gateway: KubernetesGateway
) -> None:
    with pytest.raises(Conflict, match=r"The cluster production would refuse that: .*must be less than or equal to"):
        await drafted(gateway, "resources", memory="2Gi", memory_limit="1Gi")


async def test_a_revision_that_is_gone_is_named(cluster: Kubernetes, gateway: KubernetesGateway) -> None:
    with pytest.raises(Conflict, match="There is no earlier revision"):
        await drafted(gateway, "rollback", revision=0)
    with pytest.raises(NotFound, match=r"There is no revision 7\."):
        await drafted(gateway, "rollback", revision=7)
    assert (await drafted(gateway, "rollback", revision=1)).already == "Revision 1 is what runs."


async def test_of_several_containers_one_is_named(cluster: Kubernetes, gateway: KubernetesGateway) -> None:

    def changed(old: dict[str, Any]) -> None:
        old["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})

    cluster.change("deployments", DEPLOYMENT, changed, SPACE)
    with pytest.raises(Conflict, match="It has 2 containers: gateway, proxy"):
        await drafted(gateway, "image", image="2")
    assert (await drafted(gateway, "image", image="2", container="proxy")).settled["image"] == "proxy:2"
    with pytest.raises(NotFound, match="There is no container nosuch"):
        await drafted(gateway, "image", image="2", container="nosuch")


@pytest.mark.parametrize(
    ("strategy", "removes", "words"),
    [
        ({"maxUnavailable": "60%", "maxSurge": 0}, 0.5, "2 workers, replaced step by step, up to 1 missing at a time"),
        ({"maxUnavailable": "49%", "maxSurge": 0}, 0.5, "2 workers, replaced step by step, up to 1 missing at a time"),
        ({"maxUnavailable": "49%", "maxSurge": 1}, 0.0, "2 workers, each replaced once its successor is ready"),
        ({"maxUnavailable": 2, "maxSurge": 1}, 1.0, "2 workers, replaced step by step, up to 2 missing at a time"),
        (None, 1.0, "all 2 workers stop before new ones start"),
    ],
)
async def test_a_rollout_counts_who_is_missing_meanwhile(
    cluster: Kubernetes, gateway: KubernetesGateway, strategy: dict[str, Any] | None, removes: float, words: str
) -> None:
    wanted = {"type": "RollingUpdate", "rollingUpdate": strategy} if strategy else {"type": "Recreate"}
    cluster.change("deployments", DEPLOYMENT, lambda old: old["spec"].update(strategy=wanted), SPACE)
    found = await drafted(gateway, "image", image="1.5.0")
    assert (found.removes, dict(found.facts)["Will happen"]) == (removes, words)
    assert (await gateway.find(NAME)).missing == 2 * removes, "a restart's rollout is the same"
