"""What the SLIs say of a mitigation: three values, never a guess (mitigation.md, rule 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from commands.domain.sli import Objectives, Reading


@dataclass(frozen=True)
class Verdict:
    """The value and the sentence that says why."""

    value: Literal["passed", "failed", "inconclusive"]
    words: str


def judge(baseline: Reading, after: Sequence[Reading], objectives: Objectives, *, needed: int) -> Verdict | None:
    """The verdict of the newest `needed` consecutive readings, or None while they do not agree.

    passed: all good. failed: all bad, and it was good before. Everything else is for a human to judge.
    """
    newest = list(after[-needed:])
    if len(newest) < needed:
        return None
    change = f"before: {baseline.words()}; now: {newest[-1].words()}"
    if all(objectives.met(reading) for reading in newest):
        return Verdict("passed", f"verified, {change}")
    if all(objectives.breached(reading) for reading in newest) and objectives.met(baseline):
        return Verdict("failed", f"it got worse, {change}")
    return None


def undecided(baseline: Reading, after: Sequence[Reading]) -> Verdict:
    """The verdict when the time to verify is over."""
    now = after[-1].words() if after else "no reading"
    return Verdict("inconclusive", f"not verified: look at it yourself, before: {baseline.words()}; now: {now}")
