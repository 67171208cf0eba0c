"""Transcripts of what is looked at beneath a gateway that runs in a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.kubernetes.access import manifest
from tests.contract.clusters import SPACE, adapter, deployment, furnish
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.simulators.kubernetes import Kubernetes
from tests.world import settings_for, world


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def cluster(clock: Still) -> Iterator[Kubernetes]:
    """Two copies, in a time that stands still; with the right to look at nodes and certificates."""
    with Kubernetes.start(clock=clock) as running:
        furnish(running)
        running.apply(manifest(SPACE, nodes=True, certs=True), namespace=SPACE)
        yield running


@pytest.fixture
async def stage(cluster: Kubernetes, clock: Still, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    gateway: Any = adapter(cluster, tmp_path, now=clock.now)
    async with world(settings_for(sqlite_url), clock=clock, gateway=gateway) as running:
        yield Stage(running)
    await gateway.close()


@transcript("/gw describe")
async def test_describe(stage: Stage, cluster: Kubernetes) -> None:
    assert await stage.types("eve", "general", "/gw describe") == golden("")


@transcript("/gw events")
async def test_events(stage: Stage, cluster: Kubernetes) -> None:
    assert await stage.types("eve", "general", "/gw events") == golden("")
