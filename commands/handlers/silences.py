"""`/silence`, `/silences` and `/silence end`: nobody is told of some alerts for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.alerts.silencing import silence_service
from commands.cards import Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.alert import Silence
from commands.errors import Malformed, NotFound
from commands.grammar.arguments import Rest, Word
from commands.grammar.types import DurationType
from commands.handlers.common import Nothing
from commands.ports import Transaction, Urgency
from commands.presentation.words import counted, cut
from commands.redaction import redact
from commands.registry import READERS, RESPONDERS, ActionClass, Command, Reply

_MOST_WHY, _MOST_SCOPE = 300, 200


@dataclass(frozen=True)
class SilenceArgs:
    """Arguments of `/silence`."""

    scope: Annotated[str, Word("a service, or a label as team=checkout")]
    rest: Annotated[str, Rest("for how long, and why")]


@dataclass(frozen=True)
class EndArgs:
    """Arguments of `/silence end`."""

    silence: Annotated[str, Word("its id, as /silences lists it")]


def silence(args: SilenceArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Begin one; everybody reads it in the announcements."""
    words = args.rest.split()
    words = words[1:] if words[0].casefold() == "for" else words
    why = redact(" ".join(words[1:]))
    if not why or len(why) > _MOST_WHY or len(args.scope) > _MOST_SCOPE:
        example = f"/silence {cut(args.scope, 60)} 2h deploying"
        raise Malformed("A silence says for how long, and why in a few words.", example=example)
    begun = silence_service(args.scope, DurationType().read(words[0], None), why, call, tx)
    shown = card(f"Silenced: {begun.scope}", _words(begun), tone=Tone.WARNING)
    shown = shown.model_copy(update={"footer": rich("To end it: ", Code(text=f"/silence end {begun.id}"))})
    announced = call.services.standing(call.services.announce_in, call.platform)
    if announced != call.channel:
        tx.messages.post(announced, shown, key=f"{call.delivery}:silence", urgency=Urgency.LATER)
    return Reply(shown)


def silences(_args: Nothing, _call: Call, tx: Transaction, _facts: None) -> Reply:
    """What is silenced now."""
    lasting_ones = tx.alerts.silences()
    if not lasting_ones:
        how = rich("To begin: ", Code(text="/silence checkout 2h why"))
        return Reply(card("Nothing is silenced", how), private=True)
    lines = [(*rich(strong(one.scope), " · "), *_words(one), *rich(" · ", Code(text=one.id))) for one in lasting_ones]
    shown = card(counted(len(lasting_ones), "silence"), *lines)
    return Reply(shown.model_copy(update={"footer": rich("To end one: ", Code(text="/silence end ID"))}), private=True)


def _words(one: Silence) -> Rich:
    return rich("until ", When(at=one.until), " · ", Who(person=one.by), f": {one.why}")


def end(args: EndArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """End one before its time."""
    found = next((one for one in tx.alerts.silences() if one.id == args.silence), None)
    if found is None or not tx.alerts.end_silence(found.id):
        raise NotFound(f"No silence {args.silence[:40]} lasts.", example="/silences")
    by = rich("Ended by ", Who(person=call.person.id), ".")
    return Reply(card(f"Silenced no more: {found.scope}", by, "What still fires is told of now."))


COMMANDS = (
    Command(
        path=("silence",),
        args=SilenceArgs,
        summary="Tell nobody of the alerts of a service, or with a label, for a while.",
        example="/silence checkout 2h the database is being moved",
        decide=silence,
        access=RESPONDERS,
    ),
    Command(
        path=("silence", "end"),
        args=EndArgs,
        summary="End a silence before its time.",
        example="/silence end silence-1a2b3c4d",
        decide=end,
        access=RESPONDERS,
    ),
    Command(
        path=("silences",),
        args=Nothing,
        summary="Show what is silenced, by whom, why, and until when.",
        example="/silences",
        decide=silences,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
