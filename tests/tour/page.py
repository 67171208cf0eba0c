"""`docs/tour.md`: what was said stands in the block below each `<!-- played: part -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.architecture.reading import ROOT

PAGE = ROOT / "docs" / "tour.md"
_BLOCK = re.compile(
    r"(?P<head><!-- played: (?P<part>[\w-]+) -->\n```text\n)(?P<said>.*?)(?P<foot>^```$)", re.MULTILINE | re.DOTALL
)


def said() -> dict[str, str]:
    """What the page says in each part."""
    return {one["part"]: one["said"].strip("\n") for one in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}


def write(parts: Mapping[str, Sequence[str]]) -> None:
    """Put in what was said now. Raises KeyError for a part that nobody plays."""
    text = PAGE.read_text(encoding="utf-8")
    new = _BLOCK.sub(lambda one: one["head"] + "\n".join(parts[one["part"]]) + "\n" + one["foot"], text)
    PAGE.write_text(new, encoding="utf-8")
