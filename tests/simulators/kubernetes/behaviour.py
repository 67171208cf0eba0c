"""What containers of an image do: run, fail to start, crash, or never become ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Literal

Does = Literal["runs", "missing", "crashes", "unready"]


@dataclass(frozen=True)
class Behaviour:
    """What becomes of a container. `start` is how long it takes to be ready, if not the usual time."""

    does: Does = "runs"
    start: float | None = None
    exit_code: int = 1
    reason: str = "Error"
    says: str = ""


RUNS = Behaviour()
_KNOWN = {"*:missing": Behaviour("missing"), "*:crash": Behaviour("crashes"), "*:unready": Behaviour("unready")}


@dataclass
class Images:
    """The behaviour of each image; what was said last and fits holds."""

    known: dict[str, Behaviour] = field(default_factory=lambda: dict(_KNOWN))

    def of(self, image: str) -> Behaviour:
        """What an image does."""
        fitting = [one for pattern, one in self.known.items() if fnmatch(image, pattern)]
        return fitting[-1] if fitting else RUNS

    def say(self, pattern: str, behaviour: Behaviour) -> None:
        """From now on."""
        self.known.pop(pattern, None)
        self.known[pattern] = behaviour
