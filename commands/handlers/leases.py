"""`/leases`, `/lease renew`, `/lease revert` and `/lease keep`: changes that are temporary (mitigation.md, rule 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.cards import Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.handlers.common import Nothing
from commands.mitigation import leasing
from commands.ports import Transaction
from commands.presentation.lease import lease_words
from commands.presentation.words import counted, lasting
from commands.registry import READERS, RESPONDERS, ActionClass, Click, Command, Reply


@dataclass(frozen=True)
class RenewArgs:
    """Arguments of `/lease renew`."""

    plan: Annotated[str, Word("a plan's id")]
    lasts: Annotated[timedelta | None, Word("how long it lasts from now; as long as before when left out")] = None


@dataclass(frozen=True)
class LeaseArgs:
    """Arguments of `/lease revert` and `/lease keep`."""

    plan: Annotated[str, Word("a plan's id")]


def leases(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What is temporary now: what, whose, and for how long still."""
    standing = [(tx.plans.get(lease.plan), lease) for lease in tx.leases.standing()]
    seen = [(plan, lease) for plan, lease in standing if tx.messages.may_read(plan.channel, call.person.id)]
    if not seen:
        how = rich("What is to end by itself is asked for so: ", Code(text="/gw scale 10 --for 30m"))
        return Reply(card("Nothing is temporary", how), private=True)
    late = any(lease.state is LeaseState.KEPT for _, lease in seen)
    lines = (_line(plan, lease, call) for plan, lease in seen)
    shown = card(counted(len(seen), "temporary change"), *lines, tone=Tone.WARNING if late else Tone.NEUTRAL)
    footer = rich("Longer: ", Code(text="/lease renew PLAN 30m"), " · now: ", Code(text="/lease revert PLAN"))
    footer = rich(*footer, " · to stay: ", Code(text="/lease keep PLAN"))
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


def _line(plan: Plan, lease: Lease, call: Call) -> Rich:
    running = lease.state is LeaseState.RUNNING
    left = rich("until ", When(at=lease.until), f" ({lasting(lease.until - call.now)} left)")
    asked = rich(" · asked by ", Who(person=plan.requester), " · ", Code(text=plan.id))
    return (*rich(strong(plan.summary), " · "), *(left if running else lease_words(lease)), *asked)


def renew(args: RenewArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It lasts longer; the channel reads it."""
    plan, lease = leasing.renew(args.plan, args.lasts, call, tx)
    shown = card(f"Renewed: {plan.summary}", rich("It lasts until ", When(at=lease.until), ", then it is taken back."))
    if plan.channel == call.channel:
        return Reply(shown)
    told = shown.model_copy(update={"footer": rich("renewed by ", Who(person=call.person.id))})
    tx.messages.post(plan.channel, told, key=f"{call.delivery}:renewed")
    return Reply(shown, private=True)


def revert(args: LeaseArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It ends now; its own message tells how that goes."""
    plan = leasing.end_now(args.plan, call, tx)
    return Reply(card(f"Taking back: {plan.summary}", "A message in its channel tells how that goes."), private=True)


def keep(args: LeaseArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It stays; the channel reads it."""
    plan = leasing.keep(args.plan, call, tx)
    shown = card(f"Made to stay: {plan.summary}", rich("It is temporary no longer. ", *_way_back(plan)))
    if plan.channel == call.channel:
        return Reply(shown)
    told = shown.model_copy(update={"footer": rich("by ", Who(person=call.person.id))})
    tx.messages.post(plan.channel, told, key=f"{call.delivery}:kept")
    return Reply(shown, private=True)


def _way_back(plan: Plan) -> Rich:
    return rich("To take it back: ", Code(text=f"/gw undo {plan.id}"))


def click_renew(plan_id: str, call: Call, tx: Transaction) -> None:
    """As long again as it was planned for."""
    leasing.renew(plan_id, None, call, tx)


def click_revert(plan_id: str, call: Call, tx: Transaction) -> None:
    """It ends now."""
    leasing.end_now(plan_id, call, tx)


def click_keep(plan_id: str, call: Call, tx: Transaction) -> None:
    """It stays."""
    leasing.keep(plan_id, call, tx)


COMMANDS = (
    Command(
        path=("leases",),
        args=Nothing,
        summary="Show what is temporary, whose it is, and when it ends.",
        example="/leases",
        decide=leases,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("lease", "renew"),
        args=RenewArgs,
        summary="Let a temporary change last longer, counted from now.",
        example="/lease renew plan-20260301-1a2b3c4d 30m",
        decide=renew,
        access=RESPONDERS,
    ),
    Command(
        path=("lease", "revert"),
        args=LeaseArgs,
        summary="Take a temporary change back before its time.",
        example="/lease revert plan-20260301-1a2b3c4d",
        decide=revert,
        access=RESPONDERS,
    ),
    Command(
        path=("lease", "keep"),
        args=LeaseArgs,
        summary="Let a temporary change stay: nothing takes it back any more.",
        example="/lease keep plan-20260301-1a2b3c4d",
        decide=keep,
        access=RESPONDERS,
    ),
)

CLICKS = (
    Click(action="lease.renew", decide=click_renew, access=RESPONDERS),
    Click(action="lease.revert", decide=click_revert, access=RESPONDERS),
    Click(action="lease.keep", decide=click_keep, access=RESPONDERS),
)
