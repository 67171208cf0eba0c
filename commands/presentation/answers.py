"""What every answer has in common: a refusal in full, and who asked for what everybody reads."""

from __future__ import annotations

from commands.cards import Card, Code, Tone, card, rich
from commands.errors import Refusal
from commands.presentation.words import cut

#: As much of a line as may have to be typed again.
_TYPED = 300


def refusal_card(refusal: Refusal, text: str = "") -> Card:
    """What was wrong, what would do, a line to copy, and what was typed, since a chat may not keep it."""
    lines = [refusal.advice] if refusal.advice else []
    if refusal.example:
        lines.append(rich("Try: ", Code(text=refusal.example)))
    shown = card(refusal.message, *lines, tone=Tone.WARNING)
    typed = cut(" ".join(text.split()), _TYPED)
    return shown.model_copy(update={"footer": rich("You typed: ", Code(text=typed))}) if typed else shown
