"""From what figures on each level of the runbooks' schemes applies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from commands.domain.severity import PRESETS, Scheme, Severity
from commands.domain.sli import Objectives, Reading

GOOD: dict[str, Any] = {"requests": 1000, "error_rate": 0.0, "p95_ms": 5.0, "cache_hit_ratio": 0.9}
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def judged(scheme: Scheme, **figures: Any) -> str:
    """The level of a reading, `-` for none."""
    level = scheme.judged(Reading(at=AT, **(GOOD | figures)), Objectives())
    return level.id if level else "-"


@pytest.mark.parametrize(
    ("scheme", "figures", "level"),
    [
        ("sev1-sev4", {}, "-"),
        ("sev1-sev4", {"up": False, "requests": 0}, "SEV1"),
        ("sev1-sev4", {"error_rate": 1.0}, "SEV1"),
        ("sev1-sev4", {"error_rate": 0.51}, "SEV2"),
        ("sev1-sev4", {"error_rate": 0.5}, "SEV3"),
        ("sev1-sev4", {"error_rate": 0.07}, "SEV3"),  # outside the objectives
        ("sev1-sev4", {"p95_ms": 900.0}, "SEV3"),
        ("sev1-sev4", {"error_rate": 1.0, "requests": 0}, "-"),
        ("p0-p3", {"up": False}, "P0"),
        ("p0-p3", {"error_rate": 0.11}, "P1"),
        ("p0-p3", {"p95_ms": 101.0}, "P1"),
        ("p0-p3", {"error_rate": 0.02}, "P2"),
        ("sev0-sev3", {"error_rate": 0.96}, "SEV-0"),
        ("sev0-sev3", {"p95_ms": 51.0}, "SEV-1"),
        ("sev0-sev3", {"p95_ms": 11.0}, "SEV-2"),
        ("sev0-sev3", {"cache_hit_ratio": 0.59}, "SEV-2"),
        ("sev0-sev3", {"cache_hit_ratio": None}, "-"),
        ("p1-p3", {"error_rate": 0.06}, "P2"),
    ],
)
def test_a_reading_is_of_the_level_that_the_runbook_says(scheme: str, figures: dict[str, Any], level: str) -> None:
    assert judged(PRESETS[scheme], **figures) == level


def test_a_scheme_without_figures_has_the_worst_for_what_breaches_the_objectives() -> None:
    mute = Scheme(
        name="own",
        levels=tuple(
            Severity(id=name, rank=rank, name=name, criteria="", respond_within=PRESETS["p0-p3"].worst.respond_within)
            for rank, name in enumerate(("RED", "AMBER"), start=1)
        ),
    )
    assert judged(mute) == "-"
    assert judged(mute, error_rate=0.06) == "RED"
