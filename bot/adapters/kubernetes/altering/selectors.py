"""Which pods a Service sends to: another Deployment's (blue and green), or the page that says that work is going on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import (
    LIST_DEPLOYMENTS,
    LIST_PODS,
    LIST_SERVICES,
    LIST_SLICES,
    PATCH_SERVICE,
)
from bot.adapters.kubernetes.altering.asking import listed
from bot.adapters.kubernetes.altering.thought import Change, Patch, Said, Scene, Thought, pointer
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.place import MOST_PODS
from bot.adapters.kubernetes.rollout import condition
from commands.errors import Conflict, NotFound
from commands.ports import Operation

#: A Deployment with this label, whose value is the name of another, stands in for that one in maintenance.
PAGE_OF = "tocsin/maintenance-of"
#: On a Service in maintenance: its selector from before, as JSON.
SELECTOR_BEFORE = "tocsin/selector-before"
Labels = dict[str, str]


async def service_of(scene: Scene, name: str) -> dict[str, Any]:
    """The Service that is meant: the only one that sends to the deployment's pods. Raises NotFound, Conflict."""
    space = await scene.place.space()
    services = (await scene.place.cluster.get(LIST_SERVICES, space, limit=MOST_PODS))["items"]
    if name:
        found = [one for one in services if one["metadata"]["name"] == name]
        if not found or not found[0]["spec"].get("selector"):
            raise NotFound(f"There is no Service {name[:60]} with a selector in {space}.")
        return dict(found[0])
    labels = scene.deployment["spec"]["template"]["metadata"].get("labels") or {}
    found = [one for one in services if _selects(one["spec"].get("selector"), labels) or _in_maintenance(one)]
    if len(found) != 1:
        names = ", ".join(one["metadata"]["name"] for one in found)
        why = (
            f"{len(found)} Services send to {scene.service}: {names}."
            if found
            else f"No Service sends to {scene.service}."
        )
        raise Conflict(why, hint="Say which one with --service NAME.")
    return dict(found[0])


def _selects(selector: Labels | None, labels: Labels) -> bool:
    return bool(selector) and (selector or {}).items() <= labels.items()


def _in_maintenance(service: dict[str, Any]) -> bool:
    return SELECTOR_BEFORE in (service["metadata"].get("annotations") or {})


async def _ready(scene: Scene, selector: Labels) -> list[str]:
    """The names of the pods that could take requests."""
    said = ",".join(f"{key}={value}" for key, value in selector.items())
    space = await scene.place.space()
    pods = (await scene.place.cluster.get(LIST_PODS, space, labelSelector=said, limit=MOST_PODS))["items"]
    there = [one for one in pods if not one["metadata"].get("deletionTimestamp")]
    return [one["metadata"]["name"] for one in there if condition(one, "Ready").get("status") == "True"]


def _written(selector: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))


async def _deployments(scene: Scene, **query: str) -> list[dict[str, Any]]:
    space = await scene.place.space()
    found: list[dict[str, Any]] = (await scene.place.cluster.get(LIST_DEPLOYMENTS, space, limit=MOST_PODS, **query))[
        "items"
    ]
    return found


class _Selection(Change):
    """What these have in common: a selector is tested and replaced, and the endpoints tell whether it holds."""

    async def _thought(
        self, scene: Scene, service: dict[str, Any], wanted: Labels, settled: dict[str, Any], before: dict[str, Any]
    ) -> Thought:
        name, now = service["metadata"]["name"], dict(service["spec"]["selector"])
        old, new = await _ready(scene, now), await _ready(scene, wanted)
        if not new and now != wanted:
            raise Conflict(f"No pod with {_written(wanted)} is ready, so {name} would send to nobody.")
        return Thought(
            PATCH_SERVICE,
            service,
            live={f"selector of {name}": _written(now), "wanted": _written(wanted)},
            settled={**settled, "service": name},
            patch=_swap(now, wanted),
            before=before,
            already=f"{name} sends to {_written(wanted)} already." if now == wanted else "",
            facts=(
                ("Service", name),
                ("Now", f"{_written(now)}: {len(old)} ready"),
                ("Then", f"{_written(wanted)}: {len(new)} ready"),
            ),
            removes=max(0.0, 1 - len(new) / len(old)) if old else 0.0,
        )

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """Done when the endpoints are the pods that are selected, and no others."""
        selector = thought.known["spec"]["selector"]
        if not thought.already:
            error = f"somebody has set {_written(selector)} since"
            return Operation(id=note.id, state="failed", done=0, total=0, error=error)
        name, wanted = thought.known["metadata"]["name"], set(await _ready(scene, selector))
        slices, _ = await listed(scene, LIST_SLICES, labelSelector=f"kubernetes.io/service-name={name}")
        there = {
            (one.get("targetRef") or {}).get("name", "")
            for slice_ in slices
            for one in slice_.get("endpoints") or ()
            if (one.get("conditions") or {}).get("ready") is not False
        }
        state = "done" if there == wanted and wanted else "running"
        return Operation(id=note.id, state=state, done=len(there & wanted), total=len(wanted))


