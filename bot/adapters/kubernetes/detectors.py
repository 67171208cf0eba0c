"""Who else has a say in a Deployment: autoscalers, GitOps tools, a pause, a rollout that runs, a disruption budget.

Each detector says what it found, what to do instead, and which actions it stops: a change that another would undo at
once is refused with a way on, and what is only good to know stops nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.adapters.kubernetes import rollout
from bot.adapters.kubernetes.access import LIST_AUTOSCALERS, LIST_BUDGETS, LIST_SCALED_OBJECTS, Access
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.wire import NotAllowed

SCALE, RESTART, BATCHES = "scale", "restart", "restart pods"
#: What a pause holds back: the change would be taken, and nothing would come of it.
_ROLLS = (RESTART, "rollback", "image", "resources", "env")
KEDAS = "scaledobject.keda.sh/name"
_PAUSED_AT = "autoscaling.keda.sh/paused-replicas"


@dataclass(frozen=True)
class Detected:
    """What, what to do instead, and the actions that it stops."""

    what: str
    instead: str = ""
    stops: tuple[str, ...] = ()


async def detect(place: Place) -> list[Detected]:
    """Everything about one Deployment. Raises Unavailable, NotFound."""
    deployment, *lists = await asyncio.gather(
        place.read(), *(_list(place, one) for one in (LIST_AUTOSCALERS, LIST_SCALED_OBJECTS, LIST_BUDGETS))
    )
    autoscalers, scaled, budgets = lists
    return [
        *autoscaled(deployment, autoscalers, scaled),
        *by_keda(deployment, scaled),
        *by_gitops(deployment),
        *rolling(deployment),
        *budgeted(deployment, budgets),
    ]


async def _list(place: Place, access: Access) -> list[dict[str, Any]]:
    """In the newest version that is served; nothing, where none is."""
    try:
        return (await listed(place, access)).complete()
    except NotAllowed:
        if access.optional:
            return []  # a kind that is not installed is not told from one that is not allowed
        raise


def autoscaled(
    deployment: dict[str, Any], autoscalers: list[dict[str, Any]], scaled: list[dict[str, Any]]
) -> Iterator[Detected]:
    """An autoscaler sets the replicas every few seconds, whatever anybody else has set; KEDA's own are KEDA's."""
    for one in autoscalers:
        keda = KEDAS in (one["metadata"].get("labels") or {}) and bool(scaled)
        if not keda and targets(one["spec"]["scaleTargetRef"], deployment):
            spec = one["spec"]
            bounds = f"{spec.get('minReplicas', 1)} to {spec['maxReplicas']}"
            yield Detected(
                f"the autoscaler {one['metadata']['name']} keeps it at {bounds} replicas and would undo this",
                "give it other bounds: /gw hpa bounds",
                (SCALE,),
            )


def by_keda(deployment: dict[str, Any], scaled: list[dict[str, Any]]) -> Iterator[Detected]:
    """KEDA makes an autoscaler of its own, and scales to zero itself."""
    for one in scaled:
        if targets({"kind": "Deployment", **one["spec"]["scaleTargetRef"]}, deployment):
            paused = (one["metadata"].get("annotations") or {}).get(_PAUSED_AT)
            state = f"holds it at {paused} replicas" if paused else "sets its replicas and would undo this"
            name = one["metadata"]["name"]
            yield Detected(
                f"the ScaledObject {name} of KEDA {state}",
                f"set its annotation {_PAUSED_AT}, or its bounds",
                (SCALE, "zero", "wake"),
            )


def by_gitops(deployment: dict[str, Any]) -> Iterator[Detected]:
    """What a repository says comes back at the next reconciliation; a restart survives it in most set-ups."""
    meta = deployment["metadata"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    argo = annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0] or labels.get(
        "argocd.argoproj.io/instance", ""
    )
    flux = labels.get("kustomize.toolkit.fluxcd.io/name", "") or labels.get("helm.toolkit.fluxcd.io/name", "")
    for tool, owner in (("Argo CD", argo), ("Flux", flux)):
        if owner:
            yield Detected(
                f"{tool} owns it ({owner}), and may put back what its repository says",
                f"suspend {owner} first, or change the repository",
            )


def rolling(deployment: dict[str, Any]) -> Iterator[Detected]:
    """A pause holds a restart back, and no evictions; a second restart starts the first one over."""
    if deployment["spec"].get("paused"):
        yield Detected("its rollout is paused", "resume it: /gw resume", _ROLLS)
        return
    busy = rollout.busy_with(deployment)
    if busy:
        yield Detected(f"it is busy with {busy}", "wait for its end", (RESTART, BATCHES))


def budgeted(deployment: dict[str, Any], budgets: list[dict[str, Any]]) -> Iterator[Detected]:
    """A budget holds for evictions, not for rollouts and scales: it is told, and stops nothing for good."""
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    for one in budgets:
        if selects(one["spec"].get("selector"), labels):
            status = one.get("status") or {}
            yield Detected(
                f"the budget {one['metadata']['name']} lets {status.get('disruptionsAllowed', 0)} copies be missing now"
                f" ({status.get('currentHealthy', 0)} healthy, {status.get('desiredHealthy', 0)} needed)"
            )


def targets(reference: dict[str, Any], deployment: dict[str, Any]) -> bool:
    """Whether something that scales is about this deployment."""
    return reference.get("kind") == "Deployment" and reference["name"] == deployment["metadata"]["name"]


def selects(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """Whether a selector takes pods with these labels; without one it takes none, and an empty one takes all."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _fits(one, labels) for one in selector.get("matchExpressions") or ()
    )


def _fits(one: dict[str, Any], labels: dict[str, str]) -> bool:
    value, values = labels.get(one["key"]), one.get("values") or ()
    match one["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
