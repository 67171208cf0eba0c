"""`/gw top`: what pods, nodes or worker processes use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from commands.cards import Card, Rich, Table, rich
from commands.context import Call
from commands.errors import Conflict
from commands.grammar.arguments import Word
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, beneath, named, workload_of
from commands.ports import Pod
from commands.ports.inspecting import Used
from commands.presentation.words import counted
from commands.registry import READERS, ActionClass, Command

_MOST_ROWS = 40


class Consumers(StrEnum):
    """What may use something."""

    PODS = "pods"
    NODES = "nodes"


@dataclass(frozen=True)
class TopArgs(Somewhere):
    """Arguments of `/gw top`."""

    what: Annotated[Consumers, Word("pods or nodes")] = Consumers.PODS


async def top(args: TopArgs, call: Call) -> Card:
    """`kubectl top`, the largest first."""
    if call.services.inspection is None:
        return await _workers(args, call)
    inspection, workload = await beneath(args, call)
    pods = args.what is Consumers.PODS
    found = await inspection.usage(workload.target, "pods" if pods else "nodes")
    ordered = sorted(found, key=lambda one: (-_share(one.memory, one.most_memory), -(one.memory or 0), one.name))
    what = counted(len(found), "pod" if pods else "node")
    return _card(f"{what} of {named(workload, call) if pods else workload.target.cluster}", ordered)


def _card(title: str, ordered: Sequence[Used]) -> Card:
    more = len(ordered) - _MOST_ROWS
    unknown = sum(one.memory is None for one in ordered)
    said = [rich(f"{counted(more, 'more')} left out, which use less.")] if more > 0 else []
    said += [rich(f"{unknown} of them have no figures yet; new pods get them after a minute.")] if unknown else []
    return Card(
        title=f"What is used: {title}",
        paragraphs=tuple(said),
        table=Table(columns=("Name", "CPU", "Memory"), rows=tuple(map(_row, ordered[:_MOST_ROWS])), numeric=(1, 2)),
    )


def _row(one: Used) -> tuple[Rich, ...]:
    return (
        rich(one.name),
        rich(_of(_cores(one.cpu), _cores(one.most_cpu), _share(one.cpu, one.most_cpu))),
        rich(_of(_megabytes(one.memory), _megabytes(one.most_memory), _share(one.memory, one.most_memory))),
    )


def _of(used: str, most: str, share: float) -> str:
    """`250m of 500m (50%)`; where there is no limit, what is used alone."""
    return used if "-" in {used, most} else f"{used} of {most} ({share:.0%})"


def _cores(thousandths: int | None) -> str:
    return "-" if thousandths is None else f"{thousandths:,}m"


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**20:,.0f} MB"


def _share(used: int | None, most: int | None) -> float:
    return used / most if used is not None and most else 0.0


async def _workers(args: TopArgs, call: Call) -> Card:
    """Of local processes, as the admin API measures them."""
    workload = await workload_of(args, call)
    if args.what is Consumers.NODES:
        raise Conflict(
            f"{workload.target.name} runs as local processes on one machine: there are no nodes.",
            hint="Look at the processes instead.",
            example="/gw top",
        )
    found = await call.services.deployments.pods(workload.target)
    ordered = sorted(found, key=lambda one: (-(one.memory_bytes or 0), one.name))
    return Card(
        title=f"What is used: {counted(len(found), 'worker')} of {workload.target.name}",
        table=Table(
            columns=("Worker", "Memory", "Requests", "Errors"),
            rows=tuple(map(_worker, ordered[:_MOST_ROWS])),
            numeric=(1, 2, 3),
        ),
    )


def _worker(one: Pod) -> tuple[Rich, ...]:
    counts = ("-" if number is None else f"{number:,}" for number in (one.requests, one.errors))
    return (rich(one.name), rich(_megabytes(one.memory_bytes)), *map(rich, counts))


COMMANDS = (
    Command(
        path=("gw", "top"),
        args=TopArgs,
        summary="Show CPU and memory of the pods or nodes, the fullest first.",
        example="/gw top",
        gather=top,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
