"""What a test can do to calls and deliveries on their way: delay them, fail them, lose their answers."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "slow", "hold", "lose_answer", "drop", "ratelimit", "fail", "garble", "duplicate", "reorder", "to_all", "unready"
]

#: What does not happen to a call.
APART: tuple[Kind, ...] = ("duplicate", "reorder", "to_all", "unready")
PICTURE = "a picture"
GARBAGE = b"<html><body>upstream connect error or disconnect/reset before headers</body></html>"


@dataclass
class Fault:
    """What happens to calls of a method: the next `times`, or each with a probability."""

    kind: Kind
    method: str
    times: int | None
    probability: float
    seconds: float = 0.0
    status: int = 0
    retry_after: int = 1
    body: bytes = GARBAGE
    seen: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let those go on that are held."""
        self.free.set()


@dataclass
class Faults:
    """The faults in force. A method is named as `chat.postMessage`; `*` is any, `response_url` and `upload` too."""

    seed: int = 1
    waiting: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def reseed(self, seed: int) -> None:
        """Draw from the start again."""
        self._random = random.Random(seed)

    def slow(self, method: str, seconds: float, *, times: int = 1, probability: float | None = None) -> Fault:
        """They take so long, and then have their effect."""
        return self._add(Fault("slow", method, *_often(times, probability), seconds=seconds))

    def hold(self, method: str, *, times: int = 1) -> Fault:
        """They wait until they are released, and then have their effect."""
        return self._add(Fault("hold", method, times, 1.0))

    def lose_answer(self, method: str, *, times: int = 1, probability: float | None = None) -> Fault:
        """They have their effect, and the connection breaks before the answer."""
        return self._add(Fault("lose_answer", method, *_often(times, probability)))

    def drop(self, method: str, *, times: int = 1, probability: float | None = None) -> Fault:
        """The connection breaks before they have an effect."""
        return self._add(Fault("drop", method, *_often(times, probability)))

    def ratelimit(
        self, method: str, *, retry_after: int = 1, times: int = 1, probability: float | None = None
    ) -> Fault:
        """They are told to come again later."""
        return self._add(Fault("ratelimit", method, *_often(times, probability), retry_after=retry_after))

    def fail(self, method: str, status: int = 500, *, times: int = 1, probability: float | None = None) -> Fault:
        """They are answered with an error of the server, and have no effect."""
        return self._add(Fault("fail", method, *_often(times, probability), status=status))

    def garble(self, method: str, body: bytes = GARBAGE, *, times: int = 1, probability: float | None = None) -> Fault:
        """They have no effect, and are answered with 200 and something that is not JSON."""
        return self._add(Fault("garble", method, *_often(times, probability), body=body))

    def duplicate(self, kind: str = "*", *, times: int = 1, probability: float | None = None) -> Fault:
        """Deliveries (`event`, `slash`, `interactive`) come twice."""
        return self._add(Fault("duplicate", kind, *_often(times, probability)))

    def reorder(self, *, times: int = 1, probability: float | None = None) -> Fault:
        """An event waits until the one after it was sent."""
        return self._add(Fault("reorder", "event", *_often(times, probability)))

    def to_all(self, kind: str = "*", *, times: int = 1, probability: float | None = None) -> Fault:
        """Deliveries go to every address or socket, not to one."""
        return self._add(Fault("to_all", kind, *_often(times, probability)))

    def looking(self, *, times: int = 1, probability: float | None = None) -> Fault:
        """Slack is still looking at an uploaded picture, and takes no message with it yet."""
        return self._add(Fault("unready", PICTURE, *_often(times, probability)))

    def unready(self) -> bool:
        """Whether it is still looking."""
        return self.delivery(PICTURE, "unready")

    def all_ways(self, probability: float, method: str = "*", *, seconds: float = 0.05) -> None:
        """Each way in which a call can fail, each with this probability."""
        self.slow(method, seconds, probability=probability)
        self.lose_answer(method, probability=probability)
        self.drop(method, probability=probability)
        self.ratelimit(method, probability=probability)
        self.fail(method, 500, probability=probability)
        self.fail(method, 503, probability=probability)
        self.garble(method, probability=probability)
        if method == "*":
            self.looking(probability=probability)

    def clear(self) -> None:
        """No more of them."""
        self.waiting.clear()

    def _add(self, fault: Fault) -> Fault:
        self.waiting.append(fault)
        return fault

    def call(self, method: str) -> list[Fault]:
        """What happens to a call: delays, and at most one other fault."""
        hit = [one for one in self._hits(method) if one.kind not in APART]
        slow = [one for one in hit if one.kind in {"slow", "hold"}]
        others = [one for one in hit if one not in slow]
        return self._used(slow + others[:1])

    def delivery(self, kind: str, fault: Kind) -> bool:
        """Whether a delivery meets this fault."""
        return bool(self._used(list(self._hits(kind, fault))[:1]))

    def _hits(self, name: str, kind: Kind | None = None) -> list[Fault]:
        known = [one for one in self.waiting if one.method in {"*", name} and kind in {None, one.kind}]
        return [one for one in known if one.times is not None or self._random.random() < one.probability]

    def _used(self, faults: list[Fault]) -> list[Fault]:
        for fault in faults:
            fault.seen += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
        return faults


def _often(times: int, probability: float | None) -> tuple[int | None, float]:
    return (None, probability) if probability is not None else (times, 1.0)
