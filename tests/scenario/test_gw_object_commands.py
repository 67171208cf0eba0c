"""Changes of what is around the gateway in a cluster: what is typed, what is planned, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.clusters import SPACE, grant_nodes
from tests.contract.kubernetes_objects import blocks, bounds, config, pod, scaled, selector, served
from tests.scenario.clusters import Site, site
from tests.scenario.stage import golden, stable, transcript


def zone(here: Site, node: str) -> str:
    return str(here.cluster.get("nodes", node)["metadata"]["labels"]["topology.kubernetes.io/zone"])


async def is_stopped_between_evictions(here: Site, node: str) -> None:
    """By a freeze, and by a person; no eviction is asked for meanwhile, so that one is left to be stopped."""
    gateway: Any = here.bot.gateway
    seen: list[str] = []

    async def pursue(*_args: Any, plan: str, **_kwargs: Any) -> None:
        seen.append(stable(await here.bot.read(f"{plan}:card", "ben")))
        seen.append(await here.says(stopping.format(plan=plan), "dev"))

    gateway.pursue = pursue
    stopping = "/tocsin freeze storm"
    shown = await here.agreed(f"/gw node drain {node}")
    assert "Failed: Drain the node" in shown
    assert "0 of 1 pods have left it; all changes are frozen: " in shown
    await here.says("/tocsin thaw", "dev")
    stopping = "/deny {plan}"
    shown = await here.agreed(f"/gw node drain {node}")
    assert len(seen) == 4
    assert seen[2].replace(node, "NODE") == golden("""
        Running: Drain the node NODE
          0 of 1 pods have left it …
          [Stop]
          (asked by @Ben Okafor, approved by @Dev Patel)
        """)
    assert "What was asked for already goes on; nothing more is asked for." in seen[3]
    assert shown.replace(node, "NODE") == golden("""
        Cancelled: Drain the node NODE
          0 of 1 pods have left it
          To go on: /gw node drain NODE
          (asked by @Ben Okafor, approved by @Dev Patel, cancelled by @Dev Patel)
        """)
    del gateway.pursue


async def configmap(here: Site) -> None:
    """A value with a restart as it is planned, and one with awkward words as it is set."""
    assert await here.says("/gw config set gateway UPSTREAM_TIMEOUT=5s --restart") == golden("""
        Set UPSTREAM_TIMEOUT of gateway to 5s, and restart gateway?
          Now: 2s
          Takes effect: after a rolling restart, which follows at once
          Undo: /gw undo puts back the value
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |  data:
          | -  UPSTREAM_TIMEOUT: 2s
          | +  UPSTREAM_TIMEOUT: 5s
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert await here.runs("/gw config set gateway NOTE=${x}; `id` {a: b} <!here>") == golden("""
        Done, not verified: Set NOTE of gateway to ${x}; `id` {a: b} <!here>
          Changed; not verified: look at it yourself
          Before: no requests
          After: no requests
          Undo: /gw undo puts back the value
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert config(here.cluster)["NOTE"] == "${x}; `id` {a: b} <!here>"


async def one_pod(here: Site) -> None:
    """Deleted or put aside, as it is planned."""
    found = pod(here.cluster)
    name, node, labels = found["metadata"]["name"], found["spec"]["nodeName"], found["metadata"]["labels"]
    assert (await here.says(f"/gw pod delete {name}")).replace(name, "POD").replace(node, "NODE") == golden("""
        Delete the pod POD?
          State: ready
          Node: NODE
          Will happen: it stops as at any end, and a new one takes its place
          Undo: not needed, since a new one takes its place
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert (await here.says(f"/gw pod quarantine {name}")).replace(name, "POD").replace(
        labels["pod-template-hash"], "HASH"
    ) == golden("""
        Quarantine the pod POD?
          State: ready
          Will happen: no service sends to it any more, a new one takes its place, and it runs on
          Mind: network policies that select it by its labels do not hold for it any more
          Undo: not needed, since a new one takes its place; /gw pod delete ends it once it was looked at
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |  labels:
          | -  app: api-gateway
          | -  pod-template-hash: HASH
          | +  tocsin/quarantined-from: api-gateway
          |  spec:
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)


async def autoscaler(here: Site) -> None:
    """Its bounds, for an hour as it is planned, and set."""
    assert await here.says("/gw hpa bounds --min 2") == golden("""
        No autoscaler sets the count of gateway.
          Try: /gw scale 10
          (You typed: /gw hpa bounds --min 2)
        """)
    scaled(here.cluster)
    assert await here.says("/gw hpa bounds --min 2 --for 1h") == golden("""
        Let the autoscaler of gateway keep 2 to 4 workers, not 1 to 4?
          Autoscaler: own
          Now: 2 workers, kept between 1 and 4
          Lasts: 1 h, then Tocsin takes it back
          Undo: /gw undo puts back the bounds
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |      type: Resource
          | -  minReplicas: 1
          | +  minReplicas: 2
          |    scaleTargetRef:
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await here.runs("/gw hpa bounds --min 2")
    assert bounds(here.cluster) == (2, 4)


async def drained_node(here: Site) -> None:
    """Planned, stopped between two evictions, and done."""
    grant_nodes(here.cluster)
    found = pod(here.cluster)
    name, node = found["metadata"]["name"], found["spec"]["nodeName"]
    said = await here.says(f"/gw node drain {node}")
    assert said.replace(name, "POD").replace(node, "NODE").replace(f"zone: {zone(here, node)}", "zone: ZONE") == golden("""
        Drain the node NODE?
          Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… NODE
          Needs 1 more approval by one of: operators, admins, the incident commander, the technical lead; not @Ben Okafor
          Now: takes new pods
          Evicts: 1 pod: POD
          Undo: /gw undo lets new pods on; what has moved stays where it is
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          | …
          |    topology.kubernetes.io/zone: ZONE
          | +spec:
          | +  unschedulable: true
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)  # noqa: E501
    await is_stopped_between_evictions(here, node)
    assert (await here.agreed(f"/gw node drain {node}")).replace(node, "NODE") == golden("""
        Done, not verified: Drain the node NODE
          Nobody is left on it; not verified: look at it yourself
          Before: no requests
          After: no requests
          Undo: the node took no new pods before either, and that stays so; /gw node uncordon NODE lets new pods on
          (asked by @Ben Okafor, approved by @Dev Patel)
        """)
    assert (await here.says(f"/gw node cordon {node}")).replace(node, "NODE") == golden("""
        NODE takes no new pods already.
          Try: /gw history
          (You typed: /gw node cordon NODE)
        """)
    said = await here.says(f"/gw node uncordon {node}")
    assert said.replace(node, "NODE").splitlines()[0] == "Let new pods onto the node NODE again?"
    assert "Now: takes no new pods" in said


@transcript("/gw config set", "/gw pod delete", "/gw pod quarantine", "/gw hpa bounds")
@transcript("/gw node cordon", "/gw node uncordon", "/gw node drain")
async def test_a_configmap_a_pod_an_autoscaler_and_a_node(sqlite_url: str, tmp_path: Path) -> None:
    async with site(sqlite_url, tmp_path) as here:
        await configmap(here)
        await one_pod(here)
        await autoscaler(here)
        await drained_node(here)


async def switch(here: Site) -> None:
    """Requests go to another set of pods."""
    served(here.cluster)
    here.cluster.until(lambda: len(here.cluster.list("pods", SPACE)) == 4)
    here.cluster.settle()
    assert await here.says("/gw switch green") == golden("""
        Send all requests of gateway to green?
          Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… gateway
          Needs 1 more approval by one of: operators, admins, the incident commander, the technical lead; not @Ben Okafor
          Service: gateway
          Now: api-gateway, app=api-gateway: 2 ready
          Then: green, app=green: 1 ready
          Undo: /gw undo sends them where they went before
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          | …
          |    selector:
          | -    app: api-gateway
          | +    app: green
          |    sessionAffinity: None
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)  # noqa: E501


async def maintenance(here: Site) -> None:
    """The page, for a while, and its end."""
    assert await here.agreed("/gw maintenance on --for 20m") == golden("""
        Done, not verified: Show the maintenance page instead of gateway
          The page is shown: 1 of 1 of its ready pods are endpoints; not verified: look at it yourself
          Before: no requests
          After: no requests
          Undo: /gw undo, or /gw maintenance off
          Temporary: until 12:20 UTC, then Tocsin takes it back
          (asked by @Ben Okafor, approved by @Dev Patel)
        """)
    assert selector(here.cluster) == {"app": "page"}
    assert await here.says("/gw maintenance off") == golden("""
        End the maintenance of gateway?
          Service: gateway
          Now: app=page: 1 ready
          Then: app=api-gateway: 2 ready
          Undo: /gw maintenance on shows the page again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |    selector:
          | -    app: page
          | +    app: api-gateway
          |    sessionAffinity: None
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)


async def block(here: Site) -> None:
    """Addresses that are shut out, and those that may not be."""
    assert await here.says("/gw block 203.0.113.0/24") == golden("""
        Block 203.0.113.0/24 from gateway?
          Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… 203.0.113.0/24
          Needs 1 more approval by one of: operators, admins, the incident commander, the technical lead; not @Ben Okafor
          Blocked now: nothing
          Holds where: pods see the addresses of clients: externalTrafficPolicy Local, or no proxy before them
          Lasts: 30 min, then Tocsin takes it back
          Undo: /gw undo, or /gw unblock
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          | …
          | +spec:
          | +  ingress:
          | +  - from:
          | +    - namespaceSelector: {}
          | +    - ipBlock:
          | +        cidr: 0.0.0.0/0
          | +        except:
          | +        - 203.0.113.0/24
          | +    - ipBlock:
          | +        cidr: ::/0
          | +  podSelector:
          | +    matchLabels:
          | +      app: api-gateway
          | +  policyTypes:
          | +  - Ingress
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)  # noqa: E501
    assert await here.says("/gw unblock 203.0.113.0/24") == golden("""
        203.0.113.0/24 is not blocked.
          Try: /gw history
          (You typed: /gw unblock 203.0.113.0/24)
        """)
    assert await here.says("/gw block 10.0.0.0/7") == golden("""
        10.0.0.0/7 is a large part of the internet.
          At most a /8 is blocked. /gw maintenance on shows everybody a page.
          Try: /gw block 203.0.113.0/24 --for 1h
          (You typed: /gw block 10.0.0.0/7)
        """)
    assert blocks(here.cluster) == []


async def zero_and_wake(here: Site) -> None:
    """Nobody works, and then as many as before."""
    assert await here.says("/gw zero") == golden("""
        Stop every worker of gateway?
          Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… gateway
          Needs 1 more approval by one of: operators, admins, the incident commander, the technical lead; not @Ben Okafor
          Now: 2 workers
          Will happen: all stop: a full outage until /gw wake
          Undo: /gw undo, or /gw wake
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          | …
          |    progressDeadlineSeconds: 600
          | -  replicas: 2
          | +  replicas: 0
          |    revisionHistoryLimit: 10
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)  # noqa: E501
    await here.agreed("/gw zero")
    assert here.deployment()["spec"]["replicas"] == 0
    assert await here.says("/gw wake") == golden("""
        Wake gateway with 2 workers?
          Then: 2 workers
          Undo: /gw zero stops them again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |    progressDeadlineSeconds: 600
          | -  replicas: 0
          | +  replicas: 2
          |    revisionHistoryLimit: 10
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)


@transcript(
    "/gw switch", "/gw maintenance on", "/gw maintenance off", "/gw block", "/gw unblock", "/gw zero", "/gw wake"
)
async def test_who_gets_the_requests_and_who_may_send_any(sqlite_url: str, tmp_path: Path) -> None:
    async with site(sqlite_url, tmp_path) as here:
        await switch(here)
        await maintenance(here)
        await block(here)
        await zero_and_wake(here)
