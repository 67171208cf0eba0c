"""What a test can do to requests on their way: delay, refuse or drop them, lose their answers, end watches."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, Literal

from tests.simulators.kubernetes.errors import ApiError

Kind = Literal["slow", "drop", "lose_answer", "fail"]

_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
_LATE = "the server was unable to return a response in the time allotted, but may still be processing the request"
_REASONS: dict[int, tuple[str, str]] = {
    409: ("Conflict", f"Operation cannot be fulfilled: {_MODIFIED}"),
    429: ("TooManyRequests", "Too many requests, please try again later."),
    500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", _LATE),
}


@dataclass
class Fault:
    """What happens to requests whose `verb resource/subresource` fits a pattern, so many times, or always."""

    kind: Kind
    what: str
    times: int | None
    name: str = "*"
    seconds: float = 0.0
    after: bool = False
    status: int = 0
    reason: str = ""
    message: str = ""
    retry_after: int = 0
    seen: int = 0

    def error(self) -> ApiError:
        """The refusal."""
        reason, message = _REASONS.get(self.status, ("", f"the server answered {self.status}"))
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        details: dict[str, Any] = {"retryAfterSeconds": self.retry_after} if self.retry_after else {}
        return ApiError(self.status, self.reason or reason, self.message or message, details=details, headers=headers)


@dataclass
class Faults:
    """The faults in force. `what` is `patch deployments/scale`, `create pods/eviction`, `* pods*`, `get /version`.

    A test adds them in its thread while the server's threads ask for them.
    """

    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def fail(
        self,
        what: str = "*",
        status: int = 500,
        *,
        times: int | None = 1,
        name: str = "*",
        message: str = "",
        retry_after: int = 0,
        after: bool = False,
    ) -> Fault:
        """They are refused with this status, without effect; or with it, and the refusal is a lie (`after`)."""
        fault = Fault("fail", what, times, name, status=status, message=message, after=after)
        fault.retry_after = retry_after or (1 if status == 429 else 0)
        return self._add(fault)

    def slow(
        self, what: str = "*", seconds: float = 0.2, *, times: int | None = 1, name: str = "*", after: bool = False
    ) -> Fault:
        """They take so long by the wall's clock, before their effect or (`after`) between it and the answer."""
        return self._add(Fault("slow", what, times, name, seconds=seconds, after=after))

    def drop(self, what: str = "*", *, times: int | None = 1, name: str = "*") -> Fault:
        """The connection breaks before they have an effect."""
        return self._add(Fault("drop", what, times, name))

    def lose_answer(self, what: str = "*", *, times: int | None = 1, name: str = "*") -> Fault:
        """They have their effect, and the connection breaks before the answer."""
        return self._add(Fault("lose_answer", what, times, name, after=True))

    def clear(self) -> None:
        """No more of them."""
        with self._lock:
            self.waiting.clear()

    def of(self, what: str, name: str) -> list[Fault]:
        """What happens to a request: each delay, and the first of the others."""
        with self._lock:
            return self._hit(what, name)

    def _hit(self, what: str, name: str) -> list[Fault]:
        fitting = [one for one in self.waiting if fnmatch(what, one.what) and fnmatch(name, one.name)]
        slow = [one for one in fitting if one.kind == "slow"]
        hit = slow + [one for one in fitting if one.kind != "slow"][:1]
        for one in hit:
            one.seen += 1
            if one.times is not None:
                one.times -= 1
        self.waiting = [one for one in self.waiting if one.times is None or one.times > 0]
        return hit

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self.waiting.append(fault)
        return fault
