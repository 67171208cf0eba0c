"""What people are told of a temporary change: before its end, at its end, and when that could not be."""

from __future__ import annotations

from datetime import datetime

from commands.cards import Button, Card, Code, Rich, Tone, When, Who, card, rich
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import Plan
from commands.presentation.words import lasting


def notice_key(lease: Lease) -> str:
    """The message that says that the end is near; one for each term."""
    return f"{lease.plan}:lease:{lease.term}"


def notice_card(plan: Plan, lease: Lease, now: datetime, *, may_stay: bool) -> Card:
    """It will end, and what can be done about it."""
    shown = card(
        f"Ends in {lasting(lease.until - now)}: {plan.summary}",
        rich("At ", When(at=lease.until), " Tocsin takes it back."),
        tone=Tone.WARNING,
    )
    buttons = _buttons(plan, "Keep for good" if may_stay else "")
    return shown.model_copy(update={"buttons": buttons, "footer": _footer(plan)})


def kept_card(plan: Plan, why: str, *, held: bool) -> Card:
    """Its time is up, and it is still there. `held`: it stays so until somebody says what to do."""
    shown = card(f"Not taken back: {plan.summary}", why, tone=Tone.CRITICAL if held else Tone.WARNING)
    return shown.model_copy(update={"buttons": _buttons(plan, "Leave it so") if held else (), "footer": _footer(plan)})


def settled_card(plan: Plan, what: str, by: str = "", until: datetime | None = None) -> Card:
    """What became of a question that was asked of people."""
    lasts = rich("It lasts until ", When(at=until), ". ") if until else ()
    who = rich("By ", Who(person=by)) if by else ()
    return card(f"{what}: {plan.summary}", *((lasts + who,) if lasts or who else ()))


def lease_words(lease: Lease) -> Rich:
    """Where it stands, in a line of its plan's card and of the list."""
    match lease.state:
        case LeaseState.RUNNING:
            return rich("until ", When(at=lease.until), ", then Tocsin takes it back")
        case LeaseState.ENDING:
            return rich("is being taken back")
        case LeaseState.KEPT:
            return rich("since ", When(at=lease.until), " it should have been taken back")
        case _:
            return rich("over")


def _buttons(plan: Plan, keep: str) -> tuple[Button, ...]:
    renew = f"Renew for {lasting(plan.lease)}" if plan.lease else "Renew"
    return (
        Button(label=renew, action="lease.renew", subject=plan.id, style="primary"),
        Button(label="Take back now", action="lease.revert", subject=plan.id),
        *((Button(label=keep, action="lease.keep", subject=plan.id),) if keep else ()),
    )


def _footer(plan: Plan) -> Rich:
    return rich("asked by ", Who(person=plan.requester), " · or: ", Code(text=f"/lease renew {plan.id} 2h"))
