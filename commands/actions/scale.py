"""Scale: `kubectl scale deployment/api-gateway --replicas=10` of runbook 002, section 2.4.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from commands.actions.action import Action, Leasable, Observation, Preview, replaced
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Word
from commands.ports import Operation, Workload
from commands.presentation.words import counted


@dataclass(frozen=True)
class ScaleArgs(Leasable):
    """Arguments of `/gw scale`."""

    replicas: Annotated[int, Word("how many workers there are to be")]
    gradual: Annotated[bool, Flag("--gradual", "twice as many at a time, or half; it stops when it gets worse")] = False


class Scale(Action[ScaleArgs]):
    """Changes how many copies run. The count is fixed at plan time, so that asking twice is harmless."""

    name = "scale"
    path = ("gw", "scale")
    summary = "Plan another number of workers; it runs once it is confirmed."
    example = "/gw scale 10"
    args = ScaleArgs

    async def preview(self, args: ScaleArgs, target: Workload, call: Call) -> Preview:
        """From how many to how many."""
        service, before, after = target.target.name, target.desired, args.replicas
        low, high = _bounds(call.services, target)
        if not low <= after <= high:
            raise Malformed(
                f"{after} is not allowed: {service} runs with {low} to {high} workers.",
                example=f"/gw scale {min(max(after, low), high)}",
            )
        if after == before:
            raise Conflict(f"{service} already has {counted(after, 'worker')}.", example="/gw pods")
        steps = _steps(before, after) if args.gradual else ()
        return Preview(
            summary=f"Scale {service} {'up' if after > before else 'down'} from {before} to {after} workers",
            steps=tuple({"replicas": step} for step in steps),
            again=f"/gw scale {after} --gradual" if steps else "",
            before={"replicas": before},
            after={"replicas": after},
            undo=f"/gw undo puts back {counted(before, 'worker')}",
            back=f"/gw scale {before}",
            facts=(
                ("Now", f"{target.ready} of {counted(before, 'worker')} ready"),
                ("Allowed", f"{low} to {high} workers"),
                *((("Step by step", _in_words(steps)),) if steps else ()),
            ),
            removes=max(before - after, 0) / max(before, 1),
        )

    async def execute(self, services: Services, plan: Plan) -> None:
        """One request, with the count that was expected."""
        await services.deployments.scale(
            plan.target,
            replicas=plan.after["replicas"],
            expected=plan.before["replicas"],
            operation=plan.id,
            actor=plan.approver or plan.requester,
        )

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """What the target says of our request, and how many copies are ready."""
        operation = await services.deployments.operation(plan.target, plan.id)
        workload = await self.look(services, plan)
        gone = replaced(plan, workload)
        if gone:
            return gone
        if operation is None:
            return _without_operation(plan, workload)
        return _progress(plan, workload, operation)

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Back to the count before."""
        return ACTION, ScaleArgs(replicas=plan.before["replicas"])

    def shows(self, plan: Plan, target: Workload) -> bool:
        """Whether that many copies are wished for."""
        wished = {left["replicas"] for left in plan.left_behind}
        return target.target.uid == plan.target.uid and target.desired in wished


def _steps(before: int, after: int) -> tuple[int, ...]:
    """Twice as many each time, or half as many, as the runbooks recover a service: 1, 2, 4."""
    steps, now = [], before
    while now != after:
        now = min(max(now * 2, 1), after) if after > now else max(now // 2, after)
        steps.append(now)
    return tuple(steps) if len(steps) > 1 else ()


def _in_words(steps: tuple[int, ...]) -> str:
    """`6, 10; after each, errors and p95 are looked at`."""
    return f"{', '.join(map(str, steps))} workers; it stops where errors or p95 get worse"


def _progress(plan: Plan, workload: Workload, operation: Operation) -> Observation:
    """The target may say that it is done before the copies are ready: that is not done yet."""
    wanted, made = plan.after["replicas"], ACTION.shows(plan, workload)
    detail = f"{workload.ready} of {wanted} workers ready"
    if operation.state == "failed":
        return Observation("failed", operation.error or detail, took_effect=made)
    if operation.state == "done" and not made:
        return Observation("different", f"{counted(workload.desired, 'worker')} wanted by now, set by somebody else")
    state: Literal["done", "running"] = "done" if operation.state == "done" and workload.ready >= wanted else "running"
    return Observation(state, detail, operation.done, operation.total, took_effect=made)


def _without_operation(plan: Plan, workload: Workload) -> Observation:
    now = counted(workload.desired, "worker")
    if workload.desired == plan.before["replicas"]:
        return Observation("absent", f"still {now}")
    if ACTION.shows(plan, workload):
        return Observation("different", f"{now}, as wanted, but {plan.target.name} knows nothing of this request")
    return Observation("different", f"{now}, set by somebody else; {workload.ready} ready")


def _bounds(services: Services, workload: Workload) -> tuple[int, int]:
    """Policy and the target's own limits together."""
    return max(services.limits.min_replicas, workload.minimum), min(services.limits.max_replicas, workload.maximum)


ACTION = Scale()
