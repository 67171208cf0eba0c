"""What people typed, as spans: their words stay words; addresses and mentions become what they name."""

from __future__ import annotations

import re
from collections.abc import Container

from commands.cards import Link, Rich, Span, Text, Who

_ADDRESS_OR_MENTION = re.compile(r"(?P<url>https?://[^\s<>\"'`]+)|(?<![\w@.])@(?P<who>[\w.-]*\w)", re.IGNORECASE)


def spans(text: str, people: Container[str]) -> Rich:
    """The text with its addresses as links and its known people as mentions."""
    found: list[Span] = []
    end = 0
    for match in _ADDRESS_OR_MENTION.finditer(text):
        span, stop = _named(match, people)
        if span is not None:
            found += [Text(text=text[end : match.start()]), span]
            end = stop
    return (*found, Text(text=text[end:]))


def _named(match: re.Match[str], people: Container[str]) -> tuple[Span | None, int]:
    if match["url"]:
        url = match["url"].rstrip(".,;:!?)]}")
        return Link(url=url, text=url), match.start() + len(url)
    known = match["who"] in people
    return (Who(person=match["who"]) if known else None), match.end()
