"""What the transcripts of a cluster share: words without random names, and what happens in the cluster."""

from __future__ import annotations

import re
from typing import Any

from bot.adapters.kubernetes.access import manifest
from tests.contract.clusters import DEPLOYMENT, SPACE, deployment
from tests.scenario.stage import Stage
from tests.simulators.kubernetes import Kubernetes


async def types(stage: Stage, person: str, channel: str, text: str) -> str:
    """What is then said, where, and to whom."""
    return _unnamed(await stage.types(person, channel, text))


async def asks(stage: Stage, person: str, channel: str, text: str) -> str:
    """The answer alone."""
    return _unnamed(await stage.asks(person, channel, text))


def _unnamed(said: str) -> str:
    """Without what is random in the names of pods, and too long to be read beside."""
    said = re.sub(rf"{DEPLOYMENT}-[a-z0-9]{{10}}-[a-z0-9]{{5}}", "(pod)", said)
    return re.sub(rf"{DEPLOYMENT}-[a-z0-9]{{10}}", "(set)", said).replace("example.com/", "…/")


def grant(cluster: Kubernetes) -> None:
    """What is given on request only."""
    cluster.apply(manifest(SPACE, nodes=True, certs=True), namespace=SPACE)


def rolls_out(cluster: Kubernetes, tag: str, **resources: Any) -> None:
    """Another image, and what its container asks for, to the end."""
    said = deployment(image=f"example.com/gateway:{tag}")
    said["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    cluster.apply(said, namespace=SPACE)
    cluster.settle()
