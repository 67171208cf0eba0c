"""Splits what a person typed into words. Apostrophes are letters; only double quotes group."""

from __future__ import annotations

import re

_SMART_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_WORD = re.compile(r'"(?P<quoted>[^"]*)"(?=\s|$)|--[\w-]+="(?P<value>[^"]*)"(?=\s|$)|(?P<bare>\S+)')


class Word(str):
    """A word that remembers how it was typed and the white space before it, so that a note stays as it was."""

    lead: str
    raw: str
    quoted: bool

    def __new__(cls, text: str, lead: str = " ", raw: str | None = None, *, quoted: bool = False) -> Word:
        word = super().__new__(cls, text)
        word.lead = lead
        word.raw = text if raw is None else raw
        word.quoted = quoted
        return word


def words(text: str) -> list[Word]:
    """The words of a line. `"two words"` is one, in straight quotes or curly ones; a lone quote is a letter."""
    found: list[Word] = []
    end = 0
    straight = text.translate(_SMART_QUOTES)
    for match in _WORD.finditer(straight):
        found.append(_word(match, lead=text[end : match.start()], raw=text[match.start() : match.end()]))
        end = match.end()
    return found


def _word(match: re.Match[str], *, lead: str, raw: str) -> Word:
    if match["quoted"] is not None:
        return Word(match["quoted"], lead, raw, quoted=True)
    if match["value"] is not None:
        return Word(match[0].replace('"', ""), lead, raw)
    return Word(raw, lead)


def join(parts: tuple[Word, ...]) -> str:
    """The text of some words as it was typed, without the quotes around a wholly quoted text."""
    if len(parts) == 1:
        return parts[0].strip()
    return "".join(part.lead + part.raw for part in parts).strip()
