"""What the watch has read of a service in transcripts."""

from __future__ import annotations

from commands.domain.sli import Reading
from tests.fakes import START


def readings(*bad: bool) -> list[Reading]:
    """A hundred requests a second for a minute each; of the bad ones three in ten fail."""
    return [
        Reading(
            at=START, window_seconds=60, requests=6000, errors=1800 if one else 6, error_rate=0.3 if one else 0.001,
            rps=100, p95_ms=900 if one else 40,
        )
        for one in bad
    ]  # fmt: skip
