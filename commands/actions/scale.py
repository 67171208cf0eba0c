"""Scale: `kubectl scale deployment/api-gateway --replicas=10` of runbook 002, section 2.4.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.actions.action import Observation, Proposal
from commands.cards import fact
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.errors import Conflict, Malformed
from commands.ports import Workload
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
                f"{replicas} is out of policy: {service} runs with {low} to {high} workers.",
                example=f"/gw scale {min(max(replicas, low), high)}",
            )
        if replicas == workload.desired:
            raise Conflict(f"{service} already has {counted(replicas, 'worker')}.", hint="/gw pods shows them.")
        return _proposal(service, workload, replicas, low, high, undoes)

    async def fingerprint(self, services: Services, plan: Plan) -> dict[str, Any]:
        """Identity and wished count."""
        return _fingerprint(await services.deployments.find(plan.target.name))

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
        wanted, total = plan.after["replicas"], abs(plan.after["replicas"] - plan.before["replicas"])
        detail = f"{workload.ready} of {wanted} workers ready"
        if operation is not None and operation.state == "failed":
            return Observation("failed", operation.error or detail)
        if operation is not None and operation.state == "done":
            return Observation("done", detail, total, total)
        if operation is not None:
            return Observation("running", detail, operation.done, operation.total)
        return _without_operation(plan, workload, detail)

    def inverse(self, plan: Plan) -> Mapping[str, Any] | None:
        """Back to the count before."""
        return {"replicas": plan.before["replicas"]}


def _without_operation(plan: Plan, workload: Workload, detail: str) -> Observation:
    if workload.target.uid == plan.target.uid and workload.desired == plan.before["replicas"]:
        return Observation("absent", f"still {counted(workload.desired, 'worker')}")
    return Observation("different", f"{counted(workload.desired, 'worker')}, set by somebody else; {detail}")


def _bounds(services: Services, workload: Workload) -> tuple[int, int]:
    """Policy and the target's own limits together."""
    return max(services.limits.min_replicas, workload.minimum), min(services.limits.max_replicas, workload.maximum)


def _fingerprint(workload: Workload) -> dict[str, Any]:
    return {"uid": workload.target.uid, "replicas": workload.desired}


def _proposal(service: str, workload: Workload, replicas: int, low: int, high: int, undoes: Plan | None) -> Proposal:
    before, verb = workload.desired, "up" if replicas > workload.desired else "down"
    return Proposal(
        action=Scale.name,
        arguments={"replicas": replicas},
        target=workload.target,
        fingerprint=_fingerprint(workload),
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
