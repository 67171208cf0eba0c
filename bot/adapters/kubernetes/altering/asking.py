"""Lists that a change is thought out by: all that there is, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.adapters.kubernetes import listing
from bot.adapters.kubernetes.access import Access
from bot.adapters.kubernetes.altering.thought import Scene
from commands.errors import Unavailable


async def listed(scene: Scene, access: Access, **query: object) -> tuple[list[dict[str, Any]], str]:
    """What there is, and in which version it was read; nothing where none is served. Raises Unavailable."""
    found = await listing.listed(scene.place, access, **query)
    return found.complete(), found.version


async def there(scene: Scene, access: Access, **query: object) -> list[dict[str, Any]]:
    """The same of what every server has: one that does not know of it says nothing. Raises Unavailable."""
    found = await listing.listed(scene.place, access, **query)
    if not found.served:
        raise Unavailable(f"The cluster {scene.place.cluster.name} knows of no {access.resource} (404).")
    return found.complete()


def in_version(access: Access, version: str) -> Access:
    """The same verb, in the version that an object was read in."""
    return replace(access, versions=(version,))
