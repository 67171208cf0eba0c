"""The cluster with the gateway in it, as `python -m tests.simulators.kubernetes` runs it."""

from __future__ import annotations

import pytest

from tests.kubernetes.clients import still
from tests.simulators.kubernetes import demo
from tests.simulators.kubernetes.resources import Age

pytestmark = pytest.mark.xdist_group("kubernetes")


@pytest.mark.parametrize("age", ["current", "old"])
def test_the_gateway_serves_and_is_protected(age: Age) -> None:
    with still(age=age) as cluster:
        demo.furnish(cluster)
        cluster.advance(60)
        known = cluster.get("deployments", "api-gateway", demo.NAMESPACE)
        assert known["status"]["readyReplicas"] == 3
        budget = cluster.get("poddisruptionbudgets", "api-gateway", demo.NAMESPACE)
        assert budget["status"]["disruptionsAllowed"] == 1
        scaler = cluster.get("horizontalpodautoscalers", "api-gateway", demo.NAMESPACE)
        assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
        assert scaler["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == 64
        assert len(cluster.get("endpoints", "api-gateway", demo.NAMESPACE)["subsets"][0]["addresses"]) == 3
