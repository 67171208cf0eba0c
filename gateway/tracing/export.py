"""Spans on their way to the collector: from a bounded queue, in batches, by a thread of OpenTelemetry's SDK.

Nobody waits for it. What has no room in the queue is dropped, and so is what the collector does not take in time; both
are counted. At the end, what is left has a bounded time to get there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from gateway.tracing.settings import TracingSettings

#: What became of spans: the collector has them, there was no room for them, or it did not take them.
Outcome: TypeAlias = Literal["exported", "dropped", "failed"]
Count: TypeAlias = Callable[[Outcome, int], None]
_FLUSH_SECS = 1.5


class Outlet(SpanProcessor):
    """Takes spans that have ended, in the loop's thread; `count` is called in that thread, too."""

    def __init__(self, settings: TracingSettings, count: Count) -> None:
        # The SDK's loggers would write lines of their own to the standard error: what they say is counted and told of.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._loop = asyncio.get_running_loop()
        self._count = count
        self._room = settings.queue_size
        self._waiting = 0
        self._closed = False
        session = requests.Session()
        session.trust_env = False  # It would send what a .netrc has for the collector's host.
        self._sender = OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=settings.timeout_secs, session=session)
        self._batches = BatchSpanProcessor(
            _Reporting(self._sender, self._reported),
            max_queue_size=settings.queue_size,
            schedule_delay_millis=settings.flush_interval_secs * 1000,
            max_export_batch_size=settings.batch_size,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Queue it, if there is room: what is being sent takes up room as well."""
        if self._closed or self._waiting >= self._room:
            self._count("dropped", 1)
            return
        self._waiting += 1
        self._batches.on_end(span)

    def _reported(self, spans: int, result: SpanExportResult) -> None:
        """In the SDK's thread: a batch has left the queue."""
        with contextlib.suppress(RuntimeError):  # The loop is closed where this outlasted its end.
            self._loop.call_soon_threadsafe(self._left, spans, result)

    def _left(self, spans: int, result: SpanExportResult) -> None:
        if self._waiting:
            self._waiting -= spans
            self._count("exported" if result is SpanExportResult.SUCCESS else "failed", spans)

    async def close(self) -> None:
        """Send what is queued, within 1.5 seconds; what is not sent by then is dropped."""
        if self._closed:
            return
        self._closed = True
        ended = asyncio.Event()
        # A thread that the process does not wait for: a collector that holds the connection may hold it up for longer.
        threading.Thread(target=self._flush, args=(ended,), daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECS):
                await ended.wait()
                return
        self._sender.shutdown()
        left, self._waiting = self._waiting, 0
        if left:
            self._count("dropped", left)

    def _flush(self, ended: asyncio.Event) -> None:
        self._batches.shutdown()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(ended.set)


class _Reporting(SpanExporter):
    """Tells what became of each batch, whatever it was."""

    def __init__(self, sender: SpanExporter, reported: Callable[[int, SpanExportResult], None]) -> None:
        self._sender = sender
        self._reported = reported

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, and tell."""
        result = SpanExportResult.FAILURE
        try:
            result = self._sender.export(spans)
        finally:
            self._reported(len(spans), result)
        return result

    def shutdown(self) -> None:
        """Nothing more is sent."""
        self._sender.shutdown()
