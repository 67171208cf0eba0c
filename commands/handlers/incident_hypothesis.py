"""`/incident hypothesis`: what may be the cause, and what was ruled out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from commands.cards import Code, Rich, Tone, Who, card, rich, strong
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.work import Hypothesis, HypothesisPut, HypothesisSettled, Outcome
from commands.drafting import order_draft
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Rest
from commands.handlers.common import at_hand
from commands.ports import Transaction
from commands.redaction import redact
from commands.registry import Command, Reply, Where

_MOST_TEXT, _MOST = 500, 50
_NUMBER = re.compile(r"h\d{1,3}", re.IGNORECASE)


@dataclass(frozen=True)
class HypothesisArgs:
    """Arguments of `/incident hypothesis`."""

    text: Annotated[str, Rest("what may be the cause; or H1, then ruled-out, confirmed or open, and why")] = ""


def hypothesis(args: HypothesisArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Put one, settle one, or list them."""
    incident = at_hand(call, tx)
    if len(args.text) > _MOST_TEXT:
        raise Malformed(f"That has {len(args.text):,} characters; at most {_MOST_TEXT} fit.")
    first, _, rest = args.text.partition(" ")
    if not first:
        return _list(incident)
    if _NUMBER.fullmatch(first):
        return _settle(incident.work.hypothesis(first), rest.strip(), incident, call, tx)
    return _put(incident, call, tx, redact(args.text))


def _put(incident: Incident, call: Call, tx: Transaction, text: str) -> Reply:
    known = incident.work.hypotheses
    if len(known) >= _MOST:
        raise Conflict(f"This incident has {_MOST} hypotheses already.", hint="Note what else may be the cause.")
    put = HypothesisPut(hypothesis=f"H{len(known) + 1}", text=text)
    tx.incidents.record(incident.id, put, actor=call.person.id)
    shown = card(f"Suspected, {put.hypothesis}", text)
    return Reply(shown.model_copy(update={"footer": _how(put.hypothesis, call)}))


def _how(number: str, call: Call) -> Rich:
    line = f"/incident hypothesis {number} ruled-out why"
    return rich(
        "by ", Who(person=call.person.id), " · once it is known: ", Code(text=line), " or ", Code(text="confirmed")
    )


def _settle(one: Hypothesis, said: str, incident: Incident, call: Call, tx: Transaction) -> Reply:
    outcome, why = _outcome(one, said)
    if outcome is one.outcome:
        raise Conflict(f"{one.id} is {outcome.words} already.", example="/incident hypothesis")
    event = HypothesisSettled(hypothesis=one.id, text=one.text, outcome=outcome, why=redact(why))
    changed = tx.incidents.record(incident.id, event, actor=call.person.id)
    if changed.resolved_at:
        order_draft(changed, tx)
    tone = Tone.GOOD if outcome is Outcome.CONFIRMED else Tone.NEUTRAL
    title = f"{one.id} is open again" if outcome is Outcome.OPEN else f"{one.id} is {outcome.words}"
    return Reply(card(title, one.text, *([event.why] if event.why else []), tone=tone))


def _outcome(one: Hypothesis, said: str) -> tuple[Outcome, str]:
    """`ruled-out the graphs are flat`, `ruled out ...`, `confirmed ...`."""
    for outcome in Outcome:
        for word in (outcome.value, outcome.words):
            if said.casefold() == word or said.casefold().startswith(f"{word} "):
                return outcome, said[len(word) :].strip()
    raise Malformed(
        f"What became of {one.id}?",
        allowed=[outcome.value for outcome in Outcome],
        example=f"/incident hypothesis {one.id} ruled-out the pool is half empty",
    )


def _list(incident: Incident) -> Reply:
    known = incident.work.hypotheses
    if not known:
        how = rich("Put one: ", Code(text="/incident hypothesis the connection pool is exhausted"))
        return Reply(card("Nothing is suspected yet", how), private=True)
    ordered = [
        one for outcome in (Outcome.CONFIRMED, Outcome.OPEN, Outcome.RULED_OUT) for one in incident.work.of(outcome)
    ]
    return Reply(card("What may be the cause", *map(_line, ordered)), private=True)


def _line(one: Hypothesis) -> Rich:
    why = f" ({one.why})" if one.why else ""
    by = Who(person=one.settled_by or one.by)
    return rich(strong(f"{one.id} {one.outcome.words}"), f" · {one.text}{why} · ", by)


COMMANDS = (
    Command(
        path=("incident", "hypothesis"),
        args=HypothesisArgs,
        summary="Say what may be the cause; later that it was ruled out, or confirmed. Alone: list them.",
        example="/incident hypothesis the connection pool is exhausted",
        decide=hypothesis,
        where=Where.INCIDENT,
    ),
)
