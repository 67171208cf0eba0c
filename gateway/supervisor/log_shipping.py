"""The gateway's log as the supervisor has it: its own records, those of the workers, and the sinks that take them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from gateway.settings import LoggingSettings
from gateway.sinks.fan_out import Sinks
from gateway.sinks.intake import Intake
from gateway.sinks.sink import Count
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.records import text_lines

#: Told in the loop when a sink goes down or comes up again: its name, and why it is down.
SinkTurned = Callable[[str, str | None], None]


class LogShipping:
    """Writes to the sinks, or, where there are none, as `logging.output` says."""

    def __init__(self, settings: LoggingSettings, writer: LogWriter, turned: SinkTurned) -> None:
        self._settings = settings
        self._writer = writer
        self._turned = turned
        self._loop = asyncio.get_running_loop()
        self._sinks: Sinks | None = None
        if settings.has_sinks:
            self._sinks = Sinks(settings, self._heard)
            self._intake = Intake(self._sinks.write)

    def write(self, entry: dict[str, Any], line: str) -> None:
        """Write a record of the supervisor's own; `line` is its JSON."""
        if self._sinks is not None:
            self._sinks.write(line.encode("utf-8", "replace"))
        elif self._settings.format == "json":
            self._writer.write(line)
        else:
            for text in text_lines(entry):
                self._writer.write(text)

    def socket_for_worker(self) -> socket.socket | None:
        """Where a new worker writes its records to; None: it writes them itself."""
        return None if self._sinks is None else self._intake.opened()

    def counts(self) -> dict[str, Count]:
        """How each sink stands, by its name."""
        return {} if self._sinks is None else self._sinks.counts()

    async def close(self) -> None:
        """Have the sinks deliver what is queued, within `flush_timeout_secs`. No worker writes any more."""
        sinks, self._sinks = self._sinks, None
        if sinks is not None:
            self._intake.close()
            await asyncio.to_thread(sinks.close)

    def _heard(self, name: str, why: str | None) -> None:
        # At the very end there is nobody left to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._turned, name, why)
