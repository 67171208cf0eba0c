"""The ConfigMaps of a Deployment: what they say now, what they said before, and which copies still run with that.

A cluster keeps no older version of a ConfigMap. So an older state is found in three places, the nearest to what runs
first: the map of another name that running copies use (tools that hash the content into the name do so); what Tocsin
saw the last time that somebody looked; and what `kubectl apply` noted when it was applied.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.adapters.kubernetes import configuring
from bot.adapters.kubernetes.access import GET_CONFIG_MAP
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import counted
from commands.errors import NotFound
from commands.ports import Change
from commands.ports.inspecting import ConfigMap
from commands.redaction import redact

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
#: So many lines stand before the first hunk of a patch.
_STEM, _HEADING = 3, 2
Older = tuple[str, str]
"""Words for an older state, and its text."""


@dataclass(frozen=True)
class _Seen:
    at: datetime
    version: str
    text: str


@dataclass
class Memory:
    """What ConfigMaps said when they were looked at: the newest state of each, and the one before it."""

    newest: dict[str, _Seen] = field(default_factory=dict)
    before: dict[str, _Seen] = field(default_factory=dict)

    def remember(self, known: dict[str, Any], at: datetime) -> Older | None:
        """Note a map; the older state that is remembered of it."""
        uid, version = known["metadata"]["uid"], known["metadata"]["resourceVersion"]
        last = self.newest.get(uid)
        if last is None or last.version != version:
            if last is not None and last.text != text_of(known):
                self.before[uid] = last
            self.newest[uid] = _Seen(at, version, text_of(known))
        older = self.before.get(uid)
        return (f"what it said when it was looked at, {_clock(older.at)}", older.text) if older else None


async def config_maps(place: Place, memory: Memory, now: datetime) -> list[ConfigMap]:
    """Each that the template uses. One that is missing is said to be."""
    deployment = await place.read()
    pods = [one for one in await place.pods(deployment) if counted(one, now)]
    ways = ways_of(deployment["spec"]["template"]["spec"])
    used = {name: _used_instead(name, ways, pods) for name in ways}
    names = list(dict.fromkeys([*ways, *filter(None, used.values())]))
    found = dict(zip(names, await asyncio.gather(*(get(place, one) for one in names)), strict=True))
    return [_config_map(name, how, found[name], found.get(used[name]), pods, memory, now) for name, how in ways.items()]


async def get(place: Place, name: str) -> dict[str, Any] | None:
    """One, or nothing. Raises Unavailable."""
    try:
        found: dict[str, Any] = await place.cluster.get(GET_CONFIG_MAP, await place.space(), name)
    except NotFound:
        return None
    return found


def ways_of(spec: dict[str, Any]) -> dict[str, str]:
    """By name, how it is used: files follow it within a minute or so, the environment stays as it was at the start."""
    whole = {"spec": {"template": {"spec": spec}}}
    mounted = {name for _, kind, name in configuring.mounted(spec) if kind == "configMap"}
    return {
        name: "mounted as files" if name in mounted else "in the environment, read when a copy starts"
        for name in configuring.maps_of(whole)
    }


def _used_instead(name: str, ways: Mapping[str, str], pods: list[dict[str, Any]]) -> str:
    """The map of a like name that running copies use, where the template names another by now."""
    for pod in pods:
        for one in ways_of(pod["spec"]):
            stem = one.rpartition("-")[0]
            if one not in ways and len(stem) >= _STEM and stem == name.rpartition("-")[0]:
                return one
    return ""


def _config_map(
    name: str,
    how: str,
    known: dict[str, Any] | None,
    running: dict[str, Any] | None,
    pods: list[dict[str, Any]],
    memory: Memory,
    now: datetime,
) -> ConfigMap:
    if known is None:
        return ConfigMap(name=name, how=f"{how}; there is no such ConfigMap", text="")
    changed, remembered = changed_at(known), memory.remember(known, now)
    older = _of_other(running, pods) or remembered or _applied(known)
    against, diff = older or ("", "")
    return ConfigMap(
        name=name,
        how=how,
        text=text_of(known),
        against=against,
        diff="\n".join(_diff(diff, text_of(known))) if older else "",
        changed_at=changed,
        stale=tuple(one["metadata"]["name"] for one in pods if changed and _started(one) < changed),
        copies=len(pods),
    )


def _of_other(running: dict[str, Any] | None, pods: list[dict[str, Any]]) -> Older | None:
    if running is None:
        return None
    name = running["metadata"]["name"]
    users = sum(name in ways_of(one["spec"]) for one in pods)
    return f"{name}, which {users} of {len(pods)} copies run with", text_of(running)


def _applied(known: dict[str, Any]) -> Older | None:
    """What was applied last, where that is not what is there."""
    said = (known["metadata"].get("annotations") or {}).get(_APPLIED, "")
    try:
        applied = json.loads(said)
    except ValueError:
        return None
    return ("what kubectl applied last", text_of(applied)) if text_of(applied) != text_of(known) else None


def text_of(known: dict[str, Any]) -> str:
    """As YAML, secrets masked."""
    return redact(configuring.as_text(known))


def changed_at(known: dict[str, Any]) -> datetime | None:
    """When somebody wrote its content last, as the server recorded it."""
    times = [one["time"] for one in _written(known)]
    made = known["metadata"].get("creationTimestamp")
    return max(map(datetime.fromisoformat, times), default=datetime.fromisoformat(made) if made else None)


def _started(pod: dict[str, Any]) -> datetime:
    """When its containers were started: a restart in place reads the environment anew."""
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    times = [(one.get("state") or {}).get("running", {}).get("startedAt") for one in states]
    said = (pod.get("status") or {}).get("startTime") or pod["metadata"]["creationTimestamp"]
    return min(map(datetime.fromisoformat, filter(None, times)), default=datetime.fromisoformat(said))


def _diff(old: str, new: str) -> Iterator[str]:
    """The lines that differ, with two around them; without the heading of a patch."""
    for number, line in enumerate(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)):
        if not line.startswith("@@"):
            yield from () if number < _HEADING else (line,)
        elif number > _HEADING:
            yield "…"


async def changes(place: Place, deployment: dict[str, Any], since: datetime) -> list[Change]:
    """Which ConfigMaps of the template were written since."""
    ways = ways_of(deployment["spec"]["template"]["spec"])
    found = await asyncio.gather(*(get(place, name) for name in ways))
    return [_as_change(one) for one in found if one and (changed_at(one) or since) > since]


def _as_change(known: dict[str, Any]) -> Change:
    at = changed_at(known)
    assert at is not None
    writers = {one["time"]: one.get("manager", "-") for one in _written(known)}
    who = writers[max(writers)] if writers else "-"
    name = known["metadata"]["name"]
    return Change(at=at, kind=f"config {name}", actor=who, reason="", before="", after="written", outcome="")


def _written(known: dict[str, Any]) -> list[dict[str, Any]]:
    """By whom and when its fields were written, as the server keeps it."""
    return [one for one in known["metadata"].get("managedFields") or () if "time" in one]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
