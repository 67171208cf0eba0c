"""What fits. Slack refuses a message that is too long by one character, so everything is cut before it is built."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from commands.cards import Channel, Code, Link, Part, Rich, Text

FIELD, FIELDS, CONTEXT, ALT = 2000, 10, 3000, 2000
BUTTON, VALUE, FALLBACK = 75, 2000, 3000
#: All text of a message. Slack documents no number; reports of `msg_blocks_too_long` start above 11,000.
MESSAGE = 10_500
#: A mention, a date with its fallback, the name of a person who is not here: no more than this.
ATOM = 80
#: What is percent-encoded in an address, since it ends one in Slack's markup.
ENCODED = '<>|"`^{}'

#: Control characters, marks that turn the direction of all text after them, halves of characters, no characters.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def size(text: str) -> int:
    """Characters as strict counters see them: those beyond the basic plane count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean(text: str) -> str:
    """Without control characters, and without marks that turn the direction of text that follows."""
    return _UNWANTED.sub("", text)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; what is left out is said. Emoji and letters with marks stay whole."""
    if size(text) <= limit:
        return text
    kept, used = 0, 1
    for character in text:
        used += size(character)
        if used > limit:
            break
        kept += 1
    while kept and _joined(text, kept):
        kept -= 1
    return f"{text[:kept]}…" if limit > 0 else ""


def _joined(text: str, at: int) -> bool:
    """Whether a cut here would part a letter from its marks."""
    return text[at] in "\u200d\ufe0f" or text[at - 1] == "\u200d" or unicodedata.combining(text[at]) != 0


@dataclass
class Room:
    """The characters that are left for the parts to come."""

    left: int
    short: bool = False

    def part(self, limit: int) -> Room:
        """Room inside this room."""
        return Room(max(0, min(self.left, limit)))

    def take(self, wanted: int) -> bool:
        """Whether it fits; then it is taken."""
        if wanted > self.left:
            self.short = True
            return False
        self.left -= wanted
        return True


def width(span: Part) -> int:
    """No less than what a span takes up in the message."""
    match span:
        case Text(text=text) | Code(text=text):
            return size(text)
        case Link(url=url, text=text):
            return size(url) + 2 * sum(map(url.count, ENCODED)) + size(text) + ATOM * 2
        case Channel(name=name):
            return size(name) + 12
        case str():
            return size(span)
        case _:
            return ATOM


def fit(spans: Rich, room: Room) -> Rich:
    """The spans that fit; the last text is cut, what follows it is left out and the room says so."""
    kept: list[Part] = []
    for span in spans:
        if room.take(width(span)):
            kept.append(span)
            continue
        if isinstance(span, Text | Code) and room.left > 1:
            kept.append(span.model_copy(update={"text": cut(span.text, room.left)}))
        else:
            kept.append(Text(text="…"))
        room.left = 0
        break
    return tuple(span for span in kept if not isinstance(span, str))
