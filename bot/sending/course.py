"""How it goes with each channel: what is certain, what waits, what holds it up."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from bot.sending.backoff import Backoff

#: A message that was set aside is still tried, now and then.
_ASIDE_SECONDS = 600.0
_MOST_KEPT = 1000


@dataclass
class Course:
    """How it goes with one channel. `sure`: nothing can have gone out without our knowing.

    `talk` is its messages, `top` its topic, people and links, `rest` the messages that hold up no other: what belongs
    to one that is said, and one that was set aside. `failing` are those that fail, by their rows.
    """

    sure: bool = False
    missed: bool = False
    talk: Backoff = field(default_factory=Backoff)
    top: Backoff = field(default_factory=Backoff)
    rest: dict[int, Backoff] = field(default_factory=dict)
    failing: dict[int, Backoff] = field(default_factory=dict)
    arranging: asyncio.Task[None] | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def backoffs(self) -> Iterator[Backoff]:
        """All that may be waiting."""
        yield self.talk
        yield self.top
        yield from self.rest.values()

    def later(self, now: float) -> list[int]:
        """The messages that are not to be tried now."""
        return [row for row, one in self.rest.items() if one.waits(now)]

    def put_off(self, now: float) -> None:
        """A turn failed: what was said in it is not certain."""
        self.sure = False
        self.talk.failed(now)

    def failed(self, row: int, now: float) -> Backoff:
        """A message failed once more. Whether it is there is not certain."""
        self.sure = False
        found = self.failing.setdefault(row, Backoff())
        found.failed(now)
        return found

    def unfinished(self, row: int, now: float) -> Backoff:
        """A message is said; what belongs to it comes later."""
        found = self.rest.setdefault(row, Backoff())
        found.failed(now)
        return found

    def set_aside(self, row: int, now: float) -> None:
        """The others go on without it."""
        self.rest.setdefault(row, Backoff(first=_ASIDE_SECONDS, longest=_ASIDE_SECONDS)).failed(now)

    def delivered(self, row: int) -> None:
        """Nothing of it is left to do."""
        self.rest.pop(row, None)
        self.failing.pop(row, None)

    def is_idle(self) -> bool:
        """Nothing waits, has failed or goes on here: all that would be lost with it is a look before the next turn."""
        busy = self.rest or self.failing or self.arranging or self.opening.locked()
        return not busy and not any(one.failures for one in self.backoffs())

    def forgive(self, now: float) -> None:
        """Nothing is to be done here, so nothing is tried again: somebody else did it."""
        self.rest = {row: one for row, one in self.rest.items() if one.waits(now)}
        self.failing = {row: one for row, one in self.failing.items() if row in self.rest}
        for one in (self.talk, self.top):
            if not one.waits(now):
                one.succeeded()


class Courses:
    """The courses of all channels that this process has had to do with."""

    def __init__(self) -> None:
        self._known: dict[str, Course] = {}

    def of(self, channel: str) -> Course:
        """That of a channel."""
        return self._known.setdefault(channel, Course())

    def tidy(self, *, besides: Collection[str]) -> None:
        """Where there are many, forget those of long ago, in which nothing is to be done."""
        for name in list(self._known)[: max(0, len(self._known) - _MOST_KEPT)]:
            if name not in besides and self._known[name].is_idle():
                del self._known[name]

    def later(self, now: float) -> tuple[list[int], list[str]]:
        """The messages that are not to be tried now, and the channels whose tops are not."""
        said = [row for one in self._known.values() for row in one.later(now)]
        return said, [name for name, one in self._known.items() if one.arranging or one.top.waits(now)]

    def forgive(self, besides: Collection[str], now: float) -> None:
        """Nothing is to be done in any other channel."""
        for name in self._known.keys() - besides:
            self._known[name].forgive(now)

    def doubt(self) -> None:
        """Another process may have sent in each."""
        for one in self._known.values():
            one.sure = False

    def arranging(self) -> list[asyncio.Task[None]]:
        """The tops that are being arranged."""
        return [one.arranging for one in self._known.values() if one.arranging]

    def next_try(self) -> float | None:
        """When something may be tried again; None: nothing has failed."""
        waiting = [one.not_before for course in self._known.values() for one in course.backoffs() if one.failures]
        return min(waiting, default=None)
