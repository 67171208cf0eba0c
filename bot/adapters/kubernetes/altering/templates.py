"""Changes of the Deployment's own spec: the image, resources and environment of a container, and a pause."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import PATCH_DEPLOYMENT
from bot.adapters.kubernetes.altering.thought import Change, Patch, Said, Scene, Thought, pointer, put
from bot.adapters.kubernetes.quantities import amount
from commands.errors import Conflict, NotFound
from commands.redaction import redact_value

_DEFAULT = "kubectl.kubernetes.io/default-container"
_TAG = re.compile(r"[\w][\w.-]{0,127}")
_ROOT = ("spec", "template", "spec", "containers")
NOT_SET = "not set"
NONE = "none"


def container_of(deployment: dict[str, Any], name: str) -> tuple[int, dict[str, Any]]:
    """The container that is meant, and where it stands. Raises NotFound, Conflict where several could be meant."""
    template = deployment["spec"]["template"]
    known: list[dict[str, Any]] = template["spec"]["containers"]
    names = [one["name"] for one in known]
    wanted = name or (template["metadata"].get("annotations") or {}).get(_DEFAULT, "")
    if not wanted and len(names) > 1:
        raise Conflict(f"It has {len(names)} containers: {', '.join(names)}.", hint=f"Say --container {names[0]}.")
    wanted = wanted or names[0]
    if wanted not in names:
        raise NotFound(f"There is no container {wanted[:60]}.", hint=f"There is: {', '.join(names)}.")
    at = names.index(wanted)
    return at, known[at]


class Image(Change):
    """Another image, or another tag of the same one."""

    name: ClassVar[str] = "image"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. With `exact` it is an image as it stands, however short: `nginx` may also be a tag."""
        at, container = container_of(scene.deployment, str(said.get("container", "")))
        now, image = container["image"], str(said["image"])
        wanted = image if said.get("exact") else _image(image, now)
        settled = {"image": wanted, "container": container["name"], "exact": True}
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={f"image of {container['name']}": now},
            settled=settled,
            patch=put(scene.deployment, (*_ROOT, at, "image"), wanted),
            before={"image": now, "container": container["name"]},
            already=f"{container['name']} runs {wanted} already." if now == wanted else "",
            facts=(("Now", now), ("Then", wanted)),
            rolls=True,
        )


def _image(said: str, now: str) -> str:
    """`1.4.3` is a tag of the image that runs; anything with a slash or a colon is an image."""
    if "/" in said or ":" in said or "@" in said or not _TAG.fullmatch(said):
        return said
    base = now.partition("@")[0]
    repository, colon, tag = base.rpartition(":")
    return f"{repository if colon and '/' not in tag else base}:{said}"


