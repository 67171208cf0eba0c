"""The gateway in several clusters and namespaces: which one a command means, and that nothing is guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.access import ACCOUNT, manifest
from bot.outside import outside
from tests.contract.clusters import DEPLOYMENT, SPACE, deployment, furnish
from tests.scenario.stage import Stage, golden
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.core import Pace
from tests.world import World, settings_for, world

Clusters = dict[str, Kubernetes]
CANARY = "canary"


@pytest.fixture
def clusters() -> Iterator[Clusters]:
    """Production has a canary beside the gateway, staging has only a gateway, and both know both namespaces."""
    with ExitStack() as ending:
        found = {}
        for name in ("production", "staging"):
            one = ending.enter_context(Kubernetes.start(pace=Pace(start=0.01, stop=0.01)))
            furnish(one)
            one.create("namespaces", {"metadata": {"name": CANARY}})
            one.apply(manifest(CANARY, home=SPACE), namespace=CANARY)
            found[name] = one
        _runs(found["production"], CANARY)
        yield found


def _runs(cluster: Kubernetes, space: str) -> None:
    said = deployment(1, volumes=[])
    said["metadata"]["namespace"] = space
    container = said["spec"]["template"]["spec"]
    container["volumes"], container["containers"][0]["volumeMounts"] = [], []
    container["containers"][0]["envFrom"] = []
    said["spec"].pop("volumes")
    cluster.apply(said, namespace=space)
    cluster.settle()


def _settings(clusters: Clusters, folder: Path) -> dict[str, Any]:
    reached = {}
    for name, one in clusters.items():
        path = one.kubeconfig(folder / name, token=one.service_account(ACCOUNT, SPACE))
        reached[name] = {"kubeconfig": str(path), "namespace": SPACE, "namespaces": [SPACE, CANARY]}
    usual = {"staging": {"cluster": "staging", "namespace": SPACE}}
    return {
        "kubernetes": {"clusters": reached, "channels": usual},
        "channels": ["general", "staging"],
        "gateway": {"kubernetes": {"cluster": "production", "deployment": DEPLOYMENT}},
        "adapters": dict.fromkeys(("deployments", "telemetry", "logs"), "kubernetes"),
    }


@pytest.fixture
async def stage(clusters: Clusters, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    settings = settings_for(sqlite_url, **_settings(clusters, tmp_path))
    async with outside(settings) as found:
        gateway: Any = found.deployments
        async with world(settings, gateway=gateway) as running:
            yield Stage(running)


def _copies(cluster: Kubernetes, space: str = SPACE) -> int:
    return int(cluster.get("deployments", DEPLOYMENT, space)["spec"]["replicas"])


async def _carried_out(bot: World, channel: str, typed: str) -> str:
    receipt = await bot.command("ana", channel, typed)
    await bot.press("ana", receipt.reply_key, "Confirm")
    await bot.settled()
    return await bot.read(receipt.reply_key)


async def test_what_is_said_goes_before_the_channel_and_that_before_the_settings(
    stage: Stage, clusters: Clusters
) -> None:
    for channel, options, place in (
        ("general", "", "production/edge"),
        ("general", " --cluster staging --namespace edge", "staging/edge"),
        ("staging", "", "staging/edge"),
        ("staging", " --cluster production --namespace canary", "production/canary"),
        ("general", " --namespace canary", "production/canary"),
        ("general", " --cluster staging", "staging/edge"),
    ):
        said = await stage.asks("ana", channel, f"/gw status{options}")
        assert said.startswith(f"gateway in {place}: "), (channel, options)
    for command, title in (
        ("logs", "No log lines of gateway in staging/edge in the last 15 min"),
        ("errors", "No errors on gateway in staging/edge in the last 15 min"),
        ("health", "gateway in staging/edge: all health checks pass"),
        ("metrics", "gateway in staging/edge: no requests"),
    ):
        assert (await stage.asks("ana", "staging", f"/gw {command}")).startswith(title)
    assert "gateway in production/edge" in await stage.asks("ana", "general", "/gw logs")


async def test_help_shows_how_a_place_is_named_where_there_are_several(stage: Stage) -> None:
    shown = await stage.asks("ana", "general", "/help gw status")
    assert "/gw status [--cluster cluster] [--namespace namespace]" in shown


async def test_what_fits_twice_is_asked_back_and_what_fits_nothing_is_said(stage: Stage, clusters: Clusters) -> None:
    assert await stage.asks("ana", "general", "/gw pods --namespace edge") == golden("""
        gateway runs in 2 places that edge may mean.
          Say which: --cluster production --namespace edge or --cluster staging --namespace edge.
          (You typed: /gw pods --namespace edge)
        """)
    assert await stage.asks("ana", "general", "/gw scale 3 --cluster production") == golden("""
        gateway runs in 2 places that production may mean.
          Say which: --cluster production --namespace edge or --cluster production --namespace canary.
          (You typed: /gw scale 3 --cluster production)
        """)
    assert await stage.asks("ana", "staging", "/gw pods --namespace canary") == golden("""
        There is no deployments/api-gateway in canary of the cluster staging.
          There are none in canary that I can see. The setting is gateway.kubernetes.deployment.
          (You typed: /gw pods --namespace canary)
        """)
    assert await stage.asks("ana", "general", "/gw pods --cluster prodution") == golden("""
        gateway does not run in prodution.
          I looked for: --cluster production --namespace edge, --cluster production --namespace canary, --cluster staging --namespace edge or --cluster staging --namespace canary.
          (You typed: /gw pods --cluster prodution)
        """)  # noqa: E501


async def test_a_change_is_made_where_it_was_planned_and_nowhere_else(stage: Stage, clusters: Clusters) -> None:
    done = await _carried_out(stage.world, "staging", "/gw scale 3")
    assert done.startswith("Done, not verified: Scale gateway up from 2 to 3 workers (staging/edge)")
    assert (_copies(clusters["staging"]), _copies(clusters["production"])) == (3, 2)
    plan = await stage.world.plan()
    assert (plan.target.cluster, plan.target.namespace) == ("staging", SPACE)
    assert plan.target.key == f"staging/{SPACE}/deployment/gateway"
    here = await stage.asks("ana", "staging", "/gw history")
    assert here.startswith("Changes to gateway in staging/edge")
    assert "(staging/edge)" in here
    assert "(staging/edge)" not in await stage.asks("ana", "general", "/gw history")
    around = await stage.asks("ana", "staging", "/gw changes 1h")
    assert "No chart: only production/edge is measured all the time." in around
    assert "Scale gateway up from 2 to 3 workers (staging/edge), by @Ana Ruiz: done, not verified" in around
    nothing = await stage.asks("ana", "general", "/gw undo")
    assert nothing.startswith("There is nothing to undo")
    assert f"/gw undo {plan.id} puts back 2 workers" in done
    back = await _carried_out(stage.world, "general", f"/gw undo {plan.id}")
    assert "Undo: /gw scale 3 --cluster staging --namespace edge puts it back" in back
    assert (_copies(clusters["staging"]), _copies(clusters["production"])) == (2, 2)
    await _carried_out(stage.world, "staging", "/gw scale 3 --for 30m")
    await stage.quietly("ana", "staging", f"/lease revert {(await stage.world.plan()).id}")

    async def taken_back() -> bool:
        return (await stage.world.plan()).ends_lease

    await stage.world.until(taken_back)
    assert (await stage.world.plan()).summary == "Revert: scale gateway down from 3 to 2 workers (staging/edge)"


async def test_the_policy_knows_in_which_cluster_a_change_is(
    clusters: Clusters, sqlite_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(_POLICY, encoding="utf-8")
    settings = settings_for(sqlite_url, **_settings(clusters, tmp_path), policy={"file": str(file)})
    async with outside(settings) as found:
        gateway: Any = found.deployments
        async with world(settings, gateway=gateway) as bot:
            refused = await bot.say("ana", "general", "/gw scale 3")
            assert "by the rule not-by-chat: Nothing is changed in production by chat." in refused
            named = await bot.say("ana", "staging", "/gw scale 3 --cluster production --namespace edge")
            assert "by the rule not-by-chat" in named
            assert (await bot.say("ana", "staging", "/gw scale 3")).startswith("Scale gateway up")
            for line in ("/gw logs", "/gw logs --namespace edge"):
                assert "people in them" in await bot.say("ana", "general", line)
            assert "people in them" not in await bot.say("ana", "staging", "/gw logs")


_POLICY = """
rules:
- name: no-logs
  effect: deny
  commands: [gw logs]
  where: {clusters: [prod*]}
  reason: The logs of production have people in them.
- name: not-by-chat
  effect: deny
  classes: [mitigation, dangerous]
  where: {clusters: [prod*]}
  reason: Nothing is changed in production by chat.
- name: changes
  effect: allow
  classes: [mitigation]
  who: {roles: [operator, admin]}
"""


async def test_a_cluster_that_is_down_stops_only_what_is_about_it(stage: Stage, clusters: Clusters) -> None:
    clusters["staging"].faults.drop("*", times=None)
    assert (await stage.asks("ana", "general", "/gw status")).startswith("gateway in production/edge: ")
    assert await stage.asks("ana", "general", "/gw pods --cluster staging --namespace edge") == golden("""
        The cluster staging does not answer (ProtocolError).
          Its address is in kubernetes.clusters.staging. tocsin k8s doctor says what is missing, and prints the Role that allows it.
          (You typed: /gw pods --cluster staging --namespace edge)
        """)  # noqa: E501
