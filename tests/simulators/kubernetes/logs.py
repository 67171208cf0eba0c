"""What containers wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.simulators.kubernetes.core import moment
from tests.simulators.kubernetes.errors import Problem, invalid
from tests.simulators.kubernetes.store import Object

Line = tuple[datetime, str]


@dataclass
class Logs:
    """The lines of each container, of this run and of the one before."""

    now: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    before: dict[tuple[str, str], list[Line]] = field(default_factory=dict)

    def write(self, uid: str, container: str, text: str, at: datetime) -> None:
        """A line, or several."""
        self.now.setdefault((uid, container), []).extend((at, line) for line in text.splitlines())

    def begin_again(self, uid: str, container: str) -> None:
        """The container was started anew."""
        self.before[uid, container] = self.now.pop((uid, container), [])

    def lines(self, uid: str, container: str, *, previous: bool = False) -> list[Line] | None:
        """What is known; nothing of a run before when there was none."""
        if previous:
            return self.before.get((uid, container))
        return self.now.get((uid, container), [])


@dataclass(frozen=True)
class Wanted:
    """Which lines, and how."""

    since: datetime | None = None
    tail: int | None = None
    most: int | None = None
    stamped: bool = False

    def check(self) -> None:
        """Refuse what makes no sense."""
        bad = [
            Problem.invalid(
                name, value, "must be greater than or equal to 0" if name == "tailLines" else "must be greater than 0"
            )
            for name, value, least in (("tailLines", self.tail, 0), ("limitBytes", self.most, 1))
            if value is not None and value < least
        ]
        if bad:
            raise invalid("PodLogOptions", "", "", bad)

    def cut(self, lines: list[Line]) -> bytes:
        """The lines as they are sent."""
        kept = [one for one in lines if self.since is None or one[0] >= self.since]
        if self.tail is not None:
            kept = kept[len(kept) - self.tail :] if self.tail < len(kept) else kept
            kept = kept if self.tail else []
        text = "".join(self.shown(one) for one in kept).encode()
        return text if self.most is None else text[: self.most]

    def shown(self, line: Line) -> str:
        """One line."""
        at, text = line
        return f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f000Z')} {text}\n" if self.stamped else f"{text}\n"


def states(pod: Object) -> dict[str, dict[str, object]]:
    """The status of each container of a pod."""
    status = pod.get("status", {})
    known = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {one["name"]: one for one in known}


def parse_since(text: str) -> datetime:
    """A moment that a client names."""
    return moment(text)
