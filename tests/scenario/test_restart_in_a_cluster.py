"""A restart in batches of a gateway in a cluster: what is planned, where it stops, and how the rest is gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.clusters import DEPLOYMENT, SPACE, deployment
from tests.fakes import FakeGateway
from tests.scenario.clusters import Site, site
from tests.scenario.stage import golden
from tests.simulators.kubernetes import Kubernetes
from tests.simulators.kubernetes.objects import Write

PODS, LONG_AGO = 8, "2026-01-01T00:00:00Z"


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Eight workers, and figures that are as they should be."""
    async with site(sqlite_url, tmp_path) as found:
        found.cluster.apply(deployment(PODS), namespace=SPACE)
        found.cluster.until(lambda: found.deployment()["status"].get("availableReplicas") == PODS)
        for name in names(found):
            run_since_long(found.cluster, name)
        yield found


def run_since_long(cluster: Kubernetes, pod: str) -> None:
    """Times in a cluster are whole seconds, and new pods are to be younger than those from before."""

    def changed(old: dict[str, Any]) -> dict[str, Any]:
        return old | {"status": old["status"] | {"startTime": LONG_AGO}}

    with cluster.core.store.lock:
        resource = cluster.core.catalogue.named("pods")
        cluster.cluster.objects.change(resource, SPACE, pod, changed, Write(subresource="status"))


def names(here: Site) -> set[str]:
    """Who is there."""
    return {one["metadata"]["name"] for one in here.cluster.list("pods", SPACE)}


def followed(here: Site, *, bad_at: int = 0, held_at: int = 0) -> dict[str, list[str]]:
    """Which workers each request is about. At a batch, it gets worse; or a budget holds it, and Dev stops it."""
    gateway: Any = here.bot.gateway
    figures, asked, original = FakeGateway(here.bot.clock), dict[str, list[str]](), gateway.restart

    async def restart(*args: Any, **kwargs: Any) -> None:
        again = kwargs["operation"] in asked
        asked[kwargs["operation"]] = list(kwargs["only"])
        if len(asked) == held_at:
            await here.says(f"/deny {kwargs['operation'].partition('.')[0]}", "dev") if again else hold(here)
        await original(*args, **kwargs)
        if len(asked) == bad_at:
            figures.reading_now = figures.reading_now.model_copy(update={"errors": 400, "error_rate": 0.4})

    gateway.reading, gateway.restart = figures.reading, restart
    return asked


def hold(here: Site) -> None:
    """Nobody may be missing."""
    spec = {"minAvailable": PODS, "selector": {"matchLabels": {"app": DEPLOYMENT}}}
    meta = {"name": "strict", "namespace": SPACE}
    here.cluster.apply({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec})


async def test_it_stops_where_it_gets_worse_or_a_person_says_so_and_the_rest_is_gone_on_with(here: Site) -> None:
    before = names(here)
    asked = followed(here, bad_at=2)
    assert await here.says("/gw restart --gradual") == golden("""
        Restart gateway: 8 workers, in 5 batches?
          Now: 8 of 8 workers ready
          Will happen: workers are evicted as the disruption budgets allow; up to 2 are missing until new ones are ready
          Step by step: 1, 2, 2, 2, 1 workers; it stops where errors or p95 get worse
          Undo: not needed, since the same version and configuration run again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert (await here.bot.plan()).removes == 2 / PODS
    assert await here.runs("/gw restart --gradual") == golden("""
        Failed: Restart gateway: 8 workers, in 5 batches
          2 of 5 steps were made: 3 of 8 workers restarted; it got worse, so it was stopped
          To go on: /gw restart --oldest 5
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 40.0%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)
    assert [len(batch) for batch in asked.values()] == [1, 2]
    assert before - names(here) == {name for batch in asked.values() for name in batch}
    # A pause holds no evictions back.
    here.cluster.change("deployments", DEPLOYMENT, lambda old: old["spec"].update(paused=True), SPACE)
    asked = followed(here, held_at=2)
    assert await here.runs("/gw restart --oldest 5") == golden("""
        Cancelled: Restart gateway: 5 workers, in 5 batches
          1 of 5 steps were made: 1 of 5 workers restarted
          To go on: /gw restart --oldest 4
          (asked by @Ben Okafor, confirmed by @Ben Okafor, cancelled by @Dev Patel)
        """)
    here.cluster.delete("poddisruptionbudgets", "strict", SPACE)
    asked, left = followed(here), before & names(here)
    assert await here.runs("/gw restart --oldest 1") == golden("""
        Done: Restart gateway: 1 worker, in 1 batch
          1 of 1 workers restarted; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert not (await here.bot.plan()).go_on, "nothing is left"
    assert left - names(here) == {name for batch in asked.values() for name in batch}


async def test_what_is_missing_who_is_none_of_them_and_which_right_it_lacks_is_said(
    here: Site,
) -> None:
    said = await here.says("/gw restart")
    assert said.startswith("Restart gateway: 8 workers, a few at a time?")
    assert "Will happen: workers are replaced step by step, with up to 2 missing at a time" in said
    assert (await here.bot.plan()).removes == 2 / PODS
    meta = {"name": "debug", "namespace": SPACE, "labels": {"app": DEPLOYMENT}}
    here.cluster.create("pods", {"metadata": meta, "spec": {"containers": [{"name": "a", "image": "a:1"}]}})
    assert await here.says("/gw restart --oldest 9") == golden("""
        gateway has 8 workers; --oldest is 1 to 8 of them.
          Try: /gw restart --gradual
          (You typed: /gw restart --oldest 9)
        """)
    here.cluster.faults.fail("create pods/eviction", 403)
    assert await here.runs("/gw restart --gradual") == golden("""
        Failed: Restart gateway: 8 workers, in 5 batches
          0 of 5 steps were made: 0 of 8 workers restarted; the cluster production does not allow Tocsin to create pods/eviction in edge (403). tocsin k8s doctor says what is missing, and prints the Role that allows it.
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)  # noqa: E501
