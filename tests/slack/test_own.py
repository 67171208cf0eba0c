"""What Slack has a command of its own for is shown as it is typed there."""

from __future__ import annotations

import pytest

from bot.platforms.slack.own import as_typed


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("/remind @ana 10m look again", "/tocsin remind @ana 10m look again"),
        ("/status post resolved", "/tocsin status post resolved"),
        ("/help", "/tocsin help"),
        ("/reminders", "/reminders"),
        ("/incident status resolved", "/incident status resolved"),
        ("plan-20260301-1a2b3c4d", "plan-20260301-1a2b3c4d"),
    ],
)
def test_it_follows_the_name_of_the_app(command: str, typed: str) -> None:
    assert as_typed(command) == typed
