"""The gateway's log as the supervisor has it: its own records, those of the workers, and the sinks that take them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from gateway.settings import LoggingSettings
from gateway.sinks.fan_out import Sinks
from gateway.sinks.intake import Intake
from gateway.sinks.lines import Line
from gateway.sinks.sink import Count
from gateway.telemetry.log_writer import LogWriter

#: Told in the loop when a sink goes down or comes up again: its name, and why it is down.
SinkTurned = Callable[[str, str | None], None]


class LogShipping:
    """Writes to the sinks, or, where there are none, to `writer`: as `logging.output` says."""

    def __init__(self, settings: LoggingSettings, writer: LogWriter, turned: SinkTurned) -> None:
        self.writer = writer
        self._turned = turned
        self._loop = asyncio.get_running_loop()
        self._sinks: Sinks | None = Sinks(self._heard)
        self._intake = Intake(self._written)
        self.configure(settings)

    def configure(self, settings: LoggingSettings) -> None:
        """Write by these settings from now on; sinks that they leave as they are go on."""
        self._settings = settings
        if self._sinks is not None:
            self._sinks.configure(settings)

    def write(self, line: str) -> None:
        """Write a record of the supervisor's own, as its line of JSON."""
        self._written(line.encode("utf-8", "replace"))

    def _written(self, line: bytes) -> None:
        if self._sinks is not None and self._settings.has_sinks:
            self._sinks.write(line)
        else:
            self.writer.write((line if self._settings.format == "json" else Line(line).text).decode())

    def socket_for_worker(self) -> socket.socket:
        """Where a new worker writes its records to, for as long as there are sinks."""
        return self._intake.opened()

    def counts(self) -> dict[str, Count]:
        """How each sink stands, by its name."""
        return {} if self._sinks is None else self._sinks.counts()

    async def close(self) -> None:
        """Have the sinks deliver what is queued, within `flush_timeout_secs`. No worker writes any more."""
        self._intake.close()
        sinks, self._sinks = self._sinks, None
        if sinks is not None:
            await asyncio.to_thread(sinks.close)

    def _heard(self, name: str, why: str | None) -> None:
        # At the very end there is nobody left to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._turned, name, why)
