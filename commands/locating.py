"""Where a command looks or acts: as it was typed, else as its channel means it, else where the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

from commands.context import Call, Services
from commands.domain.location import HERE, Location
from commands.domain.plan import Target
from commands.grammar.arguments import Option
from commands.ports import Inspection, Steering, Workload
from commands.reading import service_of

#: So many of the newest plans are looked through for one that is named.
_LOOKED_AT = 50


@dataclass(frozen=True, kw_only=True)
class Somewhere:
    """What every command about the gateway takes, for where there are several."""

    cluster: Annotated[str, Option("--cluster", "in which cluster, by its name in the settings")] = ""
    namespace: Annotated[str, Option("--namespace", "in which namespace of it")] = ""


def location_of(args: Any, call: Call) -> Location:
    """A namespace alone is meant in the channel's cluster; a cluster that is typed leaves the channel's aside."""
    return located(vars(args), call)


def located(given: Mapping[str, Any], call: Call) -> Location:
    """The same, from arguments by name."""
    typed = Location(str(given.get("cluster") or ""), str(given.get("namespace") or ""))
    usual = _of_channel(call)
    if typed.cluster:
        return typed
    return Location(usual.cluster, typed.namespace) if typed.namespace else usual


def looked_at(where: Location, services: Services) -> Location:
    """Where a look goes: what is not said is as it is at home."""
    home = services.home
    if where.cluster in {"", home.cluster}:
        return Location(where.cluster or home.cluster, where.namespace or home.namespace)
    return where


def _of_channel(call: Call) -> Location:
    """The first pattern that fits the name of the channel; on a chat platform, what it is called there."""
    name = call.channel.partition("@")[0]
    fitting = (where for pattern, where in call.services.usual.items() if fnmatchcase(name, pattern))
    return next(fitting, HERE)


async def workload_of(args: Any, call: Call) -> Workload:
    """The gateway that is meant. Raises NotFound, Conflict (it fits several), Unavailable."""
    return await call.services.deployments.find(service_of(call), location_of(args, call))


async def beneath(args: Any, call: Call) -> tuple[Inspection, Workload]:
    """What looks beneath the gateway, and the gateway; for commands that need a cluster. Raises as `workload_of`."""
    assert call.services.inspection is not None, "whoever needs a cluster was refused before"
    return call.services.inspection, await workload_of(args, call)


async def steered(args: Any, call: Call) -> tuple[Steering, Workload]:
    """What tells of one gateway, and the gateway; for commands that need its admin API. Raises as `workload_of`."""
    assert call.services.steering is not None, "whoever needs the admin API was refused before"
    return call.services.steering, await workload_of(args, call)


def named(workload: Workload, call: Call) -> str:
    """`gateway`; where there are several places, `gateway in production/edge`."""
    where = placed(workload.target, call.services)
    return f"{workload.target.name} in {where}" if where else workload.target.name


async def undone(which: str, args: Any, call: Call) -> Workload:
    """What an undo is about: where the plan is that it names, else what is meant. Raises as `workload_of`."""
    plans = await call.services.ledger.recent(target=None, limit=_LOOKED_AT) if which else []
    for plan in plans:
        if plan.id == which:
            return await call.services.deployments.find(plan.target.name, plan.target.location)
    return await workload_of(args, call)


def is_watched(where: Location, services: Services) -> bool:
    """Whether the figures that are kept are of this place: only the service's own is measured all the time."""
    home = services.home
    fits = where.cluster in {"", home.cluster} and where.namespace in {"", home.namespace or where.namespace}
    return fits or not services.several_places


def apart(target: Target, services: Services) -> Location:
    """Where to ask for the figures of a target: what measures the service's own place need not know of clusters."""
    return HERE if is_watched(target.location, services) else target.location


def called(args: Any, call: Call) -> str:
    """As `named`, where nobody looked for the workload: by what was said, else by the service's own place."""
    if not call.services.several_places:
        return service_of(call)
    return f"{service_of(call)} in {location_of(args, call).words or call.services.home.words}"


def placed(target: Target, services: Services) -> str:
    """Where a target is, as far as that has to be said."""
    return target.location.words if services.several_places else ""


def taken_back(undo: str, back: str, plan_id: str, target: Target, services: Services) -> str:
    """How a plan is taken back. Where there are several places, a line without its own would mean another."""
    if not placed(target, services):
        return undo
    named = undo.replace("/gw undo", f"/gw undo {plan_id}")
    there = target.location.options
    if ", or /gw " in named:
        return f"{named} {there}"
    return named.replace(back, f"{back} {there}") if back else named


def summed_up(summary: str, target: Target, services: Services) -> str:
    """The title of a plan, with its place as far as that has to be said: `Scale … to 3 workers (staging/edge)`."""
    where = placed(target, services)
    return f"{summary} ({where})" if where else summary
