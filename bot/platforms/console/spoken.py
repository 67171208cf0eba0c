"""What people typed, as spans: their words stay words; addresses and mentions become what they name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from commands.cards import Link, Rich, Span, Text, Who

_ADDRESS_OR_MENTION = re.compile(r"(?P<url>https?://[^\s<>\"'`]+)|(?<![\w@.])@(?P<who>[\w.-]*\w)", re.IGNORECASE)


def spans(text: str, people: dict[str, str]) -> Rich:
    """The text with its addresses as links and its known people as mentions."""
    found: list[Span] = []
    end = 0
    for match in _ADDRESS_OR_MENTION.finditer(text):
        span, stop = _named(match, people)
        if span is not None:
            found += [Text(text=text[end : match.start()]), span]
            end = stop
    return (*found, Text(text=text[end:]))


def _named(match: re.Match[str], people: dict[str, str]) -> tuple[Span | None, int]:
    if match["url"]:
        url = match["url"].rstrip(".,;:!?)]}")
        return Link(url=url, text=url), match.start() + len(url)
    known = match["who"] in people
    return (Who(person=match["who"]) if known else None), match.end()


def is_safe(url: str) -> bool:
    """Whether a link may be followed: http(s) with a host, or a path of our own."""
    if any(ord(character) <= 32 for character in url) or "\\" in url:
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_own(url: str) -> bool:
    """Whether an address is a path of our own server."""
    return url.startswith("/") and is_safe(url)


def is_shown(url: str) -> bool:
    """Whether an image may be shown in the page; the security policy blocks any other."""
    return is_own(url) or url.startswith("data:image/")
