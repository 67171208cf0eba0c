"""What every answer has in common: a refusal in full, and who asked for what everybody reads."""

from __future__ import annotations

from commands.cards import Card, Code, Tone, Who, card, people_of, rich
from commands.errors import Refusal
from commands.people import Person
from commands.presentation.words import cut
from commands.registry import Reply

#: As much of a line as may have to be typed again, and as says what was looked at.
_TYPED, _LOOKED_AT = 300, 120


def signed(reply: Reply, asker: Person, looked_at: str) -> Card:
    """An answer that everybody reads says who asked, unless it names them anyway.

    `looked_at`: the line that asked for a look at something. What it said is to be seen nowhere else.
    """
    shown = reply.card
    if reply.private or shown.footer:
        return shown
    who = Who(person=asker.id)
    if looked_at:
        return shown.model_copy(update={"footer": rich(who, ": ", Code(text=_flat(looked_at, _LOOKED_AT)))})
    return shown if asker.id in people_of(shown) else shown.model_copy(update={"footer": rich("by ", who)})


def refusal_card(refusal: Refusal, text: str = "") -> Card:
    """What was wrong, what would do, a line to copy, and what was typed, since a chat may not keep it."""
    lines = [refusal.advice] if refusal.advice else []
    if refusal.example:
        lines.append(rich("Try: ", Code(text=refusal.example)))
    shown = card(refusal.message, *lines, tone=Tone.WARNING)
    typed = _flat(text, _TYPED)
    return shown.model_copy(update={"footer": rich("You typed: ", Code(text=typed))}) if typed else shown


def _flat(text: str, limit: int) -> str:
    return cut(" ".join(text.split()), limit)
