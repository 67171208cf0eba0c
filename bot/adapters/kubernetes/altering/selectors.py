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
from bot.adapters.kubernetes.altering.asking import listed, there
from bot.adapters.kubernetes.altering.thought import Change, Patch, Said, Scene, Thought, pointer
from bot.adapters.kubernetes.ledger import Note, notes
from bot.adapters.kubernetes.pods import serves
from commands.errors import Conflict, NotFound
from commands.ports import Operation

#: A Deployment with this label, whose value is the name of another, stands in for that one in maintenance.
PAGE_OF = "tocsin/maintenance-of"
#: On a Service in maintenance: its selector from before, as JSON.
SELECTOR_BEFORE = "tocsin/selector-before"
Labels = dict[str, str]
_FEW = 10
_READY = "pods ready there"


async def service_of(scene: Scene, said: Said) -> dict[str, Any]:
    """The Service that is meant: the only one that sends to the deployment's pods. Raises NotFound, Conflict.

    The policy was asked about the deployment. So one that is named must be its own too: it sends to its pods, did so
    before the maintenance, or was switched from here. Once settled, it is known by its uid.
    """
    name, uid = str(said.get("service", "")), str(said.get("uid", ""))
    services = [one for one in await there(scene, LIST_SERVICES) if one["spec"].get("selector")]
    if name:
        found = [one for one in services if one["metadata"]["name"] == name and uid in {"", one["metadata"]["uid"]}]
        if not found:
            raise NotFound(f"There is no Service {name[:60]} with a selector in {await scene.place.space()}.")
        if not uid and not (_sends(scene, found[0]) or _switched(found[0])):
            raise Conflict(f"The Service {name} does not send to {scene.service}.", hint="Only its own can be changed.")
        return found[0]
    found = [one for one in services if _sends(scene, one)]
    if len(found) != 1:
        names = ", ".join(one["metadata"]["name"] for one in found)
        why = (
            f"{len(found)} Services send to {scene.service}: {names}."
            if found
            else f"No Service sends to {scene.service}."
        )
        raise Conflict(why, hint="Say which one with --service NAME.")
    return found[0]


def _sends(scene: Scene, service: dict[str, Any]) -> bool:
    """Whether it sends to the deployment's pods, or did before its maintenance."""
    labels = scene.deployment["spec"]["template"]["metadata"].get("labels") or {}
    return _selects(service["spec"]["selector"], labels) or _selects(_selector(_kept(service)), labels)


def _switched(service: dict[str, Any]) -> bool:
    return any(one.kind == Switch.name for one in notes(service))


def _selects(selector: Labels, labels: Labels) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _kept(service: dict[str, Any]) -> str:
    """The selector from before the maintenance, as it is written; nothing where there is none."""
    return str((service["metadata"].get("annotations") or {}).get(SELECTOR_BEFORE, ""))


def _refuse_maintenance(service: dict[str, Any]) -> None:
    """Raises Conflict: what was kept would be lost, or would not be what was there before."""
    if _kept(service):
        name = service["metadata"]["name"]
        raise Conflict(f"{name} is in maintenance.", hint="End that first.", example="/gw maintenance off")


async def _ready(scene: Scene, selector: Labels) -> list[str]:
    """The names of the pods that could take requests."""
    said = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = await there(scene, LIST_PODS, labelSelector=said) if said else []
    return [one["metadata"]["name"] for one in pods if serves(one)]


def _written(selector: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))


