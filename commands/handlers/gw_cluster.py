"""`/gw describe`, `events`, `rollout`, `hpa`, `endpoints` and `nodes`: what a cluster says of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Annotated

from commands.cards import Card, Code, Fact, Rich, Table, Tone, When, fact, rich, strong
from commands.context import Call
from commands.grammar.arguments import Flag, Option, Word
from commands.handlers.common import at_most_a_day, show_gathered
from commands.locating import Somewhere, beneath, named
from commands.ports.inspecting import Autoscaler, Event, Node, Revision, Rollout, Served
from commands.presentation.words import counted, cut, cut_lines, lasting
from commands.redaction import redact
from commands.registry import KUBERNETES, READERS, ActionClass, Command, Gather

_WIDE, _MOST_ROWS = 300, 40
_ROLLED = {"done": Tone.GOOD, "running": Tone.INFO, "failed": Tone.CRITICAL, "paused": Tone.WARNING}


@dataclass(frozen=True)
class DescribeArgs(Somewhere):
    """Arguments of `/gw describe`."""

    name: Annotated[str, Word("a pod or a deployment, or how its name begins; else the gateway's")] = ""


@dataclass(frozen=True)
class EventsArgs(Somewhere):
    """Arguments of `/gw events`."""

    since: Annotated[timedelta, Option("--since", "how far back, e.g. 15m")] = timedelta(hours=1)
    limit: Annotated[int, Option("--limit", "how many events, at most 200")] = 40
    everything: Annotated[bool, Flag("--all", "of the whole namespace, not of the gateway alone")] = False


@dataclass(frozen=True)
class RolloutArgs(Somewhere):
    """Arguments of `/gw rollout`."""

    limit: Annotated[int, Option("--limit", "how many revisions, at most 20")] = 5


async def describe(args: DescribeArgs, call: Call) -> Card:
    """`kubectl describe`, in what matters."""
    inspection, workload = await beneath(args, call)
    found = await inspection.describe(workload.target, args.name)
    return Card(
        title=f"{found.kind} {found.name}",
        tone=Tone.WARNING if found.troubles else Tone.NEUTRAL,
        paragraphs=_troubles(found.troubles),
        facts=tuple(fact(label, cut(redact(value), _WIDE)) for label, value in found.facts if value),
        preformatted=cut_lines([_event(one, itself=f"{found.kind}/{found.name}") for one in found.events])
        or "no events",
    )


def _troubles(said: tuple[str, ...]) -> tuple[Rich, ...]:
    return tuple(rich(strong("Trouble: "), cut(redact(one), _WIDE)) for one in said)


def _event(one: Event, *, itself: str = "") -> str:
    times = f" (x{one.count})" if one.count > 1 else ""
    mark = "!" if one.warning else " "
    said = " ".join(one.message.split())
    about = "" if one.about == itself else f"{one.about} "
    return redact(f"{one.at.astimezone(UTC):%H:%M:%SZ} {mark} {about}{one.reason}: {said}{times}")


async def events(args: EventsArgs, call: Call) -> Card:
    """`kubectl get events`, in the order in which they happened."""
    at_most_a_day(args.since, "/gw events --since 24h")
    inspection, workload = await beneath(args, call)
    limit = min(max(args.limit, 1), 200)
    found = await inspection.events(workload.target, since=args.since, limit=limit, everything=args.everything)
    about = f"around {named(workload, call)}" if args.everything else f"of {named(workload, call)}"
    shown, bad = len(found.events), sum(one.warning for one in found.events)
    counts = f"Newest {shown} of {counted(found.total, 'event')}" if shown < found.total else counted(shown, "event")
    more = [] if found.whole else [rich("There are more events than can be read: some may be missing.")]
    more += [rich(strong(counted(bad, "warning")), ", each marked with !")] if bad else []
    more += [] if shown or args.everything else [rich("Look further: ", Code(text="/gw events --all --since 24h"))]
    return Card(
        title=f"{counts if shown else 'No events'} {about} in the last {lasting(args.since)}",
        tone=Tone.WARNING if bad else Tone.NEUTRAL,
        paragraphs=tuple(more),
        preformatted=cut_lines([_event(one) for one in found.events], most=limit),
    )


async def rollout(args: RolloutArgs, call: Call) -> Card:
    """`kubectl rollout status` and `history`, with what each revision changed."""
    inspection, workload = await beneath(args, call)
    found = await inspection.rollout(workload.target, limit=min(max(args.limit, 1), 20))
    return Card(
        title=f"{named(workload, call)}: rollout {_state(found)}",
        tone=_ROLLED[found.state],
        paragraphs=_troubles(found.troubles),
        facts=(fact("Strategy", found.strategy),),
        table=Table(
            columns=("Revision", "Since", "Copies", "What it changed"),
            rows=tuple(map(_revision, found.revisions)),
            numeric=(2,),
        ),
    )


def _state(found: Rollout) -> str:
    return f"{found.state}, {found.words}" if found.state != "done" else f"done, {found.words}"


def _revision(one: Revision) -> tuple[Rich, ...]:
    why = f" ({one.cause})" if one.cause else ""
    return (
        rich(f"{one.number}{' (now)' if one.current else ''}"),
        rich(When(at=one.at, style="full")),
        rich(f"{one.replicas}"),
        rich(cut(redact(f"{one.change}{why}"), _WIDE)),
    )


async def autoscalers(args: Somewhere, call: Call) -> Card:
    """`kubectl get hpa`, with why it does not do what one would expect."""
    inspection, workload = await beneath(args, call)
    found = await inspection.autoscalers(workload.target)
    if not found:
        by_hand = rich("Its number is set by hand: ", Code(text="/gw scale 4"))
        return Card(title=f"No autoscaler sets the copies of {named(workload, call)}", paragraphs=(by_hand,))
    troubles = tuple(trouble for one in found for trouble in one.troubles)
    return Card(
        title=f"{named(workload, call)}: {'; '.join(map(_bounds, found))}",
        tone=Tone.WARNING if troubles else Tone.NEUTRAL,
        paragraphs=_troubles(troubles),
        facts=tuple(_scaled(one) for one in found if one.scaled_at),
        table=Table(columns=("Measured", "Now", "Aim"), rows=tuple(row for one in found for row in _metrics(one))),
    )


def _bounds(one: Autoscaler) -> str:
    wanted = f", wants {one.wanted}" if one.wanted != one.now else ""
    return f"the autoscaler {one.name} keeps {one.least} to {one.most} copies, {one.now} now{wanted}"


def _scaled(one: Autoscaler) -> Fact:
    assert one.scaled_at is not None
    return fact("Scaled last", When(at=one.scaled_at, style="full"))


def _metrics(one: Autoscaler) -> list[tuple[Rich, ...]]:
    return [(rich(name), rich(now), rich(aim)) for name, now, aim in one.metrics]


async def endpoints(args: Somewhere, call: Call) -> Card:
    """Which pods get requests, by the endpoint slices of each service."""
    inspection, workload = await beneath(args, call)
    found = await inspection.served(workload.target)
    if not found:
        return Card(title=f"No service sends requests to {named(workload, call)}", tone=Tone.WARNING)
    empty = [one.name for one in found if not one.ready]
    title = (
        f"{', '.join(empty)}: no pod gets requests" if empty else f"Every service of {named(workload, call)} has pods"
    )
    lacking = any(one.not_ready for one in found)
    return Card(
        title=title,
        tone=Tone.CRITICAL if empty else Tone.WARNING if lacking else Tone.GOOD,
        table=Table(columns=("Service", "Ports", "Gets requests", "Gets none"), rows=tuple(map(_served, found))),
    )


def _served(one: Served) -> tuple[Rich, ...]:
    return (rich(one.name), rich(one.ports or "-"), rich(_list(one.ready)), rich(_list(one.not_ready)))


def _list(names: tuple[str, ...]) -> str:
    return cut(", ".join(names), _WIDE) or "none"


async def nodes(args: Somewhere, call: Call) -> Card:
    """`kubectl get nodes`, with how many of the gateway's pods are where."""
    inspection, workload = await beneath(args, call)
    found = await inspection.nodes(workload.target)
    bad = sum(not one.good for one in found)
    more = len(found) - _MOST_ROWS
    return Card(
        title=f"{counted(len(found), 'node')}, {'all ready' if not bad else f'{bad} in trouble'}",
        tone=Tone.WARNING if bad else Tone.GOOD,
        paragraphs=(rich(f"{counted(more, 'more node')} left out, all ready."),) if more > 0 else (),
        table=Table(
            columns=("Node", "State", f"Pods of {workload.target.name}", "Version", "Since"),
            rows=tuple(map(_node, found[:_MOST_ROWS])),
            numeric=(2,),
        ),
    )


