"""`/gw upstreams` and `/gw breaker`: where requests go, who is left out, and what operators have ordered of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Code, Rich, Table, Tone, When, rich, strong
from commands.context import Call
from commands.errors import Malformed, NotFound
from commands.grammar.arguments import Word
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import Breaker, StandingOrder, Upstream, UpstreamTarget
from commands.presentation.whose import actor
from commands.presentation.words import counted
from commands.registry import ADMIN, READERS, ActionClass, Command

#: States in which a target is as it should be, or as somebody wants it.
_FINE = {"healthy", "standby", "draining", "drained"}


@dataclass(frozen=True)
class UpstreamsArgs(Somewhere):
    """Arguments of `/gw upstreams`."""

    upstream: Annotated[str, Word("one of them; else all")] = ""


@dataclass(frozen=True)
class BreakersArgs(UpstreamsArgs):
    """Arguments of `/gw breaker`."""

    wanted: Annotated[str, Word("open, closed and auto stand before the upstream: /gw breaker open NAME")] = ""


async def upstreams(args: UpstreamsArgs, call: Call) -> Card:
    """A row for each target."""
    found, where = await _chosen(args, call)
    rows = [_row(one, target) for one in found for target in one.targets]
    ill = [target for one in found for target in one.targets if target.state not in _FINE]
    nobody = [one.id for one in found if not any(target.share for target in one.targets)]
    title = f"{counted(len(found), 'upstream')} of {where}: {_judged(len(ill), nobody)}"
    orders = {target.order.id: target.order for one in found for target in one.targets if target.order}
    return Card(
        title=title,
        tone=Tone.CRITICAL if nobody else Tone.WARNING if ill else Tone.GOOD,
        paragraphs=tuple(_told(one, call) for one in orders.values()),
        table=Table(
            columns=("Upstream", "Target", "Address", "State", "Share", "Weight", "In flight"),
            rows=tuple(rows),
            numeric=(4, 5, 6),
        ),
        footer=rich("To take one out: ", Code(text="/gw drain UPSTREAM TARGET for 30m")),
    )


async def _chosen(args: UpstreamsArgs, call: Call) -> tuple[Sequence[Upstream], str]:
    """Those that are meant, and of which gateway. Raises NotFound, which lists them."""
    steering, workload = await steered(args, call)
    found = await steering.upstreams(workload.target)
    chosen = [one for one in found if args.upstream in {"", one.id}]
    if not chosen:
        name, known = args.upstream[:60], [one.id for one in found]
        raise NotFound(f"{workload.target.name} has no upstream {name!r}.", hint="It has", allowed=known)
    return chosen, named(workload, call)


def _judged(ill: int, nobody: list[str]) -> str:
    if nobody:
        return f"{', '.join(nobody)} has no target that is well and takes requests"
    return f"{counted(ill, 'target')} not well" if ill else "all targets are well"


def _row(one: Upstream, target: UpstreamTarget) -> tuple[Rich, ...]:
    state = target.state if target.state in _FINE else strong(target.state)
    why = f", {target.why}" if target.why and target.state not in {"standby", "drained"} else ""
    weight = str(target.weight)
    if target.weight != target.configured:
        weight += f" (settings: {target.configured})"
    return (
        rich(one.id),
        rich(f"{target.name}{f' ({target.zone})' if target.zone else ''}"),
        rich(target.address),
        rich(state, why),
        rich(f"{target.share:.0%}"),
        rich(weight),
        rich(str(target.in_flight)),
    )


def _told(one: StandingOrder, call: Call) -> Rich:
    """`backend: blue drained, by @ana until 12:30`."""
    return rich(f"{one.about}: {one.what}, by ", actor(one.by, call), " until ", When(at=one.until, style="full"))


async def breakers(args: BreakersArgs, call: Call) -> Card:
    """A row for each upstream."""
    if args.wanted:
        example = f"/gw breaker {args.wanted} {args.upstream}"
        hint = "To force one, the state comes first: open, closed, or auto."
        raise Malformed(f"/gw breaker {args.upstream} shows it as it is.", hint=hint, example=example)
    found, where = await _chosen(args, call)
    open_now = [one.id for one in found if _is_open(one.breaker)]
    title = f"{where}: {_opened(open_now)}"
    rows = tuple(_breaker_row(one, call) for one in found)
    return Card(
        title=title,
        tone=Tone.CRITICAL if open_now else Tone.GOOD,
        table=Table(columns=("Upstream", "Breaker", "Failures in a row", "Forced", "Routes"), rows=rows, numeric=(2,)),
        footer=rich("To force one: ", Code(text="/gw breaker closed UPSTREAM for 10m")),
    )


def _is_open(breaker: Breaker) -> bool:
    return breaker.forced.what == "forced open" if breaker.forced else breaker.state == "open"


def _opened(names: list[str]) -> str:
    return f"nothing is let through to {', '.join(names)}" if names else "no circuit breaker is open"


def _breaker_row(one: Upstream, call: Call) -> tuple[Rich, ...]:
    breaker, forced = one.breaker, one.breaker.forced
    told = (
        rich(forced.what.removeprefix("forced "), " by ", actor(forced.by, call), " until ", When(at=forced.until))
        if forced
        else rich("-")
    )
    state = breaker.state or "not known"
    return (
        rich(one.id),
        rich(strong(state) if state == "open" else state),
        rich(str(breaker.failures)),
        told,
        rich(", ".join(one.routes) or "-"),
    )


COMMANDS = (
    Command(
        path=("gw", "upstreams"),
        args=UpstreamsArgs,
        summary="Show the targets of upstreams: states, shares of the requests, weights.",
        example="/gw upstreams",
        gather=upstreams,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="Ask the admin API of a pod: GET /admin/upstreams.",
    ),
    Command(
        path=("gw", "breaker"),
        args=BreakersArgs,
        summary="Show the circuit breakers, and who has forced which until when.",
        example="/gw breaker",
        gather=breakers,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="Ask a pod: GET /circuit-breaker/status.",
    ),
)
