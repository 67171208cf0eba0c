"""The tour of docs/tour.md is what the bot says."""

from __future__ import annotations

import re

import pytest

from tests.tour import page
from tests.tour.play import opened, played

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.xdist_group("charts"),  # the library is loaded once
]

#: How many seconds passed on the stage until then is nobody's concern.
_TIME = re.compile(r"\b\d\d:\d\d\b")


def timeless(text: str) -> str:
    """Without the time of day."""
    return _TIME.sub("…", text)


async def test_the_page_of_the_tour_is_what_the_bot_says() -> None:
    async with opened() as tour:
        await played(tour)
    found = {part: timeless("\n".join(lines)) for part, lines in tour.parts.items()}
    assert found == {part: timeless(text) for part, text in page.said().items()}, "run: python -m tests.tour"
