"""A log record on its way to the sinks: its JSON line, what is known of it, and what a destination says of a batch."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from gateway.telemetry.records import LEVELS, text_lines

#: How `record` begins each of them.
_HEAD = re.compile(rb'\{"timestamp":"([^"]{20,32})","level":"([A-Z]+)"')
#: What a record costs in memory beside its text, about.
_OVERHEAD_BYTES = 250
_numbers = itertools.count()


class Line:
    """One record. `json` is its line, without an end."""

    def __init__(self, line: bytes) -> None:
        head = _HEAD.match(line)
        if head is None:
            raise ValueError("it is no log record")
        self.json = line
        self.number = next(_numbers)
        """No other record of this process has it."""
        self.stamp = head[1].decode()
        self.rank = LEVELS[head[2].decode()]

    @property
    def size(self) -> int:
        """Bytes that it costs in memory, about; in which form it is sent makes little difference."""
        return len(self.json) + _OVERHEAD_BYTES

    @cached_property
    def at(self) -> datetime:
        """When it happened, in UTC."""
        return datetime.fromisoformat(self.stamp)

    @property
    def text(self) -> bytes:
        """The same in the text format: one line, or two for a request that failed or was slow."""
        return "\n".join(text_lines(json.loads(self.json))).encode("utf-8", "replace")


@dataclass(slots=True)
class Outcome:
    """What became of a batch: how many are there, how many never will be, and which are to be sent once more."""

    delivered: int = 0
    refused: int = 0
    again: Sequence[Line] = field(default_factory=tuple)
    why: str | None = None
    """Of those that were refused or failed; None with some to be sent again: those were not tried yet."""


class UnavailableError(Exception):
    """The destination cannot take anything now; the text says why, without any credential. Nothing was taken."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class TooLargeError(Exception):
    """The destination does not take so much at a time."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How much is sent at a time: records, bytes that they cost in memory, and seconds that the first one waits."""

    records: int
    size: int
    wait_secs: float


class Destination(Protocol):
    """A place that batches go to. It is used by one thread only, and may block it for a bounded time."""

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Send them.

        Raises:
            UnavailableError: all of them are to be sent again later.
            TooLargeError: they are to be sent again in parts.
        """
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
