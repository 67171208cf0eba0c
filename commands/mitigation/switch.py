"""The kill switch: while it is thrown, nothing is changed; reading goes on, and so does taking back (rule 11)."""

from __future__ import annotations

from commands.domain.plan import Plan
from commands.errors import Conflict
from commands.ports import Transaction


def frozen_words(plan: Plan, tx: Transaction) -> str:
    """Why a plan may not go on now; empty where it may."""
    freeze = tx.freezes.current()
    if freeze is None or plan.undoes:
        return ""
    return f"all changes are frozen: {freeze.reason}"


def refuse_frozen(plan: Plan, tx: Transaction) -> None:
    """Raises Conflict while changes are frozen."""
    words, freeze = frozen_words(plan, tx), tx.freezes.current()
    if words and freeze:
        raise Conflict(
            f"{words[0].upper()}{words[1:]}.",
            hint="froze them, and ends it with `/tocsin thaw`, or an admin does. Reading and `/gw undo` work.",
            who=freeze.by,
        )
