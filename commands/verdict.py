"""What the SLIs say of a mitigation: three values, never a guess (mitigation.md, rule 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from commands.domain.plan import VerdictValue
from commands.domain.sli import Objectives, Reading


@dataclass(frozen=True)
class Verdict:
    """The value, the words that say why, and the reading that it was made on."""

    value: VerdictValue
    words: str
    now: Reading | None


def judge(baseline: Reading, after: Sequence[Reading], objectives: Objectives, *, needed: int) -> Verdict | None:
    """The verdict of the newest `needed` consecutive readings, or None while they do not agree.

    passed: all good, and none much worse than before. failed: all bad, and it was good before. Everything else is
    for a human to judge.
    """
    newest = list(after[-needed:])
    if len(newest) < needed:
        return None
    if all(objectives.met(reading) and not much_worse(baseline, reading, objectives) for reading in newest):
        return Verdict("passed", "verified", newest[-1])
    if all(objectives.breached(reading) for reading in newest) and objectives.met(baseline):
        return Verdict("failed", "it got worse", newest[-1])
    return None


def worsened(before: Reading, now: Reading, objectives: Objectives) -> bool:
    """Whether a gradual change stops here: one bad reading is enough, and what was bad before is no reason."""
    if not now.up:
        return before.up
    return (objectives.breached(now) and not objectives.breached(before)) or much_worse(before, now, objectives)


def measured(readings: Sequence[Reading]) -> int:
    """How many of them say anything: one that could not be taken is neither good nor bad."""
    return sum(not reading.trouble for reading in readings)


def much_worse(before: Reading, now: Reading, objectives: Objectives) -> bool:
    """More than twice as bad as before, by more than a fifth of what the objectives allow at all."""
    if not (before.up and before.requests and now.up):
        return False
    errors = _leap(before.error_rate, now.error_rate, objectives.error_rate)
    return errors or _leap(before.p95_ms or 0, now.p95_ms or 0, objectives.p95_ms)


def _leap(before: float, now: float, allowed: float) -> bool:
    return now > 2 * before and now - before > allowed / 5


def undecided(baseline: Reading, after: Sequence[Reading], objectives: Objectives) -> Verdict:
    """The verdict when the time to verify is over."""
    worse = bool(after) and objectives.met(after[-1]) and much_worse(baseline, after[-1], objectives)
    why = "within the objectives, but much worse than it was" if worse else "look at it yourself"
    return Verdict("inconclusive", f"not verified: {why}", after[-1] if after else None)