def _node(one: Node) -> tuple[Rich, ...]:
    since = When(at=one.since, style="full")
    return (rich(one.name), rich(cut(redact(one.state), 160)), rich(f"{one.copies}"), rich(one.version), rich(since))


def _look(name: str, args: type, gather: Gather, summary: str, instead: str, *, example: str = "") -> Command:
    return Command(
        path=("gw", name),
        args=args,
        summary=summary,
        example=example or f"/gw {name}",
        gather=gather,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=KUBERNETES,
        instead=instead,
    )


COMMANDS = (
    _look(
        "describe",
        DescribeArgs,
        describe,
        "Show a pod or a deployment in full, with its events.",
        "/gw pods lists the worker processes.",
    ),
    _look(
        "events",
        EventsArgs,
        events,
        "Show what the cluster says of the gateway, oldest first.",
        "/gw changes and /gw logs tell what happened.",
        example="/gw events --since 15m",
    ),
    _look(
        "rollout",
        RolloutArgs,
        rollout,
        "Show how far a rollout has come, and what each revision changed.",
        "/gw history shows the changes.",
    ),
    _look(
        "hpa",
        Somewhere,
        autoscalers,
        "Show the autoscaler: its bounds, what it measures and what it wants.",
        "/gw scale 4 changes the number of workers.",
    ),
    _look(
        "endpoints",
        Somewhere,
        endpoints,
        "Show which pods get requests, and which get none.",
        "/gw health asks whether it answers.",
    ),
    _look(
        "nodes",
        Somewhere,
        nodes,
        "Show the nodes, and how many of the gateway's pods they run.",
        "/gw top shows what the processes use.",
    ),
)
