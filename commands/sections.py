"""The sections of a Markdown text, and how a text that people have changed is brought up to date.

A section begins with a heading of the second level; what stands before the first is the opening, whose key is empty.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

_HEADING = re.compile(r"## +(?P<title>.*?)[ #]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def sections(markdown: str) -> dict[str, str]:
    """Their texts by heading; a second one of the same name is `Name (2)`. Line ends are those of Unix."""
    lines: dict[str, list[str]] = {"": []}
    key, fence = "", ""
    for line in markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        mark, heading = _FENCE.match(line), _HEADING.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        if heading and not fence:
            key = _free(heading["title"], lines)
            lines[key] = []
        lines[key].append(line)
    found = {key: _trimmed("\n".join(one)) for key, one in lines.items()}
    return {key: text for key, text in found.items() if text.strip()}


def _free(title: str, taken: Mapping[str, object]) -> str:
    names = [title, *(f"{title} ({number})" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name and name not in taken)


def _trimmed(text: str) -> str:
    """Two spaces at a line's end mean a new line, so only what is empty goes."""
    return re.sub(r"\A\s*\n|\n\s*\Z", "", text).rstrip("\n")


def joined(found: Mapping[str, str]) -> str:
    """The text again."""
    return "\n\n".join(found.values()) + "\n"


def untouched(key: str, mine: Mapping[str, str], base: Mapping[str, str]) -> bool:
    """Whether a section is as it was generated."""
    return mine.get(key) == base.get(key)


def merged(markdown: str, base: Mapping[str, str], generated: str) -> tuple[str, dict[str, str]]:
    """The text with every section that nobody has touched as it is generated now, and the base from now on.

    What somebody wrote, renamed, added, moved or took out stays as they left it.
    """
    mine, fresh = sections(markdown), sections(generated)
    kept: dict[str, str] = {}
    for key, text in mine.items():
        if not untouched(key, mine, base):
            kept[key] = text
        elif key in fresh:
            kept[key] = fresh[key]
    taken_out = [key for key in base if key not in mine]
    for place, key in enumerate(fresh):
        if key not in mine and key not in taken_out:
            kept = _after(list(fresh)[:place], kept, key, fresh[key])
    follows = {key: text for key, text in fresh.items() if kept.get(key) == text}
    stays = {key: text for key, text in base.items() if key in taken_out or not untouched(key, mine, base)}
    return joined(kept), {**stays, **follows}


def _after(before: list[str], kept: dict[str, str], key: str, text: str) -> dict[str, str]:
    """Behind the last of the sections that come before it and are there."""
    there = [one for one in before if one in kept]
    place = list(kept).index(there[-1]) + 1 if there else 0
    items = [*kept.items()]
    return dict([*items[:place], (key, text), *items[place:]])


def difference(before: str, after: str, *, lines: int = 3) -> list[tuple[str, str]]:
    """What changed, line by line: `-`, `+`, a blank for what stayed, `@` where something is left out."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=lines)
    return [(line[0], "" if line[0] == "@" else line[1:]) for line in list(found)[2:]]
