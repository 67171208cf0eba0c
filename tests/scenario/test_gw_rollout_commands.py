"""Changes of the gateway's template in a cluster: what is typed, what is planned, what came of it."""

from __future__ import annotations

from pathlib import Path

from tests.contract.gateways import SECRET
from tests.scenario.clusters import Site, site
from tests.scenario.stage import Stage, golden, transcript

AWKWARD = '$(rm -rf /); {"op": "remove"} *b* <!channel> ~1 \'"&amp;'


async def image_and_back(here: Site) -> None:
    """Another image, a rollback that is planned, and an undo."""
    assert await here.says("/gw image 1.4.3") == golden("""
        Set the image of gateway to gateway:1.4.3?
          Now: example.com/gateway:1.4.2
          Then: example.com/gateway:1.4.3
          Will happen: 2 workers, each replaced once its successor is ready
          Undo: /gw undo puts back the image
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |            - secretRef: '[redacted]'
          | -          image: example.com/gateway:1.4.2
          | +          image: example.com/gateway:1.4.3
          |            imagePullPolicy: IfNotPresent
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert await here.runs("/gw image 1.4.3") == golden("""
        Done, not verified: Set the image of gateway to gateway:1.4.3
          2 of 2 workers run it; not verified: look at it yourself
          Before: no requests
          After: no requests
          Undo: /gw undo puts back the image
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert await here.says("/gw rollback") == golden("""
        Roll gateway back from revision 2 to 1?
          Then runs: example.com/gateway:1.4.2
          Puts back: the pod template alone: neither the count nor ConfigMaps
          Will happen: 2 workers, each replaced once its successor is ready
          Undo: /gw undo goes forward again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |            - secretRef: '[redacted]'
          | -          image: example.com/gateway:1.4.3
          | +          image: example.com/gateway:1.4.2
          |            imagePullPolicy: IfNotPresent
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert (await here.runs("/gw undo")).splitlines()[0] == golden("""
        Done, not verified: Undo: set the image of gateway to gateway:1.4.2
        """)
    assert here.container()["image"] == "example.com/gateway:1.4.2"


async def resources_and_env(here: Site) -> None:
    """What is planned for them, and the refusal to carry a secret."""
    assert await here.says("/gw resources --memory-limit 1Gi") == golden("""
        Set limit of memory 1Gi for gateway?
          Limit of memory: none → 1Gi
          Will happen: 2 workers, each replaced once its successor is ready
          Undo: /gw undo puts back what was before
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |            imagePullPolicy: IfNotPresent
          | -          resources: {}
          | +          resources:
          | +            limits:
          | +              memory: 1Gi
          | +            requests:
          | +              memory: 1Gi
          |            terminationMessagePath: /dev/termination-log
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert await here.says("/gw env LOG_LEVEL=debug --for 20m") == golden("""
        Set LOG_LEVEL of gateway to debug?
          Now: info
          Will happen: 2 workers, each replaced once its successor is ready
          Lasts: 20 min, then Tocsin takes it back
          Undo: /gw undo puts back the value
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          | …
          |              ADMIN_TOKEN: '[redacted]'
          | -            LOG_LEVEL: info
          | +            LOG_LEVEL: debug
          |            envFrom:
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    assert await here.says(f"/gw env ADMIN_TOKEN={SECRET}") == golden("""
        ADMIN_TOKEN looks like a secret, and a chat is no place for one.
          Change it where secrets are kept, then /gw restart. If this one was real, it is known to others now.
          Try: /gw env LOG_LEVEL=debug
          (You typed: /gw env ADMIN_TOKEN=[redacted])
        """)


async def awkward_words(here: Site) -> None:
    """They arrive as they were typed, or are refused."""
    await here.runs(f"/gw env NOTE={AWKWARD}")
    assert here.container()["env"][-1] == {"name": "NOTE", "value": AWKWARD}
    for spelt in ("$(reboot)", "1.4.3;reboot", "{image:1}", "<!channel>", "../../secret?x=1"):
        assert (await here.says(f"/gw image {spelt}")).splitlines()[0] == f"“{spelt}” is no image and no tag."


async def pause_and_resume(here: Site) -> None:
    """What is paused takes no other image."""
    assert await here.says("/gw pause") == golden("""
        Pause the rollout of gateway?
          Now: rollouts go on
          Undo: /gw undo, or /gw resume
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:06 UTC
          | …
          |  spec:
          | +  paused: true
          |    progressDeadlineSeconds: 600
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await here.runs("/gw pause")
    assert await here.says("/gw image 2") == golden("""
        gateway: its rollout is paused.
          Resume it: /gw resume.
          (You typed: /gw image 2)
        """)
    assert await here.says("/gw resume") == golden("""
        Resume the rollout of gateway?
          Now: paused
          Undo: /gw pause holds back what comes later; what has begun goes on
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:06 UTC
          | …
          |  spec:
          | -  paused: true
          | +  paused: false
          |    progressDeadlineSeconds: 600
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)


@transcript("/gw image", "/gw rollback", "/gw pause", "/gw resume", "/gw resources", "/gw env")
async def test_the_template_is_changed_with_a_diff_and_put_back(sqlite_url: str, tmp_path: Path) -> None:
    async with site(sqlite_url, tmp_path) as here:
        await image_and_back(here)
        await resources_and_env(here)
        await awkward_words(here)
        await pause_and_resume(here)


async def test_where_it_runs_as_processes_these_are_not_offered(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/gw image 2") == golden("""
        /gw image needs the gateway in Kubernetes, and here it runs as local processes.
          The local gateway has no images. Install the version that you want, then /gw restart.
          (You typed: /gw image 2)
        """)
    shown = await stage.asks("ben", "general", "/help gw")
    assert "/gw scale" in shown
    assert "/gw image" not in shown
