"""What the measurements say of a mitigation: passed, failed, or nothing that is certain."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.domain.sli import Objectives, Reading
from commands.reading import window_since
from commands.verdict import judge, undecided
from tests.fakes import START

LIMITS = Objectives(error_rate=0.05, p95_ms=500)
GOOD = Reading(at=START, requests=100, error_rate=0.01, p95_ms=40, rps=10)
BAD = GOOD.model_copy(update={"error_rate": 0.4, "errors": 40})
FINE = GOOD.model_copy(update={"error_rate": 0.002})
UNEASY = GOOD.model_copy(update={"error_rate": 0.04})
SLOWER = GOOD.model_copy(update={"p95_ms": 300.0})
SLOW = GOOD.model_copy(update={"p95_ms": 900.0})
IDLE = Reading(at=START)
DOWN = Reading(at=START, up=False)


@pytest.mark.parametrize(
    ("baseline", "after", "value"),
    [
        (BAD, [GOOD, GOOD, GOOD], "passed"),
        (GOOD, [GOOD, GOOD, GOOD], "passed"),
        (GOOD, [BAD, BAD, GOOD, GOOD, GOOD], "passed"),
        (GOOD, [BAD, SLOW, DOWN], "failed"),
        (BAD, [BAD, BAD, BAD], None),  # it did not help, but it did no harm either
        (DOWN, [BAD, BAD, BAD], None),
        (IDLE, [BAD, BAD, BAD], None),  # nobody knows what it was before
        (GOOD, [GOOD, GOOD], None),
        (GOOD, [GOOD, BAD, GOOD], None),
        (GOOD, [IDLE, IDLE, IDLE], None),  # no traffic says nothing
        (GOOD, [], None),
        (FINE, [GOOD, GOOD, GOOD], "passed"),  # worse, but by little
        (FINE, [UNEASY, UNEASY, UNEASY], None),  # within the objectives, and many times worse
        (FINE, [SLOWER, SLOWER, SLOWER], None),
        (BAD, [UNEASY, UNEASY, UNEASY], "passed"),
        (IDLE, [UNEASY, UNEASY, UNEASY], "passed"),
    ],
)
def test_the_newest_readings_decide_when_they_agree(baseline: Reading, after: list[Reading], value: str | None) -> None:
    verdict = judge(baseline, after, LIMITS, needed=3)
    assert (verdict.value if verdict else None) == value


def test_a_verdict_keeps_what_it_was_made_on_and_readings_compare() -> None:
    passed = judge(BAD, [GOOD], LIMITS, needed=1)
    assert passed is not None
    assert (passed.words, passed.now) == ("verified", GOOD)
    assert BAD.change_to(GOOD) == "errors 40.0% → 1.0%, p95 40 ms → 40 ms"
    assert BAD.change_to(DOWN) == "errors 40.0%, p95 40 ms, 10 req/s → the gateway does not answer"
    assert IDLE.change_to(SLOW) == "no requests → errors 1.0%, p95 900 ms, 10 req/s"
    assert undecided(BAD, [], LIMITS).now is None
    assert undecided(BAD, [IDLE], LIMITS).value == "inconclusive"
    assert undecided(FINE, [UNEASY], LIMITS).words.startswith("not verified: within the objectives, but much worse")


@pytest.mark.parametrize(("seconds", "window"), [(1, None), (2.9, None), (3, 2), (5.5, 4), (11, 10), (60, 10)])
def test_a_reading_after_an_effect_looks_no_further_back(seconds: float, window: float | None) -> None:
    found = window_since(START, START + timedelta(seconds=seconds))
    assert (found.total_seconds() if found else None) == window


@given(st.lists(st.sampled_from([GOOD, BAD, SLOW, IDLE, DOWN]), max_size=8), st.sampled_from([GOOD, BAD, IDLE, DOWN]))
def test_no_verdict_without_agreement(after: list[Reading], baseline: Reading) -> None:
    verdict = judge(baseline, after, LIMITS, needed=3)
    newest = after[-3:]
    if verdict is not None:
        assert len(newest) == 3
        agree = LIMITS.met if verdict.value == "passed" else LIMITS.breached
        assert all(agree(reading) for reading in newest)
