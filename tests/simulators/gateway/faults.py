"""What a test can do to a request on its way: hold it, delay it, fail it, lose its answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

When = Literal["before", "after"]


@dataclass
class Hold:
    """One request that waits, before or after its effect, until it is let go."""

    when: When
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    abandoned: bool = False

    def release(self) -> None:
        """Let it go on."""
        self.released.set()

    def abandon(self) -> None:
        """It never has an effect: it was lost on the way."""
        self.abandoned = True
        self.released.set()


@dataclass
class Fault:
    """What happens to the next `times` requests that match."""

    request: str
    times: int
    hold: Hold | None = None
    status: int = 0
    drop: When | None = None
    seconds: float = 0.0
    body: bytes | None = None


class Faults:
    """The faults that wait for their requests. A request is named as `POST /admin/scale`."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def hold(self, request: str, when: When = "before") -> Hold:
        """The next such request waits."""
        held = Hold(when)
        self._add(Fault(request, 1, hold=held))
        return held

    def fail(self, request: str, status: int = 500, *, times: int = 1) -> None:
        """The next such requests are answered with an error, and have no effect."""
        self._add(Fault(request, times, status=status))

    def drop(self, request: str, when: When = "after", *, times: int = 1) -> None:
        """The connection of the next such requests breaks, before or after their effect."""
        self._add(Fault(request, times, drop=when))

    def delay(self, request: str, seconds: float, *, times: int = 1) -> None:
        """The next such requests take so long, and then have their effect."""
        self._add(Fault(request, times, seconds=seconds))

    def garble(self, request: str, body: bytes, *, times: int = 1) -> None:
        """The next such requests are answered with 200 and this."""
        self._add(Fault(request, times, body=body))

    def clear(self) -> None:
        """Forget them, and let go of what is held."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for fault in waiting:
            if fault.hold:
                fault.hold.abandon()

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def take(self, request: str) -> Fault | None:
        """The fault for a request, used up."""
        with self._lock:
            for fault in self._waiting:
                if request.startswith(fault.request):
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                    return fault
        return None
