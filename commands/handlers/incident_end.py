"""`/incident resolve` and `reopen`. The postmortem draft follows a resolution by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Button, Code, Fact, Rich, Tone, When, card, fact, rich
from commands.context import Call
from commands.domain.incident import Incident, Reopened, Resolved
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import FINAL, PlanState
from commands.domain.sli import Reading
from commands.drafting import order_draft
from commands.errors import Conflict
from commands.grammar.arguments import Flag, Rest
from commands.handlers.common import at_hand, close_void_offer, measure, open_at_hand, over
from commands.mitigation import deciding
from commands.ports import Transaction
from commands.presentation.lease import lease_words
from commands.presentation.public import offer_public_text
from commands.presentation.words import counted, lasting
from commands.redaction import redact
from commands.registry import Click, Command, Reply, Where

#: How many temporary changes are named at the end.
_NAMED = 3


@dataclass(frozen=True)
class ResolveArgs:
    """Arguments of `/incident resolve`."""

    summary: Annotated[str, Rest("what fixed it")] = ""
    anyway: Annotated[bool, Flag("--anyway", "although the service is outside its objectives")] = False


@dataclass(frozen=True)
class ReopenArgs:
    """Arguments of `/incident reopen`."""

    reason: Annotated[str, Rest("why")] = ""


def resolve(args: ResolveArgs, call: Call, tx: Transaction, reading: Reading | None) -> Reply:
    """It is over. While the service measurably does badly, that is asked first; what measures holds up nothing."""
    return end(open_at_hand(call, tx), redact(args.summary), reading, call, tx, anyway=args.anyway)


def end(
    incident: Incident, summary: str, reading: Reading | None, call: Call, tx: Transaction, *, anyway: bool = False
) -> Reply:
    """The incident is resolved, or, while the service does badly, that is asked. Raises Conflict."""
    refuse_while_acting(incident, tx)
    still_bad = reading is not None and call.services.objectives.breached(reading)
    if reading is not None and reading.up and still_bad and not anyway:
        return _questioned(incident, summary, reading)
    now = fact("Now", reading.words() if reading else "not known: the measurements did not answer")
    offer = reading is not None and call.services.objectives.met(reading)
    return _resolved(incident, summary, call, tx, now=(now,), careful=still_bad, normal_again=offer)


def _questioned(incident: Incident, summary: str, reading: Reading) -> Reply:
    """Whoever says that it is over may know more than the measurements: one click, or one word, is enough."""
    line = f"/incident resolve --anyway {summary}".strip()
    shown = card(
        "Is it over? The service is still outside its objectives",
        rich("Nothing was ended. If it is over all the same: ", Code(text=line)),
        tone=Tone.WARNING,
    )
    button = Button(label="Resolve anyway", action="incident.resolve", subject=f"{incident.id} {summary}")
    return Reply(shown.model_copy(update={"facts": (fact("Now", reading.words()),), "buttons": (button,)}))


def resolve_click(subject: str, call: Call, tx: Transaction) -> Reply:
    """The answer to that question."""
    incident_id, _, summary = subject.partition(" ")
    incident = tx.incidents.get(incident_id)
    if not incident.status.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")
    refuse_while_acting(incident, tx)
    return _resolved(incident, summary, call, tx, now=(), careful=True, normal_again=False)


def _resolved(
    incident: Incident,
    summary: str,
    call: Call,
    tx: Transaction,
    *,
    now: tuple[Fact, ...],
    careful: bool,
    normal_again: bool,
) -> Reply:
    """The clock stops and the draft is ordered."""
    cancel_waiting(incident, call, tx)
    resolved = tx.incidents.record(incident.id, Resolved(summary=summary), actor=call.person.id)
    order_draft(resolved, tx)
    close_void_offer(incident, resolved, tx)
    offer_public_text(resolved, call.services, tx, normal_again=normal_again)
    warning = rich("Careful: the service is still outside its objectives. Not over? ", Code(text="/incident reopen"))
    shown = card(
        f"Resolved after {lasting(resolved.duration(tx.now))}",
        *([summary] if summary else []),
        *([warning] if careful else []),
        *_still_temporary(incident, tx),
        tone=Tone.WARNING if careful else Tone.GOOD,
    )
    return Reply(shown.model_copy(update={"facts": now}))


def _still_temporary(incident: Incident, tx: Transaction) -> tuple[Rich, ...]:
    """What was changed for a while and has not been taken back yet: the end of the incident does not end it."""
    standing = [(tx.plans.get(lease.plan), lease) for lease in tx.leases.standing()]
    here = [(plan, lease) for plan, lease in standing if plan.incident == incident.id]
    if not here:
        return ()
    told = [span for plan, lease in here[:_NAMED] for span in rich("; ", plan.summary, " (", *_until(lease), ")")]
    more = rich(f"; {len(here) - _NAMED} more") if len(here) > _NAMED else ()
    are = f"{counted(len(here), 'temporary change')} {'is' if len(here) == 1 else 'are'} still there: "
    return (rich(are, *told[1:], *more, ". All: ", Code(text="/leases")),)


def _until(lease: Lease) -> Rich:
    return rich("until ", When(at=lease.until)) if lease.state is LeaseState.RUNNING else lease_words(lease)


def refuse_while_acting(incident: Incident, tx: Transaction) -> None:
    """Raises Conflict while a change is being made for it."""
    running = [plan for plan in tx.plans.of_incident(incident.id) if plan.state not in FINAL]
    acting = [plan for plan in running if plan.state is not PlanState.PLANNED and not plan.waits(tx.now)]
    if acting:
        raise Conflict(
            f"{acting[0].summary} is still {acting[0].state.value}.",
            hint="Wait for its result, then resolve.",
        )


def cancel_waiting(incident: Incident, call: Call, tx: Transaction) -> None:
    """Nobody may confirm, after the end, what was planned for the incident."""
    for plan in tx.plans.of_incident(incident.id):
        if plan.state is PlanState.PLANNED or plan.waits(tx.now):
            deciding.cancel(plan.id, call, tx)


def reopen(args: ReopenArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It is not over."""
    return _reopen(at_hand(call, tx), args.reason, call, tx)


def reopen_click(subject: str, call: Call, tx: Transaction) -> Reply:
    """The button on a resolved incident's card."""
    return _reopen(tx.incidents.get(subject), "", call, tx)


def _reopen(incident: Incident, reason: str, call: Call, tx: Transaction) -> Reply:
    if incident.status.is_open:
        raise Conflict(f"The incident is open already: {incident.status.value}.")
    tx.incidents.record(incident.id, Reopened(reason=redact(reason)), actor=call.person.id)
    return Reply(
        card(
            "Reopened",
            *([reason] if reason else []),
            rich("The clock runs on from the declaration."),
            tone=Tone.WARNING,
        )
    )


COMMANDS = (
    Command(
        path=("incident", "resolve"),
        args=ResolveArgs,
        summary="End the incident and draft the postmortem.",
        example="/incident resolve scaled to 10 workers, error rate back to normal",
        gather=measure,
        decide=resolve,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "reopen"),
        args=ReopenArgs,
        summary="Open a resolved incident again.",
        example="/incident reopen errors are back",
        decide=reopen,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="incident.reopen", decide=reopen_click),
    Click(action="incident.resolve", decide=resolve_click),
)
