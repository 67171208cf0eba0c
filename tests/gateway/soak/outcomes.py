"""What became of the soak's requests, and which of those that failed have an excuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.gateway.soak.origins import Origin

#: s, after the end of a target's trouble, in which a connection that it broke may still be met.
_ECHO = 1.0


class Failure(NamedTuple):
    """A request without the answer that it should have had. Times are those of the loop, in seconds."""

    number: int
    kind: str
    opened: float
    began: float
    ended: float
    port: int
    """The client's: it says which worker had the connection."""
    status: int
    """0: none came."""
    repeatable: bool
    """Whether the gateway may send it to another target, if nothing of an answer has been passed on."""
    why: str


class Kill(NamedTuple):
    """A worker was killed, with connections from these ports of clients."""

    at: float
    ports: frozenset[int]


class Trouble(NamedTuple):
    """A target failed from when to when."""

    target: str
    how: str
    began: float
    ended: float


@dataclass
class Outcomes:
    """Counts of all requests, and each failure."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Those that came, by route and status."""
    by_second: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    failures: list[Failure] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def answered(self, kind: str, status: int, now: float) -> None:
        self.answers[kind, status] += 1
        self.by_second[int(now)] += 1

    def failed(self, failure: Failure) -> None:
        self.unanswered += not failure.status
        self.failures.append(failure)

    def judged(self, origins: Iterable[Origin]) -> tuple[Counter[str], list[Failure]]:
        """Excuses with how often they held, and the failures without one."""
        excuses: Counter[str] = Counter()
        faults = []
        targets = tuple(origins)
        for failure in self.failures:
            excuse = self._excuse(failure, targets)
            if excuse:
                excuses[excuse] += 1
            else:
                faults.append(failure)
        return excuses, faults

    def _excuse(self, failure: Failure, origins: Iterable[Origin]) -> str:
        if not failure.status and self._was_killed(failure):
            return "its worker was killed"
        if failure.repeatable or any(failure.number in origin.served for origin in origins):
            return ""
        if any(failure.number in origin.failed for origin in origins):
            return "its target failed, and it may not be sent twice"
        if failure.status != 504 and self._met_trouble(failure):
            return "its target's connection broke, and it may not be sent twice"
        return ""

    def _was_killed(self, failure: Failure) -> bool:
        return any(failure.port in kill.ports and failure.opened <= kill.at <= failure.ended for kill in self.kills)

    def _met_trouble(self, failure: Failure) -> bool:
        return any(one.began <= failure.ended and failure.began <= one.ended + _ECHO for one in self.troubles)

    def lost_with_kills(self, seconds: int) -> int:
        """Of answers, how many at most a killed worker had not reported yet, if it did so each few seconds."""
        return sum(self.by_second[int(kill.at) - ago] for kill in self.kills for ago in range(-1, seconds + 1))
