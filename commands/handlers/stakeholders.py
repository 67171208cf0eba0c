"""`/stakeholders`: who is told what, and when they were told last; `send` tells them something, after a preview."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from commands import leaks
from commands.cards import Code, Part, Tone, Who, card, coded, rich, strong
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.stakeholder import Form, Why
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Rest, Word
from commands.handlers.common import Nothing, at_hand
from commands.ports import Transaction
from commands.presentation.stakeholder import places_card, preview
from commands.presentation.words import counted, cut
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Click, Command, Reply, Where
from commands.world.briefing import brief_of
from commands.world.telling import send

_MOST_TEXT = 2000
_TAKEN = "The channel is somebody else's; the setting `stakeholders` names it."


@dataclass(frozen=True)
class SendArgs:
    """Arguments of `/stakeholders send`."""

    form: Annotated[Form, Word("tactical or executive")] = Form.EXECUTIVE
    text: Annotated[str, Rest("what to say; the facts of the incident when left out")] = ""
    private: Annotated[bool, Flag("--private", "though the incident is private")] = False


def show(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Everywhere the same; in an incident's channel, with what its places were told of it."""
    incident = tx.incidents.in_channel(call.channel)
    last = tx.stakeholders.last(incident.id if incident else None)
    return Reply(places_card(call.services.stakeholders, last, incident), private=True)


def prepare(args: SendArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Show what will be read, and by whom."""
    incident, text = at_hand(call, tx), redact(args.text.strip())
    places = [one for one in call.services.stakeholders if one.form is args.form]
    if not places:
        raise Conflict(
            f"Nobody is told in the {args.form.value} form.", hint="The setting `stakeholders` names who is."
        )
    line = f"/stakeholders send {args.form.value}"
    if incident.private and not args.private:
        raise Conflict(
            "The incident is private.",
            hint="To tell them of it on purpose:",
            example=f"{line} --private {cut(text, 200)}".strip(),
        )
    if len(text) > _MOST_TEXT:
        raise Malformed(f"That has {len(text):,} characters; at most {_MOST_TEXT:,} fit.")
    if args.form is Form.EXECUTIVE:
        leaks.check(text, call.services.directory, call.services.publicity.blocked, example=f"{line} what may be said")
    brief = brief_of(incident, args.form, Why.SENT, call.services, tx, words=text)
    key = f"stakeholders-{hashlib.sha256(call.delivery.encode()).hexdigest()[:12]}"
    return Reply(preview(brief, places, f"{key} {incident.id} {args.form.value} {text}"), key=key)


def _answer(subject: str, tx: Transaction, *words: Part) -> tuple[Incident, Form, str]:
    """What was previewed; the preview has no buttons any more."""
    key, incident, form, text = subject.split(" ", 3)
    tx.messages.edit(key, card(f"To the stakeholders ({form})", rich(*words)))
    return tx.incidents.get(incident), Form(form), text


def click_send(subject: str, call: Call, tx: Transaction) -> Reply:
    """They are told."""
    incident, form, text = _answer(subject, tx, "Sent by ", Who(person=call.person.id), ".")
    places, deaf = send(incident, form, text, call.person.id, call.services, tx)
    names, others = (", ".join(one.name for one in some) for some in (places, deaf))
    if deaf and not places:
        raise Conflict(f"Not told: {others}.", hint=_TAKEN)
    if incident.drill:
        words = rich(Who(person=call.person.id), f" would have told {names}. DRILL: it went nowhere.")
        return Reply(card(f"DRILL: to {counted(len(places), 'stakeholder')} ({form.value})", words))
    by = rich(Who(person=call.person.id), f" told {names}.")
    way = rich("Whether it has reached them: ", Code(text="/stakeholders"))
    head = f"Told {counted(len(places), 'stakeholder')} ({form.value})"
    if deaf:
        return Reply(card(head, by, rich(strong(f"Not told: {others}."), *coded(f" {_TAKEN}")), way, tone=Tone.WARNING))
    return Reply(card(head, by, way, tone=Tone.GOOD))


def click_discard(subject: str, call: Call, tx: Transaction) -> None:
    """Nobody is told."""
    _answer(subject, tx, "Discarded by ", Who(person=call.person.id), ".")


COMMANDS = (
    Command(
        path=("stakeholders",),
        args=Nothing,
        summary="Show who is told how incidents go, in which form, and when they were told last.",
        example="/stakeholders",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("stakeholders", "send"),
        args=SendArgs,
        summary="Tell the stakeholders something; you see first what they will read.",
        example="/stakeholders send executive One login in ten fails. The next word is at 15:00.",
        decide=prepare,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="stakeholders.send", decide=click_send),
    Click(action="stakeholders.discard", decide=click_discard),
)
