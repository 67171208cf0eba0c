"""The bot with a clock that goes faster: `python -m bench.hasty SETTINGS SPEED`.

Slack allows twenty new channels a minute, so a hundred take five minutes. With both clocks ten times as fast the
same calls, with the same distances by the clock, are over in half a minute.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bot.app import running
from bot.cli import set_up_logging
from bot.outside import outside
from bot.platforms.console.server import ConsoleServer
from bot.settings import load


class Hasty:
    """See the Clock port."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        """Aware, UTC."""
        return self._began + (datetime.now(UTC) - self._began) * self._speed

    async def sleep(self, seconds: float) -> None:
        """Let time pass, faster."""
        await asyncio.sleep(seconds / self._speed)


async def main(file: Path, speed: float) -> None:
    """As `tocsin serve`, until a signal."""
    settings = load(file)
    set_up_logging(settings.log_level)
    async with outside(settings) as found, running(settings, replace(found, clock=Hasty(speed))) as app:
        await ConsoleServer(app.console, settings.console, app.hub).serve()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), float(sys.argv[2])))
