"""Restart: `kubectl rollout restart deployment/api-gateway` of runbook 002, section 2.4.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Observation, Options, Preview, replaced
from commands.context import Call, Services
from commands.domain.plan import Finding, Plan
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Option
from commands.ports import Operation, Workload
from commands.presentation.words import counted
from commands.registry import KUBERNETES

#: The first batch is one worker, each is twice the one before, and none is more than a quarter of all.
_LARGEST = 4


@dataclass(frozen=True)
class RestartArgs(Options):
    """Arguments of `/gw restart`."""

    gradual: Annotated[bool, Flag("--gradual", "in batches, the oldest first; it stops when it gets worse")] = False
    oldest: Annotated[int | None, Option("--oldest", "only so many workers, in batches, the oldest first")] = None

    @property
    def in_batches(self) -> bool:
        """Whether some are restarted at a time."""
        return self.gradual or self.oldest is not None


class Restart(Action[RestartArgs]):
    """Replaces every copy, one after the other, without losing a request."""

    name = "restart"
    path = ("gw", "restart")
    summary = "Plan a rolling restart; it runs once it is confirmed."
    example = "/gw restart"
    args = RestartArgs

    async def preview(self, args: RestartArgs, target: Workload, call: Call) -> Preview:
        """What would happen."""
        if args.in_batches:
            return await _in_batches(args, target, call)
        service, copies = target.target.name, counted(target.desired, "worker")
        return Preview(
            summary=f"Restart {service}: {copies}, {_at_a_time(target)}",
            before={"replicas": target.desired, "revision": target.revision},
            after={"replicas": target.desired},
            undo=_UNDO,
            facts=(
                ("Now", f"{target.ready} of {copies} ready"),
                ("Will happen", _rolling(target)),
            ),
            removes=target.missing / max(target.desired, 1),
        )

    async def detect(self, args: RestartArgs, target: Workload, call: Call) -> Sequence[Finding]:
        """What speaks against it: a pause holds back a rollout, and no batch."""
        doing = IN_BATCHES if args.in_batches else self.name
        return await call.services.deployments.objections(target.target, doing)

    async def execute(self, services: Services, plan: Plan) -> None:
        """One request, for all or for one batch; asked again, for what is left of that."""
        actor, only = plan.approver or plan.requester, plan.after.get("workers", ())
        await services.deployments.restart(plan.target, operation=plan.id, actor=actor, only=only)

    async def pursue(self, services: Services, plan: Plan) -> None:
        """See Action."""
        await self.execute(services, plan)

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """What the target says of our request. A target that was replaced meanwhile says nothing of it."""
        operation = await services.deployments.operation(plan.target, plan.id)
        gone = replaced(plan, await self.look(services, plan))
        if gone:
            return gone
        if operation is None:
            return Observation("absent", "the restart never arrived; nothing was restarted")
        return _progress(plan, operation)

    def shows(self, plan: Plan, target: Workload) -> bool:
        """Whether it is the one that is restarted, with as many workers, and nobody else is at it."""
        same = target.target.uid == plan.target.uid and target.desired == plan.before["replicas"]
        return same and (target.paused or not target.busy_with)


_UNDO = "not needed, since the same version and configuration run again"
_ONE_BY_ONE = "each worker is replaced once its successor is ready; no request is lost"
#: What it is to those who may speak against it.
IN_BATCHES = "restart pods"
_STOPPING = {"draining", "does not stop"}


def _at_a_time(target: Workload) -> str:
    if not target.missing:
        return "one by one"
    return "a few at a time" if target.missing < target.desired else "all at once"


def _rolling(target: Workload) -> str:
    if not target.missing:
        return _ONE_BY_ONE
    if target.missing >= target.desired:
        return f"all {counted(target.desired, 'worker')} stop before new ones start"
    return f"workers are replaced step by step, with up to {target.missing} missing at a time"


def _evicted(largest: int) -> str:
    missing = f"up to {largest} are missing until new ones are ready" if largest > 1 else "one is missing at a time"
    return f"workers are evicted as the disruption budgets allow; {missing}"


async def _in_batches(args: RestartArgs, target: Workload, call: Call) -> Preview:
    """Each batch names its workers, so that what was restarted already is not restarted again."""
    workers = await call.services.deployments.pods(target.target, workers=True)
    oldest = sorted(workers, key=lambda one: (one.started_at, one.name))
    names = [one.name for one in oldest if one.state not in _STOPPING]
    if args.oldest is not None and not 1 <= args.oldest <= len(names):
        raise Malformed(
            f"{target.target.name} has {counted(len(names), 'worker')}; --oldest is 1 to {len(names)} of them.",
            example="/gw restart --gradual",
        )
    if not names:
        raise Conflict(f"{target.target.name} has no workers to restart.", example="/gw pods")
    batches = list(_batches(names[: args.oldest]))
    steps = tuple(_steps(batches, target.desired))
    sizes, total = ", ".join(str(len(batch)) for batch in batches), sum(map(len, batches))
    course = f"{sizes} workers; it stops where errors or p95 get worse"
    evicted, largest = KUBERNETES in call.services.offers, max(map(len, batches))
    in_batches = f"in {counted(len(batches), 'batch', 'batches')}"
    return Preview(
        summary=f"Restart {target.target.name}: {counted(total, 'worker')}, {in_batches}",
        before={"replicas": target.desired, "revision": target.revision, "restarted": 0, "left": total},
        after=steps[-1],
        steps=steps if len(steps) > 1 else (),
        again="/gw restart --oldest {left}",
        undo=_UNDO,
        facts=(
            ("Now", f"{target.ready} of {counted(target.desired, 'worker')} ready"),
            ("Will happen", _evicted(largest) if evicted else _ONE_BY_ONE),
            *((("Step by step", course),) if len(steps) > 1 else ()),
        ),
        removes=min(largest / max(target.desired, 1), 1) if evicted else 0.0,
        rounds=evicted,
    )


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    left, size = list(names), 1
    while left:
        yield left[:size]
        left, size = left[size:], min(size * 2, max(len(names) // _LARGEST, 1))


def _steps(batches: Sequence[Sequence[str]], replicas: int) -> Iterator[dict[str, Any]]:
    restarted, total = 0, sum(map(len, batches))
    for batch in batches:
        restarted += len(batch)
        yield {"replicas": replicas, "restarted": restarted, "left": total - restarted, "workers": list(batch)}


def _progress(plan: Plan, operation: Operation) -> Observation:
    """Over all batches, as far as they have come."""
    before, left = plan.before.get("restarted", 0), plan.after.get("left", 0)
    done, total = operation.done, operation.total
    rest = left + (total - done if operation.left is None else operation.left)
    detail = f"{before + done} of {before + total + left} workers restarted"
    if operation.state == "failed":
        why = f"{detail}; {operation.error}" if operation.error and plan.after.get("workers") else operation.error
        return Observation("failed", why or detail, done, total, took_effect=done > 0, left=rest)
    ended, until = operation.state == "done", operation.until
    state: Any = "done" if ended else "running"
    return Observation(state, detail, done, total, took_effect=ended or done > 0, until=until, left=rest)


ACTION = Restart()
