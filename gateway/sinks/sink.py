"""A sink: a bounded queue and a thread that takes batches from it to a destination, again and again until they arrive.

`offer` never waits. What the queue has no room for is dropped and counted; the last tenth of the room is for warnings
and errors, so that a flood of good requests pushes none out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.sinks.lines import Batching, Destination, Line, TooLargeError, UnavailableError
from gateway.sinks.settings import SinkSettings
from gateway.telemetry.records import LEVELS, iso

_IMPORTANT = LEVELS["WARNING"]
_COMMON_SHARE = 0.9


@dataclass(slots=True)
class Count:
    """What a sink has done since the start of the process, and where it stands."""

    up: bool = True
    delivered: int = 0
    dropped: int = 0
    """That it had no room for, or could not deliver before the end."""
    refused: int = 0
    """That the destination would not take."""
    retries: int = 0
    queued_records: int = 0
    queued_bytes: int = 0
    last_error: str | None = None
    delivered_at: float | None = None

    def add(self, former: Count) -> None:
        """Count what a sink of the same name has done before, or still does of what it had queued."""
        self.delivered += former.delivered
        self.dropped += former.dropped
        self.refused += former.refused
        self.retries += former.retries
        self.queued_records += former.queued_records
        self.queued_bytes += former.queued_bytes
        self.delivered_at = self.delivered_at or former.delivered_at

    def described(self) -> dict[str, Any]:
        """As JSON values, for operators."""
        return {
            "state": "up" if self.up else "down",
            "delivered": self.delivered,
            "dropped": self.dropped,
            "refused": self.refused,
            "retries": self.retries,
            "queued_records": self.queued_records,
            "queued_bytes": self.queued_bytes,
            "last_error": self.last_error,
            "last_delivered_at": None if self.delivered_at is None else iso(self.delivered_at),
        }


#: Told from the sink's thread when it goes down or comes up again: its name, and why it is down.
Turned = Callable[[str, str | None], None]


class Sink:
    """One of them; `rank` is the least that a record needs to be taken.

    `made_of` is whatever makes it another one. It begins when the one `before` it, of the same name, has ended: two
    must not write one file.
    """

    def __init__(
        self,
        name: str,
        settings: SinkSettings,
        *,
        rank: int,
        batching: Batching,
        destination: Callable[[], Destination],
        turned: Turned,
        made_of: object,
        before: Sink | None,
    ) -> None:
        self.name = name
        self.type = settings.type
        self.rank = rank
        self.made_of = made_of
        self._before = before
        self._settings = settings
        # A batch that the queue has no room for would never be full, and all beyond it be dropped in the meantime.
        self._batching = replace(
            batching,
            records=max(1, min(batching.records, settings.queue_records // 2)),
            size=min(batching.size, settings.queue_bytes // 2),
        )
        self._make = destination
        self._destination: Destination | None = None
        self._turned = turned
        self._count = Count()
        self._queue: deque[Line] = deque()
        self._changed = threading.Condition()
        self._ends_at: float | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=f"log-sink-{name}", daemon=True)
        self._thread.start()

    def offer(self, line: Line) -> None:
        """Queue a record, if there is room."""
        count, settings = self._count, self._settings
        share = 1.0 if line.rank >= _IMPORTANT else _COMMON_SHARE
        with self._changed:
            if (
                count.queued_records >= settings.queue_records * share
                or count.queued_bytes + line.size > settings.queue_bytes * share
                or self._ends_at is not None
            ):
                count.dropped += 1
                return
            was_full = self._is_full
            count.queued_records += 1
            count.queued_bytes += line.size
            self._queue.append(line)
            # The thread is woken for the first of a batch and for the last; in between it would take the interpreter.
            if len(self._queue) == 1 or (self._is_full and not was_full):
                self._changed.notify()

    def count(self) -> Count:
        """How it stands now."""
        with self._changed:
            return replace(self._count)

    def end(self, within: float) -> None:
        """Take nothing more, and deliver what is queued, for so many seconds at most."""
        with self._changed:
            self._ends_at = time.monotonic() + within
            self._changed.notify()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end; what was not delivered by then is counted as dropped."""
        assert self._ends_at is not None, "it is ended first"
        self._thread.join(max(0.0, self._ends_at - time.monotonic()))
        with self._changed:
            self._abandoned = True
            self._count.dropped += self._count.queued_records
            self._count.queued_records = self._count.queued_bytes = 0

    # The thread.

    def _run(self) -> None:
        if self._before is not None:
            self._before.join()
            self._before = None
        while (batch := self._next_batch()) and self._delivered(batch):
            continue
        if self._destination is not None:
            self._destination.close()

    def _next_batch(self) -> list[Line]:
        """The next records, when there are enough of them or the first has waited long enough; none at the end."""
        with self._changed:
            while not self._queue and self._ends_at is None:
                self._changed.wait()
            due = time.monotonic() + self._batching.wait_secs
            while not self._is_full and self._ends_at is None:
                remaining = due - time.monotonic()
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
            return self._taken()

    @property
    def _is_full(self) -> bool:
        """Whether there is enough for a batch; while one is sent, its bytes count as well, but nobody waits then."""
        return len(self._queue) >= self._batching.records or self._count.queued_bytes >= self._batching.size

    def _taken(self) -> list[Line]:
        batch: list[Line] = []
        room = self._batching.size
        while self._queue and len(batch) < self._batching.records:
            room -= self._queue[0].size
            if room < 0 and batch:
                break
            batch.append(self._queue.popleft())
        return batch

    def _delivered(self, batch: Sequence[Line]) -> bool:
        """Send a batch until nothing of it is left; False when the time was up before."""
        pause = self._settings.retry_secs
        while True:
            batch, least = self._tried(batch)
            if not batch:
                return True
            with self._changed:
                self._count.retries += 1
            if not self._waited(max(pause, least)):
                return False
            pause = min(pause * 2, self._settings.max_retry_secs)

    def _tried(self, batch: Sequence[Line]) -> tuple[Sequence[Line], float]:
        """Send it once; what is to be sent again, and the least pause before that, in seconds."""
        try:
            outcome = self._opened().deliver(batch)
        except UnavailableError as error:
            self._down(str(error))
            return batch, min(error.retry_after, self._settings.max_retry_secs)
        except TooLargeError:
            return self._in_parts(batch), 0.0
        except Exception as error:
            # Whatever is wrong with these records, those after them have nothing to do with it.
            self._settled(batch, refused=len(batch), why=f"{type(error).__name__} in the sink itself")
            return (), 0.0
        again = {line.number for line in outcome.again}
        left = [line for line in batch if line.number in again]
        done = [line for line in batch if line.number not in again]
        self._settled(done, refused=outcome.refused, why=outcome.why)
        if outcome.why is not None and (left or not outcome.delivered):
            self._down(outcome.why)
            return left, 0.0
        self._up()
        return self._tried(left) if left else ((), 0.0)

    def _opened(self) -> Destination:
        """The destination, made here and not at the start: its libraries may take a second to load."""
        if self._destination is None:
            try:
                self._destination = self._make()
            except Exception as error:
                why = error.strerror if isinstance(error, OSError) else None
                raise UnavailableError(f"it cannot be set up: {why or type(error).__name__}") from None
        return self._destination

    def _in_parts(self, batch: Sequence[Line]) -> Sequence[Line]:
        if len(batch) == 1:
            self._settled(batch, refused=1, why="a record was too large")
            return ()
        left: list[Line] = []
        for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            left += self._tried(part)[0]
        return left

    def _settled(self, done: Sequence[Line], *, refused: int, why: str | None) -> None:
        size = sum(line.size for line in done)
        with self._changed:
            count = self._count
            if self._abandoned:
                return
            count.queued_records -= len(done)
            count.queued_bytes -= size
            count.delivered += len(done) - refused
            count.refused += refused
            if len(done) > refused:
                count.delivered_at = time.time()
            if why is not None:
                count.last_error = why

    def _down(self, why: str) -> None:
        with self._changed:
            was_up, self._count.up, self._count.last_error = self._count.up, False, why
        if was_up:
            self._turned(self.name, why)

    def _up(self) -> None:
        with self._changed:
            was_up, self._count.up = self._count.up, True
        if not was_up:
            self._turned(self.name, None)

    def _waited(self, seconds: float) -> bool:
        """Wait before the next try; False when there is no time for another. Near the end it tries more often."""
        until = time.monotonic() + seconds
        with self._changed:
            while (now := time.monotonic()) < until:
                if self._ends_at is not None:
                    until = min(until, now + self._settings.retry_secs)
                    if until >= self._ends_at:
                        return False
                    self._changed.wait(until - now)
                    break
                self._changed.wait(until - now)
        return True
