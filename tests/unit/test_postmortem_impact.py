"""The impact in a postmortem is what was measured: each request once, and only those of the incident."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.domain import incident as happened
from commands.domain.sli import Reading
from templates.render import render
from tests.unit.postmortems import START, at, drafted, reading


def test_overlapping_windows_count_each_request_once() -> None:
    every_ten_seconds = [reading(10 * n, bad=True) for n in range(61)]

    impact = drafted((10, "ana", happened.Resolved()), readings=every_ten_seconds).impact

    # The first reading speaks for the minute before it: 11 minutes of ten requests a second.
    assert (impact.requests, impact.failed, impact.share) == (6600, 1320, 0.2)
    assert impact.covered == impact.outside == timedelta(minutes=11)


def test_windows_with_gaps_between_count_only_what_was_measured() -> None:
    sparse = [reading(60 * n, window=30) for n in range(1, 6)]

    impact = drafted((10, "ana", happened.Resolved()), readings=sparse).impact

    assert (impact.requests, impact.covered) == (1500, timedelta(seconds=150))


def test_the_order_of_readings_and_repeated_ones_do_not_matter() -> None:
    some = [reading(60 * n, bad=n < 3) for n in range(1, 8)]

    assert drafted(readings=[*reversed(some), *some]).impact.requests == drafted(readings=some).impact.requests


@pytest.mark.parametrize(
    ("readings", "since", "detected"),
    [
        ([reading(-180), reading(-120, bad=True), reading(-60, bad=True)], at(-3), at(-2)),
        ([reading(-180, bad=True), reading(-120), reading(-60, bad=True)], at(-2), at(-1)),
        ([reading(-120, bad=True), reading(-60)], START, None),
        ([reading(-600, bad=True)], START, None),
        ([reading(-600, bad=True), reading(-60, bad=True)], at(-2), at(-1)),
    ],
)
def test_only_the_breach_that_led_to_the_declaration_counts(
    readings: list[Reading], since: datetime, detected: datetime | None
) -> None:
    report = drafted(readings=readings)

    assert (report.impact.since, report.response.detected_at) == (since, detected)


def test_what_is_measured_after_the_resolution_does_not_count() -> None:
    report = drafted((5, "ana", happened.Resolved()), readings=[reading(60), reading(600, bad=True)])

    assert (report.impact.readings, report.impact.failed) == (1, 0)


def test_a_gateway_that_does_not_answer_is_outside_objectives() -> None:
    down = [Reading(at=at(n / 6), up=False) for n in range(1, 13)]
    text = render("postmortem/002.md.j2", report=drafted(readings=down))

    assert "outside objectives for 2 minutes. Nothing answered for 2 minutes." in text


@given(spacing=st.floats(1, 120), window=st.floats(1, 120), count=st.integers(1, 30))
@settings(deadline=None)
def test_no_more_is_counted_than_the_traffic_that_there_was(spacing: float, window: float, count: int) -> None:
    readings = [
        Reading(at=START + timedelta(seconds=spacing * n), window_seconds=window, requests=1000, errors=1000,
                error_rate=1.0, rps=1000 / window)
        for n in range(1, count + 1)
    ]  # fmt: skip
    impact = drafted(readings=readings).impact

    assert impact.requests <= 1000 / window * spacing * count + 1
    assert impact.requests <= 1000 * count + 1
    assert impact.failed == impact.requests
