"""What came after a change: what a newer one of the same kind has set is not taken back with the older one."""

from __future__ import annotations

from datetime import datetime

from commands.actions.known import ACTIONS
from commands.domain.plan import Plan
from commands.ports import Transaction

_LOOKED_AT = 50


def undoable(plans: list[Plan]) -> list[Plan]:
    """The changes that an undo might take back, in the order given: those that can be, and are no undo themselves."""
    return [p for p in plans if p.can_be_undone and p.undoes is None and ACTIONS[p.action].inverse(p) is not None]


def follower(plan: Plan, tx: Transaction) -> Plan | None:
    """The newest change of the same kind, to the same part of the target, that was made since and stands.

    Changes of other kinds do not count: whether they touched what is to be taken back, the target itself shows.
    """
    made = undoable(tx.plans.recent(target=plan.target.key, limit=_LOOKED_AT))
    return next((one for one in made if one.in_force and _is_alike(one, plan) and _at(one) > _at(plan)), None)


def _is_alike(one: Plan, other: Plan) -> bool:
    parts = ACTIONS[one.action].parts
    return one.action == other.action and all(one.after.get(part) == other.after.get(part) for part in parts)


def _at(plan: Plan) -> datetime:
    return plan.executed_at or plan.created_at
