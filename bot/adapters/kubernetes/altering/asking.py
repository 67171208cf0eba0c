"""Lists in the newest version that a server has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bot.adapters.kubernetes.access import Access
from bot.adapters.kubernetes.altering.thought import Scene
from bot.adapters.kubernetes.place import MOST_PODS
from commands.errors import NotFound


async def listed(scene: Scene, access: Access, **query: object) -> tuple[list[dict[str, Any]], str]:
    """What there is, and in which version it was read; nothing where none is served. Raises Unavailable."""
    space, cluster = await scene.place.space(), scene.place.cluster
    for version in access.versions:
        answer = await cluster.ask(access.path(space, version=version), {"limit": MOST_PODS, **query})
        if answer.good:
            return json.loads(answer.body)["items"], version
        refused = cluster.refused(answer, access, space, "")
        if not isinstance(refused, NotFound):
            raise refused
    return [], access.versions[0]


def in_version(access: Access, version: str) -> Access:
    """The same verb, in the version that an object was read in."""
    return replace(access, versions=(version,))
