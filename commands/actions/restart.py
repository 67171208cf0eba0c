"""Restart: `kubectl rollout restart deployment/api-gateway` of runbook 002, section 2.4.4."""

from __future__ import annotations

from dataclasses import dataclass

from commands.actions.action import Action, Observation, Options, Preview, replaced
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.ports import Operation, Workload
from commands.presentation.words import counted


@dataclass(frozen=True)
class RestartArgs(Options):
    """`/gw restart` takes none of its own."""


class Restart(Action[RestartArgs]):
    """Replaces every copy, one after the other, without losing a request."""

    name = "restart"
    path = ("gw", "restart")
    summary = "Plan a rolling restart; it runs once it is confirmed."
    example = "/gw restart"
    args = RestartArgs

    async def preview(self, args: RestartArgs, target: Workload, call: Call) -> Preview:  # noqa: ARG002
        """What would happen."""
        service, copies = target.target.name, counted(target.desired, "worker")
        return Preview(
            summary=f"Restart {service}: {copies}, one by one",
            before={"replicas": target.desired, "revision": target.revision},
            after={"replicas": target.desired},
            undo="not needed, since the same version and configuration run again",
            facts=(
                ("Now", f"{target.ready} of {copies} ready"),
                ("Will happen", "each worker is replaced once its successor is ready; no request is lost"),
            ),
        )

    async def execute(self, services: Services, plan: Plan) -> None:
        """One request."""
        await services.deployments.restart(plan.target, operation=plan.id, actor=plan.approver or plan.requester)

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """What the target says of our request. A target that was replaced meanwhile says nothing of it."""
        operation = await services.deployments.operation(plan.target, plan.id)
        gone = replaced(plan, await self.look(services, plan))
        if gone:
            return gone
        if operation is None:
            return Observation("absent", "the restart never arrived; nothing was restarted")
        return _progress(operation)


def _progress(operation: Operation) -> Observation:
    done, total = operation.done, operation.total
    detail = f"{done} of {total} workers restarted"
    if operation.state == "failed":
        return Observation("failed", operation.error or detail, done, total, took_effect=done > 0)
    ended = operation.state == "done"
    return Observation("done" if ended else "running", detail, done, total, took_effect=ended or done > 0)


ACTION = Restart()
