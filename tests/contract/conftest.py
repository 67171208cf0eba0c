"""What the contract tests of Kubernetes share: a cluster and the adapter, anew for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.adapters.kubernetes.gateway import KubernetesGateway
from tests.contract.clusters import adapter, still
from tests.simulators.kubernetes import Kubernetes


@pytest.fixture
def cluster() -> Iterator[Kubernetes]:
    """With two copies of the gateway, in a time that stands still."""
    with still() as running:
        yield running


@pytest.fixture
async def gateway(cluster: Kubernetes, tmp_path: Path) -> AsyncIterator[KubernetesGateway]:
    """The adapter, which may do nothing that a real server would refuse as malformed."""
    one = adapter(cluster, tmp_path, now=cluster.core.now)
    yield one
    await one.close()
    assert not cluster.violations
