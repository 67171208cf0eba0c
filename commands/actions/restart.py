"""Restart: `kubectl rollout restart deployment/api-gateway` of runbook 002, section 2.4.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.actions.action import Observation, Proposal, fingerprint_of, replaced
from commands.cards import fact
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.ports import Operation, Workload
from commands.presentation.words import counted


class Restart:
    """Replaces every copy, one after the other, without losing a request."""

    name = "restart"

    async def propose(self, call: Call, service: str) -> Proposal:
        """Read the target and say what would happen."""
        workload = await call.services.deployments.find(service)
        return Proposal(
            action=self.name,
            arguments={},
            target=workload.target,
            fingerprint=fingerprint_of(workload),
            before={"replicas": workload.desired, "revision": workload.revision},
            after={"replicas": workload.desired},
            summary=f"Restart {service}: {counted(workload.desired, 'worker')}, one by one",
            undo="cannot be undone, and need not be: the same version and configuration run again",
            facts=(
                fact("Now", f"{counted(workload.desired, 'worker')} ({workload.ready} ready)"),
                fact("Will happen", "each worker is replaced once its successor is ready; no request is lost"),
            ),
        )

    async def fingerprint(self, services: Services, plan: Plan) -> dict[str, Any]:
        """Identity and wished count."""
        return fingerprint_of(await services.deployments.find(plan.target.name))

    async def execute(self, services: Services, plan: Plan) -> None:
        """One request."""
        await services.deployments.restart(plan.target, operation=plan.id, actor=plan.approver or plan.requester)

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """What the target says of our request. A target that was replaced meanwhile says nothing of it."""
        operation = await services.deployments.operation(plan.target, plan.id)
        gone = replaced(plan, await services.deployments.find(plan.target.name))
        if gone:
            return gone
        if operation is None:
            return Observation("absent", "the restart never arrived; nothing was restarted")
        return _progress(operation)

    def inverse(self, plan: Plan) -> Mapping[str, Any] | None:  # noqa: ARG002 - nothing to take back
        """Nothing can take a restart back."""
        return None

    def shows(self, plan: Plan, workload: Workload) -> bool:  # noqa: ARG002 - one copy looks like another
        """A restart leaves nothing that could be seen."""
        return False


def _progress(operation: Operation) -> Observation:
    done, total = operation.done, operation.total
    detail = f"{done} of {total} workers restarted"
    if operation.state == "failed":
        return Observation("failed", operation.error or detail, done, total, took_effect=done > 0)
    ended = operation.state == "done"
    return Observation("done" if ended else "running", detail, done, total, took_effect=ended or done > 0)


RESTART = Restart()
