"""Facts: short ones in two columns, long ones as lines below."""

from __future__ import annotations

from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock

from bot.platforms.slack import mrkdwn
from bot.platforms.slack.render import richtext
from bot.platforms.slack.render.measure import FIELD, FIELDS, Room, fit, size, width
from bot.platforms.slack.render.naming import Names
from commands.cards import Fact, Rich, rich, strong

MOST = 40
#: What a column of a phone shows on two lines.
_SHORT_LABEL, _SHORT_VALUE = 30, 44
_LONGEST_LABEL, _LONGEST_VALUE = 100, 1000


def blocks(facts: tuple[Fact, ...], names: Names, room: Room) -> tuple[list[Block], int]:
    """The blocks, and how many facts were left out or cut. A lone fact is a line: half a screen is not for it."""
    fields: list[str] = []
    lines: list[Rich] = []
    short = 0
    for fact in facts[:MOST]:
        field = _field(fact, names) if len(facts) > 1 else None
        if field and room.take(size(field)):
            fields.append(field)
            continue
        line, whole = _line(fact, room)
        lines += [line] if line else []
        short += not whole
    return [*_grid(fields), *_lines(lines, names)], short + len(facts[MOST:])


def _grid(fields: list[str]) -> list[Block]:
    texts = [MarkdownTextObject(text=field, verbatim=True) for field in fields]
    return [SectionBlock(fields=texts[i : i + FIELDS]) for i in range(0, len(texts), FIELDS)]


def _lines(lines: list[Rich], names: Names) -> list[Block]:
    block = richtext.lines(lines, names)
    return [block] if block else []


def _field(fact: Fact, names: Names) -> str | None:
    """Label over value, if both are short and mrkdwn can say them."""
    label = fact.label.strip()
    seen = mrkdwn.words(fact.value, names)
    if not label or len(label) > _SHORT_LABEL or len(seen) > _SHORT_VALUE or not mrkdwn.is_literal(label):
        return None
    value = mrkdwn.written(fact.value, names)
    if value is None:
        return None
    field = f"*{mrkdwn.escaped(label)}*\n{value.strip() or '-'}"
    return field if size(field) <= FIELD else None


def _line(fact: Fact, room: Room) -> tuple[Rich, bool]:
    """Label and value as one line, as far as there is room."""
    if room.left < 40:
        return (), False
    label = room.part(_LONGEST_LABEL)
    head = fit(rich(strong(fact.label.strip() or "-")), label)
    value = room.part(_LONGEST_VALUE)
    line = (*head, *rich(": "), *fit(fact.value or rich("-"), value))
    room.left = max(0, room.left - sum(map(width, line)))
    return line, not (label.short or value.short)
