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
    return f"all changes are frozen by @{freeze.by}: {freeze.reason}"


def refuse_frozen(plan: Plan, tx: Transaction) -> None:
    """Raises Conflict while changes are frozen."""
    words = frozen_words(plan, tx)
    if words:
        raise Conflict(
            f"{words[0].upper()}{words[1:]}.",
            hint="Reading and /gw undo work. An admin, or who froze it, ends it with /tocsin thaw.",
        )
