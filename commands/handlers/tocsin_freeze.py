"""`/tocsin freeze` and `thaw`: the kill switch for all changes (rule 11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Code, Tone, Who, card, rich
from commands.context import Call
from commands.errors import Conflict, NotAllowed
from commands.grammar.arguments import Rest
from commands.handlers.common import Nothing
from commands.people import OrgRole
from commands.ports import Transaction, Urgency
from commands.registry import ADMINS, OPERATORS, Access, ActionClass, Command, Reply

_FREEZERS = Access(OPERATORS.org | {OrgRole.RESPONDER}, OPERATORS.incident)


@dataclass(frozen=True)
class FreezeArgs:
    """Arguments of `/tocsin freeze`."""

    reason: Annotated[str, Rest("why nothing may be changed")]


def freeze(args: FreezeArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Throw the switch. What runs already goes on to its end; nothing else begins."""
    if not tx.freezes.begin(by=call.person.id, reason=args.reason):
        on = tx.freezes.current()
        raise Conflict(f"All changes are frozen already: {on.reason if on else ''}.", example="/tocsin thaw")
    tx.audit.append("freeze", actor=call.person.id, subject="all", detail={"reason": args.reason})
    shown = card(
        "All changes are frozen",
        rich(Who(person=call.person.id), f": {args.reason}"),
        rich("Reading works, and so does ", Code(text="/gw undo"), ". To end it: ", Code(text="/tocsin thaw")),
        tone=Tone.WARNING,
    )
    return _told_everywhere(shown, "freeze", call, tx)


def thaw(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """End it: for admins, and for who threw it."""
    on = tx.freezes.current()
    if on is None:
        raise Conflict("Nothing is frozen.", example="/tocsin freeze something is wrong with the deployments")
    if on.by != call.person.id and not ADMINS.allows(call.person, call.incident):
        raise NotAllowed("You did not freeze them, and you are no admin.", hint="did, and can end it.", who=on.by)
    tx.freezes.end()
    tx.audit.append("thaw", actor=call.person.id, subject="all", detail={"reason": on.reason, "frozen_by": on.by})
    shown = card("Changes are possible again", rich("Thawed by ", Who(person=call.person.id)), tone=Tone.GOOD)
    return _told_everywhere(shown, "thaw", call, tx)


def _told_everywhere(shown: Card, what: str, call: Call, tx: Transaction) -> Reply:
    """Everybody who may want to change something should know: the announcements, and each open incident."""
    announced = call.services.standing(call.services.announce_in, call.platform)
    open_ones = [incident.channel for incident in tx.incidents.recent(open_only=True, limit=100)]
    for channel in dict.fromkeys([announced, *open_ones]):
        if channel != call.channel:
            tx.messages.post(channel, shown, key=f"{call.delivery}:{what}:{channel}", urgency=Urgency.ANSWER)
    return Reply(shown)


COMMANDS = (
    Command(
        path=("tocsin", "freeze"),
        args=FreezeArgs,
        summary="Stop all changes, everywhere; reading and undo go on.",
        example="/tocsin freeze the deployments are not what they say",
        decide=freeze,
        klass=ActionClass.RECORD,
        access=_FREEZERS,
    ),
    Command(
        path=("tocsin", "thaw"),
        args=Nothing,
        summary="Let changes happen again.",
        example="/tocsin thaw",
        decide=thaw,
        klass=ActionClass.RECORD,
        access=_FREEZERS,
    ),
)
