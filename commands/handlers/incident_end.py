"""`/incident resolve` and `reopen`. The postmortem draft follows a resolution by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands import mitigation
from commands.cards import Code, Tone, card, fact, rich
from commands.context import Call
from commands.domain.incident import Incident, Reopened, Resolved
from commands.domain.plan import FINAL, PlanState
from commands.domain.sli import Reading
from commands.drafting import order_draft
from commands.errors import Conflict
from commands.grammar.arguments import Rest
from commands.handlers.common import at_hand, close_void_offer, measure, open_at_hand
from commands.ports import Transaction
from commands.presentation.public import offer_public_text
from commands.presentation.words import lasting
from commands.redaction import redact
from commands.registry import Click, Command, Reply, Where


@dataclass(frozen=True)
class ResolveArgs:
    """Arguments of `/incident resolve`."""

    summary: Annotated[str, Rest("what fixed it")] = ""


@dataclass(frozen=True)
class ReopenArgs:
    """Arguments of `/incident reopen`."""

    reason: Annotated[str, Rest("why")] = ""


def resolve(args: ResolveArgs, call: Call, tx: Transaction, reading: Reading | None) -> Reply:
    """It is over: the clock stops and the draft is ordered. A service that still does badly is pointed out."""
    incident = open_at_hand(call, tx)
    _refuse_while_acting(incident, tx)
    _cancel_waiting(incident, call, tx)
    resolved = tx.incidents.record(incident.id, Resolved(summary=redact(args.summary)), actor=call.person.id)
    order_draft(resolved, tx)
    close_void_offer(incident, resolved, tx)
    now = reading.words() if reading else "not known: the measurements did not answer"
    still_bad = reading is not None and call.services.objectives.breached(reading)
    offer_public_text(resolved, call.services, tx, normal_again=reading is not None and not still_bad)
    warning = rich("Careful: the service is still outside its objectives. Not over? ", Code(text="/incident reopen"))
    shown = card(
        f"Resolved after {lasting(resolved.duration(tx.now))}",
        *([args.summary] if args.summary else []),
        *([warning] if still_bad else []),
        tone=Tone.WARNING if still_bad else Tone.GOOD,
    )
    return Reply(shown.model_copy(update={"facts": (fact("Now", now),)}))


def _refuse_while_acting(incident: Incident, tx: Transaction) -> None:
    running = [plan for plan in tx.plans.of_incident(incident.id) if plan.state not in FINAL]
    acting = [plan for plan in running if plan.state is not PlanState.PLANNED]
    if acting:
        raise Conflict(
            f"{acting[0].summary} is still {acting[0].state.value}.",
            hint="Wait for its result, then resolve.",
        )


def _cancel_waiting(incident: Incident, call: Call, tx: Transaction) -> None:
    """Nobody may confirm, after the end, what was planned for the incident."""
    for plan in tx.plans.of_incident(incident.id):
        if plan.state is PlanState.PLANNED:
            mitigation.cancel(plan.id, call, tx)


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

CLICKS = (Click(action="incident.reopen", decide=reopen_click),)
