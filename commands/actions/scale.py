"""Scale: `kubectl scale deployment/api-gateway --replicas=10` of runbook 002, section 2.4.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from commands.actions.action import Observation, Proposal, fingerprint_of, replaced
from commands.cards import fact
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.errors import Conflict, Malformed
from commands.ports import Operation, Workload
from commands.presentation.words import counted


class Scale:
    """Changes how many copies run. The count is fixed at plan time, so that asking twice is harmless."""

    name = "scale"

    async def propose(self, call: Call, service: str, replicas: int) -> Proposal:
        """Read the target and say what would change."""
        return self.proposal(call, await call.services.deployments.find(service), replicas)

    def proposal(self, call: Call, workload: Workload, replicas: int, *, undoes: Plan | None = None) -> Proposal:
        """What would change. Raises Malformed for a number out of policy, Conflict when nothing would change."""
        service = workload.target.name
        low, high = _bounds(call.services, workload)
        if not low <= replicas <= high:
            raise Malformed(
                f"{replicas} is not allowed: {service} runs with {low} to {high} workers.",
                example=f"/gw scale {min(max(replicas, low), high)}",
            )
        if replicas == workload.desired:
            raise Conflict(f"{service} already has {counted(replicas, 'worker')}.", example="/gw pods")
        return _proposal(service, workload, replicas, low, high, undoes)

    async def fingerprint(self, services: Services, plan: Plan) -> dict[str, Any]:
        """Identity and wished count."""
        return fingerprint_of(await services.deployments.find(plan.target.name))

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
        workload = await services.deployments.find(plan.target.name)
        gone = replaced(plan, workload)
        if gone:
            return gone
        if operation is None:
            return _without_operation(plan, workload)
        return _progress(plan, workload, operation)

    def inverse(self, plan: Plan) -> Mapping[str, Any] | None:
        """Back to the count before."""
        return {"replicas": plan.before["replicas"]}

    def shows(self, plan: Plan, workload: Workload) -> bool:
        """Whether that many copies are wished for."""
        return workload.target.uid == plan.target.uid and workload.desired == plan.after["replicas"]


def _progress(plan: Plan, workload: Workload, operation: Operation) -> Observation:
    """The target may say that it is done before the copies are ready: that is not done yet."""
    wanted, made = plan.after["replicas"], SCALE.shows(plan, workload)
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
    if SCALE.shows(plan, workload):
        return Observation("different", f"{now}, as wanted, but {plan.target.name} knows nothing of this request")
    return Observation("different", f"{now}, set by somebody else; {workload.ready} ready")


def _bounds(services: Services, workload: Workload) -> tuple[int, int]:
    """Policy and the target's own limits together."""
    return max(services.limits.min_replicas, workload.minimum), min(services.limits.max_replicas, workload.maximum)


def _proposal(service: str, workload: Workload, replicas: int, low: int, high: int, undoes: Plan | None) -> Proposal:
    before, verb = workload.desired, "up" if replicas > workload.desired else "down"
    return Proposal(
        action=Scale.name,
        arguments={"replicas": replicas},
        target=workload.target,
        fingerprint=fingerprint_of(workload),
        before={"replicas": before},
        after={"replicas": replicas},
        undoes=undoes.id if undoes else None,
        summary=f"{'Undo: scale' if undoes else 'Scale'} {service} {verb} from {before} to {replicas} workers",
        undo=f"/gw scale {before} puts it back" if undoes else f"/gw undo puts back {counted(before, 'worker')}",
        facts=(
            fact("Now", f"{counted(before, 'worker')} ({workload.ready} ready)"),
            fact("Will be", counted(replicas, "worker")),
            fact("Policy", f"{low} to {high} workers"),
        ),
    )


SCALE = Scale()
