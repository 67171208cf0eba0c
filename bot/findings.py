"""What the doctors of `tocsin … doctor` say: one line each, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

_GOOD, _BAD, _NOTE = "✓", "✗", "•"


@dataclass(frozen=True)
class Finding:
    """One line, and what to do. Notes are no failures."""

    mark: str
    what: str
    todo: str = ""

    @property
    def failed(self) -> bool:
        """Whether something does not work."""
        return self.mark == _BAD

    def __str__(self) -> str:
        return f"{self.mark} {self.what}" + (f"\n  → {self.todo}" if self.todo else "")


def good(what: str) -> Finding:
    """Something is right."""
    return Finding(_GOOD, what)


def bad(what: str, todo: str) -> Finding:
    """Something does not work."""
    return Finding(_BAD, what, todo)


def note(what: str, todo: str = "") -> Finding:
    """Something to know."""
    return Finding(_NOTE, what, todo)