def _swap(now: Labels, wanted: Labels) -> Patch:
    if now == wanted:
        return []
    path = "/spec/selector"
    return [{"op": "test", "path": path, "value": now}, {"op": "replace", "path": path, "value": wanted}]


class Switch(_Selection):
    """To the pods of another Deployment: what the selector asks for, with the values that its pods have."""

    name: ClassVar[str] = "switch"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        service, to = await service_of(scene, str(said.get("service", ""))), str(said["to"])
        known = {one["metadata"]["name"]: one for one in await _deployments(scene)}
        if to not in known:
            raise NotFound(f"There is no Deployment {to[:60]}.", hint=f"There is: {', '.join(known)}.")
        labels = known[to]["spec"]["template"]["metadata"].get("labels") or {}
        now = dict(service["spec"]["selector"])
        missing = [key for key in now if key not in labels]
        if missing:
            raise Conflict(f"The pods of {to} have no label {', '.join(missing)}, which the Service selects by.")
        wanted = {key: labels[key] for key in now}
        back = [
            name
            for name, one in known.items()
            if _selects(now, one["spec"]["template"]["metadata"].get("labels") or {})
        ]
        before = {"to": back[0] if len(back) == 1 else "", "service": service["metadata"]["name"]}
        if wanted == now and to not in back[:1] and len(back) > 1:
            raise Conflict(f"The selector {_written(now)} does not tell {to} from {back[0]}.")
        return await self._thought(scene, service, wanted, {"to": to}, before)


class MaintenanceOn(_Selection):
    """The Service sends to the page's pods, and keeps its selector in an annotation."""

    name: ClassVar[str] = "maintenance on"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        service = await service_of(scene, str(said.get("service", "")))
        pages = await _deployments(scene, labelSelector=f"{PAGE_OF}={scene.place.deployment}")
        if len(pages) != 1:
            found = ", ".join(one["metadata"]["name"] for one in pages) or "none"
            hint = f"It is a Deployment with the label {PAGE_OF}={scene.place.deployment}; there is {found}."
            raise Conflict(f"There is no page to show instead of {scene.service}.", hint=hint)
        wanted = dict(pages[0]["spec"]["selector"].get("matchLabels") or {})
        thought = await self._thought(scene, service, wanted, {}, {"service": service["metadata"]["name"]})
        # The page may have ready pods as many; none of them is the gateway.
        kept = json.dumps(service["spec"]["selector"], sort_keys=True)
        return replace(thought, marks={SELECTOR_BEFORE: kept}, removes=1.0)


class MaintenanceOff(_Selection):
    """The Service sends to whom it sent before."""

    name: ClassVar[str] = "maintenance off"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        service = await service_of(scene, str(said.get("service", "")))
        name = service["metadata"]["name"]
        kept = (service["metadata"].get("annotations") or {}).get(SELECTOR_BEFORE, "")
        wanted = said.get("selector") or _selector(kept)
        if not wanted:
            return Thought(
                PATCH_SERVICE, service, live={}, settled={"service": name}, already=f"{name} is not in maintenance."
            )
        thought = await self._thought(scene, service, wanted, {"selector": wanted}, {"service": name})
        forget: Patch = [{"op": "remove", "path": pointer("metadata", "annotations", SELECTOR_BEFORE)}]
        return replace(thought, patch=[*thought.patch, *(forget if kept else [])])


def _selector(kept: str) -> Labels:
    try:
        read = json.loads(kept or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}


CHANGES: tuple[Change, ...] = (Switch(), MaintenanceOn(), MaintenanceOff())
