"""One cluster for the tests of a module, and a namespace of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.clients import Tools, still, tools
from tests.simulators.kubernetes import Kubernetes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Kubernetes]:
    """Time stands still in it until it is moved."""
    with still() as running:
        yield running


@pytest.fixture(scope="module")
def admin(cluster: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """The administrator's client."""
    with tools(cluster, Path(tmp_path_factory.mktemp("kube")) / "config") as known:
        yield known


@pytest.fixture
def space(cluster: Kubernetes) -> Iterator[str]:
    """A namespace for this test alone."""
    name = f"test-{cluster.core.suffix(8)}"
    cluster.create("namespaces", {"metadata": {"name": name}})
    yield name
    if cluster.find("namespaces", name):
        cluster.delete("namespaces", name)
        cluster.settle()
