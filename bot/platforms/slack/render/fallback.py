"""The words for notifications and screen readers, and the whole text for the file behind "Show all"."""

from __future__ import annotations

from bot.platforms.slack import mrkdwn
from bot.platforms.slack.render.measure import FALLBACK, Room, clean, cut, fit, size
from bot.platforms.slack.render.naming import Names
from bot.platforms.slack.render.table import squared
from commands.cards import Card, Rich, Table, Who, transcript


def fallback(card: Card, title: str, names: Names) -> str:
    """What the blocks say, the most important first. People are named, not mentioned: the blocks mention them."""
    lines = [title, *(mrkdwn.words(one, names) for one in card.paragraphs)]
    lines += [f"{one.label}: {mrkdwn.words(one.value, names)}" for one in card.facts]
    lines += [card.chart.words()] if card.chart else []
    lines += _rows(card.table, names)
    lines += [card.image.alt] if card.image else []
    lines += [card.preformatted]
    alive = [button.label for button in card.buttons if button.token]
    lines += [f"Buttons: {', '.join(alive)}"] if alive else []
    return _within("\n".join(line for line in lines if line.strip()))


def whole(card: Card, names: Names) -> str:
    """The complete card as plain text, times in UTC."""
    shown = card.model_copy(update={"table": squared(card.table)}) if card.table else card
    text = transcript(shown, {person: names.display(person) for person in _people(card)})
    return text if text.strip() else "(an empty message)"


def _rows(table: Table | None, names: Names) -> list[str]:
    """Rows as far as they can be shown: a table of a thousand is not read out."""
    lines: list[str] = []
    for row in table.rows[:100] if table else ():
        cells = (mrkdwn.words(fit(cell, Room(300)), names) for cell in row)
        lines.append(", ".join(cell for cell in cells if cell.strip()))
        if sum(map(len, lines)) > FALLBACK:
            break
    return lines


def _within(text: str) -> str:
    """Escaped, and cut where no entity is parted."""
    short = cut(clean(text), FALLBACK)
    while size(found := mrkdwn.escaped(short)) > FALLBACK:
        short = cut(short, max(1, size(short) - max(1, (size(found) - FALLBACK) // 5)))
    return found


def _people(card: Card) -> set[str]:
    rows = (cell for row in card.table.rows for cell in row) if card.table else ()
    spans: list[Rich] = [*card.paragraphs, *(one.value for one in card.facts), *rows, card.footer]
    return {span.person for some in spans for span in some if isinstance(span, Who)}
