"""The port of what other systems are yet to be told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from commands.domain.errand import Errand, ErrandState, Integration
from commands.errors import Unavailable


class Errands(Protocol):
    """What other systems are yet to be told: written down with the decision, done by `bot/errands.py`."""

    def order(
        self, to: Integration, *, incident: str, subject: str, what: str, body: dict[str, Any] | None = None
    ) -> None:
        """It is to be told something. `incident` may be empty; what belongs to one keeps its order."""

    def open(self, *, kind: str = "", refused: bool = True) -> list[Errand]:
        """What is not done, oldest first; with what was refused, or without."""

    def claim(self, errand: Errand, *, until: datetime) -> bool:
        """Take one try; False where another process has."""

    def settle(self, errand: Errand, state: ErrandState, *, words: str = "", next_at: datetime | None = None) -> bool:
        """What became of it; False where that was settled already, or another try has begun since."""


class Overloaded(Unavailable):
    """The other side asks to be left alone for a while."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after
