"""Splits what a person typed into words. Apostrophes are letters; only double quotes group."""

from __future__ import annotations

import re

_SMART_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_WORD = re.compile(r'"(?P<quoted>[^"]*)"(?=\s|$)|--[\w-]+="(?P<value>[^"]*)"(?=\s|$)|(?P<bare>\S+)')
_DASHES = re.compile(r"^[\u2013\u2014](?=\w)")


class Word(str):
    """A word that remembers the white space before it, so that a note keeps its line breaks."""

    lead: str
    quoted: bool

    def __new__(cls, text: str, lead: str = " ", *, quoted: bool = False) -> Word:
        word = super().__new__(cls, text)
        word.lead = lead
        word.quoted = quoted
        return word


def words(text: str) -> list[Word]:
    """The words of a line. `"two words"` is one; a quote that is never closed is a letter.

    Phones turn `--` into a dash and quotes into curly ones; both are understood.
    """
    found: list[Word] = []
    end = 0
    straight = text.translate(_SMART_QUOTES)
    for match in _WORD.finditer(straight):
        found.append(_word(match, straight[end : match.start()]))
        end = match.end()
    return found


def _word(match: re.Match[str], lead: str) -> Word:
    if match["quoted"] is not None:
        return Word(match["quoted"], lead, quoted=True)
    if match["value"] is not None:
        return Word(match[0].replace('"', ""), lead)
    return Word(_DASHES.sub("--", match[0]), lead)


def join(parts: tuple[str, ...]) -> str:
    """The text of some words as it was typed, without the quotes around a wholly quoted text."""
    text = "".join(getattr(part, "lead", " ") + _requoted(part, alone=len(parts) == 1) for part in parts)
    return text.strip()


def _requoted(part: str, *, alone: bool) -> str:
    return f'"{part}"' if getattr(part, "quoted", False) and not alone else str(part)
