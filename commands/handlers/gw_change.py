"""The mitigations, and `/gw undo`. Each shows a plan and does nothing until it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from commands.actions.action import Options, Proposal, planned_on
from commands.actions.known import ACTIONS
from commands.context import Call
from commands.domain.plan import Plan
from commands.errors import Conflict
from commands.grammar.arguments import Word
from commands.locating import undone
from commands.mitigation import deciding
from commands.mitigation.following import undoable
from commands.mitigation.proposing import command_of, propose
from commands.ports import Workload
from commands.registry import READERS, RESPONDERS, ActionClass, Click, Command

_LOOKED_AT = 50


@dataclass(frozen=True)
class UndoArgs(Options):
    """Arguments of `/gw undo`."""

    which: Annotated[str, Word("a plan's id, or a kind of change as scale; else the last change")] = ""


async def plan_undo(args: UndoArgs, call: Call) -> Proposal:
    """What would take back the newest change that can be: it is a plan of its own, with its own preconditions.

    Raises:
        Conflict: there is nothing to take back, or somebody else changed the target since (rule 6).
    """
    target = await undone(args.which, args, call)
    plans = await call.services.ledger.recent(target=target.target.key, limit=_LOOKED_AT)
    last = await _newest_in_force([plan for plan in plans if args.which in {"", plan.id, plan.action}], call)
    if target.target.uid != last.target.uid:
        raise Conflict(f"{target.target.name} was replaced since “{last.summary}”; there is nothing to take back.")
    inverse = ACTIONS[last.action].inverse(last)
    if inverse is None or not await _still_shown(last, call):
        raise _changed_since(last, target)
    action, back = inverse
    asked = replace(back, at=args.at, wait=args.wait, why=args.why)
    return await planned_on(target, action, asked, call, undoes=last)


def _changed_since(last: Plan, target: Workload) -> Conflict:
    """What was left, and what is there now, where that is a number."""
    left, hint = f", so “{last.summary}” is not what is there any more", "Look at what was changed since."
    if last.action == "scale":
        left = f": it was left at {last.left_at['replicas']} workers and has {target.desired}"
        hint = "Look at what was changed, then scale to what you want."
    return Conflict(f"Somebody changed {target.target.name} since{left}.", hint=hint, example="/gw history")


async def _still_shown(plan: Plan, call: Call) -> bool:
    """Whether the target, as the plan's own action sees it, is as the plan would leave it."""
    action = ACTIONS[plan.action]
    return action.shows(plan, await action.look(call.services, plan))


async def _newest_in_force(plans: list[Plan], call: Call) -> Plan:
    """A plan of which nobody knows whether it was carried out counts where the target looks as if it had been."""
    for plan in undoable(plans):
        if plan.in_force or await _still_shown(plan, call):
            return plan
    raise Conflict(
        "There is nothing to undo: no change that was made from here is still in force.", example="/gw history"
    )


COMMANDS = (
    *(command_of(action) for action in ACTIONS.values()),
    Command(
        path=("gw", "undo"),
        args=UndoArgs,
        summary="Plan to take back the last change.",
        example="/gw undo",
        gather=plan_undo,
        decide=propose,
        klass=ActionClass.MITIGATION,
        access=RESPONDERS,
    ),
)

CLICKS = (
    Click(action="plan.confirm", decide=deciding.confirm, access=READERS),
    Click(action="plan.cancel", decide=deciding.cancel, access=RESPONDERS),
    Click(action="plan.stop", decide=deciding.stop, access=RESPONDERS),
    Click(action="plan.veto", decide=deciding.veto, access=RESPONDERS),
)
