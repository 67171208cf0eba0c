"""The line on top of an incident's channel: what a person needs at a glance, read from the incident's card.

The card is neutral, so the line goes by its facts: Severity, Status, a time under Declared, a time under a
label that ends in "due", and Lasted once it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from commands.cards import Card, Fact, Tone, When, plain

_IN_THE_LINE = {"severity", "status", "declared", "lasted"}
_OVER = {"resolved", "postmortem", "closed"}


@dataclass(frozen=True)
class IncidentBar:
    """What the line shows; empty or None where the card does not say. `rest` are the facts that it leaves out."""

    title: str = ""
    tone: Tone = Tone.NEUTRAL
    severity: str = ""
    status: str = ""
    started: datetime | None = None
    lasted: str = ""
    due: datetime | None = None
    rest: tuple[Fact, ...] = ()

    @property
    def over(self) -> bool:
        """Whether responders have finished."""
        return bool(self.lasted) or self.status.casefold() in _OVER


def bar_of(card: Card | None, names: dict[str, str]) -> IncidentBar:
    """The line of a card."""
    if card is None:
        return IncidentBar()
    facts = {fact.label.strip().casefold(): fact for fact in card.facts}
    severity = _words(facts.get("severity"), names).split(",")[0][:24]
    due = next((label for label in facts if label.endswith("due")), "")
    return IncidentBar(
        # The badge beside the title says the severity already.
        title=card.title.removeprefix(f"{severity} · "),
        tone=card.tone,
        severity=severity,
        status=_words(facts.get("status"), names)[:40],
        started=_time(facts.get("declared")),
        lasted=_words(facts.get("lasted"), names)[:40],
        due=_time(facts.get(due)),
        rest=tuple(fact for label, fact in facts.items() if label not in {*_IN_THE_LINE, due}),
    )


def _words(fact: Fact | None, names: dict[str, str]) -> str:
    return plain(fact.value, names).strip() if fact else ""


def _time(fact: Fact | None) -> datetime | None:
    return next((span.at for span in fact.value if isinstance(span, When)), None) if fact else None
