"""The key moments of an incident: when it began, was seen, was taken up, stopped hurting, and was over."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from commands.domain.event import Event


class KeyMoment(StrEnum):
    """In the order in which they come."""

    BEGAN = "began"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"

    @property
    def words(self) -> str:
        """`it began`, `it was detected`."""
        return "it began" if self is KeyMoment.BEGAN else f"it was {self.value}"

    @property
    def means(self) -> str:
        """What it is."""
        return _MEANS[self]


_MEANS = {
    KeyMoment.BEGAN: "the trouble began",
    KeyMoment.DETECTED: "an alert, the watch or somebody saw it",
    KeyMoment.ACKNOWLEDGED: "somebody was at work on it",
    KeyMoment.MITIGATED: "it stopped hurting",
    KeyMoment.RESOLVED: "it was over",
}


class MomentSet(Event):
    """Somebody knows better than the record when it was; `at` None: as the record has it, again."""

    type: Literal["moment_set"] = "moment_set"
    moment: KeyMoment
    at: AwareDatetime | None = None
