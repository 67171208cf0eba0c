"""What the tests of the house read: the rooms' files, and Markdown with its links and code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("bot", "commands", "gateway", "templates")

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FILE = re.compile(r"^`(?P<path>[\w./-]+)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the line above it names, if it names one."""

    language: str
    code: str
    file: str


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def named(path: Path) -> str:
    """A file's path in the project."""
    return str(path.relative_to(ROOT))


def sources(*patterns: str) -> list[Path]:
    """The rooms' files that match one of the patterns, generated ones left out."""
    found = (path for room in ROOMS for pattern in patterns for path in (ROOT / room).rglob(pattern))
    return sorted(path for path in found if "__pycache__" not in path.parts)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["language"], match["code"], _file_above(text[: match.start()])) for match in _FENCE.finditer(text)
    ]


def _file_above(text: str) -> str:
    lines = text.rstrip().splitlines()
    match = _FILE.match(lines[-1]) if lines else None
    return match["path"] if match else ""


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """Where a page's links and pictures point."""
    for match in _LINK.finditer(re.sub(r"`[^`\n]*`", "", prose(page))):
        yield match["target"]


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {_slug(heading) for heading in headings}


def _slug(heading: str) -> str:
    kept = (c for c in heading.strip().casefold() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")
