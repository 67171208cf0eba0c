"""`/gw scale`, `restart` and `undo`: mitigations. Each shows a plan and does nothing until it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands import mitigation
from commands.actions.action import Proposal
from commands.actions.known import ACTIONS
from commands.actions.restart import RESTART
from commands.actions.scale import SCALE
from commands.context import Call
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict
from commands.grammar.arguments import Word
from commands.handlers.common import Nothing
from commands.ports import Transaction, Workload
from commands.reading import service_of
from commands.registry import OPERATORS, ActionClass, Click, Command, Reply


@dataclass(frozen=True)
class ScaleArgs:
    """Arguments of `/gw scale`."""

    replicas: Annotated[int, Word("how many workers there are to be")]


async def plan_scale(args: ScaleArgs, call: Call) -> Proposal:
    """Read the target."""
    return await SCALE.propose(call, service_of(call), args.replicas)


async def plan_restart(_args: Nothing, call: Call) -> Proposal:
    """Read the target."""
    return await RESTART.propose(call, service_of(call))


def propose(_args: object, call: Call, tx: Transaction, facts: Proposal) -> Reply:
    """Show the plan."""
    return mitigation.propose(facts, call, tx)


async def plan_undo(_args: Nothing, call: Call) -> Workload:
    """The target as it is now."""
    return await call.services.deployments.find(service_of(call))


def undo(_args: Nothing, call: Call, tx: Transaction, workload: Workload) -> Reply:
    """Take back the newest change that can be: it has its own plan, and refuses if others changed the target since."""
    last = _last_done(tx.plans.recent(target=workload.target.key, limit=50))
    inverse = ACTIONS[last.action].inverse(last)
    if inverse is None:
        raise Conflict(f"“{last.summary}” {last.undo}.")
    if workload.target.uid != last.target.uid:
        raise Conflict(f"{workload.target.name} was replaced since “{last.summary}”; there is nothing to take back.")
    if workload.desired != last.after["replicas"]:
        raise Conflict(
            f"Somebody changed {workload.target.name} since: it was left at {last.after['replicas']} workers "
            f"and has {workload.desired}.",
            hint="Look at /gw history, then /gw scale to what you want.",
        )
    return mitigation.propose(SCALE.proposal(call, workload, inverse["replicas"], undoes=last), call, tx)


def _last_done(plans: list[Plan]) -> Plan:
    for plan in plans:
        if plan.state is PlanState.DONE and plan.undoes is None:
            return plan
    raise Conflict(
        "There is nothing to undo: no change that was made from here is still in force.", example="/gw history"
    )


def confirm(subject: str, call: Call, tx: Transaction) -> None:
    """Confirm."""
    mitigation.confirm(subject, call, tx)


def cancel(subject: str, call: Call, tx: Transaction) -> None:
    """Cancel."""
    mitigation.cancel(subject, call, tx)


COMMANDS = (
    Command(
        path=("gw", "scale"),
        args=ScaleArgs,
        summary="Plan another number of workers; it runs once it is confirmed.",
        example="/gw scale 10",
        gather=plan_scale,
        decide=propose,
        klass=ActionClass.MITIGATION,
        access=OPERATORS,
    ),
    Command(
        path=("gw", "restart"),
        args=Nothing,
        summary="Plan a rolling restart; it runs once it is confirmed.",
        example="/gw restart",
        gather=plan_restart,
        decide=propose,
        klass=ActionClass.MITIGATION,
        access=OPERATORS,
    ),
    Command(
        path=("gw", "undo"),
        args=Nothing,
        summary="Plan to take back the last change.",
        example="/gw undo",
        gather=plan_undo,
        decide=undo,
        klass=ActionClass.MITIGATION,
        access=OPERATORS,
    ),
)

CLICKS = (
    Click(action="plan.confirm", decide=confirm, access=OPERATORS),
    Click(action="plan.cancel", decide=cancel, access=OPERATORS),
)
