"""Back to an earlier revision: the server has no such request, so its template is put back, as kubectl does."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from bot.adapters.kubernetes import history
from bot.adapters.kubernetes.access import LIST_REPLICA_SETS, PATCH_DEPLOYMENT
from bot.adapters.kubernetes.altering.thought import Change, Said, Scene, Thought
from bot.adapters.kubernetes.place import MOST_PODS
from bot.adapters.kubernetes.pods import selector_of
from commands.errors import Conflict, NotFound

_HASH = "pod-template-hash"


class Rollback(Change):
    """The template of a ReplicaSet that is still kept."""

    name: ClassVar[str] = "rollback"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. The revision that is gone back to gets a new number, so its ReplicaSet's name is what counts."""
        sets = await self._revisions(scene)
        current = history.revision_of(scene.deployment)
        found = _named(sets, str(said["set"])) if said.get("set") else _chosen(sets, int(said["revision"]), current)
        template = _template(found)
        same = template == _stripped(scene.deployment["spec"]["template"])
        revision = int(said["revision"]) or history.revision_of(found)
        images = ", ".join(one["image"] for one in template["spec"]["containers"])
        path = "/spec/template"
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={"revision": current},
            settled={"revision": revision, "set": found["metadata"]["name"]},
            patch=[] if same else [{"op": "replace", "path": path, "value": template}],
            before={"revision": current},
            already=f"Revision {revision} is what runs." if same else "",
            facts=(("Then runs", images), ("Puts back", "the pod template alone: neither the count nor ConfigMaps")),
            rolls=True,
        )

    async def _revisions(self, scene: Scene) -> list[dict[str, Any]]:
        selector, space = selector_of(scene.deployment), await scene.place.space()
        found = await scene.place.cluster.get(LIST_REPLICA_SETS, space, labelSelector=selector, limit=MOST_PODS)
        return history.owned(scene.deployment, found["items"])


def _named(sets: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for one in sets:
        if one["metadata"]["name"] == name:
            return one
    raise NotFound(f"The ReplicaSet {name} of that revision is gone.", example="/gw history")


def _chosen(sets: list[dict[str, Any]], revision: int, current: int) -> dict[str, Any]:
    """The one with this number; 0: the newest that does not run now."""
    kept = {history.revision_of(one): one for one in sets}
    earlier = [number for number in kept if number != current]
    if not revision and not earlier:
        raise Conflict("There is no earlier revision to go back to.", example="/gw history")
    found = kept.get(revision or max(earlier))
    if found is None:
        known = ", ".join(str(number) for number in sorted(kept))
        raise NotFound(f"There is no revision {revision}.", hint=f"There is: {known}.", example="/gw history")
    return found


def _template(known: dict[str, Any]) -> dict[str, Any]:
    return _stripped(known["spec"]["template"])


def _stripped(template: dict[str, Any]) -> dict[str, Any]:
    """Without what the controller adds for itself."""
    found = copy.deepcopy(template)
    (found["metadata"].get("labels") or {}).pop(_HASH, None)
    found["metadata"].pop("creationTimestamp", None)
    return found


CHANGES: tuple[Change, ...] = (Rollback(),)
