"""Spans as rich text: Slack never parses it, so what people typed is shown as they typed it and pings nobody."""

from __future__ import annotations

from slack_sdk.models.blocks import (
    RichTextBlock,
    RichTextElement,
    RichTextElementParts,
    RichTextPreformattedElement,
    RichTextSectionElement,
)

from bot.platforms.slack.render.measure import clean
from bot.platforms.slack.render.naming import Names
from commands.cards import Channel, Code, Link, Part, Rich, Text, When, Who, plain

_FORMATS = {"clock": "{time}", "full": "{date_short_pretty} {time}", "relative": "{ago}"}
_LAST = 4_102_444_800  # the year 2100: what clients surely can show
_BOLD, _CODE = RichTextElementParts.TextStyle(bold=True), RichTextElementParts.TextStyle(code=True)


def paragraph(spans: Rich, names: Names) -> RichTextBlock | None:
    """One paragraph; None if there is nothing to read in it."""
    return line(spans, names) if inline(spans, names) else None


def line(spans: Rich, names: Names) -> RichTextBlock:
    """One paragraph, of spans that are known to have text."""
    return RichTextBlock(elements=[RichTextSectionElement(elements=inline(spans, names))])


def lines(paragraphs: list[Rich], names: Names) -> RichTextBlock | None:
    """Paragraphs as the lines of one block."""
    sections = [RichTextSectionElement(elements=found) for one in paragraphs if (found := inline(one, names))]
    return RichTextBlock(elements=sections) if sections else None


def preformatted(text: str) -> RichTextBlock:
    """Text in a fixed-width face, its blanks and lines kept."""
    shown = RichTextElementParts.Text(text=text)
    return RichTextBlock(elements=[RichTextPreformattedElement(elements=[shown])])


def inline(spans: Rich, names: Names) -> list[RichTextElement]:
    """The elements of some spans; Slack refuses empty ones."""
    found = (_element(span, names) for span in spans)
    return [element for element in found if element is not None]


def _element(span: Part, names: Names) -> RichTextElement | None:
    match span:
        case Who(person=person):
            return _person(person, names)
        case When():
            return _date(span)
        case Link():
            return _link(span, names)
        case Channel(name=name):
            found = names.channel_id(name)
            return RichTextElementParts.Channel(channel_id=found) if found else _text(f"#{name}")
        case Code(text=text):
            return _text(text, _CODE)
        case Text(text=text, strong=True):
            return _text(text, _BOLD)
        case Text(text=text):
            return _text(text)
        case _:
            return None


def _text(text: str, style: RichTextElementParts.TextStyle | None = None) -> RichTextElement | None:
    visible = clean(text)
    return RichTextElementParts.Text(text=visible, style=style) if visible else None


def _person(person: str, names: Names) -> RichTextElement | None:
    found = names.user_id(person)
    return RichTextElementParts.User(user_id=found) if found else _text(names.display(person), _BOLD)


def _date(when: When) -> RichTextElement | None:
    """In the reader's zone; the fallback is UTC and has the date where the clock alone would not do."""
    stamp = int(when.at.timestamp())
    fallback = plain((when,))
    if not 0 < stamp < _LAST:
        return _text(fallback)
    return RichTextElementParts.Date(timestamp=stamp, format=_FORMATS[when.style], fallback=fallback)


def _link(link: Link, names: Names) -> RichTextElement | None:
    """Words that lead there. An address that is not safe to follow is shown instead, for the reader to judge."""
    url = names.url(link.url)
    if url:
        return RichTextElementParts.Link(url=url, text=clean(link.text).strip() or url)
    return _text(plain((link,)))


def mrkdwn_date(when: When) -> str | None:
    """The same for a text object; None where clients could not show it."""
    stamp = int(when.at.timestamp())
    return f"<!date^{stamp}^{_FORMATS[when.style]}|{plain((when,))}>" if 0 < stamp < _LAST else None
