"""The commands of the gateway, on a gateway that is a Deployment: what is typed, and what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.adapters.kubernetes.access import ACCOUNT
from bot.outside import outside
from tests.contract.clusters import DEPLOYMENT, SPACE, furnished, write_logs
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.core import Pace
from tests.world import World, settings_for, world

_AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": DEPLOYMENT, "namespace": SPACE},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT},
        "minReplicas": 2,
        "maxReplicas": 9,
    },
}


def _settings(cluster: Kubernetes, folder: Path) -> dict[str, Any]:
    """What a person writes who has a cluster and no admin API."""
    path = cluster.kubeconfig(folder / "kubeconfig", token=cluster.service_account(ACCOUNT, SPACE))
    return {
        "kubernetes": {"clusters": {"production": {"kubeconfig": str(path), "namespace": SPACE}}},
        "gateway": {"kubernetes": {"deployment": DEPLOYMENT}},
        "adapters": dict.fromkeys(("deployments", "telemetry", "logs"), "kubernetes"),
    }


async def _carried_out(bot: World, typed: str) -> str:
    """A plan, confirmed, to its end."""
    receipt = await bot.command("ana", "general", typed)
    await bot.press("ana", receipt.reply_key, "Confirm")
    await bot.settled()
    return await bot.read(receipt.reply_key)


async def _look(bot: World) -> None:
    status = await bot.say("ana", "general", "/gw status")
    assert "Workers: 2 of 2 ready" in status
    assert "Version: example.com/gateway:1.4.2, revision 1" in status
    pods = await bot.say("ana", "general", "/gw pods")
    assert "Node" in pods
    assert f"{DEPLOYMENT}-" in pods
    assert "GET /broken 502" in await bot.say("ana", "general", "/gw logs --level ERROR")
    assert "UPSTREAM_TIMEOUT: 2s" in await bot.say("ana", "general", "/gw config")


async def test_a_deployment_is_looked_at_and_changed_like_local_processes(sqlite_url: str, tmp_path: Path) -> None:
    with furnished(pace=Pace(start=0.01, stop=0.01)) as cluster:
        write_logs(cluster)
        settings = settings_for(sqlite_url, **_settings(cluster, tmp_path))
        async with outside(settings) as found:
            gateway: Any = found.deployments  # where other scenarios have their fake: one object behind three ports
            async with world(settings, gateway=gateway) as bot:
                await _look(bot)
                scaled = await _carried_out(bot, "/gw scale 4")
                assert scaled.startswith("Done, not verified: Scale gateway up from 2 to 4 workers")
                assert "4 of 4 workers ready" in scaled
                assert cluster.get("deployments", DEPLOYMENT, SPACE)["spec"]["replicas"] == 4
                assert "2 of 2 workers ready" in await _carried_out(bot, "/gw undo")
                assert "2 of 2 workers restarted" in await _carried_out(bot, "/gw restart")
                cluster.apply(_AUTOSCALER)
                refused = await bot.say("ana", "general", "/gw scale 4")
                assert f"the autoscaler {DEPLOYMENT} keeps it at 2 to 9 replicas and would undo this" in refused
                history = await bot.say("ana", "general", "/gw history")
                assert "Scale gateway up from 2 to 4 workers" in history
                assert "revision 1" in history
        assert not cluster.violations
