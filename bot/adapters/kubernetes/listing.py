"""Lists that may be long, read in pages up to a bound; and what a refusal of one means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bot.adapters.kubernetes.access import Access
from bot.adapters.kubernetes.place import Place
from commands.errors import NotFound, Unavailable

PAGE, MOST = 500, 2000


@dataclass(frozen=True)
class Listed:
    """What was read. `whole` is False where more is there; `served` where the server knows of such things at all."""

    items: tuple[dict[str, Any], ...] = ()
    whole: bool = True
    served: bool = True
    version: str = ""

    def complete(self) -> list[dict[str, Any]]:
        """All that there is, for whoever decides by what is missing. Raises Unavailable where it was not all read."""
        if not self.whole:
            raise Unavailable(f"Only the first {len(self.items)} could be listed, and there are more.")
        return list(self.items)


async def listed(place: Place, access: Access, **query: object) -> Listed:
    """In the newest version that is served. Raises Unavailable."""
    space = "" if access.whole_cluster else await place.space()
    for version in access.versions:
        try:
            return await _pages(place, access, space, version, query)
        except NotFound:
            continue
    return Listed(served=False, version=access.versions[0])


async def _pages(place: Place, access: Access, space: str, version: str, query: dict[str, object]) -> Listed:
    items: list[dict[str, Any]] = []
    asked = {**query, "limit": PAGE}
    while True:
        answer = await place.cluster.ask(access.path(space, version=version), asked)
        if not answer.good and not items:
            raise place.cluster.refused(answer, access, space, "")
        found = json.loads(answer.body) if answer.good else {}
        items += found.get("items") or ()
        rest = (found.get("metadata") or {}).get("continue", "")
        if not rest or len(items) >= MOST:
            return Listed(tuple(items), whole=answer.good and not rest, version=version)
        asked = {**asked, "continue": rest}
