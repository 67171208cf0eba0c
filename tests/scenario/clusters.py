"""A bot whose gateway is a Deployment of a simulated cluster, and what people read of its plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.adapters.kubernetes.access import ACCOUNT
from bot.outside import outside
from tests.contract.clusters import DEPLOYMENT, SPACE, furnished
from tests.fakes import FakeClock
from tests.scenario.operating import Operating
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.core import Pace
from tests.world import settings_for, world


@dataclass
class Site(Operating):
    """The cluster, and the bot that looks after it."""

    cluster: Kubernetes

    def deployment(self) -> dict[str, Any]:
        """As it is now."""
        return self.cluster.get("deployments", DEPLOYMENT, SPACE)

    def container(self) -> dict[str, Any]:
        """Its first container."""
        found: dict[str, Any] = self.deployment()["spec"]["template"]["spec"]["containers"][0]
        return found


def settings(cluster: Kubernetes, folder: Path) -> dict[str, Any]:
    """What a person writes who has a cluster and no admin API."""
    path = cluster.kubeconfig(folder / "kubeconfig", token=cluster.service_account(ACCOUNT, SPACE))
    return {
        "kubernetes": {"clusters": {"production": {"kubeconfig": str(path), "namespace": SPACE}}},
        "gateway": {"kubernetes": {"deployment": DEPLOYMENT}},
        "adapters": dict.fromkeys(("deployments", "telemetry", "logs"), "kubernetes"),
    }


@asynccontextmanager
async def site(database_url: str, folder: Path) -> AsyncIterator[Site]:
    """Both, running; the cluster lives by itself, quickly."""
    with furnished(pace=Pace(start=0.01, stop=0.01)) as cluster:
        known = settings_for(database_url, **settings(cluster, folder))
        async with outside(known) as found:
            gateway: Any = found.deployments  # where other scenarios have their fake: one object behind three ports
            async with world(known, clock=FakeClock(), gateway=gateway) as bot:
                yield Site(bot, cluster)
        assert not cluster.violations
