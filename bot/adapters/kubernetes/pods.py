"""Pods as people read them: ready or not, and why not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.adapters.kubernetes.rollout import condition
from commands.ports import Pod

_WHY = 160


def selector_of(deployment: dict[str, Any]) -> str:
    """The selector of a deployment as queries want it."""
    said = deployment["spec"]["selector"]
    parts = [f"{key}={value}" for key, value in (said.get("matchLabels") or {}).items()]
    for one in said.get("matchExpressions") or ():
        key, values = one["key"], ",".join(one.get("values") or ())
        written = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(written.get(one["operator"], f"!{key}"))
    return ",".join(parts)


def counted(pod: dict[str, Any], now: datetime) -> bool:
    """Whether a pod is to be shown: one that stops in time is as good as gone; one that cannot stop is not."""
    ends = pod["metadata"].get("deletionTimestamp")
    return not ends or datetime.fromisoformat(ends) < now


def serves(pod: dict[str, Any]) -> bool:
    """Whether it is ready, and nobody has told it to stop."""
    return not pod["metadata"].get("deletionTimestamp") and condition(pod, "Ready").get("status") == "True"


def pod_of(pod: dict[str, Any]) -> Pod:
    """One pod."""
    meta, status = pod["metadata"], pod.get("status") or {}
    restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ())
    return Pod(
        name=meta["name"],
        state=_state(pod),
        started_at=status.get("startTime") or meta["creationTimestamp"],
        restarts=restarts,
        node=pod["spec"].get("nodeName") or "",
        image=", ".join(one["image"] for one in pod["spec"]["containers"]),
        ended=next(filter(None, map(_ended, status.get("containerStatuses") or ())), ""),
    )


def _ended(container: dict[str, Any]) -> str:
    """How a container ended before it was restarted: `OOMKilled, 137`."""
    before = (container.get("lastState") or {}).get("terminated") or {}
    return f"{before.get('reason') or 'ended'}, {before['exitCode']}" if "exitCode" in before else ""


def _state(pod: dict[str, Any]) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "does not stop"
    if condition(pod, "Ready").get("status") == "True":
        return "ready"
    status = pod.get("status") or {}
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _cut(f"not placed: {scheduled.get('message') or scheduled.get('reason', '')}")
    if status.get("reason"):  # such as Evicted or NodeLost
        return _cut(f"{status['reason']}: {status.get('message', '')}".rstrip(": "))
    states = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting = next(filter(None, map(_waiting, states)), "")
    if waiting:
        return _cut(waiting)
    running = any((one.get("state") or {}).get("running") for one in states)
    return "not ready: runs, and its readiness probe does not pass" if running else "starting"


def _waiting(container: dict[str, Any]) -> str:
    """Why a container does not run: what it waits for, and how it ended before."""
    state, before = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
    ended = state.get("terminated") or {}
    waiting = state.get("waiting") or {}
    if ended.get("exitCode"):
        return f"{ended.get('reason', 'Error')}: {container['name']} ended with {ended['exitCode']}"
    if waiting.get("reason", "ContainerCreating") in {"ContainerCreating", "PodInitializing"}:
        return ""
    last = f" (ended before with {before['exitCode']}, {before.get('reason', '')})" if before.get("exitCode") else ""
    return f"{waiting['reason']}{last}: {waiting.get('message', '')}".rstrip(": ")


def _cut(text: str) -> str:
    return text if len(text) <= _WHY else f"{text[: _WHY - 1]}…"
