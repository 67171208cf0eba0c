"""A stage whose gateway runs in a cluster, as `tocsin k8s rbac` lets Tocsin see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.fleet import KubernetesFleet
from tests.contract.clusters import adapter, furnish
from tests.scenario.stage import Stage, Still
from tests.simulators.kubernetes import Kubernetes
from tests.world import settings_for, world


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def cluster(clock: Still) -> Iterator[Kubernetes]:
    """Two copies, in a time that stands still."""
    with Kubernetes.start(clock=clock) as running:
        furnish(running)
        running.advance(1800)
        yield running


@pytest.fixture
async def stage(cluster: Kubernetes, clock: Still, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Tocsin has the rights that `tocsin k8s rbac` gives it, and no others."""
    gateway: Any = KubernetesFleet([adapter(cluster, tmp_path, now=clock.now)], now=clock.now)
    async with world(settings_for(sqlite_url), clock=clock, gateway=gateway) as running:
        yield Stage(running)
    await gateway.close()
    assert not cluster.violations