class _Selection(Change):
    """What these have in common: a selector is tested and replaced, and the endpoints tell whether it holds.

    What speaks against it is asked while it is planned; what is settled, with its uid and its selector, is only
    compared.
    """

    async def _thought(
        self, scene: Scene, service: dict[str, Any], wanted: Labels, settled: dict[str, Any], before: dict[str, Any]
    ) -> Thought:
        name, now = service["metadata"]["name"], dict(service["spec"]["selector"])
        old, new = await _ready(scene, now), await _ready(scene, wanted)
        return Thought(
            PATCH_SERVICE,
            service,
            live={
                f"selector of {name}": _written(now),
                "wanted": _written(wanted),
                "kept for after a maintenance": _kept(service) or "nothing",
                _READY: "some" if new else "none",
            },
            settled={**settled, "service": name, "uid": service["metadata"]["uid"], "selector": wanted},
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


def _refuse_nobody(thought: Thought) -> None:
    """Raises Conflict where something would change, and nobody would be there."""
    if not thought.already and thought.live[_READY] == "none":
        name, wanted = thought.settled["service"], _written(thought.settled["selector"])
        raise Conflict(f"No pod with {wanted} is ready, so {name} would send to nobody.")


class Switch(_Selection):
    """To the pods of another Deployment: what the selector asks for, with the values that its pods have."""

    name: ClassVar[str] = "switch"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        service, to = await service_of(scene, said), str(said["to"])
        if said.get("selector"):
            return await self._thought(scene, service, dict(said["selector"]), {"to": to}, {})
        known = {one["metadata"]["name"]: one for one in await there(scene, LIST_DEPLOYMENTS)}
        if to not in known:
            raise NotFound(f"There is no Deployment {to[:60]}.", hint=f"There is: {', '.join([*known][:_FEW])}.")
        labels = {name: one["spec"]["template"]["metadata"].get("labels") or {} for name, one in known.items()}
        now = dict(service["spec"]["selector"])
        missing = [key for key in now if key not in labels[to]]
        if missing:
            raise Conflict(f"The pods of {to} have no label {', '.join(missing)}, which the Service selects by.")
        wanted = {key: labels[to][key] for key in now}
        back = [name for name in known if _selects(now, labels[name])]
        before = {"to": back[0] if len(back) == 1 else "", "service": service["metadata"]["name"]}
        if wanted == now and to not in back[:1] and len(back) > 1:
            raise Conflict(f"The selector {_written(now)} does not tell {to} from {back[0]}.")
        thought = await self._thought(scene, service, wanted, {"to": to}, before)
        if not thought.already:
            _refuse_maintenance(service)
        _refuse_nobody(thought)
        whose = {"Now": before["to"], "Then": to}
        named = ((key, f"{whose[key]}, {text}" if whose.get(key) else text) for key, text in thought.facts)
        return replace(thought, facts=tuple(named))


class MaintenanceOn(_Selection):
    """The Service sends to the page's pods, and keeps its selector in an annotation."""

    name: ClassVar[str] = "maintenance on"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. A page that is gone since it was shown must not keep anybody from ending that."""
        service = await service_of(scene, said)
        wanted = dict(said.get("selector") or await self._page(scene))
        thought = await self._thought(scene, service, wanted, {}, {"service": service["metadata"]["name"]})
        if not said.get("selector"):
            if not thought.already:
                _refuse_maintenance(service)
            _refuse_nobody(thought)
        # The page may have ready pods as many; none of them is the gateway.
        kept = json.dumps(service["spec"]["selector"], sort_keys=True)
        return replace(thought, marks={SELECTOR_BEFORE: kept}, removes=1.0)

    async def _page(self, scene: Scene) -> Labels:
        """What selects its pods. Raises Conflict where there is no such page, or a Service could not select it."""
        label = f"{PAGE_OF}={scene.place.deployment}"
        pages = await there(scene, LIST_DEPLOYMENTS, labelSelector=label)
        if len(pages) != 1:
            found = ", ".join(one["metadata"]["name"] for one in pages[:_FEW]) or "none"
            hint = f"It is a Deployment with the label {label}; there is {found}."
            raise Conflict(f"There is no page to show instead of {scene.service}.", hint=hint)
        selector = pages[0]["spec"]["selector"]
        wanted: Labels = selector.get("matchLabels") or {}
        if not wanted:
            name = pages[0]["metadata"]["name"]
            raise Conflict(f"{name} selects its pods by expressions alone.", hint="A Service needs matchLabels.")
        return wanted


class MaintenanceOff(_Selection):
    """The Service sends to whom it sent before."""

    name: ClassVar[str] = "maintenance off"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. Where nobody answers there now, nothing is lost by sending to where nobody is ready yet."""
        service = await service_of(scene, said)
        name, kept = service["metadata"]["name"], _kept(service)
        wanted = said.get("selector") or _selector(kept)
        if not wanted:
            known = {"service": name}
            return Thought(PATCH_SERVICE, service, live={}, settled=known, already=f"{name} is not in maintenance.")
        thought = await self._thought(scene, service, dict(wanted), {}, {"service": name})
        if not said.get("selector") and await _ready(scene, service["spec"]["selector"]):
            _refuse_nobody(thought)
        forget: Patch = [{"op": "remove", "path": pointer("metadata", "annotations", SELECTOR_BEFORE)}]
        return replace(
            thought,
            live={key: value for key, value in thought.live.items() if key != _READY},
            patch=[*thought.patch, *(forget if kept else [])],
            already="" if kept else thought.already,
            # The page's pods are none of the gateway's capacity.
            removes=0.0,
        )


def _selector(kept: str) -> Labels:
    try:
        read = json.loads(kept or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}


CHANGES: tuple[Change, ...] = (Switch(), MaintenanceOn(), MaintenanceOff())
