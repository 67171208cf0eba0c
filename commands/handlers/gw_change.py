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
from commands.domain.plan import Plan
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
    last = _newest_in_force(tx.plans.recent(target=workload.target.key, limit=50), workload)
    if workload.target.uid != last.target.uid:
        raise Conflict(f"{workload.target.name} was replaced since “{last.summary}”; there is nothing to take back.")
    inverse = ACTIONS[last.action].inverse(last)
    if inverse is None or not ACTIONS[last.action].shows(last, workload):
        raise Conflict(
            f"Somebody changed {workload.target.name} since: it was left at {last.after['replicas']} workers "
            f"and has {workload.desired}.",
            hint="Look at what was changed, then scale to what you want.",
            example="/gw history",
        )
    return mitigation.propose(SCALE.proposal(call, workload, inverse["replicas"], undoes=last), call, tx)


def _newest_in_force(plans: list[Plan], workload: Workload) -> Plan:
    """A plan of which nobody knows whether it was carried out counts where the target looks as if it had been."""
    for plan in mitigation.undoable(plans):
        if plan.in_force or ACTIONS[plan.action].shows(plan, workload):
            return plan
    raise Conflict(
        "There is nothing to undo: no change that was made from here is still in force.", example="/gw history"
    )


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
    Click(action="plan.confirm", decide=mitigation.confirm, access=OPERATORS),
    Click(action="plan.cancel", decide=mitigation.cancel, access=OPERATORS),
)
