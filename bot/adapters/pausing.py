"""How long another system asks to be left alone: its Retry-After, in seconds (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from datetime import timedelta

_USUAL, _LONGEST = timedelta(seconds=60), timedelta(minutes=15)
#: Who rings people may not wait for long, whatever is asked.
_USUAL_OF_PAGES, _LONGEST_OF_PAGES = timedelta(seconds=30), timedelta(minutes=5)
_MOST_DIGITS = 9


def pause(said: str | None, *, pages: bool = False) -> timedelta:
    """What `said` asks for, within bounds; where it says nothing that can be read, a usual pause."""
    usual, longest = (_USUAL_OF_PAGES, _LONGEST_OF_PAGES) if pages else (_USUAL, _LONGEST)
    if not said or not said.isdecimal():
        return usual
    return min(timedelta(seconds=int(said)), longest) if len(said) <= _MOST_DIGITS else longest