class Resources(Change):
    """Requests and limits of a container."""

    name: ClassVar[str] = "resources"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. `none` takes one away. A limit alone makes the server set its request too: all of it is kept.

        Claims of devices stay as they are.
        """
        at, container = container_of(scene.deployment, str(said.get("container", "")))
        now: dict[str, str] = {}
        wanted: dict[str, Any] = {}
        old = container.get("resources") or {}
        new = {kind: dict(old.get(kind) or {}) for kind in ("requests", "limits")}
        before = {key: str(new[kind].get(what, NONE)) for key, (kind, what) in RESOURCES.items()}
        for key, (kind, what) in RESOURCES.items():
            if said.get(key):
                now[key], wanted[key] = before[key], _as_known(str(said[key]), before[key])
                new[kind].pop(what, None)
                new[kind] |= {} if wanted[key] == NONE else {what: wanted[key]}
        kept = {kind: values for kind, values in {**old, **new}.items() if values}
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={f"{WORDS[key].lower()} of {container['name']}": value for key, value in before.items()},
            settled={**wanted, "container": container["name"]},
            patch=put(scene.deployment, (*_ROOT, at, "resources"), kept),
            before={**before, "container": container["name"]},
            already="" if now != wanted else f"{container['name']} has that already.",
            facts=tuple((WORDS[key], f"{one} → {wanted[key]}") for key, one in now.items() if one != wanted[key]),
            rolls=True,
        )


def _as_known(said: str, now: str) -> str:
    """The server writes quantities its own way: `1024Mi` that is there reads `1Gi`, and is the same."""
    return now if amount(said) is not None and amount(said) == amount(now) else said


RESOURCES = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "cpu_limit": ("limits", "cpu"),
    "memory_limit": ("limits", "memory"),
}
WORDS = {
    "cpu": "Requested CPU",
    "memory": "Requested memory",
    "cpu_limit": "Limit of CPU",
    "memory_limit": "Limit of memory",
}


class Environment(Change):
    """One variable of a container's environment. What is a secret, or comes from one, is left alone."""

    name: ClassVar[str] = "env"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        at, container = container_of(scene.deployment, str(said.get("container", "")))
        variable, unset = str(said["variable"]), bool(said.get("unset"))
        wanted = None if unset else str(said.get("value", ""))
        env = container.get("env") or []
        place = next((n for n, one in enumerate(env) if one["name"] == variable), -1)
        now = _plain(env[place], scene) if place >= 0 else None
        root = (*_ROOT, at, "env")
        settled = {"variable": variable, "value": wanted or "", "unset": unset, "container": container["name"]}
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={variable: NOT_SET if now is None else now},
            settled=settled,
            patch=_env_patch(scene.deployment, root, place, variable, wanted) if now != wanted else [],
            before={**settled, "value": now or "", "unset": now is None},
            already="" if now != wanted else f"{variable} is {NOT_SET if now is None else repr(now)} already.",
            facts=(("Now", NOT_SET if now is None else now or '""'),),
            rolls=True,
        )


def _plain(one: dict[str, Any], scene: Scene) -> str:
    """The value of a variable that may be shown. Raises Conflict for others."""
    if "valueFrom" in one:
        raise Conflict(f"{one['name']} comes from elsewhere ({next(iter(one['valueFrom']))}).", hint="Change it there.")
    value = str(one.get("value", ""))
    if redact_value({one["name"]: value}) != {one["name"]: value}:
        raise Conflict(
            f"{one['name']} of {scene.service} looks like a secret, which does not go through chat.",
            hint="Change it where it is kept, then /gw restart.",
        )
    return value


def _env_patch(
    deployment: dict[str, Any], root: tuple[Any, ...], place: int, variable: str, wanted: str | None
) -> Patch:
    if wanted is None:
        return [{"op": "remove", "path": pointer(*root, place)}]
    made = {"name": variable, "value": wanted}
    if place >= 0:
        return [{"op": "replace", "path": pointer(*root, place), "value": made}]
    container = deployment["spec"]["template"]["spec"]["containers"][root[-2]]
    if not container.get("env"):
        return [{"op": "add", "path": pointer(*root), "value": [made]}]
    return [{"op": "add", "path": pointer(*root, "-"), "value": made}]


class _Paused(Change):
    wanted: ClassVar[bool]

    async def think(self, scene: Scene, said: Said) -> Thought:  # noqa: ARG002 - it has no arguments
        """See Change."""
        now = bool(scene.deployment["spec"].get("paused"))
        return Thought(
            PATCH_DEPLOYMENT,
            scene.deployment,
            live={"paused": now},
            settled={},
            patch=put(scene.deployment, ("spec", "paused"), self.wanted),
            already=f"The rollout of {scene.service} is {'' if now else 'not '}paused." if now is self.wanted else "",
            facts=(("Now", "paused" if now else "rollouts go on"),),
        )


class Pause(_Paused):
    """Rollouts wait."""

    name: ClassVar[str] = "pause"
    wanted: ClassVar[bool] = True


class Resume(_Paused):
    """Rollouts go on."""

    name: ClassVar[str] = "resume"
    wanted: ClassVar[bool] = False


CHANGES: tuple[Change, ...] = (Image(), Resources(), Environment(), Pause(), Resume())
