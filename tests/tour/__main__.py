"""`python -m tests.tour`: plays the tour, and writes docs/tour.md and its pictures anew."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from tests.slack.pictures import MissingError
from tests.tour import page, pictures
from tests.tour.play import opened, played


async def main() -> None:
    """The words in any case; the pictures where there is a browser, and what draws Slack's cards."""
    async with opened() as tour:
        await played(tour)
        page.write(tour.parts)
    async with opened(datetime.now(UTC)) as tour:  # the console's clocks are those of the wall
        await played(tour, midway=lambda now: _perhaps(pictures.console(now)))
        await _perhaps(pictures.cards(tour))


async def _perhaps(taking: Coroutine[Any, Any, None]) -> None:
    try:
        await taking
    except MissingError as reason:
        print(f"a picture is as it was: {reason}")


if __name__ == "__main__":
    asyncio.run(main())
